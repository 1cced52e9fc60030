"""One record: image, joints and box of one person, from the same object; and whether its labels can be right.

And what is known of a data set beside its labels: its origin, terms, citation and size.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hpe_study.errors import StudyError
from hpe_study.skeletons import Skeleton

UNKNOWN = -1
PADDING = 1.25  # of a crop, times the longer extent of the joints
_SMALLEST = 4.0  # px: joints within less give no crop that could show a person
LARGEST = 5  # times the image's longer side: beyond it no crop shows anybody (MPII's largest box is 2.4)
LARGEST_PICTURE = 64_000_000  # px in all: no set's pictures have a tenth of it
_FARTHEST_PX = 1e5  # from the image's corner
_FARTHEST_MM = 1e5  # from the camera
_REACH_MM = 5000  # of a joint from the person's middle, along an axis
_MARGIN = 0.05  # of the image: annotators place a joint a little outside
_INSIDE = 0.5  # share of the labelled joints that lie in the image, margin included
_CENTRAL = (0.42, 0.58)  # of the image: where a principal point lies (0.49–0.52 in the published cameras)
_ASIDE = "delete the image: its records are then left out and counted"


@dataclass(frozen=True)
class DatasetInfo:
    """The facts that a reader's module keeps about its data set."""

    name: str  # what `open_dataset` takes
    title: str  # its name in print
    kind: str  # "2d" or "3d"
    folders: tuple[str, ...]  # under the data root
    url: str  # of its page
    licence: str  # in a few words
    citation: str  # of its paper
    # split → records of the original; None where that depends on options or is not published
    expected: dict[str, int | None]
    hint: str = ""  # a step that people forget between downloading and reading
    pseudo: bool = False  # its 3D are pseudo labels: fits of a body model, not measured
    stand_in: str | None = ""  # name of the simulated people in its layout; "": its own; None: there are none
    # other layouts of the same set: name → options for `open_dataset`
    layouts: dict[str, dict] = field(default_factory=dict)

    def how_to_get(self, root: str | Path) -> str:
        """One line: where the set is obtained, on what terms, and what stands in for it."""
        parts = [f"{self.title} comes from {self.url} ({self.licence}).", self.hint]
        if self.stand_in is not None:
            make = f"python -m simulated_people make {self.stand_in or self.name} {root}"
            parts.append(f"A simulated stand-in: {make} --train 1000 --test 250")
        return " ".join(filter(None, parts))


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


def check_numbers(record: Record) -> None:
    """Raise `StudyError`, naming the image, where a record's coordinates cannot be a person's.

    A number can be finite in a label file and infinite in a store (float32), or a thousand metres away.
    """
    if (np.abs(record.joints2d) > _FARTHEST_PX).any():
        raise _absurd(record, "2D", f"{_FARTHEST_PX:,.0f} px from the image")
    for joints in (record.joints3d, record.joints3d_universal):
        if joints is None or np.isnan(joints).all():
            continue
        if (np.abs(joints) > _FARTHEST_MM).any():
            raise _absurd(record, "3D", f"{_FARTHEST_MM / 1000:,.0f} m from the camera")
        if (np.abs(joints - np.nanmedian(joints, 0)) > _REACH_MM).any():
            raise _absurd(record, "3D", f"{_REACH_MM / 1000:,.0f} m from the person's other joints")
    if (np.abs(record.intrinsics) > _FARTHEST_PX).any():
        raise StudyError(f"{record.image}: its camera cannot be right: {record.intrinsics.tolist()}")


def _absurd(record, kind, where):
    return StudyError(f"{record.image}: a {kind} joint of its label lies more than {where}; {_ASIDE}")


def check_fit(record: Record, width: int, height: int) -> None:
    """Raise `StudyError`, naming the image, where labels cannot be for an image of width × height px.

    Where the labels state the image's size it must be that, and one labelled joint must lie in it. Where they
    give a camera, its principal point must lie in the middle of the image (a person may be outside). Where
    they give neither, half of the labelled joints must lie in it. The person's box must show some of the
    image, and neither box nor joints may reach many times farther than the image.
    """
    size = np.array([width, height])
    image = f"{record.image}: is {width}×{height} px, but"
    advice = "images and labels come from different downloads, or the image was resized"
    alone = f"where it is this person alone, {_ASIDE}"
    stated, filmed = record.image_size is not None, np.isfinite(record.intrinsics).all()
    if stated and tuple(record.image_size) != (width, height):
        theirs = "×".join(map(str, record.image_size))
        raise StudyError(f"{image} its labels are for {theirs} px; {advice}")
    if filmed and not stated:
        middle = record.intrinsics[2:] / size
        if not ((middle >= _CENTRAL[0]) & (middle <= _CENTRAL[1])).all():
            middle = np.round(record.intrinsics[2:], 1).tolist()
            raise StudyError(f"{image} its camera's principal point is at {middle}; {advice}")
    joints = record.joints2d[record.labelled]
    if not filmed:
        inside = ((joints >= -_MARGIN * size) & (joints <= (1 + _MARGIN) * size)).all(1)
        if len(joints) and (not inside.any() or (not stated and inside.mean() < _INSIDE)):
            outside = f"{len(joints) - inside.sum()} of its {len(joints)} labelled joints lie outside"
            raise StudyError(f"{image} {outside}; {advice}; {alone}")
    half, reach = record.side / 2, LARGEST * size.max()
    if record.side > reach or (record.center + half <= 0).any() or (record.center - half >= size).any():
        box = f"box of {record.side:.0f} px around {np.round(record.center, 1).tolist()}"
        raise StudyError(f"{image} its person's {box} shows nothing of it; {advice}; {alone}")
    if (np.abs(joints) > reach + size).any():
        raise StudyError(f"{image} a labelled joint lies more than {LARGEST} times as far outside; {alone}")
