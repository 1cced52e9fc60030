"""Clipped limbs: forearms and shins that run through another part of the body, found from 3D joints alone.

Renderers and networks can put a forearm into the other arm or into a vest; Occlusion-Person has such poses.
Limbs are capsules around their bones, the trunk is an elliptic cylinder between hips and shoulders; sizes are
those of firm flesh of an average adult, so that touching (hands on hips, folded arms) is no clipping.
"""

import numpy as np
from numpy.typing import ArrayLike

from hpe_study.skeletons import MPII16

LIMBS = ("l_forearm", "r_forearm", "l_shin", "r_shin")
TOLERANCE = 20.0  # mm of overlap that flesh gives way to
_BONE = {"upper_arm": "shoulder elbow", "forearm": "elbow wrist", "thigh": "hip knee", "shin": "knee ankle"}
_RADIUS = {"upper_arm": 42.0, "forearm": 36.0, "thigh": 70.0, "shin": 50.0, "head": 80.0}  # mm
_HALF_WIDTH, _HALF_DEPTH = 135.0, 95.0  # mm, of the trunk
_HEAD = (0.45, 0.75)  # the ends of the head's capsule, from upper neck to head top
_AGAINST = {
    "forearm": ("other upper_arm", "other forearm", "thigh", "other thigh", "shin", "other shin", "head"),
    "shin": ("other shin", "other thigh"),
}
_SAMPLES = np.linspace(0.0, 1.0, 9)[:, None]  # along a limb


def limb_penetration(poses: ArrayLike) -> np.ndarray:
    """How deep each of `LIMBS` lies in another part of the body.

    Poses are (N, 16, 3) mm, MPII-16, in any frame; the result (N, 4) mm is 0 or less where the limb is free,
    NaN where it is missing.
    """
    poses = np.asarray(poses, np.float64)
    return np.stack([_of_limb(poses, *limb.split("_")) for limb in LIMBS], 1)


def clipped(poses: ArrayLike) -> np.ndarray:
    """(N, 4) percent: 100 where a limb is clipped by more than `TOLERANCE`, else 0; NaN: unknown."""
    depth = limb_penetration(poses)
    return np.where(np.isnan(depth), np.nan, 100.0 * (depth > TOLERANCE))


def _of_limb(poses, side, limb):
    start, end = _ends(poses, side, limb)
    points = start[:, None] + (end - start)[:, None] * _SAMPLES
    depths = [_in_trunk(poses, points, _RADIUS[limb])]
    for other in _AGAINST[limb]:
        part = other.removeprefix("other ")
        there = side if part == other else {"l": "r", "r": "l"}[side]
        reach = _RADIUS[limb] + _RADIUS[part]
        depths.append(reach - _distance(points, *_ends(poses, there, part)))
    return np.fmax.reduce(depths)  # NaN only where all are


def _ends(poses, side, part):
    """The two ends (N, 3) of a capsule."""
    if part == "head":
        neck, top = poses[:, MPII16.index("upper_neck")], poses[:, MPII16.index("head_top")]
        return tuple(neck + share * (top - neck) for share in _HEAD)
    return tuple(poses[:, MPII16.index(f"{side}_{joint}")] for joint in _BONE[part].split())


def _distance(points, start, end):
    """(N,) mm: the least distance of points (N, S, 3) from segments."""
    along = (end - start)[:, None]
    share = ((points - start[:, None]) * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-9)
    nearest = start[:, None] + np.clip(share, 0, 1)[..., None] * along
    return np.linalg.norm(points - nearest, axis=-1).min(-1)


def _in_trunk(poses, points, radius):
    """(N,) mm: how deep points (N, S, 3) of a limb of this radius lie in the trunk."""
    hips, shoulders = (
        [poses[:, MPII16.index(f"{side}_{joint}")] for side in "lr"] for joint in ("hip", "shoulder")
    )
    bottom, top = np.mean(hips, 0), np.mean(shoulders, 0)
    up = _unit(top - bottom)
    across = (hips[0] - hips[1]) + (shoulders[0] - shoulders[1])
    across = _unit(across - (across * up).sum(-1, keepdims=True) * up)
    axes = np.stack([across, up, np.cross(across, up)], -1)
    x, y, z = np.moveaxis((points - bottom[:, None]) @ axes, -1, 0)
    # scaled so that the ellipse is a circle, then back by its shorter half axis
    reach = np.hypot(x / (_HALF_WIDTH + radius), z / (_HALF_DEPTH + radius))
    inside = (y > 0) & (y < 0.95 * np.linalg.norm(top - bottom, axis=-1)[:, None])
    depth = np.where(inside, 1 - reach, np.minimum(1 - reach, 0)) * (_HALF_DEPTH + radius)
    return depth.max(-1)


def _unit(vectors):
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
