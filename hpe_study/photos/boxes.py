"""The person's box: given by hand, found by a detector, or the whole picture.

A box is (x, y, width, height) in px of the upright picture.
"""

import math
from typing import Self

import ipywidgets as widgets
import numpy as np
import plotly.graph_objects as go
import torch

from hpe_study.errors import StudyError
from hpe_study.photos.reader import Box
from hpe_study.utils.pictures import data_url, thumbnail

PERSON, THRESHOLD = 1, 0.7  # the detector's class of people; those below this score are left out
SHOWN = 720  # px: the picker's picture is at most so large
PICKER_COLOUR = "#D55E00"


def parse(text: str) -> Box:
    """Four numbers from "x,y,width,height".

    Raises:
        StudyError: The text is something else.
    """
    try:
        box = tuple(float(part) for part in text.split(","))
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
    return box


def whole(image: np.ndarray) -> Box:
    """The box of the whole picture."""
    return (0.0, 0.0, float(image.shape[1]), float(image.shape[0]))


class Detector:
    """torchvision's person detector (Faster R-CNN, MobileNetV3; COCO's weights)."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.model = model.eval()

    @classmethod
    def load(cls) -> Self | None:
        """The detector, or None after one line that says why its weights cannot be had."""
        from torchvision.models import detection

        try:
            return cls(detection.fasterrcnn_mobilenet_v3_large_fpn(weights="DEFAULT", progress=False))
        except Exception as error:  # no network, no space, …: the download fails in many ways
            print(
                f"the person detector's weights cannot be had ({type(error).__name__}); the whole picture is"
                " taken for the person's box"
            )
            return None

    @torch.inference_mode()
    def __call__(self, image: np.ndarray) -> list[Box]:
        """Boxes of the people in an (H, W, 3) uint8 RGB picture, the highest score first."""
        detections = self.model([torch.from_numpy(image).permute(2, 0, 1).float() / 255])[0]
        people = (detections["labels"] == PERSON) & (detections["scores"] >= THRESHOLD)
        return [
            (float(x0), float(y0), float(x1 - x0), float(y1 - y0))
            for x0, y0, x1, y1 in detections["boxes"][people]
        ]


class BoxPicker(widgets.VBox):
    """Drag a rectangle around the person.

    Attributes:
        image: The picture.
        figure: The widget that the rectangle is drawn on.
    """

    def __init__(self, image: np.ndarray) -> None:
        self.image = image
        height, width = image.shape[:2]
        axis = {"showgrid": False, "zeroline": False}
        picture = {
            "source": data_url(thumbnail(image, SHOWN)),
            "xref": "x",
            "yref": "y",
            "x": -0.5,
            "y": -0.5,
        }
        size = {"sizex": width, "sizey": height, "sizing": "stretch", "layer": "below"}
        figure = go.Figure(
            layout={
                "dragmode": "drawrect",
                "newshape": {"line": {"color": PICKER_COLOUR, "width": 3}},
                "xaxis": {
                    **axis,
                    "range": (-0.5, width - 0.5),
                    "constrain": "domain",
                    "title": {"text": "x (px)"},
                },
                "yaxis": {
                    **axis,
                    "range": (height - 0.5, -0.5),
                    "scaleanchor": "x",
                    "title": {"text": "y (px)"},
                },
                "images": [{**picture, **size}],
                "margin": {"l": 50, "r": 10, "t": 10, "b": 40},
                "height": 460,
                "template": "plotly_white",
            }
        )
        # Invisible points: without a trace plotly shows no axes.
        corners = {"x": [0, width], "y": [0, height]}
        figure.add_scatter(**corners, mode="markers", marker={"opacity": 0}, hoverinfo="skip")
        self.figure = go.FigureWidget(figure)
        advice = "Drag a rectangle around the person, then run the next cell."
        super().__init__([widgets.HTML(advice), self.figure])

    @property
    def box(self) -> Box:
        """The last rectangle drawn; the whole picture before that."""
        if not self.figure.layout.shapes:
            return whole(self.image)
        shape = self.figure.layout.shapes[-1]
        (x0, x1), (y0, y1) = sorted((shape.x0, shape.x1)), sorted((shape.y0, shape.y1))
        return (x0 + 0.5, y0 + 0.5, x1 - x0, y1 - y0)
