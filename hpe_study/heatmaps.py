"""Heat maps: joints into them and out of them, batched, without a host synchronisation.

Heat-map px h: the integer is the centre of a cell, x right, y down; h = t·W − 0.5 for a crop fraction t.
"""

from typing import Literal, get_args

import torch
import torch.nn.functional as F  # noqa: N812 (PyTorch's custom)
from torch import Tensor

from hpe_study.utils.tensors import at_least_float32

Decoder = Literal["argmax", "quarter", "soft"]
DECODERS = get_args(Decoder)


def gaussian_targets(joints: Tensor, labelled: Tensor, size: tuple[int, int], sigma: float) -> Tensor:
    """Draw the maps that a network should give: exp(−d²/2σ²), 1 at the joint (Tompson et al. 2014).

    Joints (B, J, 2) may lie between cells; they and σ are in heat-map px. The maps (B, J, H, W) have the
    joints' dtype and are all 0 where not labelled.
    """
    joints = torch.where(labelled[..., None], joints, 0.0)
    rows, columns = (torch.arange(length, device=joints.device, dtype=joints.dtype) for length in size)
    along_x = torch.exp(-((columns - joints[..., :1]) ** 2) / (2 * sigma**2)) * labelled[..., None]
    along_y = torch.exp(-((rows - joints[..., 1:]) ** 2) / (2 * sigma**2))
    return along_y[..., None] * along_x[..., None, :]


def decode(heatmap: Tensor, method: Decoder = "quarter") -> tuple[Tensor, Tensor]:
    """Read joint locations from heat maps.

    Args:
        heatmap: (B, J, H, W), floating.
        method: "argmax", the highest cell; "quarter", that cell and a quarter cell towards its higher
            neighbour on each axis (Newell et al. 2016); "soft", the centre of mass of the squared positive
            values in the 5×5 cells around it. Squaring halves a Gaussian's variance, so that five cells hold
            it: σ 1 is located within 0.003 px, σ 2 within 0.17.

    Returns:
        Joints (B, J, 2) in heat-map px and peak values (B, J), both float32 (float64 for float64 maps).
    """
    if method not in DECODERS:
        raise ValueError(f"method {method!r} is not one of {', '.join(DECODERS)}")
    heatmap = at_least_float32(heatmap)
    height, width = heatmap.shape[-2:]
    score, best = heatmap.flatten(-2).max(-1)
    x, y = best % width, best // width
    joints = torch.stack([x, y], -1).to(heatmap.dtype)
    if method == "argmax":
        return joints, score
    reach = 1 if method == "quarter" else 2
    window = _window(heatmap, x, y, reach)
    if method == "quarter":
        # At the border the neighbour outside counts as high as the one inside: no shift.
        right, left = window[..., 1, 2], window[..., 1, 0]
        below, above = window[..., 2, 1], window[..., 0, 1]
        dx = torch.sign(right - left) * ((x > 0) & (x < width - 1))
        dy = torch.sign(below - above) * ((y > 0) & (y < height - 1))
        return joints + 0.25 * torch.stack([dx, dy], -1), score
    weights = window.clamp(min=0) ** 2
    steps = torch.arange(-reach, reach + 1, device=heatmap.device, dtype=heatmap.dtype)
    mass = weights.sum((-2, -1)).clamp(min=torch.finfo(heatmap.dtype).tiny)
    dx = (weights * steps).sum((-2, -1)) / mass
    dy = (weights * steps[:, None]).sum((-2, -1)) / mass
    return joints + torch.stack([dx, dy], -1), score


def soft_argmax(volume: Tensor) -> tuple[Tensor, Tensor]:
    """Mean position under the softmax of a volume (B, J, D, H, W) (Sun et al. 2018, integral regression).

    Returns:
        (B, J, 3): x, y and depth as fractions of W, H and D, and the probability (B, J, H, W) of each cell of
        the picture, summed over its depth; both float32 (float64 for float64 volumes).
    """
    probability = at_least_float32(volume).flatten(2).softmax(-1).view(volume.shape)
    picture, along_depth = probability.sum(2), probability.sum((-2, -1))
    return torch.stack([_mean(picture.sum(2)), _mean(picture.sum(3)), _mean(along_depth)], -1), picture


def _mean(probability):
    """Mean position (…,) of a distribution over cells (…, N), as a fraction of N."""
    cells = torch.arange(probability.shape[-1], device=probability.device, dtype=probability.dtype)
    return (probability * (cells + 0.5)).sum(-1) / probability.shape[-1]


def _window(maps, x, y, reach):
    """(B, J, 2·reach+1, 2·reach+1) cells around (x, y), each (B, J) long; 0 beyond the border."""
    padded = F.pad(maps, (reach, reach, reach, reach))
    wide = padded.shape[-1]
    steps = torch.arange(2 * reach + 1, device=maps.device)
    cells = (y[..., None, None] + steps[:, None]) * wide + x[..., None, None] + steps
    return padded.flatten(-2).gather(-1, cells.flatten(-2)).unflatten(-1, (len(steps), len(steps)))


def read_depth(depth: Tensor, joints: Tensor) -> Tensor:
    """Sample depth maps at the joints: bilinear between the four cells around each, constant past the border.

    Maps are (B, J, H, W), joints (B, J, 2) heat-map px; (B, J) in the head's units, NaN where a joint is.
    """
    height, width = depth.shape[-2:]
    x = joints[..., 0].clamp(0, width - 1)
    y = joints[..., 1].clamp(0, height - 1)
    # a joint that is NaN has no cell: its depth is NaN too, and no index leaves the map
    left = x.detach().nan_to_num().floor().clamp(max=max(width - 2, 0))
    top = y.detach().nan_to_num().floor().clamp(max=max(height - 2, 0))
    right, below = (left + 1).clamp(max=width - 1), (top + 1).clamp(max=height - 1)
    across, down = x - left, y - top
    cells = torch.stack(
        [top * width + left, top * width + right, below * width + left, below * width + right], -1
    ).long()
    left, up = 1 - across, 1 - down
    weights = torch.stack([left * up, across * up, left * down, across * down], -1)
    return (at_least_float32(depth.flatten(-2).gather(-1, cells)) * weights).sum(-1)
