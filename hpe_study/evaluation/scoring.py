"""Predictions of a test set → rows of scores, each with its 95 % interval, the baselines beside the model.

Every metric is the mean of an (N, J) array with NaN where a joint does not count (`hpe_study.metrics`). The
headline scores follow the study's own protocol: every joint of MPII-16 that the set has, root-relative, sized
by the training set's mean bone lengths. Under the switches `fixed_bone_sum` and `crop_pck`
(`hpe_study.published_defects`) they follow the published protocol, which the row's `protocol` names.
`values_under` scores by any protocol.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hpe_study import metrics
from hpe_study.boxes import Boxes
from hpe_study.data.store import Store, StoreSubset
from hpe_study.datasets.base import HEAD_PER_NECK
from hpe_study.datasets.lsp import SHARED_SHOOT
from hpe_study.errors import StudyError
from hpe_study.evaluation.bootstrap import estimate, units_of
from hpe_study.evaluation.protocols import ROOT, Protocol, SizeCues, find_protocol, protocol_arrays, to_mm
from hpe_study.skeletons import MPII16, convert
from hpe_study.skeletons.bone_lengths import mean_bone_lengths, scale_to_bones
from hpe_study.utils import rng

FIT_LIMIT = 20_000  # training poses that baselines are fitted on; a fixed draw of them where there are more
PROTOCOL = "study"  # the name of the study's own
PUBLISHED = {"fixed_bone_sum": "published", "crop_pck": "published-pck"}  # switch → its protocol
OWN_PCK = tuple(find_protocol(name) for name in ("lsp-pck", "flic-pck"))  # the sets' own, of the torso
MODEL, ZERO_DEPTH = "model", "true 2D + zero depth"
OTHER_SHOOTS = "model, without shoots that are in training"
Scores = dict[tuple[str, str], tuple[str, np.ndarray]]  # (scorer, metric) → (protocol's name, array)


def poses_of(joints: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """(N, 16, 2) box fractions and (N, 16) depth in box sides → (N, 16, 3) in box sides: weak perspective."""
    return np.concatenate([joints, depth[..., None]], -1)


def head_sizes(store: Mapping[str, np.ndarray]) -> np.ndarray:
    """(N,) px: the set's own head size, else 0.75·|head_top − upper_neck|, else NaN (no head in the set)."""
    top, neck = (store["joints2d"][:, MPII16.index(joint)] for joint in ("head_top", "upper_neck"))
    from_joints = HEAD_PER_NECK * np.linalg.norm(top - neck, axis=-1)
    return np.where(np.isfinite(store["head_size"]), store["head_size"], from_joints)


def universal_bone_lengths(train_3d: Store) -> np.ndarray:
    """(15,) mm: mean lengths of `MPII16.bones` in a training store's univ_annot3; NaN where it has none."""
    universal = train_3d["own_joints3d_universal"]
    return mean_bone_lengths(convert(universal, train_3d.own_skeleton, MPII16))


def values_2d(joints: np.ndarray, store: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """PCKh (N, 16) and the published crop PCK (N, 10) in percent, of joints (N, 16, 2) in box fractions."""
    px = Boxes(store["center"], store["side"]).to_pixels(joints)
    errors = metrics.joint_errors(px, store["joints2d"], store["labelled"])
    in_crop = errors[:, list(metrics.CROP_PCK_JOINTS)]
    crop = metrics.size_hits(in_crop, store["side"], metrics.CROP_PCK_THRESHOLD)
    return {"pckh": metrics.pckh_hits(errors, head_sizes(store)), "pck_crop": crop}


def order_values(depth: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """`depth_order_hits` of the pairs of joints that PCKh counts (N, 91), and of left with right (N, 6).

    `depth` is (N, 16) in any unit, NaN where the scorer cannot give it; `truth` is (N, 16) mm.
    """
    pairs = {"ordinal": metrics.ORDERED_PAIRS, "ordinal_sides": metrics.ORDERED_SIDES}
    return {name: metrics.depth_order_hits(depth, truth, chosen) for name, chosen in pairs.items()}


def values_3d(poses: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """(N, 16) arrays of every 3D metric, root-relative, of (N, 16, 3) mm; NaN predictions do not count."""
    return metrics.metric_arrays_3d(poses, truth, ~np.isnan(poses).any(-1), root=ROOT)


def values_under(
    protocol: Protocol, joints: np.ndarray, depth: np.ndarray, store: Store | StoreSubset, bones: np.ndarray
) -> dict[str, np.ndarray]:
    """The `protocol_arrays` of predictions: {metric: one value per person and joint that counts, else NaN}.

    Joints (N, 16, 2) are box fractions, depth (N, 16) box sides, `bones` (15,) mm the canonical lengths.
    Raises `StudyError` where the labels lack what the protocol needs.
    """
    if protocol.dimensions == 2:
        px = store.boxes.to_pixels(joints)
        sizes = {"head_size": head_sizes(store), "side": store["side"]}
        return protocol_arrays(protocol, px, store["own_joints2d"], store.own_skeleton, **sizes)
    truth = store["own_joints3d_universal" if protocol.truth == "univ" else "own_joints3d"]
    if not np.isfinite(truth).any():
        needed = f"which protocol {protocol.name} scores against"
        raise StudyError(f"{store.path}: has no {protocol.truth} joints, {needed}")
    cues = SizeCues(bones, store.boxes, store["intrinsics"], store["joints3d"][:, ROOT, 2])
    return protocol_arrays(protocol, to_mm(protocol, joints, depth, cues), truth, store.own_skeleton)


def values_of_poses(
    protocol: Protocol, poses: np.ndarray, store: Store | StoreSubset, bones: np.ndarray
) -> dict[str, np.ndarray]:
    """`values_under` of poses (N, 16, 3) in mm that no network gave, for protocols that size poses anew.

    A pose that lacks a joint is not scored; poses of a set without head joints get them from `with_head`.
    """
    poses = with_head(poses)
    whole = np.isfinite(poses).all((1, 2))
    arrays = {metric: np.full((len(poses), len(protocol.joints)), np.nan) for metric in metrics.METRICS_3D}
    if whole.any():
        scored = values_under(protocol, *in_crop_of_2_m(poses[whole]), StoreSubset(store, whole), bones)
        for metric, values in scored.items():
            arrays[metric][whole] = values
    return arrays


def in_crop_of_2_m(poses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Root-relative poses in mm as joints (N, 16, 2) and depth (N, 16) in a box of 2 m."""
    return poses[..., :2] / 2000 + 0.5, poses[..., 2] / 2000


def with_head(poses: np.ndarray) -> np.ndarray:
    """Poses (N, 16, D) with the thorax in place of upper neck and head top, each where no pose has it.

    Occlusion-Person has neither, 3DPW no head top: a model trained on such a set has never seen the joint.
    """
    poses = np.array(poses, np.float64)
    for joint in MPII16.indices(["upper_neck", "head_top"]):
        if np.isnan(poses[:, joint]).any(-1).all():
            poses[:, joint] = poses[:, MPII16.index("thorax")]
    return poses


def fit_baselines(train_3d: Store, bones: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best constant pose (16, 3) mm and depths (M, 16) in box sides of a run's 3D training store."""
    from hpe_study.evaluation.baselines import best_constant_pose  # loads torch, which tables do not need

    chosen = np.arange(len(train_3d))
    if len(chosen) > FIT_LIMIT:
        chosen = np.sort(rng.generator("baseline", 0).choice(len(chosen), FIT_LIMIT, replace=False))
    poses = train_3d["joints3d"][chosen]
    return best_constant_pose(poses - poses[:, [ROOT]], bones), train_3d["depth"][chosen]


def baselines(
    store: Store, bones: np.ndarray, fitted: tuple[np.ndarray, np.ndarray]
) -> dict[str, np.ndarray]:
    """What any model must beat on a test store: {scorer: (N, 16, 3) mm}, sized like the model."""
    from hpe_study.evaluation.baselines import true_2d_mean_depth

    constant, depths = fitted
    joints = store.boxes.offsets(store["joints2d"])
    return {
        "best constant pose": np.broadcast_to(constant, store["joints3d"].shape),
        "true 2D + mean depth": scale_to_bones(true_2d_mean_depth(joints, depths), bones),
    }


def floors_of_real(store: Store, bones: np.ndarray) -> dict[str, np.ndarray]:
    """What perfect 2D joints score without any depth and with the true one: {scorer: (N, 16, 3) mm}."""
    joints, depth = store.boxes.offsets(store["joints2d"]).astype(np.float64), store["depth"]
    return {
        ZERO_DEPTH: scale_to_bones(poses_of(joints, np.where(np.isnan(depth), np.nan, 0.0)), bones),
        "true 2D + true depth": scale_to_bones(poses_of(joints, depth), bones),
    }


def model_scores(
    joints: np.ndarray, depth: np.ndarray, store: Store, bones: np.ndarray | None, legacy: Sequence[str] = ()
) -> dict[str, tuple[str, np.ndarray]]:
    """The headline scores of predictions: {metric: (name of its protocol, array)}.

    Arguments are as of `rows_for_set`; `bones` is None where the run has learnt no depth.
    """
    true_joints, truth = store.boxes.to_fraction(store["joints2d"]), store["joints3d"].astype(np.float64)
    arrays = values_2d(joints, store)
    arrays["exchanged"] = metrics.exchanged_sides(joints, true_joints, store["labelled"])
    with_depth = bones is not None and np.isfinite(truth).any()
    if with_depth:
        poses = scale_to_bones(poses_of(joints, depth), bones)
        arrays |= values_3d(poses, truth) | order_values(poses[..., 2], truth[..., 2])
    scores = {metric: (PROTOCOL, values) for metric, values in arrays.items()}
    for protocol in (protocol for protocol in OWN_PCK if store.attrs["name"] in protocol.datasets):
        scores["pck_torso"] = protocol.name, values_under(protocol, joints, depth, store, bones)["pck"]
    for protocol in _published(legacy):
        if protocol.dimensions == 2 or with_depth:
            arrays = values_under(protocol, joints, depth, store, bones)
            named = {"pckh" if key == "pck" else key: values for key, values in arrays.items()}
            scores |= {key: (protocol.name, values) for key, values in named.items()}
    return scores


def _published(legacy):
    return [find_protocol(PUBLISHED[name]) for name in legacy if name in PUBLISHED]


def rows_for_set(
    joints: np.ndarray, depth: np.ndarray, store: Store, bones: np.ndarray,
    fitted: tuple[np.ndarray, np.ndarray] | None = None, legacy: Sequence[str] = (),
) -> list[dict[str, Any]]:  # fmt: skip
    """The scores of one test set, one dict per scorer and metric, with their intervals.

    Args:
        joints: (N, 16, 2) box fractions.
        depth: (N, 16) box sides.
        store: the test set.
        bones: (15,) mm, the canonical lengths.
        fitted: what `fit_baselines` gives, or None where the run has learnt no depth.
        legacy: a `legacy:` list. A score that it makes by another protocol replaces the study's score of that
            name, of the model and, in 3D, of the baselines (in 2D there are none).

    Returns:
        Rows of protocol, scorer, metric, unit and what `bootstrap.estimate` gives.
    """
    own = model_scores(joints, depth, store, None if fitted is None else bones, legacy)
    scores: Scores = {(MODEL, metric): score for metric, score in own.items()}
    truth = store["joints3d"].astype(np.float64)
    references = baselines(store, bones, fitted) if "mpjpe" in own else {}
    if references and store.origin != "simulated":
        references |= floors_of_real(store, bones)
        scores |= _of_scorer("lower is closer", order_values(-store["joints2d"][..., 1], truth[..., 2]))
        scores |= _of_scorer("higher is closer", order_values(store["joints2d"][..., 1], truth[..., 2]))
    shared = np.char.startswith(store["subject"], SHARED_SHOOT)
    if shared.any():
        scores |= {
            (OTHER_SHOOTS, metric): (protocol, np.where(shared[:, None], np.nan, values))
            for metric, (protocol, values) in own.items()
        }
    for scorer, pose in references.items():
        scores |= _of_scorer(scorer, values_3d(pose, truth))
        if scorer != ZERO_DEPTH:
            scores |= _of_scorer(scorer, order_values(pose[..., 2], truth[..., 2]))
    for protocol in _published(legacy):
        if protocol.dimensions == 3:
            for scorer, pose in references.items():
                arrays = values_of_poses(protocol, pose, store, bones)
                scores |= {(scorer, key): (protocol.name, values) for key, values in arrays.items()}
    units = units_of(store)
    return [
        {"protocol": name, "scorer": scorer, "metric": metric, "unit": metrics.UNITS[metric]}
        | estimate(values, units)
        for (scorer, metric), (name, values) in scores.items()
        if np.isfinite(values).any()
    ]


def _of_scorer(scorer, arrays):
    return {(scorer, metric): (PROTOCOL, values) for metric, values in arrays.items()}
