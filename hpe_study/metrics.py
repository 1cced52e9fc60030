"""Scores, in two steps: `joint_errors` gives one error a joint; mpjpe, pck, auc are one line each on that.

NumPy arrays in and out, float64 inside. 3D: mm, camera frame (x right, y down, z away). Missing joints
(`valid` false, or NaN in the truth where no mask is given) are left out; every mean is over the joints that
are there, all samples pooled. Nothing to score gives NaN. A prediction that is NaN where there is something
to score is an error, not a joint less.
"""

import numpy as np

from hpe_study.errors import StudyError
from hpe_study.heatmaps import decode, read_depth

__all__ = [
    "auc3d", "auc_of_errors", "crop_pck", "decode", "joint_errors", "mean_error", "mpjpe", "n_mpjpe", "pa_mpjpe",
    "pck2d", "pck3d", "pck_by_image", "pck_of_errors", "pckh", "procrustes", "read_depth",
]  # fmt: skip

AUC_THRESHOLDS = tuple(range(0, 151, 5))  # mm, MPI-INF-3DHP's own
NOT_IN_PCKH = (6, 7)  # MPII-16's pelvis and thorax: MPII's own mean leaves them out
CROP_PCK_THRESHOLD = 3.2 / 64  # of the crop's side: 3.2 px of a 64 px heat map
CROP_PCK_JOINTS = (0, 1, 2, 3, 4, 5, 10, 11, 14, 15)  # MPII-16's ankles, knees, hips, wrists, elbows


# ---------------------------------------------------------------- 3D


def joint_errors(prediction, truth, valid=None, root=None, align=None):
    """(N, J) distances, NaN where missing. The one place where a prediction meets a truth.

    prediction, truth: (N, J, D), D = 2 or 3, one unit (mm in 3D); valid: (N, J) bool, by default where the
    truth is not NaN.
    root: index of the joint that both are moved to first (then every joint of a sample without it is
    missing); None leaves them.
    align: None; "scale", the one factor per sample that brings the prediction closest (Rhodin et al. 2018;
    about the origin, so give root-relative poses or a root); "procrustes", the closest similarity. A sample
    with fewer than two (scale) or three (procrustes) valid joints has none, and is missing.
    """
    prediction, truth, valid = _checked(prediction, truth, valid)
    if root is not None:
        valid = valid & valid[:, [root]]
        prediction, truth = prediction - prediction[:, [root]], truth - truth[:, [root]]
    weights = valid[..., None].astype(float)
    there, aim = np.where(valid[..., None], prediction, 0.0), np.where(valid[..., None], truth, 0.0)
    if align == "scale":
        there = there * _ratio((there * aim).sum((1, 2)), (there**2).sum((1, 2)))[:, None, None]
        valid = valid & (valid.sum(1, keepdims=True) >= 2)
    elif align == "procrustes":
        there = procrustes(there, aim, weights)
        valid = valid & (valid.sum(1, keepdims=True) >= 3)
    elif align is not None:
        raise ValueError(f"align {align!r} is not one of None, 'scale', 'procrustes'")
    return np.where(valid, np.linalg.norm(there - aim, axis=-1), np.nan)


def _checked(prediction, truth, valid):
    prediction, truth = np.asarray(prediction, np.float64), np.asarray(truth, np.float64)
    if prediction.shape != truth.shape or prediction.ndim != 3:
        raise ValueError(f"prediction {prediction.shape} and truth {truth.shape} must both be (N, J, D)")
    known = ~np.isnan(truth).any(-1)
    valid = known if valid is None else np.asarray(valid, bool) & known
    broken = valid & np.isnan(prediction).any(-1)
    if broken.any():
        sample, joint = np.argwhere(broken)[0]
        others = f" (and {broken.sum() - 1} more)" if broken.sum() > 1 else ""
        raise StudyError(
            f"the prediction of sample {sample}, joint {joint}{others} is NaN where there is a truth to score"
            " it by"
        )
    return prediction, truth, valid


def _ratio(top, bottom):
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)


def procrustes(prediction, truth, weights):
    """Each prediction under the similarity (scale, rotation without reflection, shift) that brings it closest
    to its truth (Umeyama 1991).

    prediction, truth: (N, J, D) without NaN; weights: (N, J, 1), 0 for joints that do not count. Returns (N,
    J, D).
    """
    total = np.maximum(weights.sum(1, keepdims=True), 1e-12)
    centre, aim_centre = (
        (weights * prediction).sum(1, keepdims=True) / total,
        (weights * truth).sum(1, keepdims=True) / total,
    )
    moved, aim = prediction - centre, truth - aim_centre
    u, strength, vt = np.linalg.svd((weights * aim).swapaxes(1, 2) @ moved)  # aim ≈ R · moved
    signs = np.ones_like(strength)
    signs[:, -1] = np.where(np.linalg.det(u @ vt) < 0, -1.0, 1.0)  # the best proper rotation
    rotation = (u * signs[:, None]) @ vt
    scale = _ratio((strength * signs).sum(1), (weights * moved**2).sum((1, 2)))
    return scale[:, None, None] * moved @ rotation.swapaxes(1, 2) + aim_centre


def mean_error(values):
    """Mean of an array over what is not NaN; NaN where nothing is."""
    there = ~np.isnan(values)
    return float(values[there].mean()) if there.any() else float("nan")


def mpjpe(prediction, truth, valid=None, root=None):
    """Mean per joint position error in mm of (N, J, 3) poses; `root` moves both to that joint first."""
    return mean_error(joint_errors(prediction, truth, valid, root))


def pa_mpjpe(prediction, truth, valid=None):
    """MPJPE after the closest similarity per sample (Procrustes-aligned; "protocol 2"), mm."""
    return mean_error(joint_errors(prediction, truth, valid, align="procrustes"))


def n_mpjpe(prediction, truth, valid=None, root=None):
    """MPJPE after the closest scale per sample, mm, of root-relative poses (or give `root`)."""
    return mean_error(joint_errors(prediction, truth, valid, root, align="scale"))


def pck3d(prediction, truth, valid=None, threshold=150.0, root=None):
    """Percent of joints closer than `threshold` mm ("<", as MPI-INF-3DHP's own script)."""
    return pck_of_errors(joint_errors(prediction, truth, valid, root), threshold)


def auc3d(prediction, truth, valid=None, thresholds=AUC_THRESHOLDS, root=None):
    """Mean of PCK over `thresholds` (mm), percent. As in MPI-INF-3DHP's own script nothing is below the
    first, 0: perfect is 96.8."""
    return auc_of_errors(joint_errors(prediction, truth, valid, root), thresholds)


def pck_of_errors(errors, threshold=150.0, within=False):
    """Percent of an array of `joint_errors` below `threshold` (in the errors' unit); within: "<=" instead of
    "<"."""
    return 100 * mean_error(
        np.where(np.isnan(errors), np.nan, errors <= threshold if within else errors < threshold)
    )


def auc_of_errors(errors, thresholds=AUC_THRESHOLDS):
    """`auc3d` on an array of `joint_errors`."""
    return float(np.mean([pck_of_errors(errors, threshold) for threshold in thresholds]))


# ---------------------------------------------------------------- 2D


def pck2d(prediction, truth, size, labelled, threshold, left_out=()):
    """Percent of joints within ("<=") `threshold` · size of their truth, all samples' joints pooled.

    prediction, truth: (N, J, 2) px; size: (N,) px, the length that the threshold is a fraction of; a sample
    whose size is NaN or not positive is left out; labelled: (N, J) bool; left_out: indices of joints that do
    not count.
    """
    size = np.asarray(size, np.float64)
    counted = np.asarray(labelled, bool) & (np.nan_to_num(size) > 0)[:, None]
    counted[:, list(left_out)] = False
    errors = joint_errors(prediction, truth, counted)
    return pck_of_errors(errors / np.where(size > 0, size, np.nan)[:, None], threshold, within=True)


def pckh(prediction, truth, head_size, labelled, threshold=0.5, left_out=NOT_IN_PCKH):
    """MPII's PCKh in percent: a joint is right within `threshold` · head size (0.6 × the head box's
    diagonal).

    prediction, truth: (N, 16, 2) px; head_size: (N,) px, NaN where undefined (that sample is left out);
    labelled: (N, 16) bool.
    As MPII scores it: "<=", the mean weighted by joint counts, pelvis and thorax (`left_out`, MPII-16
    indices) not counted.
    """
    return pck2d(prediction, truth, head_size, labelled, threshold, left_out)


def crop_pck(
    prediction, truth, labelled, threshold=CROP_PCK_THRESHOLD, joints=CROP_PCK_JOINTS, nothing_scored=None
):
    """The published "PCKh@0.5": joints within 5 % of the crop, which knows no head. Percent, the mean of the
    images' own means.

    prediction, truth: (N, 16, 2) fractions of the crop; labelled: (N, 16) bool; joints: those that count
    (ankles, knees, hips, wrists, elbows). nothing_scored: percent that an image without a labelled joint
    counts as (published: 0); None leaves it out.
    """
    joints = list(joints)
    errors = joint_errors(
        np.asarray(prediction)[:, joints], np.asarray(truth)[:, joints], np.asarray(labelled, bool)[:, joints]
    )
    return pck_by_image(errors, threshold, nothing_scored)


def pck_by_image(errors, threshold, nothing_scored=None):
    """Percent of errors (N, J) within ("<=") `threshold`, each sample's own mean first; see `crop_pck` for
    `nothing_scored`."""
    count = (~np.isnan(errors)).sum(1)
    right = (np.nan_to_num(errors, nan=np.inf) <= threshold).sum(1)
    empty = np.nan if nothing_scored is None else nothing_scored
    return mean_error(np.where(count > 0, 100 * right / np.maximum(count, 1), empty))
