"""One sample, one record: image, joints and box of one person always come from the same object."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hpe_study.skeletons import Skeleton

UNKNOWN = -1
PADDING = 1.25  # of a crop, times the longer extent of the joints
_SMALLEST = 4.0  # px: joints within less give no crop that could show a person


@dataclass(frozen=True, eq=False)
class Record:
    """One person in one image.

    Image coordinates are 0-based px of `image`, x right, y down; the integer is the *centre* of a pixel.
    Missing is NaN plus a False flag, never 0.
    """

    image: Path
    skeleton: Skeleton  # the data set's own joints, J of them
    joints2d: np.ndarray  # (J, 2) float64 px; NaN where not labelled
    labelled: np.ndarray  # (J,) bool: joints2d is given
    occluded: np.ndarray  # (J,) int8: 1 hidden in the image, 0 seen, -1 (`UNKNOWN`) not said
    center: np.ndarray  # (2,) px, the crop's centre
    side: float  # px, the square crop's side
    # (J, 3) float64 mm, camera frame (x right, y down, z away); NaN where missing, all NaN in 2D sets
    joints3d: np.ndarray
    joints3d_universal: np.ndarray | None = None  # (J, 3) mm, MPI-INF-3DHP's univ_annot3; None elsewhere
    # fx, fy, cx, cy in px; NaN where the set gives no camera
    intrinsics: np.ndarray = field(default_factory=lambda: np.full(4, np.nan))
    head_size: float = np.nan  # px, the length that PCKh's threshold is a fraction of; NaN where undefined
    # (width, height) in px as the labels state it; None where they do not
    image_size: tuple[int, int] | None = None
    # dataset, split, index, subject, sequence, action, camera, frame, person (those known)
    meta: dict = field(default_factory=dict)


def crop_of(joints2d: np.ndarray) -> tuple[np.ndarray, float]:
    """The square around the labelled joints (J, 2), for sets that give no box: centre (2,) and side in px.

    The side is 1.25 times the longer of width and height; NaN where the joints are too few or too close.
    """
    extent = crop_extent(joints2d)
    if not has_crop(extent):
        return np.full(2, np.nan), np.nan
    low, high = np.nanmin(joints2d, 0), np.nanmax(joints2d, 0)
    return (low + high) / 2, float(extent * PADDING)


def crop_extent(joints2d: np.ndarray) -> np.ndarray:
    """(…,) px: the longer extent of labelled joints (…, J, 2); -inf where there is none."""
    missing = np.isnan(joints2d)
    high, low = np.where(missing, -np.inf, joints2d).max(-2), np.where(missing, np.inf, joints2d).min(-2)
    with np.errstate(invalid="ignore"):  # of two infinities
        return (high - low).max(-1)


def has_crop(extent: np.ndarray) -> np.ndarray:
    """Whether joints of this extent (px) make a crop."""
    return extent >= _SMALLEST
