"""Picture files as people have them → upright RGB, or one line that says why not."""

import warnings
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from hpe_study.datasets import open_dataset
from hpe_study.errors import StudyError

PHOTOS = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".heic", ".heif"}
VIDEOS = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg"}
SMALLEST = 32  # px a side: below, nobody can be told in it
LARGEST = 150_000_000  # px in all
HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}


def find(paths):
    """Files as they are, folders as the photos and videos in them (by name). Raises `StudyError` for a path
    that is not there."""
    found = []
    for path in map(Path, paths):
        if path.is_dir():
            found += sorted(file for file in path.iterdir() if file.suffix.lower() in PHOTOS | VIDEOS)
        elif path.exists():
            found.append(path)
        else:
            raise StudyError(f"{path}: no such file or folder")
    if not found:
        raise StudyError(
            f"{', '.join(map(str, paths))}: no photo or video in it (endings known:"
            f" {' '.join(sorted(PHOTOS | VIDEOS))})"
        )
    return found


def example(study):
    """A picture to begin with: the first test person's of the study's 3D data."""
    return open_dataset(study.profile.three_d[0], study.raw, "test")[0].image


def is_video(path):
    """Whether a file is taken for a video, by its ending."""
    return path.suffix.lower() in VIDEOS


def read_photo(path):
    """(H, W, 3) uint8 RGB, turned upright as EXIF says; grey, 16-bit, palette and transparent pictures
    included.

    Raises `StudyError` naming the file: absent, no picture, truncated, HEIC without a decoder, too small or
    too large.
    """
    path = Path(path)
    try:
        with warnings.catch_warnings(), open(path, "rb") as stream:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit is ours, and larger
            return np.ascontiguousarray(_pixels(path, stream))
    except UnidentifiedImageError as error:
        if _is_heic(path):
            raise StudyError(
                f"{path}: is a HEIC picture, and no decoder for it is installed; save it as JPEG"
            ) from error
        raise StudyError(f"{path}: not a picture") from error
    except OSError as error:
        reason = error.strerror or "truncated or damaged"
        raise StudyError(f"{path}: cannot be read ({reason})") from error
    except Image.DecompressionBombError as error:  # Pillow's own limit, above ours: it does not say the size
        raise StudyError(f"{path}: has more than {LARGEST:,} px in all; make it smaller") from error
    except (SyntaxError, ValueError) as error:
        raise StudyError(f"{path}: cannot be read ({error})") from error


def _pixels(path, stream):
    with Image.open(stream) as image:
        width, height = image.size
        if min(width, height) < SMALLEST:
            raise StudyError(
                f"{path}: is {width}×{height} px; a person cannot be told in less than {SMALLEST} px"
            )
        if width * height > LARGEST:
            raise StudyError(
                f"{path}: is {width}×{height} px, more than {LARGEST:,} px in all; make it smaller"
            )
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I"):  # 16 bits: Pillow's own conversion would cut them off
            grey = np.clip(np.asarray(upright) / 257.0, 0, 255).astype(np.uint8)
            return np.repeat(grey[..., None], 3, axis=2)
        if upright.mode == "P" or "A" in upright.mode:  # what is transparent becomes white
            upright = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright)
        return np.asarray(upright.convert("RGB"))


def _is_heic(path):
    with open(path, "rb") as stream:
        head = stream.read(12)
    return head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS


class Video:
    """The frames of a video, every so many: iterate (number, (H, W, 3) RGB). `StudyError` where it cannot be
    opened or has no frame."""

    def __init__(self, path, every=1):
        self.path, self.every = Path(path), every
        self._capture = cv2.VideoCapture(str(path))
        if not self._capture.isOpened():
            raise StudyError(f"{path}: not a video that can be read")
        self.fps = self._capture.get(cv2.CAP_PROP_FPS) or 25.0
        self.count = max(int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0)

    def __len__(self):
        return -(-self.count // self.every)

    def __iter__(self):
        number = 0
        while self._capture.grab():
            if number % self.every == 0:
                known, frame = self._capture.retrieve()
                if not known:
                    break
                yield number, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            number += 1
        self._capture.release()
        if number == 0:
            raise StudyError(f"{self.path}: has no frame that can be read")
