"""Predicted people drawn: over their picture and as skeletons in space, for a file or for the viewer."""

import warnings

import cv2
import matplotlib.pyplot as plt
import numpy as np
from ipywidgets import Widget
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hpe_study.boxes import Boxes
from hpe_study.photos.reader import Person
from hpe_study.report.people import joints_over, wireframes
from hpe_study.skeletons import MPII16
from hpe_study.utils.pictures import thumbnail
from hpe_study.viewer.figure import ViewFigure
from hpe_study.viewer.view import Panel, Pose, View

DRAWN = 900  # px: the longer side of a picture in a drawing
PEOPLE_IN_SPACE = 3  # wireframes in a drawing
SIZE = 4.8  # inches a side of the picture
VIDEO_SIZE = (9.6, 4.8)  # inches, at 100 dots each
TITLE_LENGTH = 120  # characters
REACH = 1000.0  # mm: half the edge of the viewer's scene


def draw(
    image: np.ndarray, people: list[Person], title: str, size: tuple[float, float] | None = None
) -> Figure:
    """Draw the picture with everybody's joints, and the first few skeletons from the front and from the side.

    Args:
        image: (H, W, 3) uint8 RGB.
        people: Everybody in it.
        title: Plain text; it may hold any characters.
        size: Inches; by the number of skeletons where it is not given.
    """
    in_space = [person for person in people if np.isfinite(person.pose).any()][:PEOPLE_IN_SPACE]
    figure = plt.figure(figsize=size or (SIZE * (1 + bool(in_space)), SIZE), layout="constrained")
    places = figure.add_gridspec(max(len(in_space), 1), 4 if in_space else 2)
    _draw_picture(figure.add_subplot(places[:, :2]), image, people)
    for row, person in enumerate(in_space):
        for column, turn in enumerate((0, 90)):
            axis = figure.add_subplot(places[row, 2 + column], projection="3d")
            wireframes(axis, {"predicted": person.pose}, turn)
    if len(title) > TITLE_LENGTH:
        title = f"{title[: TITLE_LENGTH // 2]}…{title[-TITLE_LENGTH // 2 :]}"
    figure.suptitle(title, fontsize=9, parse_math=False)  # a name's dollars are no mathematics
    return figure


def _draw_picture(axis: Axes, image, people):
    height, width = image.shape[:2]
    axis.imshow(thumbnail(image, DRAWN), extent=(-0.5, width - 0.5, height - 0.5, -0.5))
    for person in people:
        x, y, w, h = person.box
        axis.add_patch(plt.Rectangle((x - 0.5, y - 0.5), w, h, fill=False, edgecolor="#888888", linewidth=1))
        joints_over(axis, person.joints, "predicted")
    axis.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), xticks=[], yticks=[])


def drawn_frame(image: np.ndarray, people: list[Person], title: str) -> np.ndarray:
    """A drawing of fixed size as pixels, (H, W, 3) uint8 BGR, for a video."""
    figure = draw(image, people, title, VIDEO_SIZE)
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


def scene(image: np.ndarray, person: Person, title: str = "your photo") -> Widget:
    """The person in the viewer's figure: picture, skeleton to turn, and the score of each joint."""
    return ViewFigure(view_of(image, person, title), REACH).widget


def view_of(image: np.ndarray, person: Person, title: str) -> View:
    """The person as a `View` of the viewer."""
    box = Boxes(person.center, np.float64(person.side))
    corner = box.to_fraction(np.array([[-0.5, -0.5]]))[0]
    extent = (*corner, image.shape[1] / person.side, image.shape[0] / person.side)
    pose = Pose(MPII16, box.to_fraction(person.joints), person.pose, np.zeros(16, bool))
    panel = Panel("predicted", ("",), pose, bars=person.score)
    return View(title, title, thumbnail(image, DRAWN), extent, (panel,), "score (heat map)")
