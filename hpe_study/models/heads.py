"""What every network offers besides `forward`, its normalisation of images, and the two heads.

A network owns its decoding. Training, evaluation, viewer and photos ask it for joints and never look into its
outputs, so a head of another kind is one more class here.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 (PyTorch's custom)
from torch import Tensor, nn

from hpe_study.errors import StudyError
from hpe_study.heatmaps import Decoder, decode, read_depth, soft_argmax
from hpe_study.skeletons import MPII16
from hpe_study.utils.tensors import cached_tensor

Outputs = dict[str, Tensor]


@dataclass(frozen=True)
class Preprocessing:
    """Normalisation of RGB images."""

    order: str = "RGB"  # the channel order that the network wants, "RGB" or "BGR"
    divisor: float = 255.0  # what bytes are divided by
    mean: tuple = (0.485, 0.456, 0.406)  # of the channels, in the network's order; by default ImageNet's
    std: tuple = (0.229, 0.224, 0.225)  # the same

    def __post_init__(self):
        if self.order not in ("RGB", "BGR"):
            raise ValueError(f"order {self.order!r} is not RGB or BGR")
        if not len(self.mean) == len(self.std) == 3:
            raise ValueError("mean and std must have three values")
        if not all(map(math.isfinite, (self.divisor, *self.mean, *self.std))):
            raise ValueError("divisor, mean and std must be finite")
        if min(self.divisor, *self.std) <= 0:
            raise ValueError("divisor and std must be greater than 0")

    def __call__(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) RGB, uint8 or floating in [0, 1] → what the network takes (uint8 gives float32)."""
        if images.dtype == torch.uint8:
            images = images.float() / 255
        if self.order == "BGR":
            images = images.flip(1)
        mean, std = (
            cached_tensor(tuple(values), images.device, images.dtype)[:, None, None]
            for values in (self.mean, self.std)
        )
        return (images * (255 / self.divisor) - mean) / std


IMAGENET_RGB = Preprocessing()
HALF_RGB = Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))  # of networks that come from TensorFlow
# The original implementation reads images with OpenCV (BGR), divides by 256, and applies the means to the
# channels as they come.
ORIGINAL_BGR = Preprocessing(order="BGR", divisor=256.0)


def check_size(images: Tensor, divisor: int) -> None:
    """Raise `StudyError` unless (B, 3, H, W) images have sides that are multiples of `divisor`."""
    if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] % divisor or images.shape[3] % divisor:
        wanted = f"this network takes (B, 3, H, W), H and W multiples of {divisor}"
        raise StudyError(f"images of shape {tuple(images.shape)} do not fit: {wanted}")


class Joints(NamedTuple):
    """Decoded joints of a batch, MPII-16, in float32 on the network's device."""

    joints: Tensor  # (B, 16, 2) fractions of the crop that the network saw, x right, y down
    depth: Tensor  # (B, 16) in sides of that crop, root-relative, away from the camera
    score: Tensor  # (B, 16) confidence; for heat maps the height of the peak


class PoseNetwork(nn.Module):
    """Base of every network. `forward` takes (B, 3, H, W) images normalised by `preprocessing`."""

    divisor: int  # H and W must be multiples of it
    preprocessing: Preprocessing = IMAGENET_RGB  # how images are normalised
    weights_source: str = "random"  # "random", "imagenet", or the file that the weights came from
    # the entries of the outputs that predictions are decoded from; each has joints on axis 1 and the
    # picture's x on the last axis
    output_names: tuple[str, ...]

    def add_head(self, channels: int, joints: int, std: float | None = None) -> None:
        """Create the head's layers; std: of their initial weights (None: PyTorch's default)."""
        raise NotImplementedError

    def head(self, features: Tensor) -> Outputs:
        """Features (B, channels, h, w) → the outputs."""
        raise NotImplementedError

    def decode(self, outputs: Outputs, method: Decoder, depth_unit: float) -> Joints:
        """Read joints from the network's outputs; differentiable where the method is.

        Args:
            outputs: what `forward` or `flip_test` gave, in any floating precision.
            method: how a joint is located, see `heatmaps.decode`.
            depth_unit: crop sides that one unit of the depth output stands for.
        """
        raise NotImplementedError

    def heatmaps(self, outputs: Outputs) -> Tensor:
        """(B, 16, h, w) heat maps over the crop, to look at."""
        raise NotImplementedError

    def flip_test(self, images: Tensor) -> Outputs:
        """Average the outputs for images and, mirrored back, for the mirrored images.

        Mirroring is exact: a cell's centre is an integer, so nothing is shifted; depth keeps its sign.
        """
        plain, mirrored = self(images), self(images.flip(-1))
        partner = cached_tensor(tuple(MPII16.flip), images.device)
        return {
            name: (plain[name] + mirrored[name].flip(-1).index_select(1, partner)) / 2
            for name in self.output_names
        }


class HeatmapHead(PoseNetwork):
    """A heat map and a depth map per joint, by two 1×1 convolutions (Zhou et al. 2017).

    A base class, so that saved weights keep the names `heatmap_head` and `depth_head`. Outputs: {"heatmap",
    "depth"}, each (B, J, H/4, W/4).
    """

    output_names = ("heatmap", "depth")

    def add_head(self, channels: int, joints: int, std: float | None = None) -> None:
        """Create the two convolutions."""
        self.heatmap_head, self.depth_head = (_convolution(channels, joints, std) for _ in range(2))

    def head(self, features: Tensor) -> Outputs:
        """Features (B, channels, h, w) → {"heatmap", "depth"}, each (B, J, h, w)."""
        return {"heatmap": self.heatmap_head(features), "depth": self.depth_head(features)}

    def decode(self, outputs: Outputs, method: Decoder, depth_unit: float) -> Joints:
        """Locate each joint in its heat map and sample its depth map there."""
        joints, score = decode(outputs["heatmap"], method)
        depth = read_depth(outputs["depth"], joints) * depth_unit
        return Joints((joints + 0.5) / outputs["heatmap"].shape[-1], depth, score)

    def heatmaps(self, outputs: Outputs) -> Tensor:
        """The heat maps as they are."""
        return outputs["heatmap"]


class VolumetricHead(PoseNetwork):
    """A volume of scores per joint; the joint is its softmax's mean (integral regression, Sun et al. 2018).

    The volume is a cube: as deep as the crop is wide, the root in the middle of its depth. Outputs:
    {"volume"}: (B, J, DEPTH_CELLS, H/4, W/4), before the softmax.
    """

    DEPTH_CELLS = 16
    output_names = ("volume",)

    def add_head(self, channels: int, joints: int, std: float | None = None) -> None:
        """Create the convolution."""
        self.volume_head = _convolution(channels, joints * self.DEPTH_CELLS, std)

    def head(self, features: Tensor) -> Outputs:
        """Features (B, channels, h, w) → {"volume"}: (B, J, DEPTH_CELLS, h, w)."""
        return {"volume": self.volume_head(features).unflatten(1, (-1, self.DEPTH_CELLS))}

    def decode(self, outputs: Outputs, method: Decoder, depth_unit: float) -> Joints:
        """Mean of each joint's volume; the score is the probability of the likeliest 3×3 cells."""
        position, probability = soft_argmax(outputs["volume"])
        score = 9 * F.avg_pool2d(probability, 3, stride=1, padding=1).amax((-2, -1))
        return Joints(position[..., :2], position[..., 2] - 0.5, score)

    def heatmaps(self, outputs: Outputs) -> Tensor:
        """The probability of each cell of the picture, summed over its depth."""
        return soft_argmax(outputs["volume"])[1]


def _convolution(channels, joints, std):
    convolution = nn.Conv2d(channels, joints, 1)
    if std is not None:
        nn.init.normal_(convolution.weight, std=std)
        nn.init.zeros_(convolution.bias)
    return convolution
