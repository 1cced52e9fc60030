"""Damaged photos and videos: whatever their bytes, a picture or one line that names the file.

Every trial has a number, which is its seed. FUZZ_SECONDS=600 makes 200 times as many trials.
"""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from hpe_study.errors import StudyError
from hpe_study.photos.files import read_photo
from hpe_study.utils.pictures import read_picture
from hpe_study.utils.videos import Video
from tests.datasets.test_fuzz import SECONDS, damaged

TRIALS = round(3 * SECONDS)

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8))
KINDS = {
    "JPEG": {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"},
    "JPEG progressive": {"progressive": True},
    "PNG": {},
    "BMP": {},
    "TIFF": {},
    "TIFF compressed": {"compression": "tiff_lzw"},
    "WEBP": {},
    "GIF": {},
}
CONTAINERS = {".avi": "MJPG", ".mp4": "mp4v", ".webm": "VP80", ".mkv": "MJPG", ".mpg": "PIM1"}


def read_or_refused(read, path):
    try:
        return read(path)
    except StudyError as error:
        message = str(error)
    assert str(path) in message
    assert "\n" not in message
    return None


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_photos(tmp_path, kind):
    stream = io.BytesIO()
    PICTURE.save(stream, kind.split()[0], **KINDS[kind])
    for number in range(TRIALS):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(damaged(stream.getvalue(), np.random.default_rng(number)))
        for read in (read_photo, read_picture):
            picture = read_or_refused(read, path)
            assert picture is None or (picture.dtype == np.uint8 and picture.shape[2:] == (3,))


@pytest.mark.parametrize("ending", CONTAINERS)
def test_damaged_videos(tmp_path, ending):
    path = tmp_path / f"whole{ending}"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*CONTAINERS[ending]), 25, (64, 64))
    for number in range(6):
        writer.write(np.full((64, 64, 3), 30 * number, np.uint8))
    writer.release()
    for number in range(TRIALS):
        damaged_path = tmp_path / f"{number}{ending}"
        damaged_path.write_bytes(damaged(path.read_bytes(), np.random.default_rng(number)))
        read_or_refused(lambda path: list(Video(path)), damaged_path)
