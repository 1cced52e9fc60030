"""Stacked hourglass (Newell, Yang & Deng 2016) with a depth head beside each stack's heat-map head."""

import torch
import torch.nn.functional as F  # noqa: N812 (PyTorch's custom)
from torch import Tensor, nn

from hpe_study.models.heads import HeatmapHead, Outputs, check_size

DEPTH = 4  # levels of an hourglass: 64 cells down to 4


class Residual(nn.Module):
    """Pre-activated bottleneck: 1×1 to half the channels, 3×3, 1×1."""

    def __init__(self, channels: int, out_channels: int):
        super().__init__()
        half = out_channels // 2
        self.body = nn.Sequential(
            nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, half, 1),
            nn.BatchNorm2d(half), nn.ReLU(), nn.Conv2d(half, half, 3, padding=1),
            nn.BatchNorm2d(half), nn.ReLU(), nn.Conv2d(half, out_channels, 1),
        )  # fmt: skip
        self.shortcut = nn.Identity() if channels == out_channels else nn.Conv2d(channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) → (B, out_channels, h, w)."""
        return self.body(x) + self.shortcut(x)


class Hourglass(nn.Module):
    """Half the size, an hourglass of one level less (or a residual), up again; a residual in parallel."""

    def __init__(self, features: int, depth: int = DEPTH):
        super().__init__()
        self.beside, self.down, self.up = (Residual(features, features) for _ in range(3))
        self.inner = Hourglass(features, depth - 1) if depth > 1 else Residual(features, features)

    def forward(self, x: Tensor) -> Tensor:
        """(B, features, h, w) → the same shape."""
        inner = self.up(self.inner(self.down(F.max_pool2d(x, 2))))
        return self.beside(x) + F.interpolate(inner, scale_factor=2, mode="nearest")


class Stack(HeatmapHead):
    """An hourglass with its heads and, unless it is the last, the features for the next stack."""

    def __init__(self, features: int, joints: int, last: bool):
        super().__init__()
        self.hourglass = Hourglass(features)
        self.trunk = nn.Sequential(
            Residual(features, features),
            nn.Conv2d(features, features, 1, bias=False),
            nn.BatchNorm2d(features),
            nn.ReLU(),
        )
        self.add_head(features, joints)
        self.merge = None if last else nn.Conv2d(features + 2 * joints, features, 1)

    def forward(self, x: Tensor) -> tuple[Outputs, Tensor | None]:
        """(B, features, h, w) → the stack's outputs, and the next stack's input (None after the last)."""
        features = self.trunk(self.hourglass(x))
        maps = self.head(features)
        if self.merge is None:
            return maps, None
        return maps, x + self.merge(torch.cat([features, maps["heatmap"], maps["depth"]], 1))


class StackedHourglass(HeatmapHead):
    """A sequence of hourglasses, each of which refines the maps of the one before."""

    divisor = 4 * 2**DEPTH

    def __init__(self, stacks: int, joints: int = 16, features: int = 256):
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, features // 4, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(features // 4), nn.ReLU(),
            Residual(features // 4, features // 2), nn.MaxPool2d(2),
            Residual(features // 2, features // 2), Residual(features // 2, features),
        )  # fmt: skip
        last = stacks - 1
        self.stacks = nn.ModuleList(Stack(features, joints, number == last) for number in range(stacks))

    def forward(self, images: Tensor) -> Outputs:
        """(B, 3, H, W), multiples of 64 → the last stack's maps, and "stacks": all, for a loss on each."""
        check_size(images, self.divisor)
        x = self.stem(images)
        outputs = []
        for stack in self.stacks:
            maps, x = stack(x)
            outputs.append(maps)
        return {**outputs[-1], "stacks": outputs}
