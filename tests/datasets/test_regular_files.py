"""What is no regular file is refused before it is opened, a picture of very many pixels before decoding."""

import os
import struct
import zlib

import pytest

from hpe_study.data.preparation import prepare
from hpe_study.data.store import Store
from hpe_study.data.store_key import StoreSettings
from hpe_study.datasets import open_dataset
from hpe_study.datasets.h36m import read_pose
from hpe_study.datasets.hdf5 import read_hdf5
from hpe_study.datasets.matfiles import load_mat
from hpe_study.datasets.pickles import load_pickle
from hpe_study.errors import StudyError
from hpe_study.utils.files import read_json
from hpe_study.utils.pictures import picture_size, read_picture
from tests.datasets import raw_layouts as raw

READERS = {
    "picture.jpg": read_picture,
    "header.jpg": picture_size,
    "labels.json": read_json,
    "labels.pkl": load_pickle,
    "labels.mat": load_mat,
    "labels.h5": read_hdf5,
    "00001.csv": read_pose,
}


@pytest.mark.parametrize("name", READERS)
def test_a_fifo_is_refused_at_once(refused, tmp_path, name):
    os.mkfifo(tmp_path / name)
    refused(READERS[name], tmp_path / name, names=tmp_path / name, seconds=1.5)


@pytest.mark.parametrize("name", READERS)
def test_a_link_to_a_device_is_refused_at_once(refused, tmp_path, name):
    (tmp_path / name).symlink_to("/dev/zero")
    refused(READERS[name], tmp_path / name, names=tmp_path / name, seconds=5, memory=256 << 20)


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["fifo", "device"]
)
def test_a_label_path_that_is_not_a_regular_file_is_named(refused, tmp_path, make):
    raw.occlusion_person(tmp_path)
    path = tmp_path / "occlusion_person" / "unrealcv_validation.pkl"
    path.unlink()
    make(path)
    refused(open_dataset, "occlusion_person", tmp_path, "test", names=path, seconds=2)


def test_a_preparation_does_not_wait_for_a_fifo_among_its_pictures(refused, tmp_path):
    raw.mpii_json(tmp_path)
    path = tmp_path / "mpii" / "images" / "000000000.jpg"  # of two of the four people
    path.unlink()
    os.mkfifo(path)
    refused(prepared_whole, tmp_path, names=path, seconds=2)


def prepared_whole(root):
    """Prepare MPII; a `StudyError` also where people were left out, which is as good as a refusal."""
    path = prepare(StoreSettings("mpii", "test", 32, encoding="raw"), root, root / "store.h5", progress=False)
    if len(Store(path)) < 4:
        raise StudyError(f"{root / 'mpii' / 'images' / '000000000.jpg'}: left out")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_a_small_png_of_very_many_pixels_is_not_decoded(refused, tmp_path):
    width, height = 13_000, 12_500
    lines = zlib.compress(
        bytes((1 + width // 8) * height), 1
    )  # a bit a pixel, and a byte that names the filter
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    path = tmp_path / "000000000.png"
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    assert path.stat().st_size < 200_000
    refused(read_picture, path, names=path, memory=700 << 20)
