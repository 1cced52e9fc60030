"""A run's network on any picture: one person's box → joints in px, and in mm if it has learnt depth."""

from collections.abc import Sequence
from dataclasses import dataclass
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
from hpe_study.skeletons.bone_lengths import scale_to_bones
from hpe_study.utils.pictures import shrink

PADDING = 1.25  # the square that the network sees over a person's box, as on MPII
MARGIN = 1.5
SHRINK = 3  # pictures are first made so much larger than the network's input at most

Box = tuple[float, float, float, float]  # x, y, width, height in px of the upright picture


@dataclass(frozen=True)
class Person:
    """What a run predicts for one person; joints are those of MPII-16.

    Attributes:
        box: The person's box.
        center: (2,) px of the square that the network saw.
        side: Its side in px.
        joints: (16, 2) px of the upright picture, 0-based, the integer is a pixel's centre.
        pose: (16, 3) mm, relative to the pelvis, camera frame (x right, y down, z away). NaN where the run
            has learnt no depth. The bones have the mean lengths of the training people.
        score: (16,) height of the heat map.
        found: How the person was found in the picture.
    """

    box: Box
    center: np.ndarray
    side: float
    joints: np.ndarray
    pose: np.ndarray
    score: np.ndarray
    found: str = "box given"


class PoseReader:
    """The network of a finished run.

    Attributes:
        name: The run's name.
        trained_on: Whom it learnt from: "real and simulated people", say.
        bones: Lengths in mm of the bones of its skeletons, or None where it has learnt no depth.

    Raises:
        StudyError: The folder has no whole checkpoint or no whole record.
    """

    def __init__(self, run: str | Path | None = None, device: str = "auto") -> None:
        """Load the network.

        Args:
            run: A run's folder; None or "pretrained": the network in the box (`models.pretrained`).
            device: auto, cpu or cuda.
        """
        self.folder = run_folder(run)
        self.predictor = Predictor.from_run(self.folder, device, "fp32")
        record = read_run_record(self.folder)
        self.name, self.trained_on = record.name, record.trained_on
        self.bones = None if record.bones_mm is None else np.array(record.bones_mm, float)

    def __call__(self, image: np.ndarray, box: Box, padding: float = PADDING) -> Person:
        """Predict the person in a box of an (H, W, 3) uint8 RGB picture.

        Args:
            image: The picture.
            box: The person's box; it may reach beyond the picture.
            padding: Side of the square that the network sees, over the box's longer side.
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
