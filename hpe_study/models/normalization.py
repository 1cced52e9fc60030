"""What a network expects of its images: a small value that travels with the model."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from hpe_study.errors import StudyError
from hpe_study.utils.tensors import cached_tensor


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
        raise StudyError(
            f"images of shape {tuple(images.shape)} do not fit: this network takes (B, 3, H, W), H and W"
            f" multiples of {divisor}"
        )
