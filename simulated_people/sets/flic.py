"""FLIC, simulated: film stills, upper bodies, mostly facing the camera, one record per person.

Files: `examples.mat` (struct array `examples`, 1 × N) and `images/*.jpg`. Of the 29 columns only 0–6, 9, 12,
13 and 16 are labelled, the other 18 are NaN in every record, as in the real file. A joint that is hidden or
outside the image is NaN, too (the real annotators guessed those). `torsobox` is the box around shoulders
and hips.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hpe_study.skeletons import FLIC29
from simulated_people import matlab
from simulated_people.body.landmarks import rows_of
from simulated_people.ground_truth import GroundTruth, write_truth
from simulated_people.people_sampling import draw_seed, landmarks_of, sample_person
from simulated_people.render_jobs import PlannedImage
from simulated_people.rendering.render import Shot
from simulated_people.scenes import camera
from simulated_people.scenes.placement import add_seats, clear_view, ground_point_at
from simulated_people.scenes.places import make_scene
from simulated_people.spec import StandInSpec

FOLDERS = ("flic",)
OPTIONS = {}
IMAGES_PER_ITEM = 1
LABELLED = FLIC29.indices(
    "l_shoulder l_elbow l_wrist r_shoulder r_elbow r_wrist l_hip r_hip l_eye r_eye nose"
)
_FRAME = (1.65, 1.1)  # width and height of the still, in sides of a person's crop
_ON_LOCATION = 0.25  # share of stills taken in a street
_STILLS_PER_MOVIE = 25
_BEHIND = (0.6, 0.3, 0.1)  # shares of stills with none, one and two more people behind


def item_count(spec: StandInSpec, split: str) -> int:
    """How many stills the split has."""
    return spec.count(split)


def plan_item(spec: StandInSpec, split: str, item: int) -> list[PlannedImage]:
    """One still: somebody from the head to the hips, rather from the front, perhaps with others behind."""
    rng = spec.rng(split, "still", item)
    heading = rng.uniform(0, 360)
    actor = sample_person(rng, split, "film", heading=heading)
    points = landmarks_of(actor)[rows_of(FLIC29)[LABELLED]]
    view = camera.framed(
        points,
        (heading + rng.normal(0, 40), rng.uniform(-8, 10), rng.uniform(1.6, 3.5)),
        size=spec.size * rng.uniform(0.75, 1.1),
        image_size=tuple(round(share * spec.size) for share in _FRAME),
        at=(rng.uniform(0.32, 0.68), rng.uniform(0.52, 0.62)),
    )
    actors = [actor]
    for _ in range(rng.choice(3, p=_BEHIND)):
        position, _ = ground_point_at(view, rng.uniform(0.02, 0.98), rng.uniform(2.2, 4.5) + 0.8)
        actors.append(sample_person(rng, split, "film", position))
    kind = "street" if rng.random() < _ON_LOCATION else "film set"
    scene = make_scene(kind, draw_seed(rng), [view], [actor.position for actor in actors])
    shot = Shot(tuple(actors), view, add_seats(clear_view(scene, view, actors[:1]), actors), draw_seed(rng))
    movie, frame = f"simulated-{split}-{item // _STILLS_PER_MOVIE:04d}", 1 + 24 * (item % _STILLS_PER_MOVIE)
    path = f"flic/images/{movie}-{frame:08d}.jpg"
    return [PlannedImage(path, shot, {"movie": movie, "frame": frame})]


def write(folder: Path, spec: StandInSpec, truths: Mapping[str, GroundTruth]) -> None:
    """Write the label files of both splits under `folder/flic`."""
    splits = {split: truth.people(truth.person == 0) for split, truth in truths.items()}
    rows = [row for split, truth in splits.items() for row in labels(truth, split)]
    matlab.save(folder / "flic" / "examples.mat", examples=matlab.struct_array(rows))
    write_truth(folder / "flic" / "truth.h5", splits)


def coordinates(truth: GroundTruth) -> np.ndarray:
    """(P, 29, 2) px, 0-based; NaN where the file gives no label."""
    rows = rows_of(FLIC29)
    joints = truth.px[:, rows]
    missing = (truth.hidden | ~truth.inside)[:, rows]
    missing[:, np.setdiff1d(np.arange(len(FLIC29)), LABELLED)] = True
    joints[missing] = np.nan
    return joints


def labels(truth: GroundTruth, split: str) -> list[dict]:
    """The rows of the struct array `examples`."""
    torso = truth.px[:, rows_of(FLIC29)[FLIC29.indices("l_shoulder r_shoulder l_hip r_hip")]]
    boxes = np.concatenate([torso.min(1), torso.max(1)], 1).astype(np.float32)
    return [
        {
            "poselet_hit_idx": np.arange(1, 2, dtype=np.uint16)[:, None],
            "moviename": movie,
            "coords": joints.T,
            "filepath": str(image).rsplit("/", 1)[-1],
            "imgdims": np.array([[height, width, 3]], np.uint16),
            "currframe": np.array([[frame]], np.uint16),
            "torsobox": box[None],
            "istrain": np.array([[split == "train"]], np.uint8),
            "istest": np.array([[split == "test"]], np.uint8),
        }
        for joints, image, movie, frame, box, (width, height) in zip(
            coordinates(truth),
            truth.of_image("image"),
            map(str, truth.note("movie")),
            truth.note("frame"),
            boxes,
            truth.of_image("size"),
            strict=True,
        )
    ]
