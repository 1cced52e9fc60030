"""Whether a record's labels are for the image that lies there: labels of one download and images of another
look alike."""

import numpy as np

from hpe_study.errors import StudyError

_MARGIN = 0.05  # of the image: annotators place a joint a little outside
_INSIDE = 0.5  # share of the labelled joints that lie in the image, margin included
# times the image's longer side: beyond it no crop shows anybody (MPII's largest box is 2.4 times its image)
LARGEST = 5
_CENTRAL = (
    0.42,
    0.58,
)  # of the image: where a camera's principal point lies (0.49–0.52 in the published ones)


def check_fit(record, width, height):
    """A `StudyError` naming the image where a record's labels cannot be for an image of width × height px.

    Where the labels state the image's size it must be that, and one labelled joint must lie in it. Where they
    give a camera, its principal point must lie in the middle of the image (a person may be outside). Where
    they give neither, half of the labelled joints must lie in it. The person's box must show some of the
    image, and not be many times larger.
    """
    size = np.array([width, height])
    found = f"{record.image}: is {width}×{height} px, but"
    advice = "images and labels come from different downloads, or the image was resized"
    alone = "where it is this person alone, delete the image: its records are then left out and counted"
    stated, filmed = record.image_size is not None, np.isfinite(record.intrinsics).all()
    if stated and tuple(record.image_size) != (width, height):
        raise StudyError(
            f"{found} its labels are for {record.image_size[0]}×{record.image_size[1]} px; {advice}"
        )
    if filmed and not stated:
        middle = record.intrinsics[2:] / size
        if not ((middle >= _CENTRAL[0]) & (middle <= _CENTRAL[1])).all():
            raise StudyError(
                f"{found} its camera's principal point is at {np.round(record.intrinsics[2:], 1).tolist()};"
                f" {advice}"
            )
    if not filmed:
        joints = record.joints2d[record.labelled]
        inside = ((joints >= -_MARGIN * size) & (joints <= (1 + _MARGIN) * size)).all(1)
        if len(joints) and (not inside.any() or (not stated and inside.mean() < _INSIDE)):
            outside = f"{len(joints) - inside.sum()} of its {len(joints)} labelled joints lie outside"
            raise StudyError(f"{found} {outside}; {advice}; {alone}")
    half = record.side / 2
    if (
        record.side > LARGEST * size.max()
        or (record.center + half <= 0).any()
        or (record.center - half >= size).any()
    ):
        box = f"box of {record.side:.0f} px around {np.round(record.center, 1).tolist()}"
        raise StudyError(f"{found} its person's {box} shows nothing of it; {advice}; {alone}")
