"""MPII's original label file, `mpii_human_pose_v1_u12_1.mat`.

Struct `RELEASE` with `annolist` (1 × N images). `annolist(i).image.name`; `annolist(i).annorect(r)` has the
head box `x1, y1, x2, y2`, `scale`, `objpos.{x, y}` and `annopoints.point(k).{x, y, id, is_visible}`. Pixels
are 1-based, `id` 0-based in MPII-16's order.

Traps, all met: `annorect` may be empty; `annopoints` is missing (the field, or its content) for test images
and unfinished people, also in some training images; `is_visible` may be missing, empty, a char or a number
(missing counts as 1); points come in any order.

The file knows training and test images, and the test images have no joints: there is **no validation split**.
Where the JSON's valid.json is at hand, its people are the test split (matched by image and position), and
their images' other people are left out. Otherwise images are dealt by a digest of the video (of the image's
name, where the file does not say the video): about 11.7 % of them, the share of the common split, are test.
Such a split is sound but is not the published one.
"""

import warnings
import zlib
from pathlib import Path

import numpy as np

from hpe_study.datasets.arrays import column, text_column
from hpe_study.datasets.base import Records
from hpe_study.datasets.limits import AGAIN
from hpe_study.datasets.matfiles import load_mat
from hpe_study.datasets.record import UNKNOWN
from hpe_study.errors import StudyError
from hpe_study.utils.files import read_json

MAT_NAME = "mpii_human_pose_v1_u12_1.mat"
TEST_SHARE = 117  # of 1,000: 2,958 of 25,204 people


def read_mat(records: Records, path: Path, validation_json: Path) -> dict:
    """Read the labels of `records.split`, N people; what is left out is counted there.

    The split is valid.json's (`validation_json`) where that is there. Raises `StudyError` for another file.

    Returns:
        joints (N, 16, 2) px 0-based, occluded (N, 16) int8, center (N, 2) px, scale (N,), head_size (N,) px,
        and image, N names.
    """
    release = load_mat(records.label_file(path), "RELEASE", squeeze_me=True, struct_as_record=True)["RELEASE"]
    if (
        getattr(release, "dtype", None) is None
        or release.dtype.names is None
        or "annolist" not in release.dtype.names
    ):
        raise StudyError(f"{path}: RELEASE has no annolist; this is not MPII's label file")
    people = [person for entry in np.atleast_1d(release["annolist"].item()) for person in _people(entry)]
    if validation_json.is_file():
        people = _split_by_json(people, records, records.label_file(validation_json))
    else:
        warnings.warn(
            f"{path}: has no validation split and {validation_json} is not there; about 11.7 % of the images,"
            " dealt by a digest of their video, are the test split. It is not the published one",
            stacklevel=6,
        )
        people = [person for person in people if _is_test(person["group"]) == (records.split == "test")]
    finished = [person for person in people if person["joints"] is not None]
    records.leave_out("no joints annotated", len(people) - len(finished))
    people = finished
    keys = ("joints", "occluded", "center", "scale", "head_size")
    empty = {"joints": (0, 16, 2), "occluded": (0, 16), "center": (0, 2)}
    arrays = {
        key: np.array([person[key] for person in people]).reshape(-1, *empty.get(key, (0,))[1:])
        for key in keys
    }
    return {**arrays, "image": [person["image"] for person in people]}


def _is_test(group):
    return zlib.crc32(group.encode()) % 1000 < TEST_SHARE


def _split_by_json(people, records, path):
    """Test: the people of valid.json (at `path`). Train: the people of images that it does not name."""
    validation = read_json(path, advice=AGAIN)
    images, centers = text_column(validation, "image", path), column(validation, "center", (2,), path)
    wanted = {(image, *np.round(center).tolist()) for image, center in zip(images, centers, strict=True)}

    def place(person):
        return (person["image"], *np.round(np.nan_to_num(person["center"], nan=np.inf) + 1).tolist())

    if records.split == "test":
        chosen = [person for person in people if place(person) in wanted]
        records.leave_out("in valid.json, not in the .mat", len(wanted - set(map(place, chosen))))
        return chosen
    validated = set(images)
    others = [person for person in people if person["image"] in validated and place(person) not in wanted]
    records.leave_out("beside somebody of valid.json", len(others))
    return [person for person in people if person["image"] not in validated]


def _field(struct, name, default=None):
    """A field of a squeezed struct, or `default` where the field or its content is missing."""
    if getattr(struct, "dtype", None) is None or not struct.dtype.names or name not in struct.dtype.names:
        return default
    value = struct[name]
    if isinstance(value, np.ndarray) and value.dtype.kind == "O" and value.ndim == 0:
        value = value.item()
    return default if value is None or (isinstance(value, np.ndarray) and value.size == 0) else value


def _number(struct, name):
    value = np.asarray(_field(struct, name, np.nan))
    return float(value) if value.size == 1 and value.dtype.kind in "fiub" else np.nan


def _people(entry):
    """The people of one image; `joints` is None where nobody annotated them."""
    image = str(_field(_field(entry, "image"), "name", ""))
    group = _field(entry, "vididx")
    for number, person in enumerate(np.atleast_1d(_field(entry, "annorect", np.zeros(0)))):
        points = _field(_field(person, "annopoints"), "point")
        joints, occluded = (None, None) if points is None else _joints(np.atleast_1d(points))
        position = _field(person, "objpos")
        box = np.array([_number(person, key) for key in ("x1", "y1", "x2", "y2")])
        yield {
            "image": image,
            "group": f"video {int(group)}" if group is not None else image,
            "person": number,
            "joints": joints,
            "occluded": occluded,
            "center": np.array([_number(position, "x"), _number(position, "y")]) - 1,
            "scale": _number(person, "scale"),
            "head_size": 0.6 * np.hypot(box[2] - box[0], box[3] - box[1]),
        }


def _joints(points):
    """(16, 2) px, 0-based, and (16,) int8 occlusion of one person's points."""
    joints, occluded = np.full((16, 2), np.nan), np.full(16, UNKNOWN, np.int8)
    for point in points:
        joint = _number(point, "id")
        if joint not in range(16):
            continue
        joints[int(joint)] = _number(point, "x") - 1, _number(point, "y") - 1
        visible = _field(point, "is_visible", 1)
        occluded[int(joint)] = 0 if str(np.asarray(visible).item()).strip() in ("1", "1.0", "True", "") else 1
    occluded[np.isnan(joints).any(-1)] = UNKNOWN
    joints[np.isnan(joints).any(-1)] = np.nan
    return joints, occluded
