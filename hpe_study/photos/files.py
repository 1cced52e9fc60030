"""Photos and videos as people have them → upright RGB, and people's boxes; or one line that says why not."""

import contextlib
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from hpe_study.datasets.record import LARGEST, has_crop
from hpe_study.errors import StudyError
from hpe_study.utils.files import require_regular_file
from hpe_study.utils.pictures import open_picture

Box = tuple[float, float, float, float]  # x, y, width, height in px of the upright picture
WHOLE = "whole"  # stands for the box of the whole picture
JPEGS = {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"}
PHOTOS = JPEGS | {".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".avif", ".heic", ".heif"}
VIDEOS = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg"}
SMALLEST = 32  # px: in a smaller picture nobody can be recognised
HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}


def find(paths: Sequence[str | Path]) -> list[Path]:
    """Files as they are given, folders as the photos and videos in them, by name.

    A path that is not there is kept, so that it can be reported beside the others' results. Raises
    `StudyError` where there is no file at all.
    """
    files = []
    for path in map(Path, paths):
        try:
            inside = sorted(path.iterdir()) if os.path.isdir(path) else None
        except OSError:  # a folder that may not be read: reported like a file that cannot be read
            inside = None
        if inside is None:
            files.append(path)
        else:
            files += [file for file in inside if file.suffix.lower() in PHOTOS | VIDEOS]
    names = ", ".join(printable(path) for path in paths[:5])
    if not files:
        endings = " ".join(sorted(PHOTOS | VIDEOS))
        raise StudyError(f"{names}: no photo or video in it (endings known: {endings})")
    if not any(os.path.exists(path) for path in files):
        raise StudyError(f"{names}: no such file or folder")
    return files


def printable(text: str | Path) -> str:
    """A file's name on one line of valid Unicode: other bytes and characters as backslash escapes."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(text))


def is_video(path: Path) -> bool:
    """Whether a file is taken for a video, by its ending."""
    return path.suffix.lower() in VIDEOS


def read_photo(path: str | Path) -> np.ndarray:
    """Read a photo as (H, W, 3) uint8 RGB, turned upright as EXIF says.

    Grey, 16-bit, palette and transparent pictures are converted; what is transparent becomes white. Raises
    `StudyError` where the file is absent, no picture, truncated, HEIC, too small or too large.
    """
    with contextlib.suppress(OSError), require_regular_file(path).open("rb") as stream:
        head = stream.read(12)  # where it cannot be read, `open_picture` says why
        if head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS:
            raise StudyError(f"{path}: is a HEIC picture, which cannot be read here; save it as JPEG")
    with open_picture(path, advice="save it as a smaller JPEG or PNG of 8 bits") as image:
        width, height = image.size
        if min(width, height) < SMALLEST:
            reason = f"nobody can be recognised in less than {SMALLEST} px"
            raise StudyError(f"{path}: is {width}×{height} px; {reason}")
        image.load()  # here: what fails below is taken for damaged EXIF
        return np.ascontiguousarray(_rgb(_upright(image)))


def _upright(image):
    """The picture turned as its EXIF says; as it is where the EXIF is damaged."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a damaged EXIF block raises many kinds; the pixels are still good
        return image


def _rgb(image):
    if image.mode.startswith("I;16"):  # Pillow's own conversion would cut the values off
        grey = np.clip(np.asarray(image) / 257.0, 0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode == "P" or "A" in image.mode:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image.convert("RGB"))


def parse_boxes(texts: Sequence[str], files: Sequence[Path]) -> dict[Path, Box | str]:
    """The box of each file that has one: x, y, width, height in px of the upright picture, or "whole".

    A text is "x,y,width,height" of the only file, or "FILE=x,y,width,height"; "whole" may stand for the
    numbers, and without a file's name for all files. Raises `StudyError` for another.
    """
    boxes = {}
    for text in texts:
        name, equals, numbers = text.rpartition("=")
        box = _parse(numbers, text)
        meant = [file for file in files if name in (str(file), file.name)] if equals else list(files)
        if equals and len(meant) != 1:
            raise StudyError(f"--box {text}: {name} is the name of {len(meant)} of the files, not of one")
        if box != WHOLE and len(meant) != 1:
            advice = f"name it: --box {files[0].name}={text}"
            raise StudyError(f"--box {text}: there are {len(files)} files, and a box is of one; {advice}")
        boxes |= dict.fromkeys(meant, box)
    return boxes


def _parse(numbers, text):
    if numbers == WHOLE:
        return WHOLE
    try:
        box = tuple(float(part) for part in numbers.split(","))
    except ValueError:
        box = ()
    if len(box) != 4 or not all(map(math.isfinite, box)) or min(box[2:]) <= 0:
        raise StudyError(f"--box {text}: is not x,y,width,height in px, such as 120,40,200,380")
    return box


def inside(box: Box, image: np.ndarray) -> Box:
    """The box itself. Raises `StudyError` where it does not show anybody in the picture."""
    height, width = image.shape[:2]
    x, y, w, h = box
    text, size = f"the box {x:g},{y:g},{w:g},{h:g}", f"{width}×{height} px"
    if x >= width or y >= height or x + w <= 0 or y + h <= 0:
        raise StudyError(f"{text} lies outside the picture of {size}")
    if not has_crop(max(w, h)) or max(w, h) > LARGEST * max(width, height):
        raise StudyError(f"{text} shows nobody in a picture of {size}; it is too small or too large")
    return box
