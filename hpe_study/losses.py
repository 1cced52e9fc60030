"""The three losses of Zhou et al. 2017: heat maps, depth, bone geometry.

Each computes one value per joint (or bone group) and averages last, under a mask. They compute in float32
whatever precision the network ran in (float64 stays float64) and never wait for the host. Where nothing is
valid they are 0 with zero gradients. Values at joints that are not valid, NaN included, have no influence.
"""

import math
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 (PyTorch's custom)
from torch import Tensor

from hpe_study.heatmaps import read_depth
from hpe_study.skeletons import BONE_GROUPS, CANONICAL_LENGTHS, CANONICAL_STATURE, H36M_RATIO, MPII16
from hpe_study.utils import distributed
from hpe_study.utils.tensors import at_least_float32, cached_tensor

Reduction = Literal["mean", "none"]


def masked_mean(values: Tensor, valid: Tensor) -> Tensor:
    """Mean of `values` where `valid`; 0 with zero gradients where nothing is.

    Where several processes share the batch, each returns its share; the shares sum to the mean.
    """
    return torch.where(valid, values, 0.0).sum() / distributed.total(valid.sum()).clamp(min=1)


def _reduced(values, valid, reduction):
    if reduction == "mean":
        return masked_mean(values, valid)
    if reduction == "none":
        return torch.where(valid, values, 0.0)
    raise ValueError(f"reduction {reduction!r} is not one of mean, none")


class _SquaredError(torch.autograd.Function):
    """(B, J) sums of a map's squared errors, 0 where not labelled.

    On whole maps memory traffic is what costs: this passes over memory a third as often as autograd's chain
    of subtraction, mask, square and sum.
    """

    @staticmethod
    def forward(ctx: Any, prediction: Tensor, target: Tensor, labelled: Tensor) -> Tensor:
        difference = (prediction - target).masked_fill_(~labelled[..., None, None], 0.0)
        ctx.save_for_backward(difference)
        return torch.linalg.vector_norm(difference, dim=(-2, -1)).square()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None]:
        (difference,) = ctx.saved_tensors
        return 2 * slope[..., None, None] * difference, None, None


def heatmap_loss(
    prediction: Tensor, target: Tensor, labelled: Tensor, reduction: Reduction = "mean",
    scale: Literal["mean", "peak"] = "mean", sigma: float | None = None,
) -> Tensor:  # fmt: skip
    """Squared error between predicted and target heat maps.

    Args:
        prediction: (B, J, H, W).
        target: (B, J, H, W), without gradient.
        labelled: (B, J) bool, the joints that count.
        reduction: "mean", over labelled joints; "none", one value per joint.
        scale: "mean", the mean over the map's cells (Zhou et al. 2017); "peak", the sum over the map divided
            by π σ², the sum of a squared target Gaussian: an empty map costs 1 at any size of map.
        sigma: heat-map px, needed for "peak".

    Returns:
        A scalar, or (B, J) with 0 where not labelled.
    """
    if scale not in ("mean", "peak") or (scale == "peak" and sigma is None):
        raise ValueError(f'scale {scale!r} is not "mean" or "peak" (which needs sigma)')
    energy = _SquaredError.apply(at_least_float32(prediction), at_least_float32(target), labelled)
    cells = prediction.shape[-2] * prediction.shape[-1]
    return _reduced(energy / (cells if scale == "mean" else math.pi * sigma**2), labelled, reduction)


def depth_at_joints(depth: Tensor, joints: Tensor, labelled: Tensor) -> Tensor:
    """(B, J) values of depth maps (B, J, H, W) at joints (B, J, 2) in heat-map px, sampled bilinearly.

    Where `labelled` (B, J) is False the value is that of pixel (0, 0) and must be masked by the caller.
    """
    return read_depth(depth, torch.where(labelled[..., None], at_least_float32(joints), 0.0))


def depth_loss(
    depth: Tensor, joints: Tensor, target: Tensor, labelled: Tensor, beta: float = 1.0,
    reduction: Reduction = "mean",
) -> Tensor:  # fmt: skip
    """`depth_loss_of_values` of the depth maps' values at the joints (`depth_at_joints`).

    Training calls these two itself, because the geometric loss shares the values. Maps are (B, J, H, W),
    joints (B, J, 2) heat-map px; the rest is as of `depth_loss_of_values`.
    """
    return depth_loss_of_values(depth_at_joints(depth, joints, labelled), target, labelled, beta, reduction)


def depth_loss_of_values(
    depth: Tensor, target: Tensor, labelled: Tensor, beta: float = 1.0, reduction: Reduction = "mean"
) -> Tensor:
    """Smooth L1 between predicted and true depths of joints.

    Args:
        depth: (B, J) predicted root-relative depth in the units of the head (crop sides / `depth_unit`).
        target: (B, J), the true depth in the same units.
        labelled: (B, J) bool, joints with a location and a depth.
        beta: where the loss turns from quadratic to linear, in units of the head.
        reduction: "mean", over labelled joints; "none", one value per joint.

    Returns:
        A scalar, or (B, J) with 0 where not labelled.
    """
    target = torch.where(labelled, at_least_float32(target), 0.0)
    depth = torch.where(labelled, at_least_float32(depth), 0.0)
    return _reduced(F.smooth_l1_loss(depth, target, beta=beta, reduction="none"), labelled, reduction)


class _Bones(NamedTuple):
    """Groups of bones, one slot after the other, each group padded to as many slots as the largest has."""

    children: tuple
    parents: tuple
    lengths: tuple  # (groups, slots) canonical, 1 in padding
    real: tuple  # (groups, slots), False in padding


def _bones(groups, lengths):
    """Of {group: bones} and {bone: length}."""
    slots = max(map(len, groups.values()))
    padded = [[*bones, *[None] * (slots - len(bones))] for bones in groups.values()]
    ends = [bone or (MPII16.joints[0],) * 2 for bones in padded for bone in bones]
    return _Bones(
        children=tuple(MPII16.index(child) for _, child in ends),
        parents=tuple(MPII16.index(parent) for parent, _ in ends),
        lengths=tuple(tuple(lengths[bone] if bone else 1.0 for bone in bones) for bones in padded),
        real=tuple(tuple(bone is not None for bone in bones) for bones in padded),
    )


_CANONICAL = {
    name: _bones(BONE_GROUPS, {bone: length / CANONICAL_STATURE for bone, length in lengths.items()})
    for name, lengths in CANONICAL_LENGTHS.items()
}
# The published code's: only ratios, and the shoulders hang from the upper neck.
_PUBLISHED_GROUPS = BONE_GROUPS | {"shoulders": (("upper_neck", "r_shoulder"), ("upper_neck", "l_shoulder"))}
_PUBLISHED_LENGTHS = {
    bone: 1 / H36M_RATIO[group] if group in H36M_RATIO and number % 2 else 1.0
    for group, bones in _PUBLISHED_GROUPS.items()
    for number, bone in enumerate(bones)
}
_PUBLISHED = _bones(_PUBLISHED_GROUPS, _PUBLISHED_LENGTHS)


class _BoneVariance(torch.autograd.Function):
    """(B, groups) variances of `geometric_loss`, 0 where a group does not count; (B, groups) bool: which do.

    The gradient is written out because on such small tensors the number of operations is what costs: these
    are a third of autograd's.
    """

    @staticmethod
    def forward(ctx: Any, joints: Tensor, visible: Tensor, canonical: _Bones) -> tuple[Tensor, Tensor]:
        parts = canonical.children, canonical.parents, canonical.real
        child, parent, real = (cached_tensor(part, joints.device) for part in parts)
        lengths = cached_tensor(canonical.lengths, joints.device, joints.dtype)
        bones = joints.index_select(1, child) - joints.index_select(1, parent)
        valid = visible.index_select(1, child) & visible.index_select(1, parent)
        valid = valid.view(-1, *real.shape) & real
        count = valid.sum(-1, keepdim=True)
        counts = count >= 2
        valid = valid & counts
        length = torch.linalg.vector_norm(bones, dim=-1).view(valid.shape)
        ratio = torch.where(valid, length / lengths, 0.0)
        share = 1 / count.clamp(min=1).to(joints.dtype)
        deviation = torch.where(valid, ratio - ratio.sum(-1, keepdim=True) * share, 0.0)
        # d variance / d ratio is 2 · deviation / count, the mean's own change cancelling out; a bone without
        # length has no direction
        slope = torch.where(length > 0, 2 * deviation * share / (length * lengths), 0.0)
        ctx.save_for_backward(bones.view(*slope.shape, 3) * slope[..., None])
        counts = counts.squeeze(-1)
        ctx.mark_non_differentiable(counts)
        ctx.ends = canonical.children, canonical.parents
        return (deviation.square() * share).sum(-1), counts

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: None) -> tuple[Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        child, parent = (cached_tensor(ends, slope.device) for ends in ctx.ends)
        along = (slope * gradient[..., None, None]).flatten(1, 2)
        joints = along.new_zeros(len(along), len(MPII16), 3)
        return joints.index_add_(1, child, along).index_add_(1, parent, along, alpha=-1), None, None


def geometric_loss(
    joints: Tensor, visible: Tensor, reduction: Reduction = "mean", canonical: str = "drillis_contini"
) -> Tensor:
    """Penalise bones of a group that are stretched unequally (Zhou et al. 2017, eq. 4); needs no 3D labels.

    A bone's ratio is its length over its canonical length, the latter as a fraction of the canonical person's
    height, so each ratio says how tall the person is in crop sides (about 0.8 for someone standing in the
    crop). A group's value is the variance (divided by the number of bones) of its ratios.

    Args:
        joints: (B, 16, 3) MPII-16: x, y and root-relative depth in crop sides, any origin.
        visible: (B, 16) bool, joints that count. A bone counts when both its ends do, a group when at least
            two of its bones do.
        reduction: "mean", the groups' sum (as in the source), averaged over the samples with a group that
            counts; "none", one value per group.
        canonical: whose bone lengths, one of `skeletons.CANONICAL_LENGTHS`.

    Returns:
        A scalar, or (B, 4) in the order of `BONE_GROUPS`, 0 where a group does not count.
    """
    visible = visible.bool()
    joints = torch.where(visible[..., None], at_least_float32(joints), 0.0)
    variance, counts = _BoneVariance.apply(joints, visible, _CANONICAL[canonical])
    if reduction == "mean":
        return variance.sum() / distributed.total(counts.any(-1).sum()).clamp(min=1)
    return _reduced(variance, counts, reduction)


def geometric_loss_in_pixels(joints: Tensor, visible: Tensor, cells: int) -> Tensor:
    """The published code's geometric loss, which is all but blind to depth (`geometry_in_pixels`).

    x and y are whole heat-map pixels, depth stays in crop sides, so it counts 1 / `cells` of what it should.
    Groups and ratios are the published code's; a group's variance is halved, and the sum is divided by the
    whole batch, samples without any bone included.

    Joints and visible are as of `geometric_loss`; `cells` is the heat map's side.
    """
    visible = visible.bool()
    joints = torch.where(visible[..., None], at_least_float32(joints), 0.0)
    in_pixels = torch.cat([(joints[..., :2] * cells).floor(), joints[..., 2:]], -1)
    variance, _ = _BoneVariance.apply(in_pixels, visible, _PUBLISHED)
    return variance.sum() / 2 / (len(joints) * distributed.size())
