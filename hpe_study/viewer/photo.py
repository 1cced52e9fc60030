"""Your own photos in the viewer: a rectangle drawn by hand, and people predicted where they are shown."""

from collections.abc import Sequence
from functools import cached_property

import ipywidgets as widgets
import numpy as np
import pandas as pd
import plotly.graph_objects as go

from hpe_study.boxes import Boxes
from hpe_study.datasets import open_dataset
from hpe_study.datasets.pose2sim import PACKAGED
from hpe_study.photos.files import Box
from hpe_study.photos.reader import Person, PoseReader, find_person
from hpe_study.report.cell_width import CellWidth
from hpe_study.skeletons import MPII16
from hpe_study.utils.pictures import data_url, read_picture, thumbnail
from hpe_study.viewer.still import display_with_still
from hpe_study.viewer.view import FILTERS, IN_ORDER, Panel, Pose, View

SHOWN = 720  # px: the longer side of the picker's picture
LARGE = 1440  # px: the longer side of a photo in the figure
PICKER = "hpe-picker"  # its class
PICKER_COLOUR = "#D55E00"
EVERY = 33  # one of so many moments of Pose2Sim's demo is an example
REACH = 1000.0  # mm: half the edge of the scene


class PhotoPeople:
    """Photos, one person in each, predicted by one network when they are shown.

    Args:
        photos: (name, (H, W, 3) uint8 RGB picture) of each.
        reader: The network; by default the one in the box.
        box: The person's, in all photos; by default the network finds the person itself.
    """

    name, split, simulated, reach = "your photos", "photos", False, REACH
    orders, unit = (IN_ORDER,), "score (heat map)"

    def __init__(
        self,
        photos: Sequence[tuple[str, np.ndarray]],
        reader: PoseReader | None = None,
        box: Box | None = None,
    ) -> None:
        self.box = box
        self.photos, self.reader = list(photos), reader or PoseReader(device="cpu")
        self.rows, self.total, self._people = np.arange(len(photos)), len(photos), {}

    def __len__(self) -> int:
        return len(self.photos)

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per photo; nothing is known to filter by."""
        return pd.DataFrame("", index=self.rows, columns=list(FILTERS))

    def ranked(self, order: str, joint: str) -> np.ndarray:
        """(N,) numbers of all photos, in their order."""
        return self.rows

    def person(self, number: int) -> Person:
        """The person of one photo."""
        if number not in self._people:
            image = self.photos[number][1]
            given = self.box is not None
            self._people[number] = self.reader(image, self.box) if given else find_person(image, self.reader)
        return self._people[number]

    def view(self, number: int) -> View:
        """The `View` of one photo."""
        name, image = self.photos[number]
        person = self.person(number)
        title = f"{name} · predicted by {self.reader.name}, trained on {self.reader.trained_on}"
        return view_of(image, person, title)

    def heatmaps(self, side: int, number: int) -> np.ndarray:
        """(16, h, w) heat maps of one person."""
        person = self.person(number)
        return self.reader.heatmaps(self.photos[number][1], person)


def examples() -> list[tuple[str, np.ndarray]]:
    """Pictures of a real person that come with the package (Pose2Sim's demo): (name, picture)."""
    records = reversed(list(open_dataset("pose2sim", PACKAGED, "test", every=EVERY)))
    return [
        (f"Pose2Sim, {record.meta['camera']}, frame {record.meta['frame']}", read_picture(record.image))
        for record in records
    ]


def view_of(image: np.ndarray, person: Person, title: str) -> View:
    """A person predicted in a picture as a `View`."""
    box = Boxes(person.center, np.float64(person.side))
    corner = box.to_fraction(np.array([[-0.5, -0.5]]))[0]
    extent = (*corner, image.shape[1] / person.side, image.shape[0] / person.side)
    pose = Pose(MPII16, box.to_fraction(person.joints), person.pose, np.zeros(16, bool))
    notes = (f"mean score {person.score.mean():.2f}", person.found)
    panel = Panel("predicted", notes, pose, bars=person.score)
    description = f"{title}. {person.found.capitalize()}; millimetres assume a body of average size."
    return View(title, description, thumbnail(image, LARGE), extent, (panel,), "score (heat map)")


class BoxPicker(widgets.VBox):
    """Drag a rectangle around the person."""

    def __init__(self, image: np.ndarray) -> None:
        self.image = image
        height, width = image.shape[:2]
        axis = {"showgrid": False, "zeroline": False, "constrain": "domain"}
        picture = {"source": data_url(thumbnail(image, SHOWN)), "xref": "x", "yref": "y"}
        size = {"x": -0.5, "y": -0.5, "sizex": width, "sizey": height, "sizing": "stretch", "layer": "below"}
        vertical = {"range": (height - 0.5, -0.5), "scaleanchor": "x", "title": {"text": "y (px)"}}
        figure = go.Figure(
            layout={"dragmode": "drawrect", "newshape": {"line": {"color": PICKER_COLOUR, "width": 3}},
                    "xaxis": {**axis, "range": (-0.5, width - 0.5), "title": {"text": "x (px)"}},
                    "yaxis": axis | vertical, "images": [{**picture, **size}],
                    "margin": {"l": 50, "r": 10, "t": 10, "b": 40}, "height": 460,
                    "template": "plotly_white"},
        )  # fmt: skip
        # Invisible points: without a trace plotly shows no axes.
        corners = {"x": [0, width], "y": [0, height]}
        figure.add_scatter(**corners, mode="markers", marker={"opacity": 0}, hoverinfo="skip")
        self.figure = go.FigureWidget(figure)
        self.figure.observe(self._drawn, "_js2py_relayout")
        self.advice = widgets.HTML("Drag a rectangle around the person, then run the next cell.")
        super().__init__([self.advice, self.figure, CellWidth(self.figure)])
        self.add_class(PICKER)

    def _drawn(self, _):
        """Say that the rectangle has come from the browser: a cell that is run now uses it."""
        if self.box:
            x, y, width, height = (round(value) for value in self.box)
            self.advice.value = f"Box {width} × {height} px at ({x}, {y}). Run the next cell."

    def _ipython_display_(self) -> None:
        """Show the widget; see `display_with_still`."""
        display_with_still(self, thumbnail(self.image, SHOWN), "The photo that a rectangle is drawn on.")

    @property
    def box(self) -> Box | None:
        """The last rectangle drawn; None before that."""
        # A shape that the browser drew is in the figure's properties alone, not in `figure.layout.shapes`.
        shapes = self.figure.to_dict()["layout"].get("shapes")
        if not shapes:
            return None
        (x0, x1), (y0, y1) = (sorted((shapes[-1][f"{key}0"], shapes[-1][f"{key}1"])) for key in "xy")
        return (x0 + 0.5, y0 + 0.5, x1 - x0, y1 - y0)
