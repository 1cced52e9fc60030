"""A predicted person drawn: over the picture, and as a skeleton in space."""

import warnings

import cv2
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hpe_study.photos.reader import Person
from hpe_study.report.people import joints_over, wireframes
from hpe_study.utils.pictures import thumbnail

DRAWN = 900  # px: the longer side of a picture in a drawing
SIZE = 4.8  # inches a side of the picture
VIDEO_SIZE = (9.6, 4.8)  # inches, at 100 dots each
TITLE_LENGTH = 160  # characters


def draw(image: np.ndarray, person: Person, title: str, size: tuple[float, float] | None = None) -> Figure:
    """Draw the picture (H, W, 3) with the person's joints, and the skeleton from the front and from the side.

    The title is plain text of any characters; the size is in inches, by default by what there is to draw.
    """
    in_space = np.isfinite(person.pose).any()
    figure = plt.figure(figsize=size or (SIZE * (1 + in_space), SIZE), layout="constrained")
    places = figure.add_gridspec(1, 4 if in_space else 2)
    _draw_picture(figure.add_subplot(places[:, :2]), image, person)
    for column, turn in enumerate((0, 90) if in_space else ()):
        axis = figure.add_subplot(places[0, 2 + column], projection="3d")
        wireframes(axis, {"predicted": person.pose}, turn)
    if len(title) > TITLE_LENGTH:
        title = f"{title[: TITLE_LENGTH // 2]}…{title[-TITLE_LENGTH // 2 :]}"
    figure.suptitle(title, fontsize=9, parse_math=False)  # a name's dollars are no mathematics
    return figure


def _draw_picture(axis: Axes, image, person):
    height, width = image.shape[:2]
    axis.imshow(thumbnail(image, DRAWN), extent=(-0.5, width - 0.5, height - 0.5, -0.5))
    x, y, w, h = person.box
    axis.add_patch(plt.Rectangle((x - 0.5, y - 0.5), w, h, fill=False, edgecolor="#888888", linewidth=1))
    joints_over(axis, person.joints, "predicted")
    axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), xticks=[], yticks=[])


def drawn_frame(image: np.ndarray, person: Person, title: str) -> np.ndarray:
    """A drawing of fixed size as pixels, (H, W, 3) uint8 BGR, for a video."""
    figure = draw(image, person, title, VIDEO_SIZE)
    try:
        figure.set_dpi(100)
        with letters_missing():
            figure.canvas.draw()
        return cv2.cvtColor(np.asarray(figure.canvas.buffer_rgba()), cv2.COLOR_RGBA2BGR)
    finally:
        plt.close(figure)


def letters_missing() -> warnings.catch_warnings:
    """A block in which matplotlib does not warn of letters of a title that its font lacks."""
    return warnings.catch_warnings(action="ignore", category=UserWarning)
