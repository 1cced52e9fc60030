"""Predictions of a test set → rows of scores, each with its 95 % interval, the baselines beside the model.

Every metric is the mean of an (N, J) array with NaN where a joint does not count; the interval is a bootstrap
over groups (sequences, or images where a set has no sequences), because frames of one sequence are not
independent.

The headline scores follow the study's own protocol; under the switches `fixed_bone_sum` and `crop_pck`
(`hpe_study.published_defects`) they follow the published code's, and so says their row. `values_under` scores
by any protocol.
"""

import numpy as np

from hpe_study.boxes import Boxes
from hpe_study.data.store import StoreSubset
from hpe_study.errors import StudyError
from hpe_study.evaluation.baselines import best_constant_pose, true_2d_mean_depth
from hpe_study.evaluation.protocols import protocol, to_mm, values
from hpe_study.metrics import AUC_THRESHOLDS, CROP_PCK_JOINTS, CROP_PCK_THRESHOLD, NOT_IN_PCKH, joint_errors
from hpe_study.skeletons import MPII16, convert
from hpe_study.skeletons.bone_lengths import mean_bone_lengths, scale_to_bones
from hpe_study.utils import rng

HEAD_FACTOR = 0.75  # MPII's head size over |head_top − upper_neck|, measured on its validation labels
FIT_LIMIT = 20_000  # training poses that baselines are fitted on; a fixed draw of them where there are more
RESAMPLES = 1000
ROOT = MPII16.index(MPII16.root)
# every joint of MPII-16 that the set has, root-relative, sized by the training set's mean bone lengths
PROTOCOL = "study"
UNITS = {
    "mpjpe": "mm",
    "pa_mpjpe": "mm",
    "n_mpjpe": "mm",
    "pck150": "%",
    "auc": "%",
    "pckh": "%",
    "pck_crop": "%",
    "pck": "%",
}
PUBLISHED = {
    "fixed_bone_sum": "published",
    "crop_pck": "published-pck",
}  # switch → the protocol that it scores by


# ---------------------------------------------------------------- poses


def poses_of(joints, depth):
    """(N, 16, 2) box fractions and (N, 16) depth in box sides → (N, 16, 3) in box sides: weak perspective."""
    return np.concatenate([joints, depth[..., None]], -1)


def head_sizes(store):
    """(N,) px: the set's own head size, else 0.75·|head_top − upper_neck| of its joints, else NaN (no head in
    the set)."""
    top, neck = (store["joints2d"][:, MPII16.index(joint)] for joint in ("head_top", "upper_neck"))
    return np.where(
        np.isfinite(store["head_size"]), store["head_size"], HEAD_FACTOR * np.linalg.norm(top - neck, axis=-1)
    )


# ---------------------------------------------------------------- scores


def rows_for_set(joints, depth, store, bones, fitted=None, legacy=()):
    """One dict a scorer and metric: protocol, scorer, metric, unit, value, low, high, n (samples), groups.

    joints, depth: predictions as in `evaluation`; bones: (15,) mm, the canonical lengths; fitted: what
    `fit_baselines` gives, or None where the run has learnt no depth. legacy: a `legacy:` list; what it scores
    by another protocol replaces the study's scores of that name, of the model and of the baselines in 3D (in
    2D there are none).
    """
    groups = groups_of(store)
    arrays = {("model", key): values for key, values in values_2d(joints, store).items()}
    truth, references = store["joints3d"].astype(np.float64), {}
    if fitted is not None and np.isfinite(truth).any():
        references = baselines(store, bones, fitted)
        poses = {"model": scale_to_bones(poses_of(joints, depth), bones), **references}
        arrays |= {
            (scorer, key): values
            for scorer, pose in poses.items()
            for key, values in values_3d(pose, truth).items()
        }
    protocols = dict.fromkeys((metric for _, metric in arrays), PROTOCOL)
    for other in (PUBLISHED[name] for name in legacy if name in PUBLISHED):
        rule = protocol(other)
        if rule.dimensions == 3 and not references:
            continue
        found = values_under(rule, joints, depth, store, bones)
        found = {"pckh" if metric == "pck" else metric: array for metric, array in found.items()}
        arrays |= {("model", metric): array for metric, array in found.items()}
        if rule.dimensions == 3:
            for scorer, pose in references.items():
                arrays |= {
                    (scorer, metric): array
                    for metric, array in values_of_poses(rule, pose, store, bones).items()
                }
        protocols |= dict.fromkeys(found, other)
    return [
        {
            "protocol": protocols[metric],
            "scorer": scorer,
            "metric": metric,
            "unit": UNITS[metric],
            **estimate(values, groups),
        }
        for (scorer, metric), values in arrays.items()
        if np.isfinite(values).any()
    ]


def values_under(rule, joints, depth, store, bones):
    """{metric: array (N, J), NaN where a joint does not count} of predictions under a `Protocol`; means over
    it are its scores.

    3D: mpjpe, n_mpjpe, pa_mpjpe (mm), pck150, auc (percent); 2D: pck (percent). joints, depth, bones: as in
    `rows_for_set`; store: the test set's labels. Raises `StudyError` where the labels lack what the protocol
    needs.
    """
    if rule.dimensions == 2:
        px = store.boxes.to_pixels(joints)
        return values(rule, px, store["own_joints2d"], store.own_skeleton, head_sizes(store), store["side"])
    truth = store["own_joints3d_universal" if rule.truth == "univ" else "own_joints3d"]
    if not np.isfinite(truth).any():
        raise StudyError(
            f"{store.path}: has no {rule.truth} joints, which protocol {rule.name} scores against"
        )
    place = {
        "center": store["center"],
        "intrinsics": store["intrinsics"],
        "root_depth": store["joints3d"][:, ROOT, 2],
    }
    return values(
        rule, to_mm(joints, depth, store["side"], rule, bones=bones, **place), truth, store.own_skeleton
    )


def values_of_poses(rule, poses, store, bones):
    """`values_under` of poses (N, 16, 3) in mm that no network gave, under a protocol that sizes them anew
    (not by a camera).

    Who lacks a joint is not scored; that a whole set has no head is mended by `with_head`.
    """
    poses = with_head(poses)
    whole = np.isfinite(poses).all((1, 2))
    joints, depth = in_crop_of_2_m(poses[whole])
    arrays = {
        metric: np.full((len(poses), len(rule.joints)), np.nan)
        for metric in ("mpjpe", "n_mpjpe", "pa_mpjpe", "pck150", "auc")
    }
    if whole.any():
        for metric, array in values_under(rule, joints, depth, StoreSubset(store, whole), bones).items():
            arrays[metric][whole] = array
    return arrays


def in_crop_of_2_m(poses):
    """(joints (N, 16, 2) crop fractions, depth (N, 16) crop sides) of root-relative poses in mm; their size
    is the protocol's business."""
    return poses[..., :2] / 2000 + 0.5, poses[..., 2] / 2000


def with_head(poses):
    """Poses (N, 16, D) with the thorax in place of upper neck and head top, each where nobody has it
    (Occlusion-Person; 3DPW's head top): a model that learnt from such a set has never seen it."""
    poses = np.array(poses, np.float64)
    for joint in MPII16.indices(["upper_neck", "head_top"]):
        if np.isnan(poses[:, joint]).any(-1).all():
            poses[:, joint] = poses[:, MPII16.index("thorax")]
    return poses


def values_2d(joints, store):
    """(N, J) percent arrays: PCKh@0.5 by head size, and the published crop-based score (joints pooled)."""
    px = Boxes(store["center"], store["side"]).to_pixels(joints)
    errors = joint_errors(px, store["joints2d"], store["labelled"])
    threshold = 0.5 * head_sizes(store)[:, None]
    by_head = np.where(np.isnan(errors) | np.isnan(threshold), np.nan, 100.0 * (errors <= threshold))
    by_head[:, list(NOT_IN_PCKH)] = np.nan
    by_crop = errors[:, list(CROP_PCK_JOINTS)] / store["side"][:, None]
    return {
        "pckh": by_head,
        "pck_crop": np.where(np.isnan(by_crop), np.nan, 100.0 * (by_crop <= CROP_PCK_THRESHOLD)),
    }


def values_3d(poses, truth):
    """(N, J) arrays of each 3D metric. poses, truth: (N, 16, 3) mm; joints that the scorer cannot give (NaN)
    do not count."""
    valid = np.isfinite(poses).all(-1) & np.isfinite(truth).all(-1)
    errors = joint_errors(poses, truth, valid, root=ROOT)
    steps = np.mean([errors < threshold for threshold in AUC_THRESHOLDS], 0)
    return {
        "mpjpe": errors,
        "pa_mpjpe": joint_errors(poses, truth, valid, align="procrustes"),
        "n_mpjpe": joint_errors(poses, truth, valid, root=ROOT, align="scale"),
        "pck150": np.where(np.isnan(errors), np.nan, 100.0 * (errors < 150)),
        "auc": np.where(np.isnan(errors), np.nan, 100.0 * steps),
    }


def fit_baselines(train_3d, bones):
    """(the best constant pose (16, 3) mm, depths (M, 16) in crop sides of training poses): fitted on a run's
    3D training store."""
    chosen = np.arange(len(train_3d))
    if len(chosen) > FIT_LIMIT:
        chosen = np.sort(rng.generator("baseline", 0).choice(len(chosen), FIT_LIMIT, replace=False))
    poses = train_3d["joints3d"][chosen]
    return best_constant_pose(poses - poses[:, [ROOT]], bones), train_3d["depth"][chosen]


def baselines(store, bones, fitted):
    """What any model must beat on a test store: {scorer: (N, 16, 3) mm}, sized like the model."""
    constant, depths = fitted
    flat = store.boxes.offsets(store["joints2d"])
    return {
        "best constant pose": np.broadcast_to(constant, store["joints3d"].shape),
        "true 2D + mean depth": scale_to_bones(true_2d_mean_depth(flat, depths), bones),
    }


def universal_bone_lengths(train_3d):
    """(15,) mm: mean lengths of `MPII16.bones` in a training store's univ_annot3; NaN where the set has
    none."""
    universal = train_3d["own_joints3d_universal"]
    return mean_bone_lengths(convert(universal, train_3d.own_skeleton, MPII16))


def groups_of(store):
    """(N,) strings: what is resampled together. The sequence, the subject where there are no sequences, else
    the image."""
    who = np.char.add(np.char.add(store["subject"], "/"), store["sequence"])
    return np.where(who == "/", store["image"], who)


def estimate(values, groups, seed=0):
    """Mean of an (N, J) array over what is not NaN, with a 95 % bootstrap interval over groups: value, low,
    high, n, groups."""
    known = np.isfinite(values)
    counted = known.any(1)
    names, number = np.unique(groups[counted], return_inverse=True)
    sums = np.bincount(number, np.where(known, values, 0).sum(1)[counted], len(names))
    counts = np.bincount(number, known.sum(1)[counted], len(names))
    draws = rng.generator("bootstrap", seed).multinomial(
        len(names), np.full(len(names), 1 / len(names)), RESAMPLES
    )
    with np.errstate(invalid="ignore"):
        means = (draws @ sums) / (draws @ counts)
    low, high = np.nanquantile(means, [0.025, 0.975]) if len(names) > 1 else (np.nan, np.nan)
    return {
        "value": sums.sum() / counts.sum(),
        "low": low,
        "high": high,
        "n": int(counted.sum()),
        "groups": len(names),
    }
