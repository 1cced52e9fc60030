"""Occlusion-Person: rendered people in rooms, a fifth of their joints hidden by furniture. 3D, 15 joints.

Eight cameras see each room.

Facts relied on (github.com/zhezh/occlusion_person):
- `unrealcv_train.pkl`, `unrealcv_validation.pkl`: a list of dicts. Used: `image` (under `images/`),
  `joints_2d` (15, 2) px, `joints_3d` (15, 3) camera frame, `joints_vis` (15, 1) inside the image,
  `joints_vis_2d` (15, 1) inside and not occluded (nothing more than 30 cm before it), `center` (2,), `scale`
  (2,) = box size / 200 without padding, `camera` (fx, fy, cx, cy, …), `subject`, `action`, `subaction`,
  `image_id`, `camera_id` (whole numbers; `video_id`, a text, is not needed: `image` begins with it).
- A joint outside the image is not labelled in 2D (its 3D is kept); one that is hidden is labelled and
  `occluded`.
- `neck` is at shoulder height, and there is no head joint: upper_neck and head_top stay missing.
- Units are not documented; by all evidence mm. The median thigh decides: 250–600 mm is right, metres and
  centimetres are converted, anything else is refused.
- Crop: 1.25 times the longer side of the box.
"""

import warnings
from pathlib import Path

import numpy as np

from hpe_study.datasets.arrays import column, text_column
from hpe_study.datasets.base import Listing, Records, project, safe_relative
from hpe_study.datasets.limits import AGAIN
from hpe_study.datasets.pickles import load_pickle
from hpe_study.datasets.record import UNKNOWN, DatasetInfo, Record
from hpe_study.errors import StudyError
from hpe_study.skeletons import UNREALCV15

INFO = DatasetInfo(
    name="occlusion_person", title="Occlusion-Person", kind="3d", folders=("occlusion_person",),
    url="https://github.com/zhezh/occlusion_person", licence="none stated",
    citation="Zhang, Wang, Qiu, Qin, Zeng: AdaFuse: Adaptive Multiview Fusion for Accurate Human Pose"
             " Estimation in the Wild. IJCV 2020",
    expected={"train": None, "test": None},
)  # fmt: skip
_FILES = {"train": "unrealcv_train.pkl", "test": "unrealcv_validation.pkl"}
_THIGH = (250.0, 600.0)  # mm
_ASTRAY = 0.25  # of the box: how far a joint's 3D may project from its 2D
_UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
_NUMBERS = ("subject", "action", "subaction", "camera_id", "image_id")


class OcclusionPerson(Records):
    """No options."""

    info = INFO
    skeleton = UNREALCV15

    def load(self) -> None:
        """Read the labels as arrays, one row per entry of the pickle."""
        folder = self.folder("occlusion_person")
        inner = folder / "annot" / _FILES[self.split]  # as the set's page draws the tree
        path = self.label_file(inner if inner.is_file() else folder / _FILES[self.split])
        people = load_pickle(path)
        if not isinstance(people, list):
            raise StudyError(f"{path}: is not a list of records; this is not Occlusion-Person's label file")
        self._images = text_column(people, "image", path)
        for name in set(self._images):
            safe_relative(name, path)
        inside = column(people, "joints_vis", (15, -1), path)[..., 0] > 0
        seen = column(people, "joints_vis_2d", (15, -1), path)[..., 0] > 0
        self._joints2d = np.where(inside[..., None], column(people, "joints_2d", (15, 2), path), np.nan)
        self._occluded = np.where(inside, ~seen, UNKNOWN).astype(np.int8)
        self._joints3d = in_millimetres(column(people, "joints_3d", (15, 3), path), path)
        self._center, self._scale = column(people, "center", (2,), path), column(people, "scale", (2,), path)
        cameras = [person.get("camera") for person in people]
        self._intrinsics = np.stack([column(cameras, key, (), path) for key in ("fx", "fy", "cx", "cy")], -1)
        self._warn_of_projection(inside, path)
        self._numbers = {key: column(people, key, (), path, np.int64) for key in _NUMBERS}
        rows = self.keep(np.arange(len(people)), "no joint inside the image", inside.any(1))
        self._rows = self.keep_present(rows, Listing(folder / "images"), [self._images[row] for row in rows])

    def _warn_of_projection(self, inside, path):
        """A warning where the 3D joints, seen by the record's camera, are not where its 2D joints are."""
        distance = np.linalg.norm(project(self._joints3d, self._intrinsics) - self._joints2d, axis=-1)
        away = distance / (200 * self._scale.max(1))[:, None]
        wrong = ~(np.where(inside, np.nan_to_num(away, nan=np.inf), 0).max(1) <= _ASTRAY)
        if wrong.any():
            where = f"{wrong.sum()} of {len(wrong)} records (first: {self._images[int(wrong.argmax())]})"
            warnings.warn(
                f"{path}: in {where} joints_3d do not project onto joints_2d by the camera given: are they in"
                " the camera's frame?",
                stacklevel=5,
            )

    def record(self, row: int) -> Record:
        """One person."""
        number = {key: int(values[row]) for key, values in self._numbers.items()}
        meta = {"subject": f"s{number['subject']}", "sequence": self._images[row].split("/")[0]}
        meta["action"] = f"a{number['action']}/{number['subaction']}"
        meta = self.meta(row, **meta, camera=number["camera_id"], frame=number["image_id"])
        box = self._center[row], 1.25 * 200 * self._scale[row].max()
        known = {"joints3d": self._joints3d[row], "intrinsics": self._intrinsics[row]}
        image = self.root / "occlusion_person" / "images" / self._images[row]
        return self.make_record(image, self._joints2d[row], meta, box, occluded=self._occluded[row], **known)


def in_millimetres(joints3d: np.ndarray, path: Path) -> np.ndarray:
    """Convert poses (N, 15, 3) in mm, cm or m by the length of their thighs.

    Raises `StudyError` where in no unit the median thigh is 250–600 mm long.
    """
    if len(joints3d) == 0:
        return joints3d
    ends = UNREALCV15.indices("r_hip r_knee l_hip l_knee")
    thighs = np.linalg.norm(joints3d[:, ends[0::2]] - joints3d[:, ends[1::2]], axis=-1)
    length = np.nanmedian(thighs)
    for factor in _UNITS.values():
        if _THIGH[0] <= length * factor <= _THIGH[1]:
            return joints3d * factor
    thigh = f"the median thigh is {length:.4g} long"
    raise StudyError(f"{path}: {thigh}, which is not a human's in mm, cm or m; {AGAIN}")
