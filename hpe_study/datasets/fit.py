"""Whether a record's labels can be right: for a person, and for the image that lies there.

Labels of one download and images of another look alike.
"""

import numpy as np

from hpe_study.datasets.record import Record
from hpe_study.errors import StudyError

LARGEST = 5  # times the image's longer side: beyond it no crop shows anybody (MPII's largest box is 2.4)
LARGEST_PICTURE = 64_000_000  # px in all: no set's pictures have a tenth of it
_FARTHEST_PX = 1e5  # from the image's corner
_FARTHEST_MM = 1e5  # from the camera
_REACH_MM = 5000  # of a joint from the person's middle, along an axis
_MARGIN = 0.05  # of the image: annotators place a joint a little outside
_INSIDE = 0.5  # share of the labelled joints that lie in the image, margin included
_CENTRAL = (0.42, 0.58)  # of the image: where a principal point lies (0.49–0.52 in the published cameras)
_ASIDE = "delete the image: its records are then left out and counted"


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
        raise StudyError(
            f"{image} its labels are for {record.image_size[0]}×{record.image_size[1]} px; {advice}"
        )
    if filmed and not stated:
        middle = record.intrinsics[2:] / size
        if not ((middle >= _CENTRAL[0]) & (middle <= _CENTRAL[1])).all():
            raise StudyError(
                f"{image} its camera's principal point is at {np.round(record.intrinsics[2:], 1).tolist()};"
                f" {advice}"
            )
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
