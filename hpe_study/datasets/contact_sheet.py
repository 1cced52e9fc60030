"""A contact sheet: records with their skeleton and box over the picture, to look at."""

from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.patheffects import withStroke

from hpe_study.errors import StudyError
from hpe_study.skeletons.palette import COLOURS, LEGEND, colour_of
from hpe_study.utils.files import writable

_SHOWN = 1.1  # of the box: what a tile shows
_COLUMNS = 6
_TILE = 2.0  # inches
_CASING = [withStroke(linewidth=2.2, foreground="white")]  # bones stand out from dark pictures


def contact_sheet(records, count=24, path=None, numbers=None):
    """Draw `count` records evenly spaced over the sequence (or those of `numbers`); returns the Matplotlib
    figure.

    Bones between labelled joints; a joint is a filled circle, or a hollow one where it is occluded; the
    square is the crop. With `path`, the figure is written there (the ending decides the format). Raises
    `StudyError` where there is no record.
    """
    if len(records) == 0:
        raise StudyError(
            f"{records.name} {records.split}: has no record to draw (left out: {records.left_out or 'none'})"
        )
    if path is not None:
        _check_path(path)
    if numbers is None:
        numbers = np.unique(np.linspace(0, len(records) - 1, min(count, len(records))).round().astype(int))
    columns = min(_COLUMNS, len(numbers))
    rows = -(-len(numbers) // columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(_TILE * columns, (_TILE + 0.15) * rows + 0.5),
        squeeze=False,
        layout="constrained",
    )
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, number in zip(axes.flat, numbers, strict=False):
        draw(axis, records[number])
        axis.set_title(f"{number}", fontsize=7, pad=2)
    kind = "simulated, " if records.simulated else ""
    figure.suptitle(
        f"{records.name} ({kind}{records.split}): {len(numbers)} of {len(records):,} records", fontsize=9
    )
    figure.supxlabel(f"{LEGEND}; hollow: occluded; square: crop", fontsize=7)
    if path is not None:
        figure.savefig(path, dpi=130)
        plt.close(figure)
    return figure


def _check_path(path):
    """A `StudyError` where a picture cannot be written there."""
    writable(Path(path).parent)
    formats = sorted(FigureCanvasBase.get_supported_filetypes())
    if Path(path).suffix[1:].lower() not in formats:
        raise StudyError(f"{path}: the name must end in one of {', '.join(formats)}")


def draw(axis, record):
    """One record on a Matplotlib axis, in the picture's own px."""
    image = cv2.imread(str(record.image), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise StudyError(
            f"{record.image}: truncated or not an image; replace it, or delete it to leave its records out"
        )
    half = record.side / 2
    left, top = np.floor(record.center - _SHOWN * half).astype(int)
    right, bottom = np.ceil(record.center + _SHOWN * half).astype(int)
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(right, image.shape[1]), min(bottom, image.shape[0])
    if x1 > x0 and y1 > y0:  # the integer is the centre of a pixel
        axis.imshow(image[y0:y1, x0:x1, ::-1], extent=(x0 - 0.5, x1 - 0.5, y1 - 0.5, y0 - 0.5))
    axis.add_patch(
        plt.Rectangle(
            record.center - half, record.side, record.side, fill=False, color="#7CFC00", linewidth=0.6
        )
    )
    for parent, child in record.skeleton.bones:
        ends = record.joints2d[record.skeleton.indices([parent, child])]
        colour = colour_of(child if child[:2] in COLOURS else parent)
        axis.plot(*ends.T, color=colour, linewidth=1.2, path_effects=_CASING)
    for joint, (x, y), hidden in zip(
        record.skeleton.joints, record.joints2d, record.occluded == 1, strict=True
    ):
        axis.plot(
            x,
            y,
            "o",
            markersize=2.6,
            markeredgewidth=0.7,
            color=colour_of(joint),
            markerfacecolor="none" if hidden else colour_of(joint),
        )
    axis.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
