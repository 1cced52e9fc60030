"""A run's network on any picture: one person's box → joints in px, and in mm where the run has learnt
depth."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from hpe_study.boxes import Boxes
from hpe_study.data.augmentation import identity_augmentation, sampled_images
from hpe_study.data.store import cut, stored_region
from hpe_study.evaluation.evaluate import load_run_model
from hpe_study.evaluation.scoring import poses_of
from hpe_study.skeletons.bone_lengths import scale_to_bones
from hpe_study.utils import devices
from hpe_study.utils.files import read_json

PADDING = 1.25  # the square that the network sees over a person's box, as on MPII
MARGIN = 1.5
SHRINK = 3  # pictures are first made so much larger than the network's input at most


@dataclass(frozen=True)
class Person:
    """What a run saw of one person; MPII-16."""

    box: tuple  # (x, y, width, height) px
    center: np.ndarray  # (2,) px and …
    side: float  # … px of the square that the network saw
    joints: np.ndarray  # (16, 2) px of the upright picture, 0-based, the integer is a pixel's centre
    # (16, 3) mm, relative to the pelvis, camera frame (x right, y down, z away); NaN where the run has no
    # depth
    pose: np.ndarray
    score: np.ndarray  # (16,) height of the heat map


class PoseReader:
    """The network of a finished run. Raises `StudyError` where the folder has no whole checkpoint or no
    record."""

    def __init__(self, folder, device="auto"):
        self.folder = Path(folder)
        self.model, self.network = load_run_model(self.folder)
        record = read_json(self.folder / "run.json")
        self.name, self.simulated = record["name"], record["simulated"]
        self.bones = None if record["bones_mm"] is None else np.array(record["bones_mm"], float)
        self.device = devices.pick_device(device)
        self.model = self.model.to(self.device).eval()

    @torch.inference_mode()
    def __call__(self, image, box, padding=PADDING):
        """The `Person` in a box of an (H, W, 3) uint8 RGB picture. The bones' sizes are the training set's
        means."""
        x, y, width, height = box
        center, side = np.array([x + width / 2 - 0.5, y + height / 2 - 0.5]), max(width, height) * padding
        small, factor = _shrunk(image, min(1.0, SHRINK * self.network.input_size / side))
        crop_center, crop_side = (center + 0.5) * factor - 0.5, side * factor
        region = stored_region(crop_center, crop_side, MARGIN)
        crop = cut(small, region, round(self.network.input_size * MARGIN))
        tensors = [
            torch.from_numpy(np.asarray(value, np.float32))[None]
            for value in (region, crop_center, crop_side)
        ]
        crops = torch.from_numpy(crop)[None]
        images = sampled_images(
            crops, tensors[0], tensors[1], tensors[2], identity_augmentation(1), self.network.input_size
        )
        images = self.model.preprocessing(images.to(self.device))
        outputs = self.model.flip_test(images) if self.network.flip_test else self.model(images)
        decoded = self.model.decode(outputs, self.network.decode, self.network.depth_unit)
        joints, depth, score = (values.cpu().numpy() for values in decoded)
        pose = (
            scale_to_bones(poses_of(joints, depth), self.bones)[0]
            if self.bones is not None
            else np.full((16, 3), np.nan)
        )
        return Person(
            tuple(box), center, side, Boxes(center, np.float64(side)).to_pixels(joints[0]), pose, score[0]
        )


def _shrunk(image, factor):
    """(picture, factor really used): smaller by area averaging; unchanged where the factor is 1."""
    if factor >= 1:
        return image, 1.0
    size = [max(round(length * factor), 1) for length in image.shape[1::-1]]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), factor
