"""3DPW, simulated: outdoors, a moving camera, often two people, short sequences.

Files: `sequenceFiles/{train,validation,test}/<sequence>.pkl` and `imageFiles/<sequence>/image_%05d.jpg`, from
0. In a sequence of N
frames and P people: `poses2d` P × (N, 3, 18) (x, y, confidence; OpenPose's 18), `jointPositions` P × (N, 72)
(SMPL's 24, m, world), `cam_poses` (N, 4, 4) world → camera (m), `campose_valid` P × (N,), `cam_intrinsics`
(3, 3), `img_frame_ids`. A person outside the image has poses2d 0, as in the real set; so has a joint
there. There is no body model behind these people: `poses` and `betas` have the right shapes and are zero,
`trans` is the pelvis. `validation` is written empty of sequences.
"""

import pickle
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from hpe_study.skeletons import OPENPOSE18, SMPL24
from hpe_study.utils.files import atomic
from simulated_people.body.landmarks import rows_of
from simulated_people.ground_truth import GroundTruth, write_truth
from simulated_people.motion.self_collision import shared_self_collision
from simulated_people.motion.sequences import Clips, Motion
from simulated_people.people_sampling import draw_seed, sample_subjects, subject_at
from simulated_people.render_jobs import PlannedImage
from simulated_people.rendering.render import Shot
from simulated_people.scenes import camera
from simulated_people.scenes.placement import add_seats, clear_view
from simulated_people.scenes.places import make_scene
from simulated_people.spec import StandInSpec

FOLDERS = ("3dpw",)
OPTIONS = {}
IMAGES_PER_ITEM = 4
_SEQUENCES = 24  # at most, as in each of the real splits
_RECORDS_PER_SEQUENCE = 16  # at least, where there are so many
_TENTHS_PER_FRAME, _FRAMES_PER_CLIP = 4, 16
_WALKING = 0.5  # share of sequences in which people walk along; in the others they stay

# What people do who stay where they are.
_STAYING = (("stand",), ("bend", "throw"), ("sit",), ("box", "dance"))
_FRAME = (2.3, 1.3)  # long and short side of the image (16:9), in sides of a person's crop


@lru_cache(maxsize=4)
def _plan(spec, split):
    """[(people, frames)] of the sequences: every other one shows two people, until the records are enough."""
    wanted = spec.count(split)
    count = min(_SEQUENCES, max(1, wanted // _RECORDS_PER_SEQUENCE))
    people = [1 + number % 2 for number in range(count)]
    frames = [0] * count
    while wanted:
        number = min((number for number in range(count) if people[number] <= wanted), key=frames.__getitem__)
        frames[number] += 1
        wanted -= people[number]
    return list(zip(people, frames, strict=True))


@lru_cache(maxsize=4)
def _items(spec, split):
    """[(sequence, first frame, frames)]: pieces of a few frames each."""
    return [
        (number, first, min(IMAGES_PER_ITEM, frames - first))
        for number, (_, frames) in enumerate(_plan(spec, split))
        for first in range(0, frames, IMAGES_PER_ITEM)
    ]


def item_count(spec: StandInSpec, split: str) -> int:
    """How many pieces of sequences the split has."""
    return len(_items(spec, split))


def plan_item(spec: StandInSpec, split: str, item: int) -> list[PlannedImage]:
    """A few frames of one sequence."""
    number, first, frames = _items(spec, split)[item]
    return [_plan_image(spec, split, number, frame) for frame in range(first, first + frames)]


def _plan_image(spec, split, number, frame):
    sequence = f"simulated_{split}_{number:02d}"
    subjects, scene, motions, apart = _sequence(spec, split, number)
    moments = [motion.at(frame) for motion in motions]
    lead = np.array(moments[0].position)
    actors = []
    for person, ((name, subject), moment) in enumerate(zip(subjects.items(), moments, strict=True)):
        position = tuple(lead + apart * (person - (len(subjects) - 1) / 2))
        actors.append(subject_at(subject, replace(moment, position=position), name))
    view = _view(spec, split, number, frame * _TENTHS_PER_FRAME / 10, lead)
    scene = add_seats(clear_view(scene, view, actors), actors)
    shot = Shot(tuple(actors), view, scene, draw_seed(spec.rng(split, "noise", number, frame)))
    path = f"3dpw/imageFiles/{sequence}/image_{frame:05d}.jpg"
    return PlannedImage(path, shot, {"sequence": sequence, "frame": frame})


@lru_cache(maxsize=32)
def _sequence(spec, split, number):
    """Subjects of a sequence, its scene, how each of them moves, and how far apart (x, z in m) they stay."""
    rng = spec.rng(split, "sequence", number)
    people = _plan(spec, split)[number][0]
    all_subjects = sample_subjects(
        spec, split, [f"{sequence}-{person}" for sequence in range(_SEQUENCES) for person in range(2)]
    )
    subjects = {f"{number}-{person}": all_subjects[f"{number}-{person}"] for person in range(people)}
    walking, heading = rng.random() < _WALKING, rng.uniform(0, 360)
    clips = Clips(_TENTHS_PER_FRAME, _FRAMES_PER_CLIP, 0.1, heading if walking else None, 0)
    motions = [
        Motion(
            lambda *key, person=person: spec.rng(split, "sequence", number, person, *key),
            ("walk",) if walking else _STAYING[rng.integers(len(_STAYING))],
            shared_self_collision(),
            clips,
        )
        for person in range(people)
    ]
    beside, ahead = np.radians(heading + 90), np.radians(heading)
    spots = [(0.0, 0.0)]
    if walking:  # the scene keeps the way free
        spots = [(length * np.sin(ahead), length * np.cos(ahead)) for length in (-4, 4)]
    scene = make_scene(rng.choice(("street", "outdoor")), draw_seed(rng), people=spots)
    return subjects, scene, motions, rng.uniform(0.8, 1.2) * np.array([np.sin(beside), np.cos(beside)])


def _view(spec, split, number, time, lead):
    """The hand-held camera at a time (s): it goes along, swings about the people and shakes a little.

    Its lens stays the same.
    """
    rng = spec.rng(split, "camera", number)
    azimuth, swing, distance = rng.uniform(0, 360), rng.uniform(-8, 8), rng.uniform(4.2, 6)
    sides = np.round(np.array(_FRAME) * spec.size).astype(int)
    image_size = sides if rng.random() < 0.7 else sides[::-1]
    phase = rng.uniform(0, 6.28, 4)
    middle = np.array([lead[0], 0.92, lead[1]])
    shake = 0.06 * np.sin(phase[:3] + np.array([1.1, 1.7, 1.3]) * time)
    position = camera.around(middle, azimuth + swing * time, rng.uniform(2, 9), distance)
    focal, roll = spec.size * distance / camera.STANDING_CROP, 1.5 * np.sin(phase[3] + time)
    return camera.pinhole(position + shake, middle + shake[::-1], focal, tuple(image_size), roll)


def write(folder: Path, spec: StandInSpec, truths: Mapping[str, GroundTruth]) -> None:
    """Write the label files of both splits under `folder/3dpw`."""
    folder = folder / "3dpw"
    splits = {
        split: truth.people(np.lexsort((truth.person, truth.note("sequence"))))
        for split, truth in truths.items()
    }
    (folder / "sequenceFiles" / "validation").mkdir(parents=True, exist_ok=True)
    for split, truth in splits.items():
        for name in np.unique(truth.note("sequence")):
            sequence = labels(truth.people(truth.note("sequence") == name), str(name))
            with atomic(folder / "sequenceFiles" / split / f"{name}.pkl") as part, open(part, "wb") as stream:
                pickle.dump(sequence, stream, protocol=2)
    write_truth(folder / "truth.h5", splits)


def labels(truth: GroundTruth, name: str) -> dict:
    """The dict of one sequence's pickle."""
    people = [truth.people(truth.person == person) for person in np.unique(truth.person)]
    frames = people[0]
    poses = np.zeros((len(frames), 4, 4))
    poses[:, :3, :3] = frames.of_image("rotation")
    poses[:, :3, 3] = -np.einsum("nij,nj->ni", frames.of_image("rotation"), frames.of_image("position"))
    poses[:, 3, 3] = 1
    fx, fy, cx, cy = frames.of_image("intrinsics")[0]
    positions = [person.world[:, rows_of(SMPL24)] / 1000 for person in people]
    return {
        "sequence": name,
        "poses": [np.zeros((len(frames), 72)) for _ in people],
        "trans": [joints[:, 0] for joints in positions],
        "betas": [np.zeros(10) for _ in people],
        "genders": ["m" for _ in people],
        "poses2d": [_poses2d(person) for person in people],
        "jointPositions": [joints.reshape(len(frames), 72) for joints in positions],
        "cam_poses": poses,
        "campose_valid": [np.ones(len(frames), int) for _ in people],
        "cam_intrinsics": np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]),
        "img_frame_ids": frames.note("frame"),
    }


def _poses2d(person):
    """(N, 3, 18) x, y (px) and confidence of one person in all frames; 0 outside the image."""
    rows = rows_of(OPENPOSE18)
    seen = person.inside[:, rows]
    confidence = np.where(person.hidden[:, rows], 0.4, 0.9)
    values = np.concatenate([person.px[:, rows], confidence[..., None]], 2)
    values[~seen] = 0
    return values.transpose(0, 2, 1)
