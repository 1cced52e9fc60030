"""Whether a record's labels are for the image that lies there: labels of one download and images of another look alike."""

import numpy as np

from hpe_study.errors import StudyError

_MARGIN = 0.05  # of the image: annotators place a joint a little outside
_INSIDE = 0.5  # share of the labelled joints that lie in the image, margin included
_CENTRAL = (0.42, 0.58)  # of the image: where a camera's principal point lies (0.49–0.52 in the published ones)


def check_fit(record, width, height):
    """A `StudyError` naming the image where a record's labels cannot be for an image of width × height px.

    Where the labels state the image's size it must be that. Where they give a camera, its principal point must lie in the middle of
    the image (a person may be half outside). Where they give neither, at least half of the labelled joints must lie in it.
    """
    size = np.array([width, height])
    found = f"{record.image}: is {width}×{height} px, but"
    advice = "images and labels come from different downloads, or the image was resized"
    if record.image_size is not None:
        if tuple(record.image_size) != (width, height):
            raise StudyError(f"{found} its labels are for {record.image_size[0]}×{record.image_size[1]} px; {advice}")
    elif np.isfinite(record.intrinsics).all():
        middle = record.intrinsics[2:] / size
        if not ((middle >= _CENTRAL[0]) & (middle <= _CENTRAL[1])).all():
            raise StudyError(f"{found} its camera's principal point is at {np.round(record.intrinsics[2:], 1).tolist()}; {advice}")
    else:
        joints = record.joints2d[record.labelled]
        inside = ((joints >= -_MARGIN * size) & (joints <= (1 + _MARGIN) * size)).all(1)
        if inside.mean() < _INSIDE:
            raise StudyError(f"{found} {len(joints) - inside.sum()} of its {len(joints)} labelled joints lie outside; {advice}")
