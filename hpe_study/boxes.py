"""Boxes: the square around a person, and the way between its image's pixels and fractions of it.

Fractions run from 0 to 1 over the box, x right, y down. Pixels are 0-based, the integer at a pixel's centre.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    import torch  # takes seconds to load, and most commands do not need it

Array = TypeVar("Array", np.ndarray, "torch.Tensor")


@dataclass(frozen=True)
class Boxes:
    """The square boxes of N people, or the box of one (without the N); arrays and tensors alike."""

    center: "np.ndarray | torch.Tensor"  # (N, 2) px
    side: "np.ndarray | torch.Tensor"  # (N,) px

    def __getitem__(self, rows: object) -> "Boxes":
        """The boxes of some of the people: an index, indices, a slice or a mask."""
        return Boxes(self.center[rows], self.side[rows])

    def offsets(self, joints: Array) -> Array:
        """(N, J, 2) px → offsets from the box's centre, in sides of the box."""
        return (joints - self.center[..., None, :]) / self.side[..., None, None]

    def to_fraction(self, joints: Array) -> Array:
        """(N, J, 2) px → fractions of the box."""
        return self.offsets(joints) + 0.5

    def to_pixels(self, fractions: Array) -> Array:
        """(N, J, 2) fractions of the box → px. The inverse of `to_fraction`."""
        return (fractions - 0.5) * self.side[..., None, None] + self.center[..., None, :]
