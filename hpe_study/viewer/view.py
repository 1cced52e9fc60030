"""What one move of the viewer shows, as values: made by a source (`runs`, `records`), drawn by `figure`."""

from dataclasses import dataclass

import numpy as np

from hpe_study.skeletons import Skeleton

IMAGE_GONE = "image not at hand"


@dataclass(frozen=True)
class Pose:
    """One skeleton, J joints; NaN where a joint is missing."""

    skeleton: Skeleton
    flat: np.ndarray  # (J, 2) fractions of the person's box, x right, y down
    deep: np.ndarray  # (J, 3) mm, root-relative, camera frame (x right, y down, z away)
    hollow: np.ndarray  # (J,) bool: drawn hollow, because the joint is occluded


@dataclass(frozen=True)
class Half:
    """One side of the viewer: a run with the truth, or a record in one skeleton."""

    title: str
    solid: Pose  # predicted; in the data explorer the labels
    dashed: Pose | None = None  # true
    bars: np.ndarray | None = (
        None  # (16,) one value a joint of MPII-16, in the view's unit; NaN where there is none
    )


@dataclass(frozen=True)
class View:
    """One person: the picture, and one or two halves."""

    title: str
    words: str  # all that is shown, in a sentence, for readers who do not see it
    picture: np.ndarray | None  # (H, W, 3) uint8 RGB; None where it is not at hand
    extent: tuple  # x, y of the picture's corner, its width and height, in fractions of the person's box
    halves: tuple  # of one or two `Half`
    unit: str  # of the bars, with what they are: "error (mm)"
    solid: str = "predicted"  # what the solid skeletons are


def extent_of(region, box):
    """Where a stored square lies, in fractions of the person's box: (x, y, width, height).

    region: (left, top, side) in whole px; box: `Boxes` of this person. A pixel's integer is its centre, hence
    the half.
    """
    left, top, size = (float(value) for value in region)
    x, y = box.to_fraction(np.array([[left, top]]) - 0.5)[0]
    return float(x), float(y), size / float(box.side), size / float(box.side)


def rooted(poses, skeleton):
    """(…, J, 3) relative to the skeleton's root."""
    root = skeleton.index(skeleton.root)
    return poses - poses[..., [root], :]
