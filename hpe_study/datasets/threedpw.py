"""3DPW: people outdoors, filmed by a hand-held camera, often two in a picture. 3D, SMPL's 24 joints.

Facts relied on (the set's page and its read-me):
- `sequenceFiles/{train,validation,test}/*.pkl` (Python 2): of N frames and P people, `jointPositions` P × (N,
  72) m in the **world**, `cam_poses` (N, 4, 4) world → camera (m), `campose_valid` P × (N,), `cam_intrinsics`
  (3, 3), `poses2d` P × (N, 3, 18) (`poses2D` in some copies): x, y, confidence of OpenPose's 18 joints. 24 /
  12 / 24 sequences; the study trains on train and reports on test.
- Images `imageFiles/<sequence>/image_%05d.jpg`, 0-based: row j is image j. All people of a frame are records
of their own.
- Left out: a person whose OpenPose joints are all zero in a frame (not in the picture), or who stands right
  before the lens, and frames with `campose_valid` 0.

The record's skeleton is SMPL-24, in 2D and in 3D alike: joints3d = R · world + t in mm, and joints2d is its
projection by `cam_intrinsics`. OpenPose's own 2D is a detector's guess of other joints than SMPL's; mixing
the two would pair a depth with another place, so it serves for the all-zero test only. A joint behind the
camera has no 2D. SMPL's pelvis lies above the middle of the hips, so MPII's pelvis is made from the hips;
there is no head top.
"""

import numpy as np

from hpe_study.datasets.arrays import every_nth, expect_shape
from hpe_study.datasets.base import Listing, Records, project, safe_relative
from hpe_study.datasets.limits import AGAIN
from hpe_study.datasets.pickles import load_pickle
from hpe_study.datasets.record import LARGEST, DatasetInfo, Record, crop_extent, has_crop
from hpe_study.errors import StudyError
from hpe_study.skeletons import SMPL24

INFO = DatasetInfo(
    name="3dpw", title="3D Poses in the Wild", kind="3d", folders=("3dpw",),
    url="https://virtualhumans.mpi-inf.mpg.de/3DPW", licence="non-commercial",
    citation="von Marcard, Henschel, Black, Rosenhahn, Pons-Moll: Recovering Accurate 3D Human Pose in The"
             " Wild Using IMUs and a Moving Camera. ECCV 2018",
    expected={"train": None, "test": None},
)  # fmt: skip
# times the picture, whose size is only guessed: a hand in front of the lens gives a box without a person
_LARGEST = 0.8 * LARGEST
_SEQUENCES = {"train": 24, "test": 24}
_KEYS = ("jointPositions", "cam_poses", "campose_valid", "cam_intrinsics")


def in_view(world: np.ndarray, cam_poses: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """(F,) the frames in which a person's joints lie before the camera, in a box of at most four pictures.

    The picture is taken to be twice as large as its principal point is far from its corner. Joints (F, 24, 3)
    and camera poses (F, 4, 4), world → camera, are in m; joints behind the camera do not count. Intrinsics
    are fx, fy, cx, cy in px.
    """
    camera = world @ cam_poses[:, :3, :3].transpose(0, 2, 1) + cam_poses[:, None, :3, 3]
    extent, size = crop_extent(project(camera, intrinsics)), 2 * intrinsics[2:].max()
    return has_crop(extent) & ((1.25 * extent <= _LARGEST * size) | (size <= 0))


class ThreeDPW(Records):
    """Option `every`: only every n-th frame of a sequence."""

    info = INFO
    skeleton = SMPL24

    def load(self, every: int = 1) -> None:
        """Read all sequences: world joints (m), cameras, and one row (sequence, person, frame) per record."""
        every_nth(0, every)
        folder = self.folder("3dpw")
        labels = self.folder("3dpw", "sequenceFiles", self.split)
        # macOS leaves ._x.pkl beside x.pkl
        files = sorted(path for path in labels.glob("*.pkl") if not path.name.startswith("."))
        if not files:
            raise self.missing(labels / "*.pkl")
        self.note_missing_parts(labels, len(files), _SEQUENCES[self.split], "sequences")
        self._sequences = [self._read(self.label_file(path)) for path in files]
        names = [sequence["name"] for sequence in self._sequences]
        for path, name in zip(files, names, strict=True):
            if (count := names.count(name)) > 1:
                raise StudyError(f"{path}: is one of {count} files of the sequence {name!r}; leave one there")
        places = []
        for number, sequence in enumerate(self._sequences):
            frames = every_nth(len(sequence["cam_poses"]), every)
            for person in range(len(sequence["joints"])):
                kept = self.keep(frames, "camera pose not valid", sequence["valid"][person][frames])
                kept = self.keep(kept, "person not in the picture", sequence["seen"][person][kept])
                places += [(number, person, frame) for frame in kept]
        self.set_places(places)
        paths = [self._image(row) for row in self._rows]
        self._rows = self.keep_present(self._rows, Listing(folder / "imageFiles"), paths)

    @staticmethod
    def _read(path):
        """One sequence's arrays, in float64."""
        data = load_pickle(path)
        data = data if isinstance(data, dict) else {}
        poses2d_key = "poses2D" if "poses2D" in data and "poses2d" not in data else "poses2d"
        if absent := [key for key in (*_KEYS, poses2d_key) if key not in data]:
            raise StudyError(f"{path}: has no {', '.join(absent)}; this is not a sequence file of 3DPW")
        cam_poses = expect_shape(data["cam_poses"], (None, 4, 4), path, "cam_poses").astype(float)
        count = len(cam_poses)
        people = range(len(data["jointPositions"]))
        if any(len(data[key]) != len(people) for key in ("campose_valid", poses2d_key)):
            keys = f"jointPositions, campose_valid and {poses2d_key}"
            raise StudyError(f"{path}: {keys} are not of the same people; {AGAIN}")

        def each(key, *shape):
            return [
                expect_shape(data[key][person], (count, *shape), path, f"{key}[{person}]").astype(float)
                for person in people
            ]

        if not isinstance(name := data.get("sequence", path.stem), str):
            raise StudyError(f"{path}: sequence is not a text; {AGAIN}")
        joints = [values.reshape(count, 24, 3) for values in each("jointPositions", 72)]
        intrinsics = expect_shape(data["cam_intrinsics"], (3, 3), path, "cam_intrinsics").astype(float)
        intrinsics = intrinsics[[0, 1, 0, 1], [0, 1, 2, 2]]
        detected = [(values != 0).any((1, 2)) for values in each(poses2d_key, 3, 18)]
        seen = [
            there & in_view(person, cam_poses, intrinsics)
            for there, person in zip(detected, joints, strict=True)
        ]
        return {
            "name": str(safe_relative(name, path)), "joints": joints, "seen": seen, "cam_poses": cam_poses,
            "valid": [values > 0 for values in each("campose_valid")], "intrinsics": intrinsics,
        }  # fmt: skip

    def _image(self, row):
        number, _, frame = self._places[row]
        return f"{self._sequences[number]['name']}/image_{frame:05d}.jpg"

    def record(self, row: int) -> Record:
        """One person of one frame."""
        number, person, frame = self._places[row]
        sequence = self._sequences[number]
        camera = sequence["cam_poses"][frame]
        joints3d = 1000 * (sequence["joints"][person][frame] @ camera[:3, :3].T + camera[:3, 3])
        joints2d = project(joints3d, intrinsics := sequence["intrinsics"])
        name, image = sequence["name"], self.root / "3dpw" / "imageFiles" / self._image(row)
        meta = self.meta(row, subject=f"{name}/{person}", sequence=name, frame=int(frame), person=int(person))
        return self.make_record(image, joints2d, meta, joints3d=joints3d, intrinsics=intrinsics)
