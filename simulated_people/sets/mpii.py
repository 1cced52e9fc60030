"""MPII Human Pose, simulated: everyday life and sports, many places, several people per image.

Files (the common JSON layout): `annot/train.json`, `annot/valid.json`, `images/*.jpg`. Coordinates are
1-based; `center` is the middle of the person's joints and `scale` the person's height in the image / 200
px, taken from the head's size. A joint outside the
image is not annotated: [-1, -1] and `joints_vis` 0; a hidden one is, as in the real set. Passers-by are not
annotated.

With `matlab=True` also the original `mpii_human_pose_v1_u12_1.mat`, with all people: head boxes,
`is_visible`, and passers-by as people without `annopoints`.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np

from hpe_study.skeletons import MPII16
from hpe_study.utils.files import atomic
from simulated_people import matlab
from simulated_people.body.landmarks import rows_of
from simulated_people.ground_truth import GroundTruth, joined, write_truth
from simulated_people.people_sampling import draw_seed, landmarks_of, sample_person
from simulated_people.render_jobs import PlannedImage
from simulated_people.rendering.render import Shot
from simulated_people.scenes import camera
from simulated_people.scenes.placement import add_seats, clear_view, ground_point_at
from simulated_people.scenes.places import make_scene
from simulated_people.spec import StandInSpec

FOLDERS = ("mpii",)
OPTIONS = {"matlab": (False, True)}
IMAGES_PER_ITEM = 1

# the real `scale` is 6/200 of |head_top − upper_neck| (measured), and the head box's diagonal 1.25 times that
HEADS_A_PERSON = 4.8
_ANNORECT = ("x1", "y1", "x2", "y2", "scale", "objpos", "annopoints")
_FILES = {"train": "train.json", "test": "valid.json"}
_ANNOTATED = (0.66, 0.26, 0.08)  # shares of images with one, two and three annotated people
_PASSERS_BY = (0.68, 0.24, 0.08)  # shares of images with none, one and two more
_PLACES = {"room": 0.34, "outdoor": 0.3, "street": 0.2, "hall": 0.16}  # shares
_SOMETHING_BEFORE = 0.25  # share of images with a piece of furniture in the way
_FIRST_NAME = {"train": 0, "test": 500_000_000}  # names have nine digits, as the real ones
_FRAME = (1.55, 1.15)  # width and height of the image, in sides of a person's crop
_APART = 0.75  # m between people


@lru_cache(maxsize=4)
def _annotated_people(spec, split):
    """How many annotated people each image has, until they are as many as wanted."""
    wanted, counts = spec.count(split), []
    rng = spec.rng(split, "people")
    while wanted > 0:
        counts.append(min(wanted, 1 + int(rng.choice(3, p=_ANNOTATED))))
        wanted -= counts[-1]
    return counts


def item_count(spec: StandInSpec, split: str) -> int:
    """How many images the split has."""
    return len(_annotated_people(spec, split))


def plan_item(spec: StandInSpec, split: str, item: int) -> list[PlannedImage]:
    """One image: a first person about whom it is taken, others beside, passers-by further back."""
    rng = spec.rng(split, "picture", item)
    annotated = _annotated_people(spec, split)[item]
    first = sample_person(rng, split, "everyday")
    view = camera.framed(
        _room_about(landmarks_of(first)),
        (rng.uniform(0, 360), rng.uniform(-6, 22), rng.uniform(3, 7)),
        size=spec.size * rng.uniform(0.8, 1.1),
        image_size=tuple(round(share * spec.size) for share in _FRAME),
        at=(rng.uniform(0.3, 0.7), rng.uniform(0.46, 0.54)),
        roll=rng.normal(0, 2),
    )
    actors = [first]
    for depths in [(0.95, 1.35)] * (annotated - 1) + [(1.4, 2.5)] * int(rng.choice(3, p=_PASSERS_BY)):
        actors.append(sample_person(rng, split, "everyday", _free_position(rng, view, actors, depths)))
    kind = rng.choice(list(_PLACES), p=list(_PLACES.values()))
    positions = [actor.position for actor in actors]
    seed, occluders = draw_seed(rng), int(rng.random() < _SOMETHING_BEFORE)
    scene = make_scene(kind, seed, [view], positions, occluders)
    scene = add_seats(clear_view(scene, view, actors[:annotated]), actors)
    shot = Shot(tuple(actors), view, scene, draw_seed(rng))
    path = f"mpii/images/{_FIRST_NAME[split] + item:09d}.jpg"
    return [PlannedImage(path, shot, {"annotated": annotated})]


def _room_about(points):
    """The points and a box of 1.2 m about their middle, so that curled-up people are not seen from closer."""
    middle = (points.min(0) + points.max(0)) / 2
    return np.concatenate([points, [middle - 0.6, middle + 0.6]])


def _free_position(rng, view, actors, depths):
    """Where (x, z) one more person stands: in the image and clear of the others.

    Args:
        rng: Draws the candidates.
        view: The camera.
        actors: The people so far; the first is the one about whom the image is taken.
        depths: Smallest and largest distance from the camera, in distances of the first person.
    """
    nearest = np.linalg.norm(view.position[[0, 2]] - actors[0].position)
    others = np.array([actor.position for actor in actors])
    positions, room = [], []
    for _ in range(12):
        position, row = ground_point_at(view, rng.uniform(0.12, 0.88), nearest * rng.uniform(*depths))
        positions.append(position)
        gap = np.linalg.norm(others - position, axis=1).min()
        room.append(gap if 0.25 < row < 0.75 else -abs(row - 0.5))
    return positions[int(np.argmax(np.minimum(room, _APART)))]


def write(folder: Path, spec: StandInSpec, truths: Mapping[str, GroundTruth]) -> None:
    """Write the label files of both splits under `folder/mpii`."""
    folder = folder / "mpii"
    splits = {split: annotated(truth) for split, truth in truths.items()}
    for split, truth in splits.items():
        with atomic(folder / "annot" / _FILES[split]) as part:
            part.write_text(json.dumps(labels(truth)))
    if spec.option("matlab", False):
        matlab.save(folder / "mpii_human_pose_v1_u12_1.mat", RELEASE=release(joined(truths.values())))
    write_truth(folder / "truth.h5", splits)


def annotated(truth: GroundTruth) -> GroundTruth:
    """The people who have labels: the first `annotated` of each image."""
    return truth.people(truth.person < truth.note("annotated"))


def joints2d(truth: GroundTruth) -> np.ndarray:
    """(P, 16, 2) px, 0-based, NaN outside the image."""
    rows = rows_of(MPII16)
    joints = truth.px[:, rows]
    joints[~truth.inside[:, rows]] = np.nan
    return joints


def labels(truth: GroundTruth) -> list[dict]:
    """The list of dicts that the JSON file holds."""
    joints = joints2d(truth)
    center, scale = _center(joints), _scale(truth)
    return [
        {
            "joints_vis": (~missing).astype(int).tolist(),
            "joints": np.where(missing[:, None], -1.0, person + 1).round(4).tolist(),
            "image": image.rsplit("/", 1)[-1],
            "scale": round(float(size), 6),
            "center": (middle + 1).round(4).tolist(),
        }
        for person, missing, image, size, middle in zip(
            joints, np.isnan(joints[..., 0]), truth.of_image("image"), scale, center, strict=True
        )
    ]


def _center(joints):
    return (np.nanmin(joints, 1) + np.nanmax(joints, 1)) / 2


def _scale(truth):
    return np.linalg.norm(truth.head_box[:, 2:] - truth.head_box[:, :2], axis=1) * HEADS_A_PERSON / 200


def release(truth: GroundTruth) -> np.ndarray:
    """The struct `RELEASE` of the original label file: all people of all images, all images in img_train."""
    joints, scale = joints2d(truth), _scale(truth)
    seen = ~truth.hidden[:, rows_of(MPII16)]
    people = [[] for _ in truth.image]
    for owner, person, is_annotated, px, box, visible, size in zip(
        truth.owner, truth.person, truth.note("annotated"), joints, truth.head_box, seen, scale, strict=True
    ):
        known = person < is_annotated
        people[owner].append(
            _annorect(px + 1, box + 1, visible, size) if known else dict.fromkeys(_ANNORECT, np.zeros((0, 0)))
        )
    annolist = [
        {
            "image": matlab.struct_array([{"name": str(image).rsplit("/", 1)[-1]}]),
            "annorect": matlab.struct_array(rects),
        }
        for image, rects in zip(truth.image, people, strict=True)
    ]
    count = len(annolist)
    return matlab.struct_array(
        [
            {
                "annolist": matlab.struct_array(annolist),
                "img_train": np.ones((1, count)),
                "version": "12",
                "single_person": np.empty((count, 0)),
            }
        ]
    )


def _annorect(joints, box, visible, scale):
    points = [
        {"x": float(x), "y": float(y), "id": number, "is_visible": int(visible[number])}
        for number, (x, y) in enumerate(joints)
        if np.isfinite(x)
    ]
    x, y = _center(joints[None])[0]
    place = matlab.struct_array([{"x": float(x), "y": float(y)}])
    values = (
        *map(float, box),
        float(scale),
        place,
        matlab.struct_array([{"point": matlab.struct_array(points)}]),
    )
    return dict(zip(_ANNORECT, values, strict=True))
