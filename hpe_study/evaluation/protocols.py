"""Protocols: which joints are scored, against which truth, at which size; and predictions scored by them.

A protocol is a value; tables print its name. A prediction is 2D joints as fractions of the person's box and
depths in its sides, both MPII-16.

Where a size comes from (`Protocol.scale`):
    "canonical" the skeleton is scaled to the mean bone lengths of the training set; no test truth is used
    "camera"     perspective: the focal length and the TRUE depth of the root (the test pose's position, not
                 its size or shape), as is usual for root-relative scores
    "fixed"      the published code's: the bones of every person add up to 4,000 mm, as H36M-17
"""

from dataclasses import dataclass, field, replace

import numpy as np

from hpe_study import metrics
from hpe_study.boxes import Boxes
from hpe_study.errors import StudyError
from hpe_study.metrics import CROP_PCK_JOINTS, CROP_PCK_THRESHOLD, NOT_IN_PCKH, Align
from hpe_study.skeletons import H36M17, LSP14, MPI_INF_3DHP17, MPII16, UNREALCV15, Skeleton, convert
from hpe_study.skeletons.bone_lengths import bone_lengths, scale_to_bones
from hpe_study.utils.arrays import nan_mean

ROOT = MPII16.index(MPII16.root)
PUBLISHED_TOTAL = 4000.0  # mm, all bones of H36M-17


@dataclass(frozen=True, eq=False)
class Protocol:
    """How one benchmark scores."""

    name: str  # what commands and tables call it
    title: str  # what it scores, in words
    datasets: tuple[str, ...]  # data sets that it is meant for; empty: any
    skeleton: Skeleton  # the joints that are compared
    joints: tuple[str, ...]  # names of those that count
    root: str | None = "pelvis"  # both poses are moved to it; None in 2D
    truth: str = "annot3"  # "annot3", the camera's own; "univ", MPI-INF-3DHP's at a common height; "joints2d"
    scale: str | None = "canonical"  # "canonical", "camera", "fixed" (see above); None in 2D
    align: Align | None = None  # of mpjpe, pck150 and auc
    unit: str = "mm"  # of the threshold: "mm"; in 2D "head", "torso" or "crop"
    threshold: float = 150.0  # below which (in 2D: within which) a joint is right
    # joints that a prediction gives as weights of MPII-16 joints, instead of what `convert` would give
    predicted_from: dict[str, dict[str, float]] = field(default_factory=dict)
    # for a joint that `convert` cannot give of the truth, the truth's own joints that are taken for it;
    # the first that the set has
    truth_fallbacks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    note: str = ""  # what a reader must know beside the number

    def __post_init__(self) -> None:
        self.skeleton.indices(list(self.joints))  # a ValueError names a joint that the skeleton does not have

    @property
    def dimensions(self) -> int:
        """3 or 2."""
        return 2 if self.truth == "joints2d" else 3

    def aligned(self, align: Align) -> "Protocol":
        """The same protocol with another alignment, named so."""
        return replace(self, name=f"{self.name}+{align}", align=align)


def _less(skeleton, left_out):
    return tuple(joint for joint in skeleton.joints if joint not in left_out.split())


_IN_2D = {"root": None, "truth": "joints2d", "scale": None}
_H36M_NOTE = (
    "17 joints less the nose, which MPII-16 does not have; spine and thorax come from inexact recipes"
)

# lsp-pck is LSP's own measure, with person-centric labels, as Wei et al. 2016 (arXiv 1602.00134) print it.
PROTOCOLS = (
    Protocol("study", "MPII-16 joints that the set has, root-relative", (), MPII16, MPII16.joints),
    Protocol("published",
             "as the published code scores: H36M-17 joints, 4,000 mm of bones, spine and nose overwritten by"
             " midpoints", (), H36M17, H36M17.joints, scale="fixed",
             predicted_from={"thorax": {"upper_neck": 1.0}, "spine": {"pelvis": 0.5, "upper_neck": 0.5},
                             "nose": {"upper_neck": 0.5, "head_top": 0.5}},
             truth_fallbacks={"spine": ("spine", "belly", "spine1"), "thorax": ("neck",)},
             note="a perfect prediction does not score 0 (audit: fixed_bone_sum)"),
    Protocol("h36m-challenge", "Human3.6M ECCV 2018 challenge, validation split", ("h36m",), H36M17,
             _less(H36M17, "nose"), note=_H36M_NOTE),
    Protocol("h36m-s9s11", "Human3.6M, subjects 9 and 11; another benchmark than the challenge", ("h36m",),
             H36M17, _less(H36M17, "nose"), scale="camera", note=_H36M_NOTE),
    Protocol("3dhp-official",
             "MPI-INF-3DHP test set: univ_annot3, valid frames, 14 joints, PCK@150 mm, AUC over 0:5:150 mm",
             ("mpi_inf_3dhp",), MPI_INF_3DHP17, _less(MPI_INF_3DHP17, "pelvis spine head"), truth="univ",
             predicted_from={"neck": {"thorax": 0.5, "upper_neck": 0.5}},
             note="canonical lengths must be those of univ_annot3 in training; the neck is taken midway from"
                  " thorax to upper_neck, not measured"),
    Protocol("occlusion-person", "Occlusion-Person, 13 of its 15 joints", ("occlusion_person",), UNREALCV15,
             _less(UNREALCV15, "belly neck"), scale="camera",
             note="MPII-16 has neither its belly nor its neck"),
    Protocol("3dpw", "3DPW, limbs, pelvis (mid-hip) and thorax (mid-shoulder)", ("3dpw",), MPII16,
             _less(MPII16, "upper_neck head_top"), scale="camera",
             note="SMPL's own pelvis, spine, neck and head are other places than MPII-16's"),
    Protocol("pose2sim", "Pose2Sim's demo, one man before four cameras", ("pose2sim",), MPII16, MPII16.joints,
             scale="camera", note="one person, 100 moments; the 3D is triangulated from OpenPose's joints"),
    Protocol("lsp-pseudo3d", "SPIN's fits of LSP, pseudo labels", ("lsp_pseudo3d",), MPII16,
             _less(MPII16, "head_top"),
             note="pseudo labels, no camera: a comparison of models, not an error in mm"),
    Protocol("mpii-pckh", "MPII, PCKh@0.5", ("mpii",), MPII16,
             _less(MPII16, " ".join(MPII16.joints[joint] for joint in NOT_IN_PCKH)), unit="head",
             threshold=0.5, **_IN_2D),
    Protocol("lsp-pckh", "LSP, PCKh@0.5, the head size 0.75·|head_top − neck|", ("lsp",), LSP14, LSP14.joints,
             unit="head", threshold=0.5, **_IN_2D),
    Protocol("lsp-pck", "LSP, PCK@0.2 of the torso", ("lsp",), LSP14, LSP14.joints, unit="torso",
             threshold=0.2, **_IN_2D),
    Protocol("flic-pck", "FLIC, PCK@0.2 of the torso, the six arm joints", ("flic",), MPII16,
             ("r_wrist", "r_elbow", "r_shoulder", "l_shoulder", "l_elbow", "l_wrist"), unit="torso",
             threshold=0.2, **_IN_2D),
    Protocol("published-pck",
             'the published "PCKh@0.5": 5 % of the crop, ten limb joints, the mean of the images\' means', (),
             MPII16, tuple(MPII16.joints[joint] for joint in CROP_PCK_JOINTS), unit="crop",
             threshold=CROP_PCK_THRESHOLD, **_IN_2D),
)  # fmt: skip


def find_protocol(name: str) -> Protocol:
    """The protocol of that name; "+procrustes" or "+scale" aligns. `StudyError` where there is none."""
    base, _, align = name.partition("+")
    protocol = next((protocol for protocol in PROTOCOLS if protocol.name == base), None)
    if protocol and not align:
        return protocol
    if protocol and protocol.dimensions == 3 and align in ("scale", "procrustes"):
        return protocol.aligned(align)
    names = ", ".join(protocol.name for protocol in PROTOCOLS)
    raise StudyError(f"no protocol {name!r}; there are {names}, those in 3D also with +scale or +procrustes")


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
        first = f"sample {int(np.argmax(broken))} has no camera or no root depth"
        raise StudyError(f"protocol {protocol.name}: {first} ({broken.sum()} such samples)")
    boxes = Boxes(np.asarray(cues.boxes.center, np.float64), np.asarray(cues.boxes.side, np.float64))
    focal = intrinsics[:, :2]
    depth = poses[..., 2] * (boxes.side * root_depth / focal[:, 0])[:, None]
    z = root_depth[:, None] + depth
    across = (boxes.to_pixels(joints) - intrinsics[:, None, 2:]) / focal[:, None] * z[..., None]
    return np.concatenate([across - across[:, [ROOT]], depth[..., None]], -1)


def _check_given(protocol, cues, *needed):
    if lacking := ", ".join(key for key in needed if getattr(cues, key) is None):
        raise StudyError(
            f"protocol {protocol.name} sizes predictions by {protocol.scale}: it needs {lacking}"
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
    protocol: Protocol, prediction: np.ndarray, truth: np.ndarray, skeleton: Skeleton,
    head_size: np.ndarray | None = None, side: np.ndarray | None = None,
) -> dict[str, np.ndarray]:  # fmt: skip
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
        return metrics.metric_arrays_3d(*joints, align=protocol.align, threshold=protocol.threshold)
    size = torso_size(truth, skeleton) if protocol.unit == "torso" else None
    size = {"head": head_size, "crop": side}.get(protocol.unit, size)
    if size is None:
        unit = f"scores in parts of the {protocol.unit}"
        raise StudyError(f"protocol {protocol.name} {unit}: its size in px must be given for each sample")
    percent = metrics.size_hits(metrics.joint_errors(*joints), size, protocol.threshold)
    if protocol.unit == "crop":  # the mean of the images' means; an image without anything to score counts 0
        percent = np.nan_to_num(nan_mean(percent, axis=1))[:, None]
    return {"pck": percent}


def torso_size(truth: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """(N,) px from left shoulder to right hip; the truth is (N, J, 2) px in its own skeleton."""
    ends = convert(np.asarray(truth, np.float64), skeleton, MPII16)[:, MPII16.indices("l_shoulder r_hip")]
    return np.linalg.norm(ends[:, 0] - ends[:, 1], axis=-1)
