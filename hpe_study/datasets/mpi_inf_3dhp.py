"""MPI-INF-3DHP: a green-screen studio with 14 cameras to train on, six other scenes (two outdoors) to test
on. 3D, 28 and 17 joints.

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

import re

import numpy as np

from hpe_study.datasets.base import (
    IMAGE_ABSENT,
    SHOWN,
    Listing,
    Records,
    head_size_of,
    image_size,
    missing,
    understood,
)
from hpe_study.datasets.info import DatasetInfo
from hpe_study.datasets.matfiles import expect_shape, load_mat, load_mat73, whole_numbers
from hpe_study.datasets.record import UNKNOWN, Record, crop_of
from hpe_study.errors import StudyError
from hpe_study.skeletons import MPI_INF_3DHP17, MPI_INF_3DHP28

INFO = DatasetInfo(
    name="mpi_inf_3dhp",
    title="MPI-INF-3DHP",
    kind="3d",
    folders=("mpi_inf_3dhp",),
    url="https://gvv.mpi-inf.mpg.de/3dhp-dataset",
    licence="non-commercial, no redistribution",
    citation=(
        "Mehta, Rhodin, Casas, Fua, Sotnychenko, Xu, Theobalt: Monocular 3D Human Pose Estimation In The Wild"
        " Using Improved CNN Supervision. 3DV 2017"
    ),
    expected={"train": 8 * 131592, "test": 2929},  # eight cameras, 16 sequences
    quirks=(
        "the images are videos: frames have to be extracted first",
        "frames are matched by number, never by their place in a folder",
        "univ_annot3 does not reproject; annot3 does",
        "only valid test frames count",
    ),
    hint=(
        "Frames have to be extracted: ffmpeg -i imageSequence/video_0.avi -qscale:v 3"
        " imageSequence/video_0/frame_%06d.jpg, and so on."
    ),
)
CAMERA_SETS = {"vnect": [0, 1, 2, 4, 5, 6, 7, 8], "chest": [0, 2, 4, 7, 8], "ceiling": [11, 12, 13]}
SEQUENCES = [f"S{subject}/Seq{number}" for subject in range(1, 9) for number in (1, 2)]
TEST_SEQUENCES = [f"TS{number}" for number in range(1, 7)]
SHORT_VIDEOS = {
    ("S6/Seq2", 2): 3911
}  # (sequence, camera) → frames of the original video, fewer than it has labels
TRUTHS = ("univ", "annot3")
FRAMES = ("valid", "inside")
_ARRAYS = {"annot2": 2, "annot3": 3, "univ_annot3": 3}
_HELD = 2  # sequences whose label arrays are kept in memory; a store reads them one after another
_FITS = 2.0  # px


def open_mpi_inf_3dhp(root, split, strict=False, **options):
    """The reader of the split. Options: `cameras`, `every` (train), `every`, `frames` (test), and `truth`
    ("univ" or "annot3") in both.

    `truth` names the 3D truth that a protocol scores against. A record carries both, so it changes no record;
    it is checked here and kept in the sequence's attribute `truth`.
    """
    if split == "test":
        options.pop("cameras", None)  # the camera set is a choice of training frames
    else:
        options.pop("frames", None)  # and which frames count, one of the test's
    return (TestSet if split == "test" else TrainingSet)(root, split, strict, **options)


class _Sequences(Records):
    """What both splits share: labels by sequence, read when asked for, and one row (sequence, camera, label
    row) a record."""

    info = INFO

    def choose(self, truth, every):
        """Check the options of both splits."""
        if truth not in TRUTHS:
            raise StudyError(f"mpi_inf_3dhp: truth {truth!r} is not one of {', '.join(TRUTHS)}")
        if not isinstance(every, int) or every < 1:
            raise StudyError(f"mpi_inf_3dhp: every {every!r} is not a whole number of 1 or more")
        self.truth = truth
        self._held, self._frames = {}, {}

    def labels(self, name):
        """A sequence's label arrays; the last few are kept."""
        if name not in self._held:
            while len(self._held) >= _HELD:
                del self._held[next(iter(self._held))]
            with understood([self._path(name)]):
                self._held[name] = self.read(name)
        return self._held[name]

    def place(self, places):
        """Set the rows. places: list of (sequence, camera, rows, image numbers, `Frames`), arrays with one
        entry a record."""
        kept = []
        for sequence, camera, rows, numbers, frames in places:
            self._frames[sequence, camera] = frames
            present = np.isin(numbers, frames.numbers)
            absent = numbers[~present]
            self.examples += [frames.path(number) for number in absent[: SHOWN - len(self.examples)]]
            rows = self.keep(rows, IMAGE_ABSENT, present)
            kept.append(
                np.stack(
                    [np.full(len(rows), sequence), np.full(len(rows), camera), rows, numbers[present]], 1
                )
            )
        self._places = np.concatenate(kept) if kept else np.zeros((0, 4), int)
        self._rows = np.arange(len(self._places))

    def make(self, row, image, joints2d, joints3d, universal, intrinsics, size, **meta):
        """The record of one person."""
        center, side = crop_of(joints2d)
        return Record(
            image=image,
            skeleton=self.skeleton,
            joints2d=joints2d,
            labelled=~np.isnan(joints2d).any(-1),
            occluded=np.full(len(joints2d), UNKNOWN, np.int8),
            center=center,
            side=side,
            joints3d=joints3d,
            joints3d_universal=universal,
            intrinsics=intrinsics,
            head_size=head_size_of(joints2d, self.skeleton),
            image_size=size,
            meta=self.meta(row, **meta),
        )


class Frames:
    """The pictures of one video by their numbers. usual: the form of their names; other padding, PNG and
    capitals are found, too."""

    def __init__(self, folder, usual):
        self._folder, self._usual = folder, usual
        names = Listing(folder).names()
        pattern = re.compile(rf"{usual.split('{')[0]}(\d+)\.(?:jpe?g|png)", re.IGNORECASE)
        found = {int(match[1]): match[0] for match in map(pattern.fullmatch, sorted(names)) if match}
        self.numbers = np.array(sorted(found), int)
        self.first = (
            0 if 0 in found else 1
        )  # the number of a video's first frame: whoever counts from 1 has no 0
        self._others = {number: name for number, name in found.items() if usual.format(number) not in names}

    def path(self, number):
        """Where a picture is, or would be."""
        return self._folder / self._others.get(number, self._usual.format(number))


class TrainingSet(_Sequences):
    """Options: `cameras` ("vnect", "chest", "ceiling" or a list of numbers), `every` (only every n-th frame),
    `truth`."""

    skeleton = MPI_INF_3DHP28

    def load(self, cameras="vnect", every=1, truth="univ"):
        """One row a frame of a chosen camera; the label arrays stay in their files until a record is asked
        for."""
        self.choose(truth, every)
        self.cameras = chosen_cameras(cameras)
        folder = self.folder("mpi_inf_3dhp")
        places = []
        self._calibration, self._counts = {}, {}
        for index, name in enumerate(SEQUENCES):
            if not (folder / name / "annot.mat").is_file():
                self.part_missing(folder / name)
                continue
            calibration = folder / name / "camera.calibration"
            if calibration.is_file():
                self._calibration[name] = read_calibration(self.label_file(calibration))
            if absent := sorted(set(self.cameras) - set(self._calibration.get(name, {}))):
                self.part_missing(f"{calibration} (of cameras {', '.join(map(str, absent))})")
            path = self.label_file(folder / name / "annot.mat")
            frames = whole_numbers(load_mat(path, "frames")["frames"], path, "frames")
            self._counts[name] = len(frames)
            rows = np.arange(0, len(frames), every)
            for camera in self.cameras:
                there = frames[rows] < SHORT_VIDEOS.get((name, camera), np.inf)
                filmed = self.keep(rows, "beyond the end of the original video", there)
                images = Frames(pictures_of(folder / name, camera), "frame_{:06d}.jpg")
                places.append((index, camera, filmed, frames[filmed] + images.first, images))
        if not places:
            raise missing(folder / SEQUENCES[0] / "annot.mat", self.info, self.root)
        self.place(places)

    def _path(self, name):
        return self.root / "mpi_inf_3dhp" / name / "annot.mat"

    def read(self, name):
        """The arrays of one sequence, of the chosen cameras only: (cameras, F, 28, 2 | 3) float32 (5e-4 px,
        5e-4 mm)."""
        path = self._path(name)
        arrays = {}
        for key, axes in _ARRAYS.items():  # one at a time: a long sequence's three are 300 MB
            cells = load_mat(path, key)[key].ravel()
            if len(cells) <= max(self.cameras):
                raise StudyError(
                    f"{path}: {key} has {len(cells)} cameras, not 14; this is the file of another data set"
                )
            views = [
                expect_shape(cells[camera], (None, 28 * axes), path, f"{key} of camera {camera}")
                for camera in self.cameras
            ]
            if {len(view) for view in views} != {self._counts[name]}:
                raise StudyError(
                    f"{path}: frames lists {self._counts[name]} frames, {key} has"
                    f" {sorted({len(view) for view in views})}"
                )
            arrays[key] = np.stack([view.reshape(-1, 28, axes).astype(np.float32) for view in views])
        return arrays

    def record(self, row):
        """One frame of one camera."""
        sequence, camera, frame, number = self._places[row]
        name, view = SEQUENCES[sequence], self.cameras.index(camera)
        joints2d, joints3d, universal = (self.labels(name)[key][view, frame].astype(float) for key in _ARRAYS)
        calibration = self._calibration.get(name, {}).get(
            camera, {"intrinsics": np.full(4, np.nan), "size": None}
        )
        return self.make(
            row,
            self._frames[sequence, camera].path(number),
            joints2d,
            joints3d,
            universal,
            calibration["intrinsics"].copy(),
            calibration["size"],
            subject=name.split("/")[0],
            sequence=name,
            camera=int(camera),
            frame=int(number) - self._frames[sequence, camera].first,
        )


class TestSet(_Sequences):
    """Options: `every` (only every n-th frame that counts), `truth`, `frames`: "valid", or "inside" for those
    with every joint in the picture, as the published code takes them. The official protocol takes every valid
    frame and truth "univ".
    """

    __test__ = False  # not one of pytest's
    skeleton = MPI_INF_3DHP17

    def load(self, every=1, truth="univ", frames="valid"):
        """One row a frame that counts."""
        self.choose(truth, every)
        if frames not in FRAMES:
            raise StudyError(f"mpi_inf_3dhp: frames {frames!r} is not one of {', '.join(FRAMES)}")
        folder = self.folder("mpi_inf_3dhp", "mpi_inf_3dhp_test_set")
        places = []
        for index, name in enumerate(TEST_SEQUENCES):
            if not (folder / name / "annot_data.mat").is_file():
                self.part_missing(folder / name)
                continue
            path = self.label_file(folder / name / "annot_data.mat")
            images = Frames(folder / name / "imageSequence", "img_{:06d}.jpg")
            if frames == "valid":
                counted, reason = (
                    load_mat73(path, "valid_frame")["valid_frame"].ravel() > 0,
                    "not a valid frame",
                )
            else:
                counted, reason = all_inside(path, images), "a joint outside the picture"
            rows = self.keep(np.arange(len(counted)), reason, counted)[::every]
            places.append((index, 0, rows, rows + images.first, images))
        if not places:
            raise missing(folder / TEST_SEQUENCES[0] / "annot_data.mat", self.info, self.root)
        self.place(places)

    def _path(self, name):
        return self.root / "mpi_inf_3dhp" / "mpi_inf_3dhp_test_set" / name / "annot_data.mat"

    def read(self, name):
        """The arrays of one sequence, (F, 17, 2 | 3), its activities, and the camera that maps annot3 onto
        annot2."""
        path = self._path(name)
        arrays = load_mat73(path, *_ARRAYS, "activity_annotation", "valid_frame")
        count = arrays["valid_frame"].size
        for key, axes in _ARRAYS.items():
            arrays[key] = expect_shape(arrays[key], (count, 1, 17, axes), path, key)[:, 0].astype(float)
        valid = arrays["valid_frame"].ravel() > 0  # nobody checked the labels of the others
        arrays["intrinsics"] = fit_intrinsics(arrays["annot2"][valid], arrays["annot3"][valid])
        arrays["activity_annotation"] = whole_numbers(
            arrays["activity_annotation"], path, "activity_annotation"
        )
        return arrays

    def record(self, row):
        """One valid frame."""
        sequence, camera, frame, number = self._places[row]
        name = TEST_SEQUENCES[sequence]
        labels = self.labels(name)
        return self.make(
            row,
            self._frames[sequence, camera].path(number),
            *(labels[key][frame].copy() for key in _ARRAYS),
            labels["intrinsics"].copy(),
            None,
            subject=name,
            sequence=name,
            action=int(labels["activity_annotation"][frame]),
            frame=int(frame),
        )


def chosen_cameras(cameras):
    """The numbers of a camera set, or of a list of cameras."""
    chosen = CAMERA_SETS.get(cameras) if isinstance(cameras, str) else cameras
    numbers = (
        chosen if isinstance(chosen, (list, tuple)) and all(type(number) is int for number in chosen) else []
    )
    if not numbers or len(set(numbers)) < len(numbers) or not set(numbers) <= set(range(14)):
        raise StudyError(
            f"mpi_inf_3dhp: cameras {cameras!r} is not {', '.join(CAMERA_SETS)} or a list of different"
            " numbers 0 to 13"
        )
    return list(numbers)


def pictures_of(sequence, camera):
    """The folder that a camera's frames were extracted into: beside the videos, or in `imageFrames`, as many
    scripts have it."""
    usual, other = (sequence / name / f"video_{camera}" for name in ("imageSequence", "imageFrames"))
    return other if other.is_dir() and not usual.is_dir() else usual


def all_inside(path, images):
    """(F,) bool: the frames of a test sequence whose every joint lies in the picture. images: their `Frames`;
    one gives the size."""
    joints = expect_shape(load_mat73(path, "annot2")["annot2"], (None, 1, 17, 2), path, "annot2")[:, 0]
    if len(images.numbers) == 0:
        return np.ones(len(joints), bool)  # no picture, no record: they are left out as absent
    size = np.array(image_size(images.path(images.numbers[0])))
    return ((joints >= 0) & (joints <= size - 1)).all((1, 2))


def fit_intrinsics(joints2d, joints3d):
    """fx, fy, cx, cy in px of the pinhole camera that maps (…, 3) mm onto (…, 2) px; NaN where none does
    within 2 px (median)."""
    px, mm = joints2d.reshape(-1, 2), joints3d.reshape(-1, 3)
    good = np.isfinite(px).all(1) & np.isfinite(mm).all(1) & (mm[:, 2] > 0)
    if good.sum() < 3:
        return np.full(4, np.nan)
    px, ratio = px[good], mm[good, :2] / mm[good, 2:]
    (fx, cx), (fy, cy) = (np.polyfit(ratio[:, axis], px[:, axis], 1) for axis in (0, 1))
    fits = np.median(np.linalg.norm(ratio * [fx, fy] + [cx, cy] - px, axis=1)) < _FITS
    return np.array([fx, fy, cx, cy]) if fits else np.full(4, np.nan)


def read_calibration(path):
    """camera number → {"intrinsics": fx, fy, cx, cy px; "size": (width, height) px} of a `camera.calibration`
    file."""
    cameras, number = {}, None
    for words in map(str.split, path.read_text(errors="replace").splitlines()[1:]):
        try:
            if words[:1] == ["name"]:
                number = int(words[1])
                cameras[number] = {"intrinsics": np.full(4, np.nan), "size": None}
            elif words[:1] == ["size"]:
                cameras[number]["size"] = (int(words[1]), int(words[2]))
            elif words[:1] == ["intrinsic"]:
                cameras[number]["intrinsics"] = np.array([float(words[1 + i]) for i in (0, 5, 2, 6)])
        except (IndexError, ValueError, KeyError) as error:
            raise StudyError(
                f"{path}: {' '.join(words)[:60]!r} cannot be read ({error}); obtain the file again"
            ) from error
    if not cameras:
        raise StudyError(f"{path}: names no camera; this is not a calibration of MPI-INF-3DHP")
    return cameras
