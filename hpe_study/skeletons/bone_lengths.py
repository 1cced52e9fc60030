"""The size of a skeleton: the lengths of its bones, and scaling a pose to them."""

import numpy as np

from hpe_study.skeletons import MPII16, Skeleton
from hpe_study.utils.arrays import nan_mean


def bone_lengths(joints: np.ndarray, skeleton: Skeleton = MPII16) -> np.ndarray:
    """(N, J, D) → (N, bones) lengths of `skeleton.bones` in the joints' unit; NaN where an end is missing."""
    parents, children = np.array(skeleton.bone_indices).T
    return np.linalg.norm(joints[:, children] - joints[:, parents], axis=-1)


def mean_bone_lengths(joints3d: np.ndarray) -> np.ndarray:
    """(15,) mm: mean length of each bone over (N, 16, 3) poses; NaN where no pose has the bone."""
    return nan_mean(bone_lengths(np.asarray(joints3d, np.float64)), axis=0)


def scale_to_bones(poses: np.ndarray, bones: np.ndarray) -> np.ndarray:
    """Scale each pose so that its bones add up to canonical ones; a pose without any length stays a point.

    Poses are (N, 16, 3) in any unit, `bones` (15,) mm of `MPII16.bones`, NaN where unknown; only bones that
    both have count. Nothing of a pose's own truth is used. The result is (N, 16, 3) mm, root-relative.
    """
    root = MPII16.index(MPII16.root)
    poses = np.asarray(poses, np.float64) - np.asarray(poses, np.float64)[:, [root]]
    lengths = bone_lengths(poses)
    both = ~np.isnan(lengths) & ~np.isnan(bones)
    total, canonical = np.where(both, lengths, 0).sum(1), np.where(both, bones, 0).sum(1)
    return poses * np.divide(canonical, total, out=np.zeros_like(total), where=total > 0)[:, None, None]
