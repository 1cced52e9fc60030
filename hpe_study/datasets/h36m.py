"""Human3.6M: one laboratory, four cameras, one person per image. 3D, 17 joints. Two layouts, two benchmarks.

`layout: challenge` (the default) is the subset of the ECCV 2018 challenge, as the study uses it:
- `ECCV18_Challenge/{Train,Val}/IMG/%05d.jpg` and `POSE/%05d.csv`, 1-based; a CSV is 17 lines of x, y, z in
  mm, camera frame, relative to the root. The challenge itself has no 2D joints, no intrinsics and no word on
  who acts.
- `msra_cache/HM36_eccv_challenge_{Train,Val}_cache/*_keypoint_jnt_bbox_db.pkl` (Sun et al.,
  JimmySuen/integral-human-pose): a list of dicts; used here: `image`, `joints_3d` (18, 3) = u, v px and depth
  px, `joints_3d_vis`, `joints_3d_relative` (18, 3) mm, `center_x`, `center_y`, `width`, `height` (padded by
  1.25, aspect 288:384). Joint 17, the middle of the shoulders, is left to the recipes. The 2D is a similarity
  fit of the 3D pose to a detector's output: a label, not a measurement.
- `image` is a path on its maker's disk; only its file name counts, and it decides which image and CSV a
  record belongs to, whatever the order of the list. A sample of the 3D poses is compared with the CSV files
  where these are there.

`layout: full` is the whole set as `h36m-fetch` (anibali/h36m-fetch) lays it out:
- `S1/Directions-1/annot.h5` with `pose/2d` (F, 32, 2) px, `pose/3d` (F, 32, 3) mm in the camera frame,
  `frame` (1-based), `camera` (serial number) (F,), and `intrinsics/<camera>` = [fx, cx, fy, cy] fitted from
  the poses; all cameras of a sequence one after the other. Images
  `S1/Directions-1/imageSequence/<camera>/img_%06d.jpg`.
- 17 of the 32 joints are the common set; a file that holds just 17 is taken in their order. S1, 5, 6, 7, 8
  train; S9, 11 test.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np

from hpe_study.datasets.arrays import column, evenly_spaced, every_nth, expect_shape, integers, text_column
from hpe_study.datasets.base import Listing, MissingSetError, Records, require_one_of
from hpe_study.datasets.hdf5 import read_hdf5
from hpe_study.datasets.limits import OTHER
from hpe_study.datasets.pickles import load_pickle
from hpe_study.datasets.record import DatasetInfo, Record, has_crop
from hpe_study.errors import StudyError
from hpe_study.skeletons import H36M17
from hpe_study.utils.files import require_regular_file

INFO = DatasetInfo(
    name="h36m", title="Human3.6M", kind="3d", folders=("h36m",),
    url="http://vision.imar.ro/human3.6m/challenge_open.php",
    licence="academic use, registration, no redistribution",
    citation="Ionescu, Papava, Olaru, Sminchisescu: Human3.6M: Large Scale Datasets and Predictive Methods"
             " for 3D Human Sensing in Natural Environments. TPAMI 2014; Catalin Ionescu, Fuxin Li, Cristian"
             " Sminchisescu: Latent Structured Models for Human Pose Estimation. ICCV 2011",
    expected={"train": 35832, "test": 19312},
    hint="The challenge's label caches (msra_cache) come with github.com/JimmySuen/integral-human-pose; the"
         " full set is laid out by github.com/anibali/h36m-fetch.",
    layouts={"challenge": {"layout": "challenge"}, "full": {"layout": "full"}},
)  # fmt: skip
CHALLENGE_FOLDERS = {"train": "Train", "test": "Val"}
FULL_SUBJECTS = {"train": (1, 5, 6, 7, 8), "test": (9, 11)}
# of the 32 joints, in H36M17's order
COMMON_17 = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
_SEQUENCES = 30  # of a subject: 15 actions, twice
_LARGEST_CSV = 100_000  # bytes
_COMPARED = 16  # poses compared with their CSV files


def open_h36m(
    root: str | Path, split: str, strict: bool | str = False, layout: str = "challenge", **options: Any
) -> Records:
    """Open the chosen layout: "challenge" or "full". Both take `every`: only every n-th label row."""
    readers = {"challenge": H36MChallenge, "full": H36MFull}
    require_one_of("h36m: layout", layout, readers)
    return readers[layout](root, split, strict, **options)


class H36MChallenge(Records):
    """The challenge's images with the labels of the cache."""

    info = INFO
    skeleton = H36M17

    def load(self, every: int = 1) -> None:
        """Read the labels as arrays, one row per cache entry."""
        part = CHALLENGE_FOLDERS[self.split]
        challenge = self.root / "h36m" / "ECCV18_Challenge" / part
        cache = self.root / "h36m" / "msra_cache" / f"HM36_eccv_challenge_{part}_cache"
        self.folder("h36m")
        if not challenge.is_dir() and any((self.root / "h36m").glob("S*/*/annot.h5")):
            advice = "set `layout: full` to use it (another benchmark: S9/S11)"
            raise MissingSetError(f"{challenge}: not there, but full Human3.6M is; {advice}")
        usual = cache / f"HM36_eccv_challenge_{part}_w288xh384_keypoint_jnt_bbox_db.pkl"
        caches = sorted(cache.glob(f"HM36_eccv_challenge_{part}*_keypoint_jnt_bbox_db.pkl"))
        path = self.label_file(usual if usual in caches or not caches else caches[0])
        rows = load_pickle(path)
        if not isinstance(rows, list):
            raise StudyError(f"{path}: is not a list of records; this is not the label cache")
        self._images = [self._image_name(name, path, part) for name in text_column(rows, "image", path)]
        if len(set(self._images)) != len(self._images):
            raise StudyError(f"{path}: names an image twice; every record must have its own")
        self._joints2d = column(rows, "joints_3d", (18, 3), path)[:, :17, :2]
        self._joints2d[column(rows, "joints_3d_vis", (18, -1), path)[:, :17, 0] <= 0] = np.nan
        self._joints3d = column(rows, "joints_3d_relative", (18, 3), path)[:, :17]
        sides = ("center_x", "center_y", "width", "height")
        self._boxes = np.stack([column(rows, key, (), path) for key in sides], -1)
        self._folder = challenge
        self._compare_with_csv(path)
        kept = every_nth(len(rows), every)
        kept = self.keep_labelled(kept, self._joints2d[kept], has_crop(self._boxes[kept, 2:].max(1)))
        self._rows = self.keep_present(kept, Listing(challenge / "IMG"), [self._images[row] for row in kept])

    @staticmethod
    def _image_name(text, path, part):
        *folders, name = re.split(r"[/\\]", text)
        if part not in folders and set(folders) & set(CHALLENGE_FOLDERS.values()):
            cache = "this is the label cache of the other split"
            raise StudyError(f"{path}: {text[-80:]!r} is not of {part}; {cache}")
        if not re.fullmatch(r"\d+\.\w+", name):
            raise StudyError(f"{path}: {text[-80:]!r} does not end in a numbered image; {OTHER}")
        return name

    def _compare_with_csv(self, path):
        if not self._images:
            return
        folder = self._folder / "POSE"
        there = Listing(folder).names()
        for row in evenly_spaced(len(self._images), _COMPARED):
            image = self._images[row]
            pose = folder / f"{image.split('.')[0]}.csv"
            if pose.name in there and not np.allclose(self._joints3d[row], read_pose(pose), atol=1.0):
                raise StudyError(f"{path}: the pose of {image} is not that of {pose}; they do not fit")

    def record(self, row: int) -> Record:
        """One image's person."""
        box = self._boxes[row, :2], self._boxes[row, 2:].max()
        image, meta = self._images[row], self.meta(row, frame=int(self._images[row].split(".")[0]))
        joints2d, joints3d = self._joints2d[row], self._joints3d[row]
        return self.make_record(self._folder / "IMG" / image, joints2d, meta, box, joints3d=joints3d)


def read_pose(path: str | Path) -> np.ndarray:
    """(17, 3) mm of a challenge CSV. Raises `StudyError` where it is not that."""
    path = require_regular_file(path)
    if path.stat().st_size > _LARGEST_CSV:
        raise StudyError(f"{path}: not 17 lines of x, y, z, but far more")
    try:
        pose = np.loadtxt(path, delimiter=",", ndmin=2)
    except ValueError as error:
        raise StudyError(f"{path}: not 17 lines of x, y, z ({error})") from error
    return expect_shape(pose, (17, 3), path, "the pose")


class H36MFull(Records):
    """The whole set, sequence by sequence."""

    info = INFO
    skeleton = H36M17

    def load(self, every: int = 1) -> None:
        """Read all sequences as arrays, one row per frame of a camera (float32: 7e-5 px, 5e-4 mm)."""
        folder = self.folder("h36m")
        self._sequences = []  # (subject, name); rows hold their number
        for subject in FULL_SUBJECTS[self.split]:
            files = sorted((folder / f"S{subject}").glob("*/annot.h5"))
            if files:
                self.note_missing_parts(folder / f"S{subject}", len(files), _SEQUENCES, "sequences")
            else:
                self.note_missing(folder / f"S{subject}")
            self._sequences += [(f"S{subject}", path.parent.name) for path in files]
        if not self._sequences:
            first = f"S{FULL_SUBJECTS[self.split][0]}"
            raise self.missing(folder / first / "Directions-1" / "annot.h5")
        files = [folder / subject / name / "annot.h5" for subject, name in self._sequences]
        parts = [self._read(number, path) for number, path in enumerate(files)]
        # never held twice
        self._labels = {key: np.concatenate([part.pop(key) for part in parts]) for key in list(parts[0])}
        rows = every_nth(len(self._labels["frame"]), every)
        rows = self.keep_labelled(rows, self._labels["joints2d"][rows])
        self._rows = self.keep_present(rows, Listing(folder), [self._image(row) for row in rows])

    def _read(self, sequence, path):
        """The arrays of one sequence's file."""
        names = ("pose/2d", "pose/3d", "frame", "camera", "intrinsics")
        joints2d, joints3d, frame, camera, intrinsics = read_hdf5(self.label_file(path), *names).values()
        intrinsics = {int(key): expect_shape(value, (4,), path, key) for key, value in intrinsics.items()}
        frame, camera = integers(frame, path, "frame"), integers(camera, path, "camera")
        if absent := sorted(set(camera.tolist()) - set(intrinsics)):
            raise StudyError(f"{path}: has frames but no intrinsics of camera {absent}")
        joints = 32 if joints2d.ndim == 3 and joints2d.shape[1] == 32 else 17
        common = COMMON_17 if joints == 32 else slice(None)
        count = len(expect_shape(camera, (len(frame),), path, "camera"))
        joints2d = expect_shape(joints2d, (count, joints, 2), path, "pose/2d")
        joints3d = expect_shape(joints3d, (count, joints, 3), path, "pose/3d")
        intrinsics = np.array([intrinsics[number] for number in camera.tolist()]).reshape(count, 4)
        return {
            "joints2d": joints2d[:, common].astype(np.float32),
            "joints3d": joints3d[:, common].astype(np.float32), "frame": frame, "camera": camera,
            "intrinsics": intrinsics[:, [0, 2, 1, 3]], "sequence": np.full(count, sequence, np.int16),
        }  # fmt: skip

    def _image(self, row):
        sequence, camera, frame = (self._labels[key][row] for key in ("sequence", "camera", "frame"))
        subject, name = self._sequences[sequence]
        return f"{subject}/{name}/imageSequence/{camera}/img_{frame:06d}.jpg"

    def record(self, row: int) -> Record:
        """One frame of one camera."""
        labels = {key: values[row] for key, values in self._labels.items()}
        subject, sequence = self._sequences[labels["sequence"]]
        meta = {"sequence": f"{subject}/{sequence}", "action": sequence.split("-")[0]}
        meta |= {"camera": str(labels["camera"]), "frame": int(labels["frame"])}
        known = {key: labels[key].astype(float) for key in ("joints3d", "intrinsics")}
        image, meta = self.root / "h36m" / self._image(row), self.meta(row, subject=subject, **meta)
        return self.make_record(image, labels["joints2d"].astype(float), meta, **known)
