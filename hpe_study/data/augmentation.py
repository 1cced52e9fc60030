"""Augmentation and targets of a whole batch, as tensors on its device.

Crop coordinates t are fractions of the person's box: t = (x − centre)/side + 0.5. Random numbers are named
streams keyed by (seed, epoch, sample), so neither the number of workers nor a resume changes them.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from hpe_study.boxes import Boxes
from hpe_study.heatmaps import gaussian_targets
from hpe_study.skeletons import MPII16
from hpe_study.utils import rng
from hpe_study.utils.tensors import cached_tensor


@dataclass(frozen=True)
class Augmentation:
    """A batch's random change. The crop seen is the person's box turned, scaled and shifted; B samples."""

    scale: torch.Tensor  # (B,) side of the crop seen over the box's side
    angle: torch.Tensor  # (B,) radians, how far the picture turns (x towards y)
    shift: torch.Tensor  # (B, 2) of the crop's centre, in box sides
    flip: torch.Tensor  # (B,) bool
    gain: torch.Tensor  # (B, 3) per channel
    offset: torch.Tensor  # (B, 3)

    def to(self, device):
        """The same change on another device."""
        return Augmentation(**{key: value.to(device, non_blocking=True) for key, value in vars(self).items()})


def identity_augmentation(count):
    """The change that leaves `count` samples as they are."""
    one, zero = torch.ones(count), torch.zeros(count)
    return Augmentation(
        one,
        zero,
        torch.zeros(count, 2),
        torch.zeros(count, dtype=torch.bool),
        torch.ones(count, 3),
        torch.zeros(count, 3),
    )


def sample_augmentation(settings, samples, turns, seed, epoch):
    """The `Augmentation` of a batch. settings: `config.AugmentationConfig`; samples: (B,) integers that name them;
    turns: (B,) bool, those that may be rotated.
    """
    u = rng.uniform("augmentation", seed, epoch, samples, 16)
    normal = np.sqrt(-2 * np.log1p(-u[:, :2])) * np.cos(2 * np.pi * u[:, 2:4])  # Box and Muller's
    scale, angle = (np.clip(normal / 2, -1, 1)).T  # half the limit is the deviation, cut at the limit
    angle = np.where((u[:, 4] < settings.rotation_share) & turns, np.deg2rad(settings.rotation) * angle, 0.0)
    symmetric = 2 * u[:, 6:14] - 1
    tensor = lambda values: torch.from_numpy(np.ascontiguousarray(values, np.float32))  # noqa: E731
    return Augmentation(
        scale=tensor(1 + settings.scale * scale),
        angle=tensor(angle),
        shift=tensor(settings.shift * symmetric[:, :2]),
        flip=torch.from_numpy(u[:, 5] < settings.flip),
        gain=tensor(1 + settings.colour * symmetric[:, 2:5]),
        offset=tensor(0.4 * settings.colour * symmetric[:, 5:8]),
    )


def changed_fraction(t, change):
    """Box fractions (B, J, 2) → fractions of the crop that the network sees. The inverse of
    `original_fraction`."""
    offset = (t - 0.5 - change.shift[:, None]) / change.scale[:, None, None]
    cos, sin = change.angle.cos()[:, None], change.angle.sin()[:, None]
    x, y = offset.unbind(-1)
    turned = torch.stack([x * cos - y * sin, x * sin + y * cos], -1) + 0.5
    mirrored = torch.stack([1 - turned[..., 0], turned[..., 1]], -1)
    return torch.where(change.flip[:, None, None], mirrored, turned)


def original_fraction(t, change):
    """Fractions of the crop seen (B, ..., 2) → fractions of the person's box."""
    lead = (slice(None),) + (None,) * (t.ndim - 2)
    x = torch.where(change.flip[lead], 1 - t[..., 0], t[..., 0]) - 0.5
    y = t[..., 1] - 0.5
    cos, sin = change.angle.cos()[lead], change.angle.sin()[lead]
    offset = torch.stack([x * cos + y * sin, -x * sin + y * cos], -1) * change.scale[lead][..., None]
    return offset + 0.5 + change.shift[lead]


def undo_augmentation(t, depth, change):
    """Joints read in the crop seen, (B, 16, 2) fractions and (B, 16) depth in its sides, back in the person's
    box: unturned, unmirrored."""
    partner = cached_tensor(tuple(MPII16.flip), t.device)
    t, depth = original_fraction(t, change), depth * change.scale[:, None]
    swap = change.flip[:, None]
    return torch.where(swap[..., None], t[:, partner], t), torch.where(swap, depth[:, partner], depth)


def sampled_images(crops, region, center, side, change, size):
    """(B, 3, size, size) float in [0, 1]: the changed crop, sampled bilinearly from the stored squares (B, S,
    S, 3) uint8."""
    middle_right_below = cached_tensor(
        ((0.5, 0.5), (1.0, 0.5), (0.5, 1.0)), crops.device
    )  # three places of the crop seen say where all are
    box = original_fraction(middle_right_below.expand(len(crops), 3, 2), change)
    px = Boxes(center, side).to_pixels(box)
    stored = (px + 0.5 - region[:, None, :2]) / region[:, None, 2:]  # fraction of the stored square
    middle, right, below = (2 * stored - 1).unbind(1)
    affine = torch.stack([right - middle, below - middle, middle], -1)
    grid = F.affine_grid(affine, (len(crops), 3, size, size), align_corners=False)
    images = F.grid_sample(
        crops.permute(0, 3, 1, 2).float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False
    )
    return images.mul_(change.gain[..., None, None] / 255).add_(change.offset[..., None, None]).clamp_(0, 1)


@dataclass(frozen=True)
class Batch:
    """What a step needs, on the device. Frames: crop seen by the network; J = 16, MPII-16."""

    images: torch.Tensor  # (B, 3, H, W) in [0, 1], RGB, not yet normalised
    joints: torch.Tensor  # (B, J, 2) fractions of the crop seen; NaN where missing
    labelled: torch.Tensor  # (B, J) bool: labelled and inside the crop
    depth: torch.Tensor  # (B, J) root-relative, in sides of the crop seen; NaN where missing
    has_depth: torch.Tensor  # (B, J) bool
    change: Augmentation
    source: dict  # the stored labels of the same samples

    def heatmap_px(self, cells):
        """Joints in px of a heat map with `cells` cells a side."""
        return self.joints * cells - 0.5

    def targets(self, cells, sigma):
        """(B, J, cells, cells) Gaussians of deviation `sigma` heat-map px."""
        return gaussian_targets(self.heatmap_px(cells), self.labelled, (cells, cells), sigma)


def sent(raw, device):
    """What `loader` gives, on the device; the host does not wait for it."""
    return {key: value.to(device, non_blocking=True) for key, value in raw.items()}


def assemble(source, change, size):
    """A `Batch` from what `loader` gives and a `Augmentation`, both on the device it is made on. size: px of the
    network's input."""
    boxes = Boxes(source["center"], source["side"])
    t = changed_fraction(boxes.to_fraction(source["joints2d"]), change)
    partner = cached_tensor(tuple(MPII16.flip), t.device)
    swap = change.flip[:, None]
    t = torch.where(swap[..., None], t[:, partner], t)
    labelled = torch.where(swap, source["labelled"][:, partner], source["labelled"])
    depth = torch.where(swap, source["depth"][:, partner], source["depth"]) / change.scale[:, None]
    inside = labelled & (t >= 0).all(-1) & (t < 1).all(-1)
    return Batch(
        images=sampled_images(
            source["crop"], source["region"], source["center"], source["side"], change, size
        ),
        joints=t,
        labelled=inside,
        depth=depth,
        has_depth=inside & depth.isfinite(),
        change=change,
        source=source,
    )
