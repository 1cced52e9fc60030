"""MPI-INF-3DHP: a green-screen studio with 14 cameras to train on, six test scenes. 3D, 28 and 17 joints.

Two of the test scenes are outdoors.

Facts relied on (the set's read-me and files; the reprojection is measured):
- Train: `S{1..8}/Seq{1,2}/annot.mat` (version 5): `annot2`, `annot3`, `univ_annot3`, cells (14, 1) of (F,
  56), (F, 84), (F, 84), rows x1, y1[, z1], x2, …, in px and mm; `cameras`, `frames` 0-based. `annot3` is in
  each camera's own frame and reprojects onto `annot2` (< 0.02 px; hips and spine 1–2 px). `univ_annot3` is
  `annot3` scaled about the pelvis to one height: it does not reproject.
- Frames are extracted from `imageSequence/video_{k}.avi` as `imageSequence/video_{k}/frame_%06d.jpg` (or into
  `imageFrames/video_{k}`), **1-based**: frame number f of `frames` is file f + 1; where there is a file 0
  they were counted from 0, and it is file f. They are matched by number (of whatever padding, JPEG or PNG);
  one that is absent is left out and counted. S6/Seq2/video_2 ends after 3,911 frames in the original; its
  later labels have no picture anywhere.
- `camera.calibration`: a header line, then per camera 7 lines: name, sensor, size, animated, intrinsic (16),
  extrinsic (16), radial.
- Camera sets: vnect [0, 1, 2, 4, 5, 6, 7, 8] (the usual training set), chest height [0, 2, 4, 7, 8], ceiling
  [11, 12, 13].
- Test: `mpi_inf_3dhp_test_set/TS{1..6}/annot_data.mat` (version 7.3), (F, 1, 17, 2 | 3): `annot2`, `annot3`,
  `univ_annot3`, `valid_frame`, `activity_annotation`. Images `imageSequence/img_%06d.jpg`, 1-based. Only
  valid frames count: 2,929 of 24,888. TS5–6 are 16:9.
- The official protocol scores against `univ_annot3`. A record carries both: `annot3` in joints3d,
  `univ_annot3` in joints3d_universal.
- The test files have no camera: intrinsics are fitted to annot2 and annot3 of the valid frames, and given
  where they reproject within 2 px (median).
- MPII's thorax is the middle of the shoulders, never `spine` or `neck`; its upper_neck lies between neck and
  head.
- Crop: 1.25 times the longer extent of the joints.
"""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from hpe_study.datasets.arrays import every_nth, expect_shape, integers
from hpe_study.datasets.base import IMAGE_ABSENT, MAX_EXAMPLES, Records, label_errors, require_one_of
from hpe_study.datasets.hdf5 import read_hdf5
from hpe_study.datasets.limits import AGAIN
from hpe_study.datasets.matfiles import load_mat
from hpe_study.datasets.mpi_inf_3dhp_video import VideoFrames, fit_intrinsics, frame_folder, read_calibration
from hpe_study.datasets.record import DatasetInfo, Record
from hpe_study.errors import StudyError
from hpe_study.skeletons import MPI_INF_3DHP17, MPI_INF_3DHP28
from hpe_study.utils.pictures import picture_size

INFO = DatasetInfo(
    name="mpi_inf_3dhp", title="MPI-INF-3DHP", kind="3d", folders=("mpi_inf_3dhp",),
    url="https://gvv.mpi-inf.mpg.de/3dhp-dataset", licence="non-commercial, no redistribution",
    citation="Mehta, Rhodin, Casas, Fua, Sotnychenko, Xu, Theobalt: Monocular 3D Human Pose Estimation In The"
             " Wild Using Improved CNN Supervision. 3DV 2017",
    expected={"train": 8 * 131592, "test": 2929},  # eight cameras, 16 sequences
    hint="Frames have to be extracted: ffmpeg -i imageSequence/video_0.avi -qscale:v 3"
         " imageSequence/video_0/frame_%06d.jpg, and so on.",
)  # fmt: skip
CAMERA_SETS = {"vnect": [0, 1, 2, 4, 5, 6, 7, 8], "chest": [0, 2, 4, 7, 8], "ceiling": [11, 12, 13]}
SEQUENCES = [f"S{subject}/Seq{number}" for subject in range(1, 9) for number in (1, 2)]
TEST_SEQUENCES = [f"TS{number}" for number in range(1, 7)]
# (sequence, camera) → frames of the original video, fewer than it has labels
SHORT_VIDEOS = {("S6/Seq2", 2): 3911}
TRUTHS = ("univ", "annot3")
FRAMES = ("valid", "inside")
_ARRAYS = {"annot2": 2, "annot3": 3, "univ_annot3": 3}  # name → axes
_HELD = 2  # sequences whose label arrays are kept in memory; a store reads them one after another
_NO_CAMERA = {"intrinsics": np.full(4, np.nan), "size": None}


def open_mpi_inf_3dhp(root: str | Path, split: str, strict: bool | str = False, **options: Any) -> Records:
    """Open the reader of the split, with its options: see `TrainingSet` and `TestSet`.

    `truth` ("univ" or "annot3") names the 3D truth that a protocol scores against; a record carries both.
    """
    if split == "test":
        options.pop("cameras", None)  # the camera set is a choice of training frames
        return TestSet(root, split, strict, **options)
    options.pop("frames", None)  # which frames count is a choice of the test's
    return TrainingSet(root, split, strict, **options)


class _Sequences(Records):
    """What both splits share: labels by sequence, read when asked for.

    Each record has one row (sequence, camera, label row, image number).
    """

    info = INFO
    label_name: str  # of a sequence's label file

    def _open(self, folder, names, truth, every):
        """Check the common options; yields number, name and label file of the sequences that are there."""
        require_one_of("mpi_inf_3dhp: truth", truth, TRUTHS)
        every_nth(0, every)
        self._folder, self._names, self.truth = folder, names, truth
        self._held, self._frames = {}, {}
        for number, name in enumerate(names):
            if self._path(name).exists():
                yield number, name, self._path(name)
            else:
                self.note_missing(folder / name)

    def _path(self, name):
        return self._folder / name / self.label_name

    def _labels(self, name):
        """A sequence's label arrays (of `_read`); the last few are kept."""
        if name not in self._held:
            while len(self._held) >= _HELD:
                del self._held[next(iter(self._held))]
            path = self._path(name)
            with label_errors([path]):
                self._held[name] = self._read(path, name)
        return self._held[name]

    def _set_rows(self, places):
        """Set the rows.

        places: (sequence, camera, label rows, image numbers, `VideoFrames`) of each video; arrays with one
        entry per record.
        """
        if not places:
            raise self.missing(self._path(self._names[0]))
        kept = []
        for sequence, camera, rows, numbers, frames in places:
            self._frames[sequence, camera] = frames
            present = np.isin(numbers, frames.numbers)
            absent = numbers[~present]
            self.examples += [frames.path(number) for number in absent[: MAX_EXAMPLES - len(self.examples)]]
            rows = self.keep(rows, IMAGE_ABSENT, present)
            video = [np.full(len(rows), sequence), np.full(len(rows), camera)]
            kept.append(np.stack([*video, rows, numbers[present]], 1))
        self.set_places(np.concatenate(kept))

    def _make_record(self, row, image, poses, camera, meta):
        """The record of one person. poses: those of `_ARRAYS`; camera: intrinsics and size of the image."""
        joints2d, joints3d, universal = poses
        known = {"intrinsics": camera["intrinsics"], "image_size": camera["size"]}
        known |= {"joints3d": joints3d, "joints3d_universal": universal}
        return self.make_record(image, joints2d, self.meta(row, **meta), **known)


class TrainingSet(_Sequences):
    """Options: `cameras` ("vnect", "chest", "ceiling" or numbers), `every` (only every n-th), `truth`."""

    skeleton = MPI_INF_3DHP28
    label_name = "annot.mat"

    def load(self, cameras: str | list[int] = "vnect", every: int = 1, truth: str = "univ") -> None:
        """Find the chosen cameras' frames; label arrays stay in their files until a record is asked for."""
        self.cameras = chosen_cameras(cameras)
        folder, places = self.folder("mpi_inf_3dhp"), []
        self._calibration, self._counts = {}, {}
        for index, name, path in self._open(folder, SEQUENCES, truth, every):
            self._read_cameras(name, folder / name / "camera.calibration")
            frames = integers(load_mat(self.label_file(path), "frames")["frames"], path, "frames")
            self._counts[name] = len(frames)
            rows = every_nth(len(frames), every)
            for camera in self.cameras:
                filmed = frames[rows] < SHORT_VIDEOS.get((name, camera), np.inf)
                filmed = self.keep(rows, "beyond the end of the original video", filmed)
                images = VideoFrames(frame_folder(folder / name, camera), "frame_{:06d}.jpg")
                places.append((index, camera, filmed, frames[filmed] + images.first, images))
        self._set_rows(places)

    def _read_cameras(self, name, path):
        """Read a sequence's calibration, where it is there."""
        if path.exists():
            self._calibration[name] = read_calibration(self.label_file(path))
        if absent := sorted(set(self.cameras) - set(self._calibration.get(name, {}))):
            self.note_missing(f"{path} (of cameras {', '.join(map(str, absent))})")

    def _read(self, path, name):
        """The chosen cameras' arrays: (cameras, F, 28, 2 | 3) float32 (5e-4 px, 5e-4 mm)."""
        arrays = {}
        for key, axes in _ARRAYS.items():  # one at a time: a long sequence's three are 300 MB
            cells = load_mat(path, key)[key].ravel()
            if len(cells) <= max(self.cameras):
                raise StudyError(f"{path}: {key} has {len(cells)} cameras, not 14; {AGAIN}")
            views = [
                expect_shape(cells[camera], (None, 28 * axes), path, f"{key} of camera {camera}")
                for camera in self.cameras
            ]
            count, lengths = self._counts[name], sorted({len(view) for view in views})
            if lengths != [count]:
                raise StudyError(f"{path}: frames lists {count} frames, {key} has {lengths}; {AGAIN}")
            with np.errstate(over="ignore"):  # infinite then, and refused by the record's check
                arrays[key] = np.stack([view.reshape(-1, 28, axes).astype(np.float32) for view in views])
        return arrays

    def record(self, row: int) -> Record:
        """One frame of one camera."""
        sequence, camera, frame, number = self._places[row]
        name, view, frames = SEQUENCES[sequence], self.cameras.index(camera), self._frames[sequence, camera]
        poses = [self._labels(name)[key][view, frame].astype(float) for key in _ARRAYS]
        calibration = self._calibration.get(name, {}).get(camera, _NO_CAMERA)
        meta = {"subject": name.split("/")[0], "sequence": name, "camera": int(camera)}
        meta["frame"] = int(number) - frames.first
        return self._make_record(row, frames.path(number), poses, calibration, meta)


class TestSet(_Sequences):
    """Options: `every` (only every n-th frame that counts), `truth`, `frames`.

    `frames` is "valid", or "inside" for those with every joint in the picture, as the published code takes
    them. The official protocol takes every valid frame and truth "univ".
    """

    __test__ = False  # not one of pytest's
    skeleton = MPI_INF_3DHP17
    label_name = "annot_data.mat"

    def load(self, every: int = 1, truth: str = "univ", frames: str = "valid") -> None:
        """Find the frames that count."""
        require_one_of("mpi_inf_3dhp: frames", frames, FRAMES)
        folder, places = self.folder("mpi_inf_3dhp", "mpi_inf_3dhp_test_set"), []
        names = [*TEST_SEQUENCES, *_further_sequences(folder)]
        for index, name, path in self._open(folder, names, truth, every):
            self.label_file(path)
            images = VideoFrames(folder / name / "imageSequence", "img_{:06d}.jpg")
            if frames == "valid":
                counted = read_hdf5(path, "valid_frame")["valid_frame"].ravel() > 0
                reason = "not a valid frame"
            else:
                counted, reason = _all_inside(path, images), "a joint outside the picture"
            rows = self.keep(np.arange(len(counted)), reason, counted)[::every]
            places.append((index, 0, rows, rows + images.first, images))
        self._set_rows(places)

    def _read(self, path, _):
        """The arrays (F, 17, 2 | 3), the activities, and the camera that maps annot3 onto annot2."""
        arrays = read_hdf5(path, *_ARRAYS, "activity_annotation", "valid_frame")
        count = arrays["valid_frame"].size
        for key, axes in _ARRAYS.items():
            arrays[key] = expect_shape(arrays[key], (count, 1, 17, axes), path, key)[:, 0].astype(float)
        valid = arrays["valid_frame"].ravel() > 0  # nobody checked the labels of the others
        intrinsics = fit_intrinsics(arrays["annot2"][valid], arrays["annot3"][valid])
        arrays["camera"] = {"intrinsics": intrinsics, "size": None}
        arrays["activity_annotation"] = integers(arrays["activity_annotation"], path, "activity_annotation")
        return arrays

    def record(self, row: int) -> Record:
        """One frame that counts."""
        sequence, camera, frame, number = self._places[row]
        name = self._names[sequence]
        labels, image = self._labels(name), self._frames[sequence, camera].path(number)
        meta = {"subject": name, "sequence": name, "frame": int(frame)}
        meta["action"] = int(labels["activity_annotation"][frame])
        poses = [labels[key][frame] for key in _ARRAYS]
        return self._make_record(row, image, poses, labels["camera"], meta)


def _further_sequences(folder):
    """Names of the test sequences beyond the real set's six, as simulated people have them."""
    numbers = (name[2:] for name in os.listdir(folder) if re.fullmatch(r"TS[1-9]\d{0,3}", name))
    return [f"TS{number}" for number in sorted(map(int, numbers)) if number > len(TEST_SEQUENCES)]


def chosen_cameras(cameras: str | list[int]) -> list[int]:
    """The numbers of a camera set, or of a list of cameras. Raises `StudyError` where it is neither."""
    chosen = CAMERA_SETS.get(cameras) if isinstance(cameras, str) else cameras
    whole = isinstance(chosen, (list, tuple)) and all(type(number) is int for number in chosen)
    if not whole or not chosen or len(set(chosen)) < len(chosen) or not set(chosen) <= set(range(14)):
        allowed = f"{', '.join(CAMERA_SETS)} or a list of different numbers 0 to 13"
        raise StudyError(f"mpi_inf_3dhp: cameras {cameras!r} is not {allowed}")
    return list(chosen)


def _all_inside(path, images):
    """(F,) bool: the frames whose every joint lies in the picture; one of `images` gives the size."""
    joints = expect_shape(read_hdf5(path, "annot2")["annot2"], (None, 1, 17, 2), path, "annot2")[:, 0]
    if len(images.numbers) == 0:
        return np.ones(len(joints), bool)  # no picture, no record: they are left out as absent
    size = np.array(picture_size(images.path(images.numbers[0])))
    return ((joints >= 0) & (joints <= size - 1)).all((1, 2))
