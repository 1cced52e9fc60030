"""Pictures of unknown origin: read whole and in their own pixels, or refused in one line, at once."""

import base64
import os
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from hpe_study.errors import StudyError
from hpe_study.utils.pictures import LARGEST, data_url, open_picture, picture_size, read_picture, thumbnail

NOISE = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)


def refused(path, match, read=read_picture):
    with pytest.raises(StudyError, match=match) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def png(path, width, height):
    """A PNG whose header states a size, with almost no data."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


@pytest.mark.parametrize("kind", ["png", "bmp", "tif"])
def test_pixels_are_the_files_own(tmp_path, kind):
    Image.fromarray(NOISE).save(tmp_path / f"a.{kind}")
    np.testing.assert_array_equal(read_picture(tmp_path / f"a.{kind}"), NOISE)
    assert picture_size(tmp_path / f"a.{kind}") == (60, 40)


def test_exif_rotation_is_ignored_and_opencv_decodes(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(NOISE).save(tmp_path / "a.jpg", exif=exif)
    expected = cv2.imread(str(tmp_path / "a.jpg"), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.jpg"), expected[..., ::-1])


def test_damaged_files_and_other_files_are_refused(tmp_path):
    Image.fromarray(NOISE).save(tmp_path / "a.jpg")
    (tmp_path / "half.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:1500])
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.jpg").touch()
    for name in ("half", "text", "empty"):
        refused(tmp_path / f"{name}.jpg", "truncated or not an image; replace it")
    refused(tmp_path / "gone.jpg", "no such file")
    refused(png(tmp_path / "short.png", 400, 300), "truncated or not an image", lambda path: _decode(path))


def _decode(path):
    with open_picture(path) as image:
        image.load()


def test_many_pixels_are_refused_before_they_are_decoded(tmp_path):
    refused(png(tmp_path / "a.png", 20_000, 20_000), f"more than {LARGEST:,} px")
    refused(png(tmp_path / "b.png", 13_000, 12_000), "13000×12000 px, more than 150,000,000 px")
    refused(png(tmp_path / "c.png", 300, 300), "more than 1,000 px", lambda path: picture_size(path, 1000))


def test_pipes_devices_and_folders_are_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("pipe", "zero", "folder"):
        refused(tmp_path / f"{name}.jpg", "not a file")


def test_postscript_called_jpg_starts_no_program(tmp_path, monkeypatch):
    program = tmp_path / "gs"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    lines = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n%%EndComments\nshowpage\n%%EOF\n"
    (tmp_path / "a.jpg").write_text(lines)
    refused(tmp_path / "a.jpg", "not an image")
    assert not (tmp_path / "started").exists()


def test_numbers_that_are_no_colours_are_refused(tmp_path):
    Image.fromarray(np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))).save(tmp_path / "a.tif")
    refused(tmp_path / "a.tif", "pixels of kind F")


def test_pictures_travel_as_jpeg_and_heat_maps_as_png_with_alpha():
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[..., 0] = 200  # red
    head, data = data_url(picture).split(",")
    assert head == "data:image/jpeg;base64"
    back = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    assert back[..., 2].mean() > 190
    assert data_url(np.zeros((4, 4, 4), np.uint8)).startswith("data:image/png")


def test_thumbnails_keep_their_shape():
    assert thumbnail(np.zeros((90, 120, 3), np.uint8), 40).shape == (30, 40, 3)
    small = np.zeros((9, 12, 3), np.uint8)
    assert thumbnail(small, 40) is small
