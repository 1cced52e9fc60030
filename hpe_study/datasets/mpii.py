"""MPII Human Pose: everyday and sports activities, one or more annotated people an image. 2D, 16 joints.

Facts relied on (the set's documentation, and the JSON files that came with
microsoft/human-pose-estimation.pytorch):
- Pixels are 1-based in both layouts; 1 is subtracted from joints and centre.
- JSON: `annot/train.json` (22,246 people), `annot/valid.json` or `val.json` (2,958): `joints` [16][2],
  `joints_vis` [16] (annotated or not; it says nothing of occlusion), `image`, `scale` (height / 200 px),
  `center`. A missing joint is (−1, −1), in some files (0, 0); a missing centre is (−1, −1), too. (One
  validation person has four joints at (0, 0) that are marked as annotated.)
- Crop: the centre moves down by 15 · scale, scale × 1.25, side = scale · 200 px.
- Head size: 0.6 · diagonal of the head box = 0.75 · |head_top − upper_neck| (measured on 2,932 people); the
  JSON has no box.
- The JSON is taken where both layouts are there, because only it has the validation split.

The original label file, `mpii_human_pose_v1_u12_1.mat`:
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
from contextlib import suppress
from pathlib import Path

import numpy as np

from hpe_study.datasets.arrays import column, text_column
from hpe_study.datasets.base import Listing, Records, head_size_of, require_one_of, safe_relative
from hpe_study.datasets.limits import AGAIN
from hpe_study.datasets.matfiles import load_mat
from hpe_study.datasets.record import UNKNOWN, DatasetInfo, Record, crop_of, has_crop
from hpe_study.errors import StudyError
from hpe_study.skeletons import MPII16
from hpe_study.utils.files import read_json

INFO = DatasetInfo(
    name="mpii", title="MPII Human Pose", kind="2d", folders=("mpii",),
    url="http://human-pose.mpi-inf.mpg.de", licence="simplified BSD, research",
    citation="Andriluka, Pishchulin, Gehler, Schiele: 2D Human Pose Estimation: New Benchmark and State of"
             " the Art Analysis. CVPR 2014",
    expected={"train": 22246, "test": 2958},
    hint="The JSON labels (annot/train.json, annot/valid.json) come with"
         " github.com/microsoft/human-pose-estimation.pytorch.",
    layouts={"json": {"layout": "json"}, "mat": {"layout": "mat"}},
)  # fmt: skip
MAT_NAME = "mpii_human_pose_v1_u12_1.mat"
TEST_SHARE = 117  # of 1,000: 2,958 of 25,204 people
_BOX_PER_SCALE = 250  # px of a crop's side: 1.25 · 200
_JSON_NAMES = {"train": ("train.json",), "test": ("valid.json", "val.json")}


def _numbers_as_arrays(person):
    """A person of the JSON with lists as arrays, a tenth of the memory; what is no numbers stays as it is."""
    for key in ("joints", "joints_vis", "center"):
        with suppress(KeyError, TypeError, ValueError):
            person[key] = np.asarray(person[key], np.float64)
    return person


class Mpii(Records):
    """Option `layout`: "json", "mat", or None: JSON where it is there, else the .mat.

    Beside valid.json alone the .mat trains.
    """

    info = INFO
    skeleton = MPII16

    def load(self, layout: str | None = None) -> None:
        """Read the labels as arrays (N people): joints, occluded, center, scale, head_size, image."""
        folder = self.folder("mpii")
        if layout is None:
            splits = ("train", "test") if self.split == "test" else ("train",)
            has_json = any(self._json_path(folder, split).is_file() for split in splits)
            layout = "json" if has_json or not (folder / MAT_NAME).exists() else "mat"
        require_one_of("mpii: layout", layout, ("json", "mat"))
        if layout == "json":
            self._labels = self._load_json(folder)
        else:
            self._labels = read_mat(self, folder / MAT_NAME, self._json_path(folder, "test"))
        images = self._labels["image"]
        for name in set(images):
            safe_relative(name, self.label_files[0])
        centers, scales = self._labels["center"], self._labels["scale"]
        box_given = np.isfinite(centers).all(1) & has_crop(_BOX_PER_SCALE * scales)
        rows = self.keep_labelled(np.arange(len(images)), self._labels["joints"], box_given)
        self._rows = self.keep_present(rows, Listing(folder / "images"), [images[row] for row in rows])

    @staticmethod
    def _json_path(folder, split):
        paths = [folder / "annot" / name for name in _JSON_NAMES[split]]
        return next((path for path in paths if path.is_file()), paths[0])

    def _load_json(self, folder):
        path = self.label_file(self._json_path(folder, self.split))
        people = read_json(path, _numbers_as_arrays, advice=AGAIN)
        if not isinstance(people, list):
            raise StudyError(f"{path}: is not a list of people; this is not MPII's {path.name}")
        joints = column(people, "joints", (16, 2), path)
        annotated = column(people, "joints_vis", (16,), path) > 0
        annotated &= ~((joints == -1).all(-1) | (joints == 0).all(-1)) & np.isfinite(joints).all(-1)
        joints = np.where(annotated[..., None], joints - 1, np.nan)
        center = column(people, "center", (2,), path)
        return {
            "image": text_column(people, "image", path),
            "joints": joints,
            "occluded": np.full(annotated.shape, UNKNOWN, np.int8),
            "center": np.where((center == -1).all(-1, keepdims=True), np.nan, center - 1),
            "scale": column(people, "scale", (), path),
            "head_size": np.array([head_size_of(pose, MPII16) for pose in joints]),
        }

    def record(self, row: int) -> Record:
        """One person."""
        keys = ("image", "joints", "occluded", "center", "scale", "head_size")
        image, joints, occluded, center, scale, head_size = (self._labels[key][row] for key in keys)
        box = center + [0, 15 * scale], 200 * (1.25 * scale)
        if not (has_crop(box[1]) and np.isfinite(box[0]).all()):  # a few derivatives lack centre and scale
            box = crop_of(joints)
        path, meta = self.root / "mpii" / "images" / image, self.meta(row, sequence=image)
        return self.make_record(path, joints, meta, box, occluded=occluded, head_size=float(head_size))


def read_mat(records: Records, path: Path, validation_json: Path) -> dict:
    """Read the labels of `records.split`, N people; what is left out is counted there.

    The split is valid.json's (`validation_json`) where that is there. Raises `StudyError` for another file.

    Returns:
        joints (N, 16, 2) px 0-based, occluded (N, 16) int8, center (N, 2) px, scale (N,), head_size (N,) px,
        and image, N names.
    """
    release = load_mat(records.label_file(path), "RELEASE", squeeze_me=True, struct_as_record=True)["RELEASE"]
    if (annolist := _field(release, "annolist")) is None:
        raise StudyError(f"{path}: RELEASE has no annolist; this is not MPII's label file")
    people = [person for entry in np.atleast_1d(annolist) for person in _people(entry)]
    if validation_json.is_file():
        people = _split_by_json(people, records, records.label_file(validation_json))
    else:
        warnings.warn(
            f"{path}: has no validation split and {validation_json} is not there; about 11.7 % of the images,"
            " dealt by a digest of their video, are the test split. It is not the published one",
            stacklevel=6,
        )
        test = [zlib.crc32(person["group"].encode()) % 1000 < TEST_SHARE for person in people]
        wanted = records.split == "test"
        people = [person for person, in_test in zip(people, test, strict=True) if in_test == wanted]
    finished = [person for person in people if person["joints"] is not None]
    records.leave_out("no joints annotated", len(people) - len(finished))
    shapes = {"joints": (16, 2), "occluded": (16,), "center": (2,), "scale": (), "head_size": ()}
    arrays = {
        key: np.array([person[key] for person in finished]).reshape(-1, *shape)
        for key, shape in shapes.items()
    }
    return {**arrays, "image": [person["image"] for person in finished]}


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
    for person in np.atleast_1d(_field(entry, "annorect", np.zeros(0))):
        points = _field(_field(person, "annopoints"), "point")
        joints, occluded = (None, None) if points is None else _joints(np.atleast_1d(points))
        position = _field(person, "objpos")
        box = np.array([_number(person, key) for key in ("x1", "y1", "x2", "y2")])
        yield {
            "image": image, "group": f"video {int(group)}" if group is not None else image,
            "joints": joints, "occluded": occluded, "scale": _number(person, "scale"),
            "center": np.array([_number(position, "x"), _number(position, "y")]) - 1,
            "head_size": 0.6 * np.hypot(box[2] - box[0], box[3] - box[1]),
        }  # fmt: skip


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
