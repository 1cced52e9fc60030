"""Files of strangers beside labels: pictures, parameter files, what is no file at all, names for a shell.

Each is refused in one line that names it; nothing hangs, fills the memory, or runs what a file says.
"""

import os
import struct
import zlib
from pathlib import Path

import pytest
from PIL import EpsImagePlugin

from hpe_study.data.store import Store, prepare, read_image
from hpe_study.datasets.base import image_size
from hpe_study.datasets.h36m import read_pose
from hpe_study.errors import StudyError
from hpe_study.evaluation.evaluate import load_run_model
from hpe_study.parameter_files import read_profile
from hpe_study.photos.files import Video, read_photo
from hpe_study.utils.files import read_json
from tests.datasets import raw_layouts as raw

PROJECT = Path(__file__).resolve().parents[2]

# ---------------------------------------------------------------- what is no regular file


def read_checkpoint(path):
    return load_run_model(path.parent)


READERS = {
    "picture.jpg": read_image,
    "header.jpg": image_size,
    "photo.jpg": read_photo,
    "video.mp4": Video,
    "run.json": read_json,
    "profile.yaml": read_profile,
    "00001.csv": read_pose,
    "checkpoint.pt": read_checkpoint,
}


@pytest.mark.xfail(strict=True, reason="nobody asks for a regular file: to open a FIFO waits for ever")
@pytest.mark.parametrize("name", READERS)
def test_a_fifo_is_refused_at_once(refused, tmp_path, name):
    os.mkfifo(tmp_path / name)
    refused(READERS[name], tmp_path / name, names=tmp_path / name, seconds=1.5)


@pytest.mark.xfail(strict=True, reason="a device without an end is read until the memory is full")
@pytest.mark.parametrize("name", ["picture.jpg", "run.json", "profile.yaml", "00001.csv", "checkpoint.pt"])
def test_a_link_to_a_device_is_refused_at_once(refused, tmp_path, name):
    (tmp_path / name).symlink_to("/dev/zero")
    refused(READERS[name], tmp_path / name, names=tmp_path / name, seconds=5, memory=256 << 20)


@pytest.mark.xfail(strict=True, reason="preparation opens whatever has a picture's name")
def test_a_preparation_does_not_wait_for_a_fifo_among_its_pictures(refused, tmp_path):
    raw.mpii_json(tmp_path)
    path = tmp_path / "mpii" / "images" / "000000000.jpg"  # of two of the four people
    path.unlink()
    os.mkfifo(path)
    refused(prepared_whole, tmp_path, names=path, seconds=2)


def prepared_whole(root):
    """Prepare MPII; a `StudyError` also where people were left out, which is as good as a refusal."""
    path = prepare("mpii", root, "test", root / "store.h5", input_size=32, encoding="raw", progress=False)
    if len(Store(path)) < 4:
        raise StudyError(f"{root / 'mpii' / 'images' / '000000000.jpg'}: left out")


# ---------------------------------------------------------------- pictures


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.xfail(strict=True, reason="a picture is decoded whole, however many pixels it has")
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
    refused(read_image, path, names=path, memory=700 << 20)


@pytest.mark.xfail(strict=True, reason="Pillow opens every format that it knows, some by other programs")
def test_postscript_called_jpg_is_not_run(tmp_path, monkeypatch):
    stand_in = tmp_path / "bin" / "gs"
    stand_in.parent.mkdir()
    stand_in.write_text(f"#!/bin/sh\necho \"$@\" >> '{tmp_path}/called'\necho 10.0\n")
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", str(stand_in.parent), prepend=os.pathsep)
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)  # not looked for yet
    path = tmp_path / "me.jpg"
    page = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n%%EndComments\nshowpage\n%%EOF\n"
    path.write_bytes(page)
    with pytest.raises(StudyError, match="me.jpg"):
        read_photo(path)
    assert not (tmp_path / "called").exists()
