"""Whose box: given by hand, found by a detector, or the whole picture. A box is (x, y, width, height) in px
of the upright picture."""

import math

import ipywidgets as widgets
import plotly.graph_objects as go
import torch

from hpe_study.errors import StudyError
from hpe_study.utils.pictures import data_url, thumbnail

PERSON, SURE = 1, 0.7  # the detector's number for a person; people below this score are left out
SHOWN = 720  # px: the picker's picture is at most so large


def parse(text):
    """ "x,y,w,h" → four numbers. Raises `StudyError` where it is not that."""
    try:
        box = tuple(float(part) for part in text.split(","))
    except ValueError:
        box = ()
    if len(box) != 4 or not all(map(math.isfinite, box)) or min(box[2:]) <= 0:
        raise StudyError(f"--box {text}: is not x,y,width,height in px, such as 120,40,200,380")
    return box


def inside(box, image):
    """The box, checked against the picture. Raises `StudyError` where they do not meet."""
    height, width = image.shape[:2]
    x, y, w, h = box
    if x >= width or y >= height or x + w <= 0 or y + h <= 0:
        raise StudyError(f"the box {x:g},{y:g},{w:g},{h:g} lies outside the picture of {width}×{height} px")
    return box


def whole(image):
    """The box of the whole picture."""
    return (0.0, 0.0, float(image.shape[1]), float(image.shape[0]))


class Detector:
    """torchvision's person detector (Faster R-CNN, MobileNetV3; COCO's weights). `Detector.load()` gives None
    where they cannot be had."""

    def __init__(self, model):
        self.model = model.eval()

    @classmethod
    def load(cls):
        """The detector, or None after one line that says why not."""
        from torchvision.models import detection

        try:
            return cls(detection.fasterrcnn_mobilenet_v3_large_fpn(weights="DEFAULT", progress=False))
        except (
            Exception
        ) as error:  # whatever keeps a download away: no network, no space; boxes are then the whole pictures
            print(
                f"the person detector's weights cannot be had ({type(error).__name__}); the whole picture is"
                " taken for the person's box"
            )
            return None

    @torch.inference_mode()
    def __call__(self, image):
        """Boxes of the people in an (H, W, 3) uint8 RGB picture, the surest first."""
        found = self.model([torch.from_numpy(image).permute(2, 0, 1).float() / 255])[0]
        sure = (found["labels"] == PERSON) & (found["scores"] >= SURE)
        return [
            (float(x0), float(y0), float(x1 - x0), float(y1 - y0)) for x0, y0, x1, y1 in found["boxes"][sure]
        ]


class BoxPicker(widgets.VBox):
    """Drag a rectangle around the person; `box` is the last one drawn, the whole picture before that."""

    def __init__(self, image):
        self.image = image
        height, width = image.shape[:2]
        figure = go.Figure(
            layout={
                "dragmode": "drawrect",
                "newshape": {"line": {"color": "#D55E00", "width": 3}},
                "xaxis": {
                    "range": (-0.5, width - 0.5),
                    "showgrid": False,
                    "zeroline": False,
                    "constrain": "domain",
                    "title": {"text": "x (px)"},
                },
                "yaxis": {
                    "range": (height - 0.5, -0.5),
                    "showgrid": False,
                    "zeroline": False,
                    "scaleanchor": "x",
                    "title": {"text": "y (px)"},
                },
                "images": [
                    {
                        "source": data_url(thumbnail(image, SHOWN)),
                        "xref": "x",
                        "yref": "y",
                        "x": -0.5,
                        "y": -0.5,
                    }
                    | {"sizex": width, "sizey": height, "sizing": "stretch", "layer": "below"}
                ],
                "margin": {"l": 50, "r": 10, "t": 10, "b": 40},
                "height": 460,
                "template": "plotly_white",
            }
        )
        figure.add_scatter(
            x=[0, width], y=[0, height], mode="markers", marker={"opacity": 0}, hoverinfo="skip"
        )  # gives the axes a use
        self.figure = go.FigureWidget(figure)
        super().__init__(
            [widgets.HTML("Drag a rectangle around the person, then run the next cell."), self.figure]
        )

    @property
    def box(self):
        """(x, y, width, height) in px."""
        if not self.figure.layout.shapes:
            return whole(self.image)
        shape = self.figure.layout.shapes[-1]
        (x0, x1), (y0, y1) = sorted((shape.x0, shape.x1)), sorted((shape.y0, shape.y1))
        return (x0 + 0.5, y0 + 0.5, x1 - x0, y1 - y0)
