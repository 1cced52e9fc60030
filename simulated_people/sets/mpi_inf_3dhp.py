"""MPI-INF-3DHP, simulated: a green-screen studio, 14 cameras (eight with images), eight people.

Train, two sequences per person: `S{1..8}/Seq{1,2}/annot.mat` (cells of all 14 cameras),
`camera.calibration` and the extracted frames `imageSequence/video_{k}/frame_%06d.jpg`, from 1, of the cameras
[0, 1, 2, 4, 5, 6, 7, 8]. Test: `mpi_inf_3dhp_test_set/TS{1..24}/` with `annot_data.mat` (MATLAB v7.3, i.e.
HDF5) and `imageSequence/img_%06d.jpg`; TS5, TS6, TS11, … are outdoors and 16:9, and there are
24 sequences where the real set has six, because people are what an interval needs. About one test frame in
nine is not valid.
`univ_annot3` is `annot3` scaled about the pelvis to a height of 1.7 m.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np

from hpe_study.skeletons import MPI_INF_3DHP17, MPI_INF_3DHP28
from hpe_study.utils.files import atomic
from simulated_people import matlab
from simulated_people.body.clothes import sample_clothes
from simulated_people.body.landmarks import rows_of
from simulated_people.body.model import shared_body
from simulated_people.ground_truth import GroundTruth, write_truth
from simulated_people.motion.poses import THEMES
from simulated_people.motion.self_collision import shared_self_collision
from simulated_people.motion.sequences import Clips, Motion
from simulated_people.people_sampling import draw_seed, sample_subjects, subject_at
from simulated_people.render_jobs import PlannedImage
from simulated_people.rendering.render import Shot
from simulated_people.scenes import camera
from simulated_people.scenes.camera import Camera
from simulated_people.scenes.placement import add_seats, clear_view
from simulated_people.scenes.places import make_scene
from simulated_people.spec import StandInSpec

FOLDERS = ("mpi_inf_3dhp",)
OPTIONS = {}
IMAGES_PER_ITEM = 8
UNIVERSAL_HEIGHT = 1.7  # m
WITH_IMAGES = (0, 1, 2, 4, 5, 6, 7, 8)

# Of the 14 cameras: azimuth, elevation (degrees), distance (m); 0, 2, 4, 7, 8 at chest height, 1 and 6 high,
# 5 low, 11–13 above.
_PLACES = np.array(
    [(0, 4, 3.9), (45, 38, 3.7), (90, 5, 3.9), (115, 30, 3.9), (135, 3, 4.0), (180, -12, 3.8),
     (225, 46, 3.7), (270, 5, 4.0), (315, 4, 3.9), (20, 30, 3.9), (200, 28, 3.9), (60, 70, 3.6),
     (180, 75, 3.6), (300, 70, 3.6)]
)  # fmt: skip
TRAIN_SEQUENCES = tuple(f"S{subject}/Seq{sequence}" for sequence in (1, 2) for subject in range(1, 9))
TEST_SEQUENCES = tuple(f"TS{number}" for number in range(1, 25))  # the real set has six
OUTDOORS = TEST_SEQUENCES[4::6] + TEST_SEQUENCES[5::6]  # a third, as there

# What people do in each of the seven activities that the test labels number from 1.
ACTIVITIES = (
    ("stand", "walk"),
    ("lunge", "dance", "kick"),
    ("sit",),
    ("squat", "bend", "stand"),
    ("sit on floor", "kneel", "lie", "crawl"),
    ("throw", "kick", "jump", "box"),
    tuple(THEMES["studio"]),
)
_FRAMES_PER_ACTIVITY = 4

# side of the image, in sides of a person's crop; outdoors its height is a little less and its width 16:9
_FIELD = 1.5
_NOT_VALID = 9  # one of so many test frames is not valid


def item_count(spec: StandInSpec, split: str) -> int:
    """Train: how many moments, each seen by eight cameras. Test: how many pieces of one camera's video."""
    return -(-spec.count(split) // len(WITH_IMAGES)) if split == "train" else len(_test_pieces(spec))


def plan_item(spec: StandInSpec, split: str, item: int) -> list[PlannedImage]:
    """The images of one item; the last moment lacks cameras where fewer records are wanted."""
    if split == "test":
        sequence, frames = _test_pieces(spec)[item]
        return [_plan_test_image(spec, sequence, frame) for frame in frames]
    frame, number = divmod(item, len(TRAIN_SEQUENCES))
    sequence = TRAIN_SEQUENCES[number]
    actor = _actor(spec, "train", sequence.split("/")[0], sequence, _activity(number, frame), frame)
    scene = add_seats(_studio(spec), [actor])
    notes = _notes(sequence, frame, True, _activity(number, frame), actor)
    folder = f"mpi_inf_3dhp/{sequence}/imageSequence"
    return [
        PlannedImage(
            f"{folder}/video_{number}/frame_{frame + 1:06d}.jpg",
            Shot((actor,), rig(spec)[number], scene, draw_seed(spec.rng("train", "noise", item, number))),
            notes,
        )
        for number in WITH_IMAGES[: spec.train - item * len(WITH_IMAGES)]
    ]


@lru_cache(maxsize=4)
def _test_pieces(spec):
    """[(sequence, frames)], frames from 0: all sequences grow together, up to the valid frames wanted."""
    pieces, wanted = [], spec.test
    while wanted:
        turn, place = divmod(len(pieces), len(TEST_SEQUENCES))
        frames = []
        while wanted and len(frames) < IMAGES_PER_ITEM:
            frames.append(turn * IMAGES_PER_ITEM + len(frames))
            wanted -= _is_valid(frames[-1])
        pieces.append((TEST_SEQUENCES[place], frames))
    return pieces


def _is_valid(frame):
    return frame % _NOT_VALID != _NOT_VALID // 2


def _plan_test_image(spec, sequence, frame):
    number = TEST_SEQUENCES.index(sequence)
    actor = _actor(spec, "test", sequence, sequence, _activity(number, frame), frame)
    notes = _notes(sequence, frame, _is_valid(frame), _activity(number, frame), actor)
    view, scene = _test_set(spec, sequence)
    scene = add_seats(clear_view(scene, view, [actor]), [actor])
    shot = Shot((actor,), view, scene, draw_seed(spec.rng("test", "noise", sequence, frame)))
    path = f"mpi_inf_3dhp/mpi_inf_3dhp_test_set/{sequence}/imageSequence/img_{frame + 1:06d}.jpg"
    return PlannedImage(path, shot, notes)


def _activity(number, frame):
    """Index into `ACTIVITIES` of a frame of the sequence with this number."""
    return (number + frame // _FRAMES_PER_ACTIVITY) % len(ACTIVITIES)


def _actor(spec, split, subject, sequence, activity, frame):
    body, clothes = _subjects(spec, split)[subject]
    if sequence.endswith("Seq2"):  # the second sequence is in other clothes
        female = bool(shared_body("cpu").female[body])
        clothes = _not_green(sample_clothes(spec.rng(split, sequence, "clothes"), female) | {"skirt": 0.0})
    return subject_at((body, clothes), _motion(spec, split, sequence, activity).at(frame), subject)


@lru_cache(maxsize=32)
def _motion(spec, split, sequence, activity):
    return Motion(
        lambda *key: spec.rng(split, sequence, *key),
        ACTIVITIES[activity],
        shared_self_collision(),
        Clips(frames=_FRAMES_PER_ACTIVITY),
    )


def _notes(sequence, frame, valid, activity, actor):
    """Notes of an image; `frame` and `activity` count from 1, `stature` is the person's height in m."""
    return {
        "sequence": sequence,
        "frame": frame + 1,
        "valid": int(valid),
        "activity": activity + 1,
        "stature": float(shared_body("cpu").height[actor.body]),
    }


@lru_cache(maxsize=4)
def _subjects(spec, split):
    names = TEST_SEQUENCES if split == "test" else [f"S{number}" for number in range(1, 9)]
    subjects = sample_subjects(spec, split, names, h36m_sized=True)
    return {name: (body, _not_green(clothes)) for name, (body, clothes) in subjects.items()}


def _not_green(clothes):
    """Clothes for a green screen: what is mostly green becomes blue."""
    colours = {name: clothes[name] for name in ("top", "top_second", "trousers", "shoes")}
    return clothes | {name: (r, b, g) for name, (r, g, b) in colours.items() if g > 1.05 * max(r, b)}


@lru_cache(maxsize=4)
def rig(spec: StandInSpec) -> list[Camera]:
    """The studio's 14 cameras."""
    side = round(_FIELD * spec.size)
    return camera.ring(_PLACES, (0.0, 0.9, 0.0), spec.size, (side, side))


@lru_cache(maxsize=4)
def _studio(spec):
    return make_scene("studio", draw_seed(spec.rng("train", "place")), cameras=rig(spec))


@lru_cache(maxsize=16)
def _test_set(spec, sequence):
    """The camera and the scene of a test sequence."""
    rng = spec.rng("test", sequence)
    outdoors = sequence in OUTDOORS
    height = round((1.35 if outdoors else _FIELD) * spec.size)
    width = round(height * 16 / 9) if outdoors else height
    direction = (rng.uniform(0, 360), rng.uniform(2, 12), rng.uniform(3.6, 4.4))
    view = camera.ring([direction], (0.0, 0.9, 0.0), spec.size, (width, height))[0]
    return view, make_scene("outdoor" if outdoors else "studio", draw_seed(rng), cameras=[view])


def write(folder: Path, spec: StandInSpec, truths: Mapping[str, GroundTruth]) -> None:
    """Write the label files of both splits under `folder/mpi_inf_3dhp`."""
    folder = folder / "mpi_inf_3dhp"
    train, test = truths["train"], truths["test"]
    for name in np.unique(train.note("sequence")):
        truth = train.people(train.note("sequence") == name)
        matlab.save(folder / name / "annot.mat", **train_labels(truth, rig(spec)))
        with atomic(folder / name / "camera.calibration") as part:
            part.write_text(calibration(rig(spec)))
    for name in np.unique(test.note("sequence")):
        path = folder / "mpi_inf_3dhp_test_set" / name / "annot_data.mat"
        _write_test(path, test.people(test.note("sequence") == name))
    train = train.people(np.lexsort((train.note("frame"), train.of_image("number"), train.note("sequence"))))
    test = test.people(np.lexsort((test.note("frame"), test.note("sequence"))))
    valid = test.people(test.note("valid") == 1)
    write_truth(folder / "truth.h5", {"train": train, "test": valid})


def train_labels(truth: GroundTruth, cameras: Sequence[Camera]) -> dict[str, np.ndarray]:
    """The variables of a sequence's `annot.mat`.

    Args:
        truth: The sequence's people; several cameras may have seen the same moment.
        cameras: All cameras that the file has labels of.
    """
    moments, first = np.unique(truth.note("frame"), return_index=True)
    world = truth.world[first][:, rows_of(MPI_INF_3DHP28)]
    scale = UNIVERSAL_HEIGHT / truth.note("stature")[first, None, None]
    annot2, annot3, universal = [], [], []
    for view in cameras:
        joints = view.to_camera(world / 1000) * 1000
        pelvis = joints[:, [MPI_INF_3DHP28.index("pelvis")]]
        annot2.append(view.project(joints).reshape(len(moments), -1))
        annot3.append(joints.reshape(len(moments), -1))
        universal.append((pelvis + scale * (joints - pelvis)).reshape(len(moments), -1))
    return {
        "annot2": matlab.cells(annot2),
        "annot3": matlab.cells(annot3),
        "univ_annot3": matlab.cells(universal),
        "cameras": np.arange(len(cameras))[None],
        "frames": moments[:, None] - 1,
    }


def calibration(cameras: Sequence[Camera]) -> str:
    """The text of `camera.calibration`."""
    lines = ["Skeletool Camera Calibration File V1.0"]
    for view in cameras:
        intrinsic, extrinsic = np.eye(4), np.eye(4)
        intrinsic[:2, :3] = [[view.fx, 0, view.cx], [0, view.fy, view.cy]]
        extrinsic[:3, :3] = view.rotation
        extrinsic[:3, 3] = -view.rotation @ view.position * 1000
        lines += [
            f"name          {view.number}",
            "  sensor      10 10",
            f"  size        {view.width} {view.height}",
            "  animated    0",
            f"  intrinsic   {_numbers(intrinsic)}",
            f"  extrinsic   {_numbers(extrinsic)}",
            "  radial      0",
        ]
    return "\n".join(lines) + "\n"


def _numbers(matrix):
    return " ".join(f"{value:.9g}" for value in matrix.ravel())


def _write_test(path, truth):
    rows = rows_of(MPI_INF_3DHP17)
    joints = truth.camera[:, rows]
    pelvis = joints[:, [MPI_INF_3DHP17.index("pelvis")]]
    scale = UNIVERSAL_HEIGHT / truth.note("stature")[:, None, None]
    arrays = {
        "annot2": truth.px[:, None, rows],
        "annot3": joints[:, None],
        "univ_annot3": (pelvis + scale * (joints - pelvis))[:, None],
        "valid_frame": truth.note("valid")[:, None].astype(float),
        "activity_annotation": truth.note("activity")[:, None].astype(float),
    }
    with atomic(path) as part:
        with h5py.File(part, "w", userblock_size=512) as store:
            for name, array in arrays.items():
                store.create_dataset(name, data=array).attrs["MATLAB_class"] = np.bytes_("double")
        with open(part, "r+b") as stream:  # what MATLAB writes before the HDF5 part
            stream.write(b"MATLAB 7.3 MAT-file, simulated".ljust(116) + bytes(8) + b"\x00\x02IM")
