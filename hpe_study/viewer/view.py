"""What the viewer shows, as values: made by `runs` or `records`, drawn by `figure` or `picture`."""

from dataclasses import dataclass

import numpy as np

from hpe_study.boxes import Boxes
from hpe_study.skeletons import Skeleton

IMAGE_GONE = "image not at hand"
FILTERS = ("subject", "sequence", "action", "camera")  # what people can be chosen by
IN_ORDER, BY_OCCLUSION = "as in the data set", "most occluded joints first"


@dataclass(frozen=True)
class Pose:
    """One skeleton of J joints; NaN where a joint is missing.

    Attributes:
        skeleton: Its joint set.
        joints_2d: (J, 2) fractions of the person's box, x right, y down.
        joints_3d: (J, 3) mm, root-relative, camera frame (x right, y down, z away).
        occluded: (J,) bool; occluded joints are drawn hollow.
    """

    skeleton: Skeleton
    joints_2d: np.ndarray
    joints_3d: np.ndarray
    occluded: np.ndarray


@dataclass(frozen=True)
class Panel:
    """One half of the viewer: a run with the truth, or a record in one skeleton.

    Attributes:
        heading: Its name.
        notes: Lines below the name, the first beside it.
        solid: The predicted pose, or the labels of a record.
        dashed: The true pose.
        bars: (16,) one value per joint of MPII-16, in the view's unit; NaN where there is none.
    """

    heading: str
    notes: tuple[str, ...]
    solid: Pose
    dashed: Pose | None = None
    bars: np.ndarray | None = None

    @property
    def poses(self) -> list[Pose]:
        """The true pose, where there is one, and the solid one."""
        return [pose for pose in (self.dashed, self.solid) if pose is not None]

    @property
    def lines(self) -> list[str]:
        """Heading and notes as lines of plain text."""
        return [f"{self.heading} {self.notes[0]}", *self.notes[1:]]


@dataclass(frozen=True)
class View:
    """One person: the picture, and one or two panels.

    Attributes:
        title: Of the figure.
        description: All that is shown, in a sentence, for readers who do not see it.
        picture: (H, W, 3) uint8 RGB; None where it is not at hand.
        extent: x, y of the picture's corner, its width and height, in fractions of the person's box.
        panels: One or two.
        unit: Of the bars, with what they are: "error (mm)".
        solid_label: What the solid skeletons are.
    """

    title: str
    description: str
    picture: np.ndarray | None
    extent: tuple[float, float, float, float]
    panels: tuple[Panel, ...]
    unit: str
    solid_label: str = "predicted"

    @property
    def poses(self) -> list[Pose]:
        """All poses, the true ones first in each panel."""
        return [pose for panel in self.panels for pose in panel.poses]


def extent_of(region: np.ndarray, box: Boxes) -> tuple[float, float, float, float]:
    """Where a stored square lies in fractions of the person's box: x, y, width, height.

    `region` is left, top and side in whole px; an integer is a pixel's centre, hence the half below.
    """
    left, top, size = (float(value) for value in region)
    x, y = box.to_fraction(np.array([[left, top]]) - 0.5)[0]
    return float(x), float(y), size / float(box.side), size / float(box.side)


def readable(joint: str) -> str:
    """A joint's name for people."""
    return joint.replace("_", " ")
