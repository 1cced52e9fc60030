"""What any model must beat: the best constant pose, and true 2D with the training set's mean depth."""

import numpy as np
import torch

from hpe_study.skeletons import MPII16
from hpe_study.utils.arrays import nan_mean

SEARCH_LIMIT = 2_000  # poses that the starts are compared on; the best one is then polished on all
CANDIDATES = 64  # real poses that are looked at as starts …
STARTS = 3  # … of which so many are followed


def best_constant_pose(training: np.ndarray, bones: np.ndarray | None = None) -> np.ndarray:
    """The one pose that, predicted for everybody, has the lowest MPJPE on the training poses.

    Deterministic. With `bones` the search is not convex (people face all ways), so it starts from the
    geometric median and from the best of the training poses themselves.

    Args:
        training: (N, 16, 3) mm, root-relative, NaN where missing.
        bones: (15,) mm, the canonical lengths of `MPII16.bones` (NaN where unknown): the pose is the
            best of those of this total length. None: any size (the geometric median of each joint's places).

    Returns:
        (16, 3) mm, the root at 0; NaN for joints that no training pose has.
    """
    training = torch.as_tensor(np.asarray(training), dtype=torch.float64)
    known = ~training.isnan().any(-1)
    has = known.any(0)
    if not has.any():
        return np.full(training.shape[1:], np.nan)
    root = MPII16.index(MPII16.root)
    rescale = _rescale(bones, has) if bones is not None else lambda pose: pose
    truth = torch.where(known[..., None], training, 0.0)
    subset = slice(None, None, -(-len(truth) // SEARCH_LIMIT))  # every n-th

    def rescaled(pose):
        return rescale(pose - pose[[root]])

    def error(pose, chosen=subset):
        return _mpjpe(rescaled(pose), truth[chosen], known[chosen])

    mean = truth.sum(0) / known.sum(0).clamp(min=1)[:, None]
    starts = [_descend(lambda pose: _mpjpe(pose - pose[[root]], truth[subset], known[subset]), mean)]
    if bones is not None:
        spread = torch.linspace(0, len(truth) - 1, min(CANDIDATES, len(truth))).long()
        candidates = torch.where(known[spread][..., None], truth[spread], starts[0])
        starts += sorted(candidates, key=lambda pose: float(error(pose)))[:STARTS]
    best = min((_descend(error, start) for start in starts), key=lambda pose: float(error(pose)))
    pose = rescaled(_descend(lambda pose: error(pose, slice(None)), best)).numpy()
    pose[~has.numpy()] = np.nan
    return pose


def _mpjpe(pose, truth, known):
    distances = (pose - truth).square().sum(-1).add(1e-6).sqrt()  # + (1 µm)²: at 0 the root has no slope
    return torch.where(known, distances, 0.0).sum() / known.sum()


def _rescale(bones, has):
    """A function that scales a pose so that its bones, those known of both, add up to their canonical sum."""
    pairs = torch.tensor(MPII16.bone_indices)
    bones = torch.as_tensor(np.asarray(bones), dtype=torch.float64)
    used = has[pairs].all(1) & ~bones.isnan()
    (parents, children), canonical = pairs[used].T, bones[used].sum()

    def rescale(pose):
        total = (pose[..., children, :] - pose[..., parents, :]).norm(dim=-1).sum(-1)
        return pose * (canonical / total.clamp(min=1e-9))[..., None, None]

    return rescale


def _descend(error, start):
    """The pose that L-BFGS reaches from `start`."""
    unit = 100.0  # mm: steps of about 1 suit the line search
    pose = (start / unit).clone().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [pose], max_iter=200, tolerance_grad=1e-7, tolerance_change=1e-10, line_search_fn="strong_wolfe"
    )

    def closure():
        optimizer.zero_grad()
        value = error(pose * unit)
        value.backward()
        return value

    optimizer.step(closure)
    return (pose * unit).detach()


def true_2d_mean_depth(joints2d: np.ndarray, training_depth: np.ndarray) -> np.ndarray:
    """Poses of true x, y and each joint's mean depth in training: what 2D alone is worth.

    `joints2d` (N, J, 2) and `training_depth` (M, J, root-relative) are in sides of the box, as is the result
    (N, J, 3); NaN where missing.
    """
    joints2d, depth = np.asarray(joints2d, np.float64), np.asarray(training_depth, np.float64)
    mean = nan_mean(depth, axis=0)[:, None]
    return np.concatenate([joints2d, np.broadcast_to(mean, (*joints2d.shape[:2], 1))], -1)
