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
- The original `.mat` is read by `mpii_mat`. The JSON is taken where both are there, because only it has the
  validation split.
"""

from contextlib import suppress

import numpy as np

from hpe_study.datasets.arrays import column, text_column
from hpe_study.datasets.base import Listing, Records, head_size_of, safe_relative
from hpe_study.datasets.info import DatasetInfo
from hpe_study.datasets.limits import AGAIN
from hpe_study.datasets.mpii_mat import MAT_NAME, read_mat
from hpe_study.datasets.record import UNKNOWN, Record, crop_of, has_crop
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
            has_json = self._json_path(folder, "train").is_file() or (
                self.split == "test" and self._json_path(folder, "test").is_file()
            )
            layout = "json" if has_json or not (folder / MAT_NAME).exists() else "mat"
        if layout not in ("json", "mat"):
            raise StudyError(f"mpii: layout {layout!r} is not json or mat")
        self._labels = (
            self._load_json(folder)
            if layout == "json"
            else read_mat(self, folder / MAT_NAME, self._json_path(folder, "test"))
        )
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
        labels = self._labels
        joints = labels["joints"][row].copy()
        scale = 1.25 * labels["scale"][row]
        center, side = labels["center"][row] + [0, 15 * labels["scale"][row]], 200 * scale
        if not (has_crop(side) and np.isfinite(center).all()):  # a few derivatives lack centre and scale
            center, side = crop_of(joints)
        image = labels["image"][row]
        known = {"center": center, "side": float(side), "head_size": float(labels["head_size"][row])}
        known["occluded"] = labels["occluded"][row].copy()
        path = self.root / "mpii" / "images" / image
        return self.make_record(path, joints, self.meta(row, sequence=image), **known)
