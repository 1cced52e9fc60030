"""The person's box given by hand, as text: (x, y, width, height) in px of the upright picture."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hpe_study.datasets.fit import LARGEST
from hpe_study.datasets.record import has_crop
from hpe_study.errors import StudyError
from hpe_study.photos.reader import Box

WHOLE = "whole"  # stands for the box of the whole picture


def parse_boxes(texts: Sequence[str], files: Sequence[Path]) -> dict[Path, Box | str]:
    """The box of each file that has one, or "whole".

    Args:
        texts: "x,y,width,height" of the only file, or "FILE=x,y,width,height"; "whole" may stand for the
            numbers, and without a file's name for all files.
        files: All files.

    Raises:
        StudyError: A text is something else, or does not say which of several files it is of.
    """
    boxes = {}
    for text in texts:
        name, equals, numbers = text.rpartition("=")
        box = _parse(numbers, text)
        meant = [file for file in files if name in (str(file), file.name)] if equals else list(files)
        if equals and len(meant) != 1:
            raise StudyError(f"--box {text}: {name} is the name of {len(meant)} of the files, not of one")
        if box != WHOLE and len(meant) != 1:
            raise StudyError(
                f"--box {text}: there are {len(files)} files, and a box is of one;"
                f" name it: --box {files[0].name}={text}"
            )
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
    """The box itself.

    Raises:
        StudyError: It lies outside the picture.
    """
    height, width = image.shape[:2]
    x, y, w, h = box
    if x >= width or y >= height or x + w <= 0 or y + h <= 0:
        raise StudyError(f"the box {x:g},{y:g},{w:g},{h:g} lies outside the picture of {width}×{height} px")
    if not has_crop(max(w, h)) or max(w, h) > LARGEST * max(width, height):
        raise StudyError(
            f"the box {x:g},{y:g},{w:g},{h:g} shows nobody in a picture of {width}×{height} px;"
            " it is too small or too large"
        )
    return box
