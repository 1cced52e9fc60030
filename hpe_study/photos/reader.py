"""A run's network on any picture: one person's box → joints in px, and in mm if it has learnt depth.

Where no box is given the network finds the person itself: no detector, nothing to download. It looks at the
whole picture and at windows of it; where its heat maps are highest, it looks again, in the box of the joints
found. The best-scoring person is kept. (OpenCV 5 has no pedestrian detector.)
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from hpe_study.boxes import Boxes
from hpe_study.data.augmentation import identity_augmentation, sample_images
from hpe_study.data.crops import crop_square, stored_region
from hpe_study.evaluation.prediction_file import Predictions
from hpe_study.evaluation.predictor import Predictor
from hpe_study.evaluation.run_record import read_run_record
from hpe_study.evaluation.scoring import poses_of
from hpe_study.models.pretrained import run_folder
from hpe_study.photos.files import Box
from hpe_study.skeletons.bone_lengths import scale_to_bones
from hpe_study.utils.pictures import shrink, thumbnail

PADDING = 1.25  # the square that the network sees over a person's box, as on MPII
MARGIN = 1.5
SHRINK = 3  # pictures are first made so much larger than the network's input at most
WINDOWS = (0.62, 0.4, 0.26)  # side of a window over the picture's longer side
SMALLEST = 8.0  # px: a side of a box of joints
STEP = 0.5  # between windows, over their side
KEPT, ROUNDS = 5, 3  # so many of the best are looked at so often again
SEARCHED = 1200  # px: the longer side of the picture that is searched
IN_WHOLE = "found in the whole picture, then in the box of its joints"
IN_WINDOW = "found in a window of the picture, then in the box of its joints"


@dataclass(frozen=True)
class Person:
    """What a run predicts for one person; joints are those of MPII-16."""

    box: Box
    center: np.ndarray  # (2,) px of the square that the network saw
    side: float  # px, of that square
    joints: np.ndarray  # (16, 2) px of the upright picture, 0-based, the integer is a pixel's centre
    # (16, 3) mm, relative to the pelvis, camera frame (x right, y down, z away), with the mean bone lengths
    # of the training people; NaN where the run has learnt no depth
    pose: np.ndarray
    score: np.ndarray  # (16,) height of the heat map
    found: str = "box given"  # how the person was found in the picture


class PoseReader:
    """The network of a finished run.

    Attributes:
        name: The run's name.
        trained_on: Whom it learnt from: "real and simulated people", say.
        bones: Lengths in mm of the bones of its skeletons, or None where it has learnt no depth.
    """

    def __init__(self, run: str | Path | None = None, device: str = "auto") -> None:
        """Load the network of a run's folder; None or "pretrained": the one in the box (`models.pretrained`).

        Raises `StudyError` where the folder has no whole checkpoint or no whole record.
        """
        self.folder = run_folder(run)
        self.predictor = Predictor.from_run(self.folder, device, "fp32")
        record = read_run_record(self.folder)
        self.name, self.trained_on = record.name, record.trained_on
        self.bones = None if record.bones_mm is None else np.array(record.bones_mm, float)

    def __call__(self, image: np.ndarray, box: Box, padding: float = PADDING) -> Person:
        """Predict the person in a box of an (H, W, 3) uint8 RGB picture; the box may reach beyond it.

        `padding` is the side of the square that the network sees, over the box's longer side.
        """
        return self.people(image, [box], padding)[0]

    def people(
        self, image: np.ndarray, boxes: Sequence[Box], padding: float = PADDING, flip: bool | None = None
    ) -> list[Person]:
        """Predict a person in each of some boxes; arguments as of a call, `flip` as for `Predictor`."""
        corners, sizes = np.split(np.array(boxes, float), 2, axis=1)
        centers, sides = corners + sizes / 2 - 0.5, sizes.max(1) * padding
        squares = zip(centers, sides, strict=True)
        images = torch.cat([self._network_input(image, center, side) for center, side in squares])
        decoded = self.predictor.on_images(images.to(self.predictor.device), flip)
        predicted = Predictions(*(values.cpu().numpy() for values in decoded)).check_finite(self.folder)
        joints, depth, scores = predicted.joints, predicted.depth, predicted.score
        poses = np.full((len(boxes), 16, 3), np.nan)
        if self.bones is not None:
            poses = scale_to_bones(poses_of(joints, depth), self.bones)
        joints = Boxes(centers, sides).to_pixels(joints)
        parts = zip(boxes, centers, sides, joints, poses, scores, strict=True)
        return [Person(tuple(box), center, float(side), *rest) for box, center, side, *rest in parts]

    def heatmaps(self, image: np.ndarray, person: Person) -> np.ndarray:
        """(16, h, w) heat maps over the square of a person predicted in the picture."""
        images = self._network_input(image, person.center, person.side)
        return self.predictor.heatmaps_on(images.to(self.predictor.device))[0]

    def _network_input(self, image, center, side):
        """The square (1, 3, S, S) of a picture, cut and sampled as a store's pictures are."""
        size = self.predictor.network.input_size
        factor = min(1.0, SHRINK * size / side)
        center, side = (center + 0.5) * factor - 0.5, side * factor
        region = stored_region(center, side, MARGIN)
        crops = torch.from_numpy(crop_square(shrink(image, factor), region, round(size * MARGIN)))[None]
        region, center, side = (
            torch.from_numpy(np.asarray(value, np.float32))[None] for value in (region, center, side)
        )
        return sample_images(crops, region, Boxes(center, side), identity_augmentation(1), size)


def whole(image: np.ndarray) -> Box:
    """The box of the whole picture."""
    return (0.0, 0.0, float(image.shape[1]), float(image.shape[0]))


def windows(width: float, height: float) -> list[Box]:
    """Squares that cover a picture, the largest first."""
    squares = []
    for share in WINDOWS:
        side = share * max(width, height)
        rows, columns = (_starts(length, side) for length in (height, width))
        squares += [(float(x), float(y), side, side) for y in rows for x in columns]
    return squares


def _starts(length, side):
    """Where windows begin along one side of the picture: evenly, from edge to edge."""
    if side >= length:
        return [(length - side) / 2]
    return np.linspace(0, length - side, int(np.ceil((length - side) / (STEP * side))) + 1)


def certainty(person: Person) -> float:
    """How sure the network is that the person is there: the mean height of its heat maps."""
    return float(person.score.mean())


def find_person(image: np.ndarray, reader: PoseReader) -> Person:
    """The person of a picture whom the network is surest of; `Person.found` says how it was found."""
    small = thumbnail(image, SEARCHED)
    squares = [whole(small), *windows(*small.shape[1::-1])]
    people = reader.people(small, squares, padding=1.0, flip=False)
    ways = [IN_WHOLE, *[IN_WINDOW] * (len(people) - 1)]
    people = [replace(person, found=way) for person, way in zip(people, ways, strict=True)]
    best, seen = sorted(people, key=certainty)[-KEPT:], []
    for _ in range(ROUNDS):
        again = reader.people(small, [box_of_joints(person) for person in best])
        best = [replace(new, found=old.found) for new, old in zip(again, best, strict=True)]
        seen += best
    best = max(seen, key=certainty)
    box = np.array(best.box) * image.shape[1] / small.shape[1]
    return replace(reader(image, tuple(map(float, box))), found=best.found)


def box_of_joints(person: Person) -> Box:
    """The box that the person's joints fill."""
    low, high = person.joints.min(0), person.joints.max(0)
    return (*(low + 0.5), *np.maximum(high - low, SMALLEST))
