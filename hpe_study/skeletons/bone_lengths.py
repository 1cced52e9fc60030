"""The size of a skeleton: the lengths of its bones, and scaling a pose to them.

NumPy; MPII-16 unless a skeleton is given.
"""

import numpy as np

from hpe_study.skeletons import MPII16, Skeleton
from hpe_study.utils.arrays import nan_mean


def bone_lengths(joints: np.ndarray, skeleton: Skeleton = MPII16) -> np.ndarray:
    """(N, J, D) → (N, bones) lengths of `skeleton.bones` in the joints' unit; NaN where an end is missing."""
    parents, children = np.array(skeleton.bone_indices).T
    return np.linalg.norm(joints[:, children] - joints[:, parents], axis=-1)


def mean_bone_lengths(joints3d: np.ndarray, skeleton: Skeleton = MPII16) -> np.ndarray:
    """(bones,) mm: mean length of each bone over (N, J, 3) poses; NaN where no pose has the bone."""
    lengths = bone_lengths(np.asarray(joints3d, np.float64), skeleton)
    return nan_mean(lengths, axis=0)


def scale_to_bones(poses: np.ndarray, bones: np.ndarray, skeleton: Skeleton = MPII16) -> np.ndarray:
    """Scale each pose so that its bones add up to canonical ones; a pose without any length stays a point.

    Poses are (N, J, 3) in any unit, `bones` (bones,) mm of `skeleton.bones`, NaN where unknown; only bones
    that both have count. Nothing of a pose's own truth is used.

    Returns:
        (N, J, 3) mm, relative to the skeleton's root.
    """
    root = skeleton.index(skeleton.root)
    poses = np.asarray(poses, np.float64) - np.asarray(poses, np.float64)[:, [root]]
    lengths = bone_lengths(poses, skeleton)
    both = ~np.isnan(lengths) & ~np.isnan(bones)
    total, canonical = np.where(both, lengths, 0).sum(1), np.where(both, bones, 0).sum(1)
    return poses * np.divide(canonical, total, out=np.zeros_like(total), where=total > 0)[:, None, None]
