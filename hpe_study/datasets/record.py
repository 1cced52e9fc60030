"""One sample, one record: image, joints and box of one person always come from the same object."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hpe_study.skeletons import Skeleton

UNKNOWN = -1


@dataclass(frozen=True, eq=False)
class Record:
    """One person in one image.

    Image coordinates are 0-based px of `image`, x right, y down; the integer is the *centre* of a pixel.
    Missing is NaN plus a False flag, never 0.
    """

    image: Path
    skeleton: Skeleton
    joints2d: np.ndarray  # (J, 2) float64 px; NaN where not labelled
    labelled: np.ndarray  # (J,) bool: joints2d is given
    occluded: np.ndarray  # (J,) int8: 1 hidden in the image, 0 seen, -1 (UNKNOWN) not said
    center: np.ndarray  # (2,) px, the crop's centre
    side: float  # px, the square crop's side
    joints3d: (
        np.ndarray
    )  # (J, 3) float64 mm, camera frame (x right, y down, z away); NaN where missing, all NaN in 2D sets
    joints3d_universal: np.ndarray | None = None  # (J, 3) mm, MPI-INF-3DHP's univ_annot3; None elsewhere
    intrinsics: np.ndarray = field(
        default_factory=lambda: np.full(4, np.nan)
    )  # fx, fy, cx, cy in px; NaN where the set gives no camera
    head_size: float = np.nan  # px, the length that PCKh's threshold is a fraction of; NaN where undefined
    image_size: tuple | None = None  # (width, height) in px as the labels state it; None where they do not
    meta: dict = field(
        default_factory=dict
    )  # dataset, split, index, subject, sequence, action, camera, frame, person (those known)


def head_size_from(joints2d, skeleton, top="head_top", neck="upper_neck", factor=1.0):
    """factor · |top − neck| in px; NaN where either joint is missing. joints2d: (J, 2) px."""
    ends = joints2d[skeleton.indices([top, neck])]
    return float(factor * np.linalg.norm(ends[0] - ends[1]))


def crop_of(joints2d, padding=1.25):
    """(center (2,), side) in px: the square around the labelled joints, the longer extent times `padding`.

    For sets that give no box. Both extents count: a person can be wider than tall. All NaN gives NaN.
    """
    if np.isnan(joints2d).all():
        return np.full(2, np.nan), np.nan
    low, high = np.nanmin(joints2d, 0), np.nanmax(joints2d, 0)
    return (low + high) / 2, float(max((high - low).max() * padding, 1.0))
