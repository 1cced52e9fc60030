"""Augmentation and targets of a whole batch, as tensors on its device.

The network sees a crop: the person's box turned, scaled and shifted. Joints t are fractions of the box, or of
the crop that is seen: t = (x − centre)/side + 0.5. Random numbers are named streams keyed by (seed, epoch,
sample), so neither the number of workers nor a resume changes them.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import affine_grid, grid_sample

from hpe_study.boxes import Boxes
from hpe_study.config import AugmentationConfig
from hpe_study.heatmaps import gaussian_targets
from hpe_study.skeletons import MPII16
from hpe_study.utils import rng
from hpe_study.utils.tensors import cached_tensor

OCCLUDER = 0.1, 0.25  # half a side of an occluding rectangle, share of the crop: least and most


@dataclass(frozen=True)
class Augmentation:
    """The random change of each of a batch's B samples."""

    scale: torch.Tensor  # (B,) side of the crop seen over the box's side
    angle: torch.Tensor  # (B,) radians, how far the picture turns (x towards y)
    shift: torch.Tensor  # (B, 2) of the crop's centre, in box sides
    flip: torch.Tensor  # (B,) bool
    gain: torch.Tensor  # (B, 3) per channel
    offset: torch.Tensor  # (B, 3)
    occluder: torch.Tensor  # (B, 4) left, top, right, bottom of a rectangle, fractions of the crop seen
    occluder_colour: torch.Tensor  # (B, 3) in [0, 1]

    def to(self, device: torch.device) -> "Augmentation":
        """Copy to a device."""
        return Augmentation(**{key: value.to(device, non_blocking=True) for key, value in vars(self).items()})


def identity_augmentation(count: int) -> Augmentation:
    """The augmentation that leaves `count` samples as they are."""
    one, zeros = torch.ones(count), [torch.zeros(count, size) for size in (2, 3, 4, 3)]
    shift, offset, occluder, colour = zeros
    never, gain = torch.zeros(count, dtype=torch.bool), torch.ones(count, 3)
    return Augmentation(one, torch.zeros(count), shift, never, gain, offset, occluder, colour)


def sample_augmentation(
    settings: AugmentationConfig, samples: np.ndarray, rotatable: np.ndarray, seed: int, epoch: int
) -> Augmentation:
    """Draw the augmentation of a batch.

    Samples (B,) are integers with a random stream each; `rotatable` (B,) are those that may be rotated.
    """
    u = rng.uniform("augmentation", seed, epoch, samples, 24)
    normal = np.sqrt(-2 * np.log1p(-u[:, :2])) * np.cos(2 * np.pi * u[:, 2:4])  # Box and Muller's
    scale = np.clip(settings.scale_sd * normal[:, 0], -settings.scale_limit, settings.scale_limit)
    angle = np.clip(settings.rotation_sd * normal[:, 1], -settings.rotation_limit, settings.rotation_limit)
    angle = np.where((u[:, 4] < settings.rotation_share) & rotatable, np.deg2rad(angle), 0.0)
    symmetric = 2 * u[:, 6:14] - 1
    middle, half = u[:, 14:16], OCCLUDER[0] + (OCCLUDER[1] - OCCLUDER[0]) * u[:, 16:18]
    rectangle = np.concatenate([middle - half, middle + half], 1)
    occluder = np.where(u[:, 18:19] < settings.occlusion, rectangle, 0)
    tensor = lambda values: torch.from_numpy(np.ascontiguousarray(values, np.float32))  # noqa: E731
    return Augmentation(
        scale=tensor(1 + scale), angle=tensor(angle), shift=tensor(settings.shift * symmetric[:, :2]),
        flip=torch.from_numpy(u[:, 5] < settings.flip), gain=tensor(1 + settings.colour * symmetric[:, 2:5]),
        offset=tensor(0.4 * settings.colour * symmetric[:, 5:8]), occluder=tensor(occluder),
        occluder_colour=tensor(u[:, 19:22]),
    )  # fmt: skip


def augmented_fraction(t: torch.Tensor, augmentation: Augmentation) -> torch.Tensor:
    """Convert fractions of the box (B, J, 2) to fractions of the crop seen."""
    offset = (t - 0.5 - augmentation.shift[:, None]) / augmentation.scale[:, None, None]
    cos, sin = augmentation.angle.cos()[:, None], augmentation.angle.sin()[:, None]
    x, y = offset.unbind(-1)
    turned = torch.stack([x * cos - y * sin, x * sin + y * cos], -1) + 0.5
    mirrored = torch.stack([1 - turned[..., 0], turned[..., 1]], -1)
    return torch.where(augmentation.flip[:, None, None], mirrored, turned)


def original_fraction(t: torch.Tensor, augmentation: Augmentation) -> torch.Tensor:
    """Convert fractions of the crop seen (B, ..., 2) to fractions of the person's box."""
    lead = (slice(None),) + (None,) * (t.ndim - 2)
    x = torch.where(augmentation.flip[lead], 1 - t[..., 0], t[..., 0]) - 0.5
    y = t[..., 1] - 0.5
    cos, sin = augmentation.angle.cos()[lead], augmentation.angle.sin()[lead]
    offset = torch.stack([x * cos + y * sin, -x * sin + y * cos], -1) * augmentation.scale[lead][..., None]
    return offset + 0.5 + augmentation.shift[lead]


def undo_augmentation(
    t: torch.Tensor, depth: torch.Tensor, augmentation: Augmentation
) -> tuple[torch.Tensor, torch.Tensor]:
    """Bring predictions back from the crop seen to the person's box: unturned and unmirrored.

    Joints t (B, 16, 2) are in fractions and depth (B, 16) in sides: of the crop seen, and then of the box.
    """
    partner = cached_tensor(tuple(MPII16.flip), t.device)
    t, depth = original_fraction(t, augmentation), depth * augmentation.scale[:, None]
    swap = augmentation.flip[:, None]
    return torch.where(swap[..., None], t[:, partner], t), torch.where(swap, depth[:, partner], depth)


def sample_images(
    crops: torch.Tensor, region: torch.Tensor, boxes: Boxes, augmentation: Augmentation, size: int
) -> torch.Tensor:
    """Sample the crop seen bilinearly from the stored squares.

    Args:
        crops: (B, S, S, 3) uint8 RGB, the stored squares.
        region: (B, 3) left, top and side of these in px of the picture.
        boxes: Of the B people.
        augmentation: Of the batch.
        size: Side of the network's input in px.

    Returns:
        (B, 3, size, size) float in [0, 1].
    """
    # Three points of the crop seen define the affine map: its middle, and those right of and below it.
    points = cached_tensor(((0.5, 0.5), (1.0, 0.5), (0.5, 1.0)), crops.device)
    px = boxes.to_pixels(original_fraction(points.expand(len(crops), 3, 2), augmentation))
    stored = (px + 0.5 - region[:, None, :2]) / region[:, None, 2:]  # fraction of the stored square
    middle, right, below = (2 * stored - 1).unbind(1)
    affine = torch.stack([right - middle, below - middle, middle], -1)
    grid = affine_grid(affine, (len(crops), 3, size, size), align_corners=False)
    images = grid_sample(
        crops.permute(0, 3, 1, 2).float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False
    )
    images.mul_(augmentation.gain[..., None, None] / 255)
    images.add_(augmentation.offset[..., None, None]).clamp_(0, 1)
    left, top, right, bottom = augmentation.occluder[:, :, None].unbind(1)  # (B, 1) each
    cells = (torch.arange(size, device=images.device) + 0.5) / size
    across, down = (cells >= left) & (cells < right), (cells >= top) & (cells < bottom)
    hidden = (down[:, :, None] & across[:, None, :])[:, None]
    return torch.where(hidden, augmentation.occluder_colour[..., None, None], images)


@dataclass(frozen=True)
class Batch:
    """What a training step needs, on the device. J = 16 joints, MPII-16."""

    images: torch.Tensor  # (B, 3, H, W) in [0, 1], RGB, not yet normalised
    joints: torch.Tensor  # (B, J, 2) fractions of the crop seen; NaN where missing
    labelled: torch.Tensor  # (B, J) bool: labelled and inside the crop
    depth: torch.Tensor  # (B, J) root-relative, in sides of the crop seen; NaN where missing
    has_depth: torch.Tensor  # (B, J) bool
    augmentation: Augmentation
    source: dict[str, torch.Tensor]  # the stored labels of the same samples

    def heatmap_px(self, cells: int) -> torch.Tensor:
        """Joints (B, J, 2) in px of a heat map of cells × cells."""
        return self.joints * cells - 0.5

    def targets(self, cells: int, sigma: float) -> torch.Tensor:
        """Target heat maps (B, J, cells, cells): Gaussians of deviation `sigma` heat-map px."""
        return gaussian_targets(self.heatmap_px(cells), self.labelled, (cells, cells), sigma)


def to_device(raw: dict[str, torch.Tensor], device: torch.device) -> dict[str, torch.Tensor]:
    """Copy what `loader` gives to the device; the host does not wait for it."""
    return {key: value.to(device, non_blocking=True) for key, value in raw.items()}


def augment_batch(source: dict[str, torch.Tensor], augmentation: Augmentation, size: int) -> Batch:
    """Apply an augmentation to what `loader` gives; `size` is the network's input in px."""
    boxes = Boxes(source["center"], source["side"])
    t = augmented_fraction(boxes.to_fraction(source["joints2d"]), augmentation)
    partner = cached_tensor(tuple(MPII16.flip), t.device)
    swap = augmentation.flip[:, None]
    t = torch.where(swap[..., None], t[:, partner], t)
    labelled = torch.where(swap, source["labelled"][:, partner], source["labelled"])
    depth = torch.where(swap, source["depth"][:, partner], source["depth"]) / augmentation.scale[:, None]
    inside = labelled & (t >= 0).all(-1) & (t < 1).all(-1)
    return Batch(
        images=sample_images(source["crop"], source["region"], boxes, augmentation, size), joints=t,
        labelled=inside, depth=depth, has_depth=inside & depth.isfinite(), augmentation=augmentation,
        source=source,
    )  # fmt: skip
