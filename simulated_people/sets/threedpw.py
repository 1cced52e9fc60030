"""3DPW, simulated: outdoors, a moving camera, often two people, short sequences.

Files: `sequenceFiles/{train,validation,test}/<sequence>.pkl` and `imageFiles/<sequence>/image_%05d.jpg`, from
0. In a sequence of N
frames and P people: `poses2d` P × (N, 3, 18) (x, y, confidence; OpenPose's 18), `jointPositions` P × (N, 72)
(SMPL's 24, m, world), `cam_poses` (N, 4, 4) world → camera (m), `campose_valid` P × (N,), `cam_intrinsics`
(3, 3), `img_frame_ids`. A person who is out of the picture has poses2d 0, as in the real set; so has a joint
there. There is no body model behind these people: `poses` and `betas` have the right shapes and are zero,
`trans` is the pelvis. `validation` is written empty of sequences.
"""

import pickle
from dataclasses import replace
from functools import lru_cache

import numpy as np

from hpe_study.skeletons import OPENPOSE18, SMPL24
from hpe_study.utils.files import atomic
from simulated_people.body.landmarks import LANDMARKS, rows_of
from simulated_people.ground_truth import write_truth
from simulated_people.motion.self_collision import shared_self_collision
from simulated_people.motion.sequences import Motion
from simulated_people.people_sampling import draw_seed, sample_subjects, subject_at
from simulated_people.render_jobs import PlannedImage, render_splits
from simulated_people.rendering.render import Shot
from simulated_people.scenes import camera
from simulated_people.scenes.placement import add_seats, clear_view
from simulated_people.scenes.places import make_scene

FOLDERS = ("3dpw",)


OPTIONS = {}


IMAGES_PER_ITEM = 4


_SEQUENCES = 24  # at most, as in each of the real splits


_RECORDS_A_SEQUENCE = 16  # at least, where there are so many


_TENTHS_A_FRAME, _FRAMES_A_CLIP = 4, 16


_WALKING = 0.5  # share of sequences in which people walk along; in the others they stay


_STAYING = (
    ("stand",),
    ("bend", "throw"),
    ("sit",),
    ("box", "dance"),
)  # what people do who do not go anywhere


_FRAME = (2.3, 1.3)  # the picture's long and short side (16:9), in sides of a person's crop


@lru_cache(maxsize=4)
def _plan(spec, split):
    """[(people, frames)] of the sequences: every other one shows two people; the records are as many as asked
    for."""
    wanted = spec.count(split)
    count = min(_SEQUENCES, max(1, wanted // _RECORDS_A_SEQUENCE))
    people = [1 + number % 2 for number in range(count)]
    frames = [0] * count
    while wanted:
        number = min((number for number in range(count) if people[number] <= wanted), key=frames.__getitem__)
        frames[number] += 1
        wanted -= people[number]
    return list(zip(people, frames, strict=True))


@lru_cache(maxsize=4)
def _items(spec, split):
    """[(sequence, first frame, frames)]: pieces of a few frames."""
    return [
        (number, first, min(IMAGES_PER_ITEM, frames - first))
        for number, (_, frames) in enumerate(_plan(spec, split))
        for first in range(0, frames, IMAGES_PER_ITEM)
    ]


def item_count(spec, split):
    """Pieces of sequences."""
    return len(_items(spec, split))


def plan_item(spec, split, item):
    """A few frames of one sequence."""
    number, first, frames = _items(spec, split)[item]
    return [_take(spec, split, number, frame) for frame in range(first, first + frames)]


def _take(spec, split, number, frame):
    name = f"simulated_{split}_{number:02d}"
    cast, scenery, motions, apart = _sequence(spec, split, number)
    moments = [motion.at(frame) for motion in motions]
    lead = np.array(moments[0].position)
    actors = tuple(
        subject_at(
            who, replace(moment, position=tuple(lead + apart * (person - (len(cast) - 1) / 2))), subject
        )
        for person, ((subject, who), moment) in enumerate(zip(cast.items(), moments, strict=True))
    )
    view = _view(spec, split, number, frame * _TENTHS_A_FRAME / 10, lead)
    shot = Shot(
        actors,
        view,
        add_seats(clear_view(scenery, view, actors), actors),
        draw_seed(spec.rng(split, "noise", number, frame)),
    )
    return PlannedImage(
        f"3dpw/imageFiles/{name}/image_{frame:05d}.jpg", shot, {"sequence": name, "frame": frame}
    )


@lru_cache(maxsize=32)
def _sequence(spec, split, number):
    """Who is in a sequence, where it is, how each of them moves, and how far apart (x, z in m) they stay."""
    rng = spec.rng(split, "sequence", number)
    people = _plan(spec, split)[number][0]
    everybody = sample_subjects(
        spec, split, [f"{sequence}-{person}" for sequence in range(_SEQUENCES) for person in range(2)]
    )
    cast = {f"{number}-{person}": everybody[f"{number}-{person}"] for person in range(people)}
    walking, heading = rng.random() < _WALKING, rng.uniform(0, 360)
    motions = [
        Motion(
            lambda *key, person=person: spec.rng(split, "sequence", number, person, *key),
            ("walk",) if walking else _STAYING[rng.integers(len(_STAYING))],
            shared_self_collision(),
            every=_TENTHS_A_FRAME,
            frames=_FRAMES_A_CLIP,
            reach=0.1,
            heading=heading if walking else None,
            turning=0,
        )
        for person in range(people)
    ]
    beside = np.radians(heading + 90)
    spots = (
        [(0.0, 0.0)]
        if not walking
        else [
            (length * np.sin(np.radians(heading)), length * np.cos(np.radians(heading))) for length in (-4, 4)
        ]
    )
    scenery = make_scene(rng.choice(("street", "outdoor")), draw_seed(rng), people=spots)
    return cast, scenery, motions, rng.uniform(0.8, 1.2) * np.array([np.sin(beside), np.cos(beside)])


def _view(spec, split, number, time, lead):
    """The hand-held camera at a time (s): it goes along, swings about the people and shakes a little. Its
    lens stays the same."""
    rng = spec.rng(split, "camera", number)
    azimuth, swing, distance = rng.uniform(0, 360), rng.uniform(-8, 8), rng.uniform(4.2, 6)
    sides = np.round(np.array(_FRAME) * spec.size).astype(int)
    width, height = sides if rng.random() < 0.7 else sides[::-1]
    phase = rng.uniform(0, 6.28, 4)
    middle = np.array([lead[0], 0.92, lead[1]])
    shake = 0.06 * np.sin(phase[:3] + np.array([1.1, 1.7, 1.3]) * time)
    position = camera.around(middle, azimuth + swing * time, rng.uniform(2, 9), distance)
    roll = 1.5 * np.sin(phase[3] + time)
    return camera.pinhole(
        position + shake, middle + shake[::-1], spec.size * distance / (1.25 * 1.72), width, height, roll
    )


def write(work, spec, workers, device, progress):
    """Write the whole set under `work/3dpw`."""
    folder = work / "3dpw"
    splits = render_splits(spec, __name__, work, workers, device, progress)
    splits = {
        split: truth.people(np.lexsort((truth.person, truth.note("sequence"))))
        for split, truth in splits.items()
    }
    (folder / "sequenceFiles" / "validation").mkdir(parents=True, exist_ok=True)
    for split, truth in splits.items():
        for name in np.unique(truth.note("sequence")):
            with atomic(folder / "sequenceFiles" / split / f"{name}.pkl") as part, open(part, "wb") as stream:
                pickle.dump(
                    labels(truth.people(truth.note("sequence") == name), str(name)), stream, protocol=2
                )
    write_truth(folder / "truth.h5", splits, LANDMARKS)


def labels(truth, name):
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
    rows = rows_of(OPENPOSE18)
    seen = person.inside[:, rows]
    confidence = np.where(person.hidden[:, rows], 0.4, 0.9)
    values = np.concatenate([person.px[:, rows], confidence[..., None]], 2)
    values[~seen] = 0
    return values.transpose(0, 2, 1)
