"""Pose2Sim's single-person demo: one man who balances, filmed by four calibrated cameras. 3D, 21 joints.

Facts relied on (the demo's files, and Pose2Sim's documentation):
- `Calib*.toml`: a section for each camera with `size` (width, height), `matrix`, `distortions` (OpenCV's k1,
  k2, p1, p2), `rotation` (a rotation vector) and `translation` (m), world → camera.
- `*.trc`: "filtered" 3D joints in m, one line per moment; 21 joints of OpenPose's BODY_25B, found in all
  videos and triangulated by Pose2Sim itself. Its vertical axis is y: (x, y, z) of the file are (Y, Z, X) of
  the calibration's world.
- Videos `cam01.mp4` … `cam04.mp4`, in which frame i (from 0) is the file's line i.

The 3D is a measurement by several cameras, but not by markers: reprojected, it lies 8–19 px off the joints
that OpenPose sees, of a person of 700–760 px. joints2d is the projection of the 3D with the lens's
distortion, so it fits the picture; `intrinsics` leave the distortion out, which is less than 0.1 px. The
man's face is blurred. The calibration's `size` is 1088 px wide, the videos' frames 1080: the video codec pads
at the right, which moves no joint.

Where the data root has no folder `pose2sim`, the reader takes the copy that comes with this package: all
frames of the four videos made smaller, with the calibration of the smaller pictures (`SCALE`), and the same
3D.
"""

import tomllib
from pathlib import Path

import cv2
import numpy as np

from hpe_study.datasets.arrays import every_nth, expect_shape, integers
from hpe_study.datasets.base import Records
from hpe_study.datasets.limits import AGAIN
from hpe_study.datasets.record import DatasetInfo, Record
from hpe_study.errors import StudyError, brief
from hpe_study.skeletons import BODY25B

INFO = DatasetInfo(
    name="pose2sim", title="Pose2Sim's single-person demo", kind="3d", folders=("pose2sim",),
    url="https://github.com/perfanalytics/pose2sim", licence="BSD-3-Clause",
    citation="Pagnon, Domalain, Reveret: Pose2Sim: An Open-Source Python Package for Multiview Markerless"
             " Kinematics. JOSS 2022",
    expected={"train": 0, "test": 400},
    hint="It is the folder Demo_SinglePerson; a smaller copy comes with this package.",
    layouts={"": {"packaged": False}}, stand_in=None,
)  # fmt: skip
SCALE = 0.25  # px of the packaged copy for a px of the original
PACKAGED = Path(__file__).parent / "packaged"  # a data root with a smaller copy
_LEG, _ARM = ("Hip", "Knee", "Ankle", "BigToe", "SmallToe", "Heel"), ("Shoulder", "Elbow", "Wrist")
MARKERS = (  # in the order of BODY25B
    *(f"{side}{joint}" for side in "RL" for joint in _LEG),
    *("Neck", "Head", "Nose"),
    *(f"{side}{joint}" for side in "RL" for joint in _ARM),
)
_TO_WORLD = [2, 0, 1]  # (X, Y, Z) of the calibration's world are these columns of the file
_LARGEST = 50_000_000  # bytes of a label file
_HEADER = 5  # lines of a .trc before its numbers: the names are in the fourth


class Pose2Sim(Records):
    """The four cameras' frames, all of them test data.

    Options: `every`, only every n-th moment; `packaged: false`, never the copy that comes with the package.
    """

    info = INFO
    skeleton = BODY25B

    def load(self, every: int = 1, packaged: bool = True) -> None:
        """Read cameras and joints; rows are (camera, moment)."""
        if packaged and not (self.root / "pose2sim").exists():
            self.root = PACKAGED
        folder = self.folder("pose2sim")
        self._cameras = read_cameras(self.label_file(self._only(folder, "Calib*.toml")))
        path = self.label_file(self._only(folder, "*.trc"))
        self._moments, self._world = read_trc(path)
        self._videos = self._find_videos(folder)
        moments = every_nth(len(self._moments), every) if self.split == "test" else []
        self.set_places([(camera, moment) for camera in range(len(self._cameras)) for moment in moments])

    def _only(self, folder, pattern):
        """The one file of that pattern in a folder or below it; of several the filtered one."""
        found = [path for path in sorted(folder.rglob(pattern)) if not path.name.startswith(".")]
        if len(found) > 1:
            found = [path for path in found if path.stem.endswith("filt_butterworth")] or found
        if not found:
            raise self.missing(folder / pattern)
        if len(found) > 1:
            raise StudyError(f"{folder}: has {len(found)} files {pattern}; leave one there")
        return found[0]

    def _find_videos(self, folder):
        """The video of each camera: their names' digits agree."""
        videos = [path for ending in ("mp4", "avi", "webm") for path in sorted(folder.rglob(f"*.{ending}"))]
        by_number = {_digits(path.stem): path for path in videos}
        if absent := ", ".join(name for name in self._cameras if _digits(name) not in by_number):
            raise StudyError(f"{folder}: has no video of {absent}; {self.info.how_to_get(self.root)}")
        return [by_number[_digits(name)] for name in self._cameras]

    def record(self, row: int) -> Record:
        """The person in one frame of one camera."""
        number, moment = self._places[row]
        name, camera = list(self._cameras.items())[number]
        rotation, _ = cv2.Rodrigues(camera["rotation"])
        joints3d = 1000 * (self._world[moment] @ rotation.T + camera["translation"])
        seen = np.where(np.isfinite(joints3d).all(-1, keepdims=True), joints3d, 1.0)
        lens = camera["matrix"], camera["distortions"]
        joints2d, _ = cv2.projectPoints(seen, np.zeros(3), np.zeros(3), *lens)
        joints2d = np.where(np.isfinite(joints3d).all(-1, keepdims=True), joints2d[:, 0], np.nan)
        frame = int(self._moments[moment])
        meta = self.meta(row, subject="one man", sequence="balancing", camera=name, frame=frame, person=0)
        intrinsics, image = camera["matrix"][[0, 1, 0, 1], [0, 1, 2, 2]], self._videos[number] / str(frame)
        return self.make_record(image, joints2d, meta, joints3d=joints3d, intrinsics=intrinsics)


def _digits(name):
    return int("".join(filter(str.isdigit, name)) or -1)


def read_cameras(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Read a calibration as Pose2Sim writes it; `StudyError` for another file.

    Returns:
        Camera's name → size (2,) px, matrix (3, 3), distortions (4,), rotation (3,), translation (3,) m.
    """
    shapes = {"size": (2,), "matrix": (3, 3), "distortions": (4,), "rotation": (3,), "translation": (3,)}
    try:
        sections = tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{path}: is no TOML file ({brief(error)}); {AGAIN}") from error
    cameras = {}
    for name, section in sections.items():
        if isinstance(section, dict) and "matrix" in section:
            if lacking := sorted(set(shapes) - set(section)):
                raise StudyError(f"{path}: {name} has no {', '.join(lacking)}; {AGAIN}")
            if section.get("fisheye"):
                raise StudyError(f"{path}: {name} is a fish-eye camera, which this reader does not know")
            cameras[name] = {
                key: np.array(expect_shape(section[key], shape, path, f"{name}.{key}"), np.float64)
                for key, shape in shapes.items()
            }
    if not cameras:
        raise StudyError(f"{path}: names no camera; this is not a calibration of Pose2Sim")
    return cameras


def read_trc(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the 3D joints of a `.trc` file of Pose2Sim; `StudyError` for another, or other joints or units.

    Returns:
        Frames of the videos (F,), from 0; joints (F, 21, 3) in m, in the calibration's world and in the order
        of BODY25B.
    """
    lines = _text(path).splitlines()
    head = dict(zip(*(line.split("\t") for line in lines[1:3]), strict=False)) if len(lines) > _HEADER else {}
    if head.get("Units") not in ("m", "mm"):
        raise StudyError(f"{path}: is not a .trc file in m or mm; {AGAIN}")
    names = [name for name in lines[3].split("\t")[2:] if name]
    if lacking := sorted(set(MARKERS) - set(names)):
        raise StudyError(f"{path}: has no {', '.join(lacking)}; its joints must be those of BODY_25B")
    width = 2 + 3 * len(names)
    try:
        numbers = (line.split("\t")[:width] for line in lines[_HEADER:] if line)
        rows = [[float(text or "nan") for text in row] for row in numbers]
    except ValueError as error:
        raise StudyError(f"{path}: holds what is no number ({brief(error)}); {AGAIN}") from error
    if not rows or any(len(row) != width for row in rows):
        raise StudyError(f"{path}: has lines of other lengths than 2 + 3 × {len(names)} numbers; {AGAIN}")
    table = np.array(rows)
    joints = table[:, 2:].reshape(len(table), len(names), 3)[:, [names.index(name) for name in MARKERS]]
    joints = joints[..., _TO_WORLD] * (1.0 if head["Units"] == "m" else 0.001)
    return integers(table[:, 0], path, "Frame#") - 1, joints


def _text(path):
    if path.stat().st_size > _LARGEST:
        raise StudyError(f"{path}: is too large for a label file of Pose2Sim; {AGAIN}")
    return path.read_text(encoding="utf-8", errors="replace")
