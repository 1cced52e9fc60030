"""A contact sheet: records with their skeleton and box over the picture, to look at."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from hpe_study.datasets.arrays import evenly_spaced
from hpe_study.datasets.base import Records
from hpe_study.datasets.record import LARGEST_PICTURE, Record
from hpe_study.errors import StudyError
from hpe_study.skeletons.palette import COLOURS, LEGEND, colour_of
from hpe_study.utils.files import writable
from hpe_study.utils.pictures import read_picture

_SHOWN = 1.1  # of the box: what a tile shows
_COLUMNS = 6
_TILE = 2.0  # inches
_BOX = "#7CFC00"
_CASING = [withStroke(linewidth=2.2, foreground="white")]  # bones stand out from dark pictures


def contact_sheet(records: Records, count: int = 24, path: str | Path | None = None) -> Figure:
    """Draw evenly spaced records with their bones, joints (hollow where occluded) and crop.

    The ending of `path` decides the format. Raises `StudyError` where there is no record, a picture is
    broken, or nothing can be written at `path`.
    """
    if len(records) == 0:
        left_out = records.left_out or "none"
        raise StudyError(f"{records.name} {records.split}: has no record to draw (left out: {left_out})")
    if path is not None:
        writable(Path(path).parent)
        formats = sorted(FigureCanvasBase.get_supported_filetypes())
        if Path(path).suffix[1:].lower() not in formats:
            raise StudyError(f"{path}: the name must end in one of {', '.join(formats)}")
    numbers = evenly_spaced(len(records), count)
    columns = min(_COLUMNS, len(numbers))
    rows = -(-len(numbers) // columns)
    size = (_TILE * columns, (_TILE + 0.15) * rows + 0.5)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, number in zip(axes.flat, numbers, strict=False):
        draw(axis, records[number])
        axis.set_title(f"{number}", fontsize=7, pad=2)
    split = f"simulated, {records.split}" if records.simulated else records.split
    figure.suptitle(f"{records.name} ({split}): {len(numbers)} of {len(records):,} records", fontsize=9)
    figure.supxlabel(f"{LEGEND}; hollow: occluded; square: crop", fontsize=7)
    if path is not None:
        figure.savefig(path, dpi=130)
        plt.close(figure)
    return figure


def draw(axis: Axes, record: Record) -> None:
    """Draw one record on a Matplotlib axis, in the picture's own px."""
    image = read_picture(record.image, LARGEST_PICTURE)
    half = record.side / 2
    left, top = np.floor(record.center - _SHOWN * half).astype(int)
    right, bottom = np.ceil(record.center + _SHOWN * half).astype(int)
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(right, image.shape[1]), min(bottom, image.shape[0])
    if x1 > x0 and y1 > y0:  # the integer is the centre of a pixel
        axis.imshow(image[y0:y1, x0:x1], extent=(x0 - 0.5, x1 - 0.5, y1 - 0.5, y0 - 0.5))
    corner = record.center - half
    axis.add_patch(plt.Rectangle(corner, record.side, record.side, fill=False, color=_BOX, linewidth=0.6))
    for parent, child in record.skeleton.bones:
        ends = record.joints2d[record.skeleton.indices([parent, child])]
        colour = colour_of(child if child[:2] in COLOURS else parent)
        axis.plot(*ends.T, color=colour, linewidth=1.2, path_effects=_CASING)
    joints = zip(record.skeleton.joints, record.joints2d, record.occluded == 1, strict=True)
    for joint, (x, y), occluded in joints:
        colour = colour_of(joint)
        filling = "none" if occluded else colour
        axis.plot(x, y, "o", color=colour, markerfacecolor=filling, markersize=2.6, markeredgewidth=0.7)
    axis.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
