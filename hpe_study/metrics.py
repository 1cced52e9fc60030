"""Metrics: arrays with one value per person and joint, whose mean over what counts is the score.

`joint_errors` gives distances; `hits`, `auc_hits`, `pckh_hits` and `size_hits` turn them into percent per
joint. A score is the `nan_mean` of such an array; `mpjpe`, `pckh` and the other scalars are for use by hand.

NumPy arrays in and out, float64 inside. 3D: mm, camera frame (x right, y down, z away). A joint that does not
count (`valid` false, or NaN in the truth where no mask is given) is NaN; means are over the joints of all
people together. Nothing to score gives NaN. A prediction that is NaN or infinite where there is something to
score is an error, not a joint less.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from hpe_study.errors import StudyError
from hpe_study.skeletons import MPII16
from hpe_study.utils.arrays import nan_mean

Align = Literal["scale", "procrustes"]

UNITS = {  # of every metric, in the order of tables
    "mpjpe": "mm", "pa_mpjpe": "mm", "n_mpjpe": "mm", "pck150": "%", "auc": "%", "pckh": "%", "pck_crop": "%",
    "pck": "%", "pck_torso": "%", "ordinal": "%", "ordinal_sides": "%", "exchanged": "%",
}  # fmt: skip
METRICS_3D = ("mpjpe", "pa_mpjpe", "n_mpjpe", "pck150", "auc")
AUC_THRESHOLDS = tuple(range(0, 151, 5))  # mm, MPI-INF-3DHP's own
ORDER_APART = 100.0  # mm between two joints in depth, above which their order is scored
NOT_IN_PCKH = tuple(MPII16.indices("pelvis thorax"))  # MPII's own mean leaves them out
# Pairs of MPII-16 joints whose order in depth is scored; the midpoints are left out, as in PCKh.
ORDERED_PAIRS = tuple(combinations(sorted(set(range(len(MPII16))) - set(NOT_IN_PCKH)), 2))
_SIDED = ("ankle", "knee", "hip", "wrist", "elbow", "shoulder")
ORDERED_SIDES = tuple(tuple(MPII16.indices(f"l_{joint} r_{joint}")) for joint in _SIDED)
CROP_PCK_THRESHOLD = 3.2 / 64  # of the crop's side: 3.2 px of a 64 px heat map
_CROP_PCK = "r_ankle r_knee r_hip l_hip l_knee l_ankle r_wrist r_elbow l_elbow l_wrist"
CROP_PCK_JOINTS = tuple(MPII16.indices(_CROP_PCK))


def joint_errors(
    prediction: ArrayLike, truth: ArrayLike, valid: ArrayLike | None = None, root: int | None = None,
    align: Align | None = None,
) -> np.ndarray:  # fmt: skip
    """Distances of predicted from true joints. The one place where a prediction meets a truth.

    Args:
        prediction: (N, J, D), D = 2 or 3, in the unit of `truth` (mm in 3D).
        truth: (N, J, D).
        valid: (N, J) bool, joints that count; by default where the truth is not NaN.
        root: index of the joint that both are moved to first (then every joint of a person without it is
            missing); None leaves them.
        align: None; "scale", the one factor per person that brings the prediction closest (Rhodin et al.
            2018; about the origin, so give root-relative poses or a root); "procrustes", the closest
            similarity. A person with fewer than two (scale) or three (procrustes) valid joints has none, and
            is missing.

    Returns:
        (N, J), NaN where missing.

    Raises:
        StudyError: a joint that counts is predicted at NaN or infinity.
    """
    prediction, truth, valid = _checked(prediction, truth, valid)
    if root is not None:
        valid = valid & valid[:, [root]]
        prediction, truth = prediction - prediction[:, [root]], truth - truth[:, [root]]
    weights = valid[..., None].astype(float)
    prediction, truth = (np.where(valid[..., None], joints, 0.0) for joints in (prediction, truth))
    if align == "scale":
        scale = _ratio((prediction * truth).sum((1, 2)), (prediction**2).sum((1, 2)))
        prediction = prediction * scale[:, None, None]
        valid = valid & (valid.sum(1, keepdims=True) >= 2)
    elif align == "procrustes":
        prediction = procrustes(prediction, truth, weights)
        valid = valid & (valid.sum(1, keepdims=True) >= 3)
    elif align is not None:
        raise ValueError(f"align {align!r} is not one of None, 'scale', 'procrustes'")
    return np.where(valid, np.linalg.norm(prediction - truth, axis=-1), np.nan)


def _checked(prediction, truth, valid):
    prediction, truth = np.asarray(prediction, np.float64), np.asarray(truth, np.float64)
    if prediction.shape != truth.shape or prediction.ndim != 3:
        raise ValueError(f"prediction {prediction.shape} and truth {truth.shape} must both be (N, J, D)")
    known = ~np.isnan(truth).any(-1)
    valid = known if valid is None else np.asarray(valid, bool) & known
    broken = valid & ~np.isfinite(prediction).all(-1)
    if broken.any():
        sample, joint = np.argwhere(broken)[0]
        others = f" (and {broken.sum() - 1} more)" if broken.sum() > 1 else ""
        kind = "NaN" if np.isnan(prediction[sample, joint]).any() else "infinite"
        where = f"sample {sample}, joint {joint}{others}"
        raise StudyError(f"the prediction of {where} is {kind} where there is a truth to score it by")
    return prediction, truth, valid


def _ratio(top, bottom):
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)


def procrustes(prediction: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Move each prediction onto its truth by the closest similarity: scale, rotation, shift (Umeyama 1991).

    Both are (N, J, D) without NaN; weights (N, J, 1) are 0 for joints that do not count. Nothing is mirrored.
    """
    total = np.maximum(weights.sum(1, keepdims=True), 1e-12)
    center, true_center = ((weights * joints).sum(1, keepdims=True) / total for joints in (prediction, truth))
    prediction, truth = prediction - center, truth - true_center
    u, strength, vt = np.linalg.svd((weights * truth).swapaxes(1, 2) @ prediction)  # truth ≈ R · prediction
    signs = np.ones_like(strength)
    signs[:, -1] = np.where(np.linalg.det(u @ vt) < 0, -1.0, 1.0)  # the best proper rotation
    rotation = (u * signs[:, None]) @ vt
    scale = _ratio((strength * signs).sum(1), (weights * prediction**2).sum((1, 2)))
    return scale[:, None, None] * prediction @ rotation.swapaxes(1, 2) + true_center


def hits(errors: np.ndarray, threshold: ArrayLike, within: bool = False) -> np.ndarray:
    """Which joints are right: 100 where the error is below the threshold, else 0; the mean is PCK in percent.

    Errors are (N, J), the threshold one number or (N, 1) in their unit; NaN where either is. `within`: "<=".
    """
    below = errors <= threshold if within else errors < threshold
    return np.where(np.isnan(errors) | np.isnan(threshold), np.nan, 100.0 * below)


def auc_hits(errors: np.ndarray, thresholds: Sequence[float] = AUC_THRESHOLDS) -> np.ndarray:
    """Percent of `thresholds` (mm) that each error is below: the mean is the area under the PCK curve.

    As in MPI-INF-3DHP's own script nothing is below the first threshold, 0: perfect is 96.8.
    """
    shares = np.mean([errors < threshold for threshold in thresholds], 0)
    return np.where(np.isnan(errors), np.nan, 100.0 * shares)


def size_hits(errors: np.ndarray, size: ArrayLike, threshold: float) -> np.ndarray:
    """Percent (N, J), right ("<=") within a fraction of each person's size, as every 2D benchmark scores.

    Errors are (N, J) px, `size` (N,) px: head, torso or crop. Where it is NaN or not positive, the person
    does not count.
    """
    size = np.asarray(size, np.float64)
    return hits(errors, threshold * np.where(size > 0, size, np.nan)[:, None], within=True)


def pckh_hits(
    errors: np.ndarray, head_size: ArrayLike, threshold: float = 0.5, left_out: Sequence[int] = NOT_IN_PCKH
) -> np.ndarray:
    """PCKh, the score of MPII (Andriluka et al. 2014): joints within `threshold` · head size.

    As MPII scores it: "<=", pelvis and thorax not counted; the mean over all that counts weights every joint
    of every person alike.

    Args:
        errors: (N, 16) px, the `joint_errors` of the joints of MPII-16; NaN where not labelled.
        head_size: (N,) px, on MPII 0.6 × the head box's diagonal (`Record.head_size` of other sets); where it
            is NaN the person does not count.
        threshold: fraction of the head size.
        left_out: MPII-16 indices that do not count.

    Returns:
        (N, 16) percent: 100 or 0, NaN where a joint does not count.
    """
    percent = size_hits(errors, head_size, threshold)
    percent[:, list(left_out)] = np.nan
    return percent


def depth_order_hits(depth: ArrayLike, truth: ArrayLike, pairs: ArrayLike) -> np.ndarray:
    """Ordinal depth: which pairs of joints are in the right order along the camera's axis.

    The predicted depth (N, J) is in any unit and from any origin, the truth (N, J) in mm; pairs (P, 2) of
    joints count that are more than `ORDER_APART` apart and known on both sides. The result (N, P) is 100
    (percent) where the order is right, 0 where it is wrong or the two depths are equal, else NaN.
    """
    first, second = np.asarray(pairs).T
    values = np.asarray(depth, np.float64), np.asarray(truth, np.float64)
    predicted, true = (array[:, first] - array[:, second] for array in values)
    counted = (np.abs(true) > ORDER_APART) & np.isfinite(predicted)
    return np.where(counted, 100.0 * (predicted * true > 0), np.nan)


def exchanged_sides(prediction: ArrayLike, truth: ArrayLike, valid: ArrayLike | None = None) -> np.ndarray:
    """Who is predicted with left for right: the prediction with its sides exchanged is nearer to the truth.

    Prediction and truth are (N, 16, D); `valid` (N, 16) are the joints that count, by default the truth's.
    The result (N, 1) is 100 or 0 (percent), NaN for people without a joint that has a side.
    """
    sided = np.array(MPII16.flip) != np.arange(len(MPII16))
    exchanged = np.asarray(prediction)[:, MPII16.flip]
    as_it_is, exchanged = (
        nan_mean(joint_errors(joints, truth, valid)[:, sided], axis=1) for joints in (prediction, exchanged)
    )
    return np.where(np.isnan(as_it_is), np.nan, 100.0 * (exchanged < as_it_is))[:, None]


def metric_arrays_3d(
    prediction: ArrayLike, truth: ArrayLike, valid: ArrayLike | None = None, root: int | None = None,
    align: Align | None = None, threshold: float = 150.0,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Every 3D metric as an (N, J) array whose mean is the score; arguments as of `joint_errors`.

    Returns:
        "mpjpe": mean per joint position error, the Euclidean distance in mm, after both poses are moved to
        `root` and `align` is applied. "pck150": 100 where that distance is below `threshold` mm. "auc": the
        mean of PCK over `AUC_THRESHOLDS`. "n_mpjpe" and "pa_mpjpe": mm after the closest scale, and after
        the closest similarity (Procrustes), per person, whatever `align` is.
    """
    errors = joint_errors(prediction, truth, valid, root, align)
    return {
        "mpjpe": errors,
        "pa_mpjpe": joint_errors(prediction, truth, valid, align="procrustes"),
        "n_mpjpe": joint_errors(prediction, truth, valid, root, align="scale"),
        "pck150": hits(errors, threshold),
        "auc": auc_hits(errors),
    }


def mpjpe(
    prediction: ArrayLike, truth: ArrayLike, valid: ArrayLike | None = None, root: int | None = None
) -> float:
    """The mean of `metric_arrays_3d`'s "mpjpe": mm, of (N, J, 3) poses."""
    return nan_mean(joint_errors(prediction, truth, valid, root))


def pa_mpjpe(prediction: ArrayLike, truth: ArrayLike, valid: ArrayLike | None = None) -> float:
    """MPJPE in mm after the closest similarity per person (Procrustes-aligned; "protocol 2")."""
    return nan_mean(joint_errors(prediction, truth, valid, align="procrustes"))


def n_mpjpe(
    prediction: ArrayLike, truth: ArrayLike, valid: ArrayLike | None = None, root: int | None = None
) -> float:
    """MPJPE in mm after the closest scale per person, of root-relative poses (or give `root`)."""
    return nan_mean(joint_errors(prediction, truth, valid, root, align="scale"))


def pck3d(
    prediction: ArrayLike, truth: ArrayLike, valid: ArrayLike | None = None, threshold: float = 150.0,
    root: int | None = None,
) -> float:  # fmt: skip
    """Percent of joints closer than `threshold` mm ("<", as MPI-INF-3DHP's own script)."""
    return nan_mean(hits(joint_errors(prediction, truth, valid, root), threshold))


def auc3d(
    prediction: ArrayLike, truth: ArrayLike, valid: ArrayLike | None = None,
    thresholds: Sequence[float] = AUC_THRESHOLDS, root: int | None = None,
) -> float:  # fmt: skip
    """Mean of PCK over `thresholds` (mm), percent; see `auc_hits`."""
    return nan_mean(auc_hits(joint_errors(prediction, truth, valid, root), thresholds))


def pckh(
    prediction: ArrayLike, truth: ArrayLike, head_size: ArrayLike, labelled: ArrayLike,
    threshold: float = 0.5, left_out: Sequence[int] = NOT_IN_PCKH,
) -> float:  # fmt: skip
    """The mean of `pckh_hits` in percent, of joints (N, 16, 2) px."""
    return nan_mean(pckh_hits(joint_errors(prediction, truth, labelled), head_size, threshold, left_out))
