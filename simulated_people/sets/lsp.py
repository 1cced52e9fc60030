"""Leeds Sports Pose and its extension, simulated: sports, extreme poses, annotation noise.

Files: `lsp/joints.mat`, `joints` (3, 14, N): x, y, 1 = occluded; the first half of the images is for
training, the second for testing, as in the real file. `lsp_extended/joints.mat`, `joints` (14, 3, N): x, y, 1
= labelled; all for training. Images: `im%04d.jpg` and `im%05d.jpg`, from 1. Of the training records asked
for, LSP gets as many as its test half, the extension the rest.

Annotators' noise, as a share of the person's extent: 0.8 % in LSP, 1.6 % in the extension, where a crowd
placed the points and now and then exchanged left and right. A joint that the extension does not label has
flag 0 and x, y ≤ 0: those outside the image, most occluded ones, and a few at random. `truth.h5` keeps the
exact joints.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hpe_study.errors import StudyError
from hpe_study.skeletons import LSP14
from simulated_people import matlab
from simulated_people.body.landmarks import rows_of
from simulated_people.ground_truth import GroundTruth, write_truth
from simulated_people.people_sampling import draw_seed, landmarks_of, sample_person
from simulated_people.render_jobs import PlannedImage
from simulated_people.rendering.render import Shot
from simulated_people.scenes import camera
from simulated_people.scenes.placement import add_seats, clear_view
from simulated_people.scenes.places import make_scene
from simulated_people.spec import StandInSpec

FOLDERS = ("lsp", "lsp_extended")
OPTIONS = {}
IMAGES_PER_ITEM = 1
NOISE = {"lsp": 0.008, "lsp_extended": 0.016}  # standard deviation, share of the person's extent
_EXCHANGED = 0.02  # share of the extension's people whose left and right legs or arms are exchanged
_FAR_BEHIND = 300.0  # mm: a joint so far behind what covers it counts as occluded (7.3 % of the real set's)

# Shares of the extension's seen and occluded joints that have no label.
_FORGOTTEN, _OCCLUDED_LEFT_OUT = 0.02, 0.7
_ON_THE_FLOOR = 0.42  # share of people in floor work; the others do sports
_IN_THE_OPEN = 0.62  # share of images; the others are in sports halls
_MARGIN = 1.3  # sides of the image, in the person's extents


def item_count(spec: StandInSpec, split: str) -> int:
    """How many images the split has."""
    return spec.count(split)


def plan_item(spec: StandInSpec, split: str, item: int) -> list[PlannedImage]:
    """One image, cut out around its person: upright, square or wide, as the person is."""
    rng = spec.rng(split, "picture", item)
    actor = sample_person(rng, split, "floor" if rng.random() < _ON_THE_FLOOR else "sports", style="sport")
    points = landmarks_of(actor)
    direction = (rng.uniform(0, 360), rng.uniform(-5, 18), rng.uniform(4, 9))
    roll, at = rng.normal(0, 2), rng.uniform(0.46, 0.54, 2)
    first = camera.framed(points, direction, spec.size, (spec.size, spec.size), roll=roll)
    px = first.project(first.to_camera(points))
    extent = px.max(0) - px.min(0)
    sides = spec.size * np.maximum(extent / extent.max(), 0.6) * _MARGIN / camera.PADDING
    view = camera.framed(points, direction, spec.size, tuple(np.round(sides).astype(int)), at, roll)
    kind = "outdoor" if rng.random() < _IN_THE_OPEN else "hall"
    scene = make_scene(kind, draw_seed(rng), [view], [actor.position])
    scene = add_seats(clear_view(scene, view, [actor]), [actor])
    return [PlannedImage(_image(spec, split, item), Shot((actor,), view, scene, draw_seed(rng)))]


def _image(spec, split, item):
    if split == "train" and item >= spec.test:
        return f"lsp_extended/images/im{item - spec.test + 1:05d}.jpg"
    return f"lsp/images/im{item + 1 + (spec.test if split == 'test' else 0):04d}.jpg"


def check(spec: StandInSpec) -> None:
    """Refuse a spec that does not fit the layout.

    Raises:
        StudyError: There are no more training than test records.
    """
    if spec.train <= spec.test:
        raise StudyError(
            f"lsp: train ({spec.train}) must be more than test ({spec.test}): LSP's halves are equal, its"
            " extension adds the rest"
        )


def write(folder: Path, spec: StandInSpec, truths: Mapping[str, GroundTruth]) -> None:
    """Write the label files of both data sets under `folder/lsp` and `folder/lsp_extended`."""
    train, test = (truths[split].people(truths[split].person == 0) for split in ("train", "test"))
    first, rest = train.people(np.arange(spec.test)), train.people(np.arange(spec.test, spec.train))
    joints = np.concatenate([lsp_labels(first, spec, "train"), lsp_labels(test, spec, "test")])
    matlab.save(folder / "lsp" / "joints.mat", joints=joints.transpose(2, 1, 0))
    matlab.save(folder / "lsp_extended" / "joints.mat", joints=extended_labels(rest, spec).transpose(1, 2, 0))
    write_truth(folder / "lsp" / "truth.h5", {"train": first, "test": test})
    write_truth(folder / "lsp_extended" / "truth.h5", {"train": rest})


def lsp_labels(truth: GroundTruth, spec: StandInSpec, split: str) -> np.ndarray:
    """(P, 14, 3): x, y (px, with annotators' noise) and 1 where the joint is occluded."""
    rows = rows_of(LSP14)
    placed = _placed(truth.px[:, rows], NOISE["lsp"], spec.rng(split, "noise"))
    return np.concatenate([placed, _occluded(truth)[..., None]], 2)


def extended_labels(truth: GroundTruth, spec: StandInSpec) -> np.ndarray:
    """(P, 14, 3): x, y (px, with annotators' noise) and 1 where labelled; elsewhere x, y ≤ 0 and 0."""
    rng = spec.rng("extended noise")
    rows = rows_of(LSP14)
    placed = _placed(truth.px[:, rows], NOISE["lsp_extended"], rng)
    for joints in (
        "r_ankle r_knee r_hip l_hip l_knee l_ankle",
        "r_wrist r_elbow r_shoulder l_shoulder l_elbow l_wrist",
    ):
        columns = LSP14.indices(joints)
        exchanged = np.flatnonzero(rng.random(len(placed)) < _EXCHANGED)
        placed[np.ix_(exchanged, columns)] = placed[np.ix_(exchanged, columns[::-1])]
    chance = rng.random(placed.shape[:2])
    labelled = (
        truth.inside[:, rows]
        & (chance > np.where(_occluded(truth), _OCCLUDED_LEFT_OUT, _FORGOTTEN))
        & (placed > 0).all(2)
    )
    placed[~labelled] = -rng.integers(0, 40, placed.shape)[~labelled]
    return np.concatenate([placed, labelled[..., None]], 2)


def _occluded(truth):
    """(P, 14) bool: what annotators call occluded."""
    rows = rows_of(LSP14)
    return truth.hidden[:, rows] & (truth.in_front[:, rows] > _FAR_BEHIND)


def _placed(joints, noise, rng):
    """Joints (P, 14, 2) px as annotators place them; noise: share of the person's extent."""
    extent = (joints.max(1) - joints.min(1)).max(1)
    return joints + rng.normal(size=joints.shape) * (noise * extent)[:, None, None]
