"""Picture files of unknown origin: regular files of a few formats, their size checked before decoding.

And pictures made small: for a drawing, or as an address inside a page.
"""

import base64
import contextlib
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, features

from hpe_study.errors import StudyError
from hpe_study.utils.files import require_regular_file
from hpe_study.utils.videos import LARGEST, video_frame

# Pillow's names. Its other formats may start programs (EPS starts Ghostscript) or are seldom tested.
FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF") + (("AVIF",) if features.check("avif") else ())
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "I;16", "I;16B", "I;16L", "I;16N")
LARGEST_FILE = 1 << 29  # bytes
JPEG_QUALITY = 85  # of a picture inside a page
ADVICE = "replace it, or delete it to leave its records out"


@contextlib.contextmanager
def open_picture(path: str | Path, largest: int = LARGEST, advice: str = ADVICE) -> Iterator[Image.Image]:
    """Open a picture whose header has been checked; its pixels are decoded only when the block asks for them.

    The file's ending does not matter; `largest` is the number of px, width times height, that is accepted,
    `advice` the end of each message. Raises `StudyError` where it is absent, no regular file, truncated, not
    of `FORMATS`, has too many px, or values that are no 8- or 16-bit colours, also for errors in the block.
    """
    path = require_regular_file(path)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise StudyError(f"{path}: has more than {LARGEST_FILE:,} bytes, no picture has; {advice}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own limit is looser and only a warning
            with Image.open(path, formats=FORMATS) as image:
                width, height = image.size
                if width * height > largest:
                    size = f"{width}×{height} px, more than {largest:,} px in all"
                    raise StudyError(f"{path}: is {size}; {advice}")
                if image.mode not in MODES:
                    kind = f"pixels of kind {image.mode}, which are not colours of 8 or 16 bits"
                    raise StudyError(f"{path}: has {kind}; {advice}")
                yield image
    except StudyError:
        raise
    except Image.DecompressionBombError as error:
        raise StudyError(f"{path}: has more than {largest:,} px in all; {advice}") from error
    except MemoryError as error:
        raise StudyError(f"{path}: decoding it takes more memory than there is; {advice}") from error
    except Exception as error:  # Pillow's plug-ins raise many kinds for damaged files
        if getattr(error, "strerror", None):
            raise StudyError(f"{path}: cannot be read ({error.strerror})") from error
        raise StudyError(f"{path}: truncated or not an image; {advice}") from error


def picture_size(path: str | Path, largest: int = LARGEST) -> tuple[int, int]:
    """Width and height in px from a picture's header; errors as of `open_picture`."""
    with open_picture(path, largest) as image:
        return image.size


def read_picture(path: str | Path, largest: int = LARGEST) -> np.ndarray:
    """Read a labelled picture as (H, W, 3) uint8 RGB, in the file's own pixels: EXIF rotation is ignored.

    The path may be VIDEO/NUMBER, a frame of a video (`videos.video_frame`). Errors are those of
    `open_picture`.
    """
    video, number = os.path.split(path)
    if number.isdecimal() and os.path.isfile(video):
        return video_frame(video, int(number))
    with open_picture(path, largest):
        data = Path(path).read_bytes()
        # A whole JPEG ends with its end-of-image marker, or with nothing but zeros after it.
        ends = data[-4096:], data.rstrip(b"\0")[-4096:]
        whole = not data.startswith(b"\xff\xd8") or any(b"\xff\xd9" in end for end in ends)
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if whole else None
        if image is None:
            raise StudyError(f"{path}: truncated or not an image; {ADVICE}")
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def shrink(picture: np.ndarray, factor: float) -> np.ndarray:
    """An (H, W, 3) picture made smaller by averaging areas; unchanged where the factor is 1 or more."""
    if factor >= 1:
        return picture
    size = [max(round(length * factor), 1) for length in picture.shape[1::-1]]
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def thumbnail(picture: np.ndarray, longest: int) -> np.ndarray:
    """The picture (H, W, 3) with its longer side at most `longest` px."""
    return shrink(picture, longest / max(picture.shape[:2]))


def data_url(picture: np.ndarray) -> str:
    """The address that holds a picture: (H, W, 3) uint8 RGB as JPEG, (H, W, 4) RGBA as PNG."""
    if picture.shape[2] == 4:
        kind, options, order = "png", [], cv2.COLOR_RGBA2BGRA
    else:
        kind, options, order = "jpeg", [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY], cv2.COLOR_RGB2BGR
    data = cv2.imencode(f".{kind}", cv2.cvtColor(picture, order), options)[1]
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
