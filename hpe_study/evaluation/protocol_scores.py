"""Predictions under a protocol: their size in mm, their distance from the truth, and every metric of it.

A prediction is 2D joints as fractions of the person's box and depths in its sides, both MPII-16.
"""

from dataclasses import dataclass

import numpy as np

from hpe_study.boxes import Boxes
from hpe_study.errors import StudyError
from hpe_study.evaluation.protocols import PUBLISHED_TOTAL, Protocol
from hpe_study.metrics import joint_errors, metric_arrays_3d, size_hits
from hpe_study.skeletons import MPII16, Skeleton, convert
from hpe_study.skeletons.bone_lengths import bone_lengths, scale_to_bones
from hpe_study.utils.arrays import nan_mean

ROOT = MPII16.index(MPII16.root)


@dataclass(frozen=True)
class SizeCues:
    """Inputs from which a prediction's size in mm can be computed; `Protocol.scale` selects one."""

    # (15,) mm of `MPII16.bones`, means over the training set of the kind of truth that is scored; NaN
    # where unknown
    bones: np.ndarray | None = None
    boxes: Boxes | None = None  # of the people, in px
    intrinsics: np.ndarray | None = None  # (N, 4) fx, fy, cx, cy in px
    root_depth: np.ndarray | None = None  # (N,) mm, the root's true distance along the camera's axis


def to_mm(protocol: Protocol, joints: np.ndarray, depth: np.ndarray, cues: SizeCues) -> np.ndarray:
    """A prediction at metric size.

    "canonical" (by `cues.bones`) and "fixed" lift by weak perspective: the box's side drops out. "camera"
    takes s = fx / root depth px per mm, so that each joint lies depth · side / s behind the root, and
    projects it back through its own pixel.

    Args:
        protocol: a protocol in 3D.
        joints: (N, 16, 2) fractions of the box.
        depth: (N, 16) root-relative, sides of the box.
        cues: what the protocol's scale needs.

    Returns:
        (N, 16, 3) mm, root-relative, camera frame, MPII-16.

    Raises:
        StudyError: something needed is not given or, for a sample, not finite.
    """
    joints, depth = np.asarray(joints, np.float64), np.asarray(depth, np.float64)
    poses = np.concatenate([joints - joints[:, [ROOT]], (depth - depth[:, [ROOT]])[..., None]], -1)
    if protocol.scale == "canonical":
        _check_given(protocol, cues, "bones")
        return scale_to_bones(poses, cues.bones)
    if protocol.scale == "fixed":
        total = bone_lengths(_in_protocol(protocol, poses), protocol.skeleton).sum(1)
        factor = np.divide(PUBLISHED_TOTAL, total, out=np.zeros_like(total), where=total > 0)
        return poses * factor[:, None, None]
    if protocol.scale == "camera":
        _check_given(protocol, cues, "boxes", "intrinsics", "root_depth")
        return _before_camera(protocol, joints, poses, cues)
    raise StudyError(f"protocol {protocol.name} scores 2D joints, which have no size in mm")


def _before_camera(protocol, joints, poses, cues):
    root_depth, intrinsics = np.asarray(cues.root_depth, np.float64), np.asarray(cues.intrinsics)
    broken = ~np.isfinite(intrinsics).all(1) | ~np.isfinite(root_depth)
    if broken.any():
        raise StudyError(
            f"protocol {protocol.name}: sample {int(np.argmax(broken))} has no camera or no root depth"
            f" ({broken.sum()} such samples)"
        )
    boxes = Boxes(np.asarray(cues.boxes.center, np.float64), np.asarray(cues.boxes.side, np.float64))
    focal = intrinsics[:, :2]
    depth = poses[..., 2] * (boxes.side * root_depth / focal[:, 0])[:, None]
    z = root_depth[:, None] + depth
    across = (boxes.to_pixels(joints) - intrinsics[:, None, 2:]) / focal[:, None] * z[..., None]
    return np.concatenate([across - across[:, [ROOT]], depth[..., None]], -1)


def _check_given(protocol, cues, *needed):
    lacking = [key for key in needed if getattr(cues, key) is None]
    if lacking:
        raise StudyError(
            f"protocol {protocol.name} sizes predictions by {protocol.scale}: it needs {', '.join(lacking)}"
        )


def _in_protocol(protocol, joints):
    """(N, 16, D) MPII-16 prediction → (N, J, D) of the protocol's skeleton."""
    joints = np.asarray(joints, np.float64)
    result = convert(joints, MPII16, protocol.skeleton)
    for joint, weights in protocol.predicted_from.items():
        result[:, protocol.skeleton.index(joint)] = sum(
            weight * joints[:, MPII16.index(parent)] for parent, weight in weights.items()
        )
    return result


def _truth_in_protocol(protocol, truth, skeleton):
    """(N, J, D) truth in its own skeleton → the protocol's, with its fallbacks."""
    truth = np.asarray(truth, np.float64)
    result = convert(truth, skeleton, protocol.skeleton)
    for joint, fallbacks in protocol.truth_fallbacks.items():
        column = protocol.skeleton.index(joint)
        fallback = next((own for own in fallbacks if own in skeleton.joints), None)
        if fallback is not None and np.isnan(result[:, column]).all():
            result[:, column] = truth[:, skeleton.index(fallback)]
    return result


def scored_joints(
    protocol: Protocol, prediction: np.ndarray, truth: np.ndarray, skeleton: Skeleton
) -> tuple[np.ndarray, np.ndarray]:
    """Prediction and truth in the joints that a protocol scores, (N, J, D) each, relative to its root.

    A root that is not among its joints (MPI-INF-3DHP's pelvis) is moved to, but neither scored nor aligned
    by. The prediction is (N, 16, 3) mm from `to_mm`, or (N, 16, 2) px for a 2D protocol; the truth (N, J, 3 |
    2) is in the data set's own `skeleton`, of the kind that `protocol.truth` names.
    """
    poses = _in_protocol(protocol, prediction), _truth_in_protocol(protocol, truth, skeleton)
    if protocol.root:
        root = [protocol.skeleton.index(protocol.root)]
        poses = tuple(joints - joints[:, root] for joints in poses)
    columns = protocol.skeleton.indices(list(protocol.joints))
    return tuple(joints[:, columns] for joints in poses)


def protocol_arrays(
    protocol: Protocol,
    prediction: np.ndarray,
    truth: np.ndarray,
    skeleton: Skeleton,
    head_size: np.ndarray | None = None,
    side: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Every metric of a protocol as an array of one value per person and joint, NaN where it does not count.

    Prediction and truth are as in `scored_joints`; `head_size` and the box's `side`, (N,) px, are what a
    protocol in heads or crops needs.

    Returns:
        3D: the arrays of `metrics.metric_arrays_3d`; 2D: "pck" in percent, (N, J), or (N, 1) where images are
            averaged first. The score is the mean over an array.

    Raises:
        StudyError: the size that the protocol scores in parts of is not given.
    """
    joints = scored_joints(protocol, prediction, truth, skeleton)
    if protocol.dimensions == 3:
        return metric_arrays_3d(*joints, align=protocol.align, threshold=protocol.threshold)
    size = torso_size(truth, skeleton) if protocol.unit == "torso" else None
    size = {"head": head_size, "crop": side}.get(protocol.unit, size)
    if size is None:
        raise StudyError(
            f"protocol {protocol.name} scores in parts of the {protocol.unit}: its size in px must be given"
            " for each sample"
        )
    percent = size_hits(joint_errors(*joints), size, protocol.threshold)
    if protocol.unit == "crop":  # the mean of the images' means; an image without anything to score counts 0
        percent = np.nan_to_num(nan_mean(percent, axis=1))[:, None]
    return {"pck": percent}


def torso_size(truth: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """(N,) px from left shoulder to right hip; the truth is (N, J, 2) px in its own skeleton."""
    ends = convert(np.asarray(truth, np.float64), skeleton, MPII16)[:, MPII16.indices("l_shoulder r_hip")]
    return np.linalg.norm(ends[:, 0] - ends[:, 1], axis=-1)
