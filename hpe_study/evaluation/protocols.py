"""Protocols: which joints are scored, against which truth, at which size. A protocol is a value; tables print
its name.

A prediction is 2D joints as fractions of the person's crop and depths in crop sides, both MPII-16. `to_mm`
gives it a metric size, `errors` converts it to the protocol's joints and compares; `score` is the metrics of
those errors. Nothing here needs a GPU.

Where a size comes from (`Protocol.scale`):
    "canonical" the skeleton is scaled to the mean bone lengths of the training set, which the caller passes
    in; no test truth is used
    "camera"     perspective: the focal length and the TRUE depth of the root (the test pose's position, not
                 its size or shape), as is usual for root-relative scores
    "fixed"      the published code's: bones of H36M-17 add up to 4,000 mm, whoever the person is
"""

from dataclasses import dataclass, field, replace

import numpy as np

from hpe_study.boxes import Boxes
from hpe_study.errors import StudyError
from hpe_study.metrics import AUC_THRESHOLDS, CROP_PCK_JOINTS, CROP_PCK_THRESHOLD, joint_errors, mean_error
from hpe_study.skeletons import H36M17, LSP14, MPI_INF_3DHP17, MPII16, UNREALCV15, Skeleton, convert
from hpe_study.skeletons.bone_lengths import bone_lengths, scale_to_bones

PUBLISHED_TOTAL = 4000.0  # mm, all bones of H36M-17


@dataclass(frozen=True, eq=False)
class Protocol:
    """How one benchmark scores.

    stand_ins: joints of `skeleton` that a prediction gives as weights of MPII-16 joints, instead of what
    `convert` would give;
    words: for a joint that `convert` cannot give of the truth, the truth's own joints that are taken for it,
    the first it has.
    """

    name: str
    title: str
    datasets: tuple  # data sets it is meant for; empty: any
    skeleton: Skeleton
    joints: tuple  # names, of `skeleton`
    root: str | None = "pelvis"  # both poses are moved to it; None in 2D
    truth: str = "annot3"  # "annot3", the camera's own; "univ", MPI-INF-3DHP's at a common height; "joints2d"
    scale: str | None = "canonical"  # "canonical", "camera", "fixed"; None in 2D
    align: str | None = None  # of mpjpe, pck150 and auc: None, "scale", "procrustes"
    unit: str = "mm"  # of the threshold; in 2D "head", "torso" or "crop"
    threshold: float = 150.0
    stand_ins: dict = field(default_factory=dict)
    words: dict = field(default_factory=dict)
    note: str = ""

    def __post_init__(self):
        self.skeleton.indices(list(self.joints))  # a ValueError names a joint that the skeleton does not have

    @property
    def dimensions(self):
        """3 or 2."""
        return 2 if self.truth == "joints2d" else 3

    def aligned(self, align):
        """The same protocol with another alignment, named so."""
        return replace(self, name=f"{self.name}+{align}", align=align)


def _less(skeleton, left_out):
    return tuple(joint for joint in skeleton.joints if joint not in left_out.split())


_IN_2D = {"root": None, "truth": "joints2d", "scale": None}
_H36M_NOTE = (
    "17 joints less the nose, which MPII-16 does not have; spine and thorax come from inexact recipes"
)

PROTOCOLS = (
    Protocol("study", "MPII-16 joints that the set has, root-relative", (), MPII16, MPII16.joints),
    Protocol(
        "published",
        "as the published code scores: H36M-17 joints, 4,000 mm of bones, spine and nose overwritten by"
        " midpoints",
        (),
        H36M17,
        H36M17.joints,
        scale="fixed",
        stand_ins={
            "thorax": {"upper_neck": 1.0},
            "spine": {"pelvis": 0.5, "upper_neck": 0.5},
            "nose": {"upper_neck": 0.5, "head_top": 0.5},
        },
        words={"spine": ("spine", "belly", "spine1"), "thorax": ("neck",)},
        note="a perfect prediction does not score 0 (audit: fixed_bone_sum)",
    ),
    Protocol(
        "h36m-challenge",
        "Human3.6M ECCV 2018 challenge, validation split",
        ("h36m",),
        H36M17,
        _less(H36M17, "nose"),
        note=_H36M_NOTE,
    ),
    Protocol(
        "h36m-s9s11",
        "Human3.6M, subjects 9 and 11; another benchmark than the challenge",
        ("h36m",),
        H36M17,
        _less(H36M17, "nose"),
        scale="camera",
        note=_H36M_NOTE,
    ),
    Protocol(
        "3dhp-official",
        "MPI-INF-3DHP test set: univ_annot3, valid frames, 14 joints, PCK@150 mm, AUC over 0:5:150 mm",
        ("mpi_inf_3dhp",),
        MPI_INF_3DHP17,
        _less(MPI_INF_3DHP17, "pelvis spine head"),
        truth="univ",
        stand_ins={"neck": {"thorax": 0.5, "upper_neck": 0.5}},
        note=(
            "canonical lengths must be those of univ_annot3 in training; the neck is taken midway from thorax"
            " to upper_neck, not measured"
        ),
    ),
    Protocol(
        "occlusion-person",
        "Occlusion-Person, 13 of its 15 joints",
        ("occlusion_person",),
        UNREALCV15,
        _less(UNREALCV15, "belly neck"),
        scale="camera",
        note="MPII-16 has neither its belly nor its neck",
    ),
    Protocol(
        "3dpw",
        "3DPW, limbs, pelvis (mid-hip) and thorax (mid-shoulder)",
        ("3dpw",),
        MPII16,
        _less(MPII16, "upper_neck head_top"),
        scale="camera",
        note="SMPL's own pelvis, spine, neck and head are other places than MPII-16's",
    ),
    Protocol(
        "mpii-pckh",
        "MPII, PCKh@0.5",
        ("mpii",),
        MPII16,
        _less(MPII16, "pelvis thorax"),
        unit="head",
        threshold=0.5,
        **_IN_2D,
    ),
    Protocol(
        "lsp-pckh",
        "LSP, PCK@0.5 of |head_top − neck|",
        ("lsp",),
        LSP14,
        LSP14.joints,
        unit="head",
        threshold=0.5,
        **_IN_2D,
    ),
    Protocol(
        "lsp-pck",
        "LSP, PCK@0.2 of the torso",
        ("lsp",),
        LSP14,
        LSP14.joints,
        unit="torso",
        threshold=0.2,
        **_IN_2D,
    ),
    Protocol(
        "flic-pck",
        "FLIC, PCK@0.2 of the torso, the six arm joints",
        ("flic",),
        MPII16,
        ("r_wrist", "r_elbow", "r_shoulder", "l_shoulder", "l_elbow", "l_wrist"),
        unit="torso",
        threshold=0.2,
        **_IN_2D,
    ),
    Protocol(
        "published-pck",
        'the published "PCKh@0.5": 5 % of the crop, ten limb joints, the mean of the images\' means',
        (),
        MPII16,
        tuple(MPII16.joints[joint] for joint in CROP_PCK_JOINTS),
        unit="crop",
        threshold=CROP_PCK_THRESHOLD,
        **_IN_2D,
    ),
)


def protocol(name):
    """The protocol of that name; "+procrustes" or "+scale" after it aligns. Raises `StudyError` with the
    names there are."""
    base, _, align = name.partition("+")
    for found in PROTOCOLS:
        if (
            found.name == base
            and align in ("", "scale", "procrustes")
            and not (align and found.dimensions == 2)
        ):
            return found.aligned(align) if align else found
    raise StudyError(
        f"no protocol {name!r}; there are {', '.join(p.name for p in PROTOCOLS)}, those in 3D also with"
        " +scale or +procrustes"
    )


# ---------------------------------------------------------------- size


def to_mm(
    joints, depth, side, protocol, bones=None, center=None, intrinsics=None, root_depth=None, perspective=True
):
    """A prediction at metric size: (N, 16, 3) mm, root-relative, camera frame, MPII-16.

    joints: (N, 16, 2) fractions of the crop; depth: (N, 16) root-relative, crop sides; side: (N,) px.
    protocol.scale "canonical" needs bones (15,) mm of `MPII16.bones`, means over the training set
    (`sizing.mean_bone_lengths`) of the kind of truth that is scored; NaN where unknown. "fixed" needs
    nothing. Both lift by weak perspective, x_mm = (t − t_root) · side / s, where s (px per mm) follows from
    the length, so `side` drops out. "camera" needs intrinsics (N, 4) fx, fy, cx, cy px, root_depth (N,) mm,
    the root's true distance along the axis, and center (N, 2) px, the crop's. With s = fx / root_depth each
    joint lies at z = depth · side / s behind the root, and is projected back through its own pixel; with
    perspective=False by weak perspective at s instead (then `center` is not needed). Raises `StudyError`
    where something needed is not given or, for a sample, not finite.
    """
    root = MPII16.index(MPII16.root)
    joints, depth = np.asarray(joints, np.float64), np.asarray(depth, np.float64)
    poses = np.concatenate([joints - joints[:, [root]], (depth - depth[:, [root]])[..., None]], -1)
    if protocol.scale == "canonical":
        _needed(protocol, bones=bones)
        return scale_to_bones(poses, bones)
    if protocol.scale == "fixed":
        own = _in_protocol(poses, protocol)
        total = bone_lengths(own, protocol.skeleton).sum(1)
        return (
            poses
            * np.divide(PUBLISHED_TOTAL, total, out=np.zeros_like(total), where=total > 0)[:, None, None]
        )
    if protocol.scale != "camera":
        raise StudyError(f"protocol {protocol.name} scores 2D joints, which have no size in mm")
    _needed(
        protocol, intrinsics=intrinsics, root_depth=root_depth, **({"center": center} if perspective else {})
    )
    side, focal, root_depth = (
        np.asarray(side, np.float64),
        np.asarray(intrinsics)[:, :2],
        np.asarray(root_depth, np.float64),
    )
    broken = ~np.isfinite(intrinsics).all(1) | ~np.isfinite(root_depth)
    if broken.any():
        raise StudyError(
            f"protocol {protocol.name}: sample {int(np.argmax(broken))} has no camera or no root depth"
            f" ({broken.sum()} such samples)"
        )
    in_mm = poses * (side * root_depth / focal[:, 0])[:, None, None]
    if not perspective:
        return in_mm
    z = root_depth[:, None] + in_mm[..., 2]
    px = Boxes(np.asarray(center, np.float64), side).to_pixels(joints)
    across = (px - np.asarray(intrinsics)[:, None, 2:]) / focal[:, None] * z[..., None]
    return np.concatenate([across - across[:, [root]], in_mm[..., 2:]], -1)


def _needed(protocol, **given):
    lacking = [key for key, value in given.items() if value is None]
    if lacking:
        raise StudyError(
            f"protocol {protocol.name} sizes predictions by {protocol.scale}: it needs {', '.join(lacking)}"
        )


# ---------------------------------------------------------------- scores


def _in_protocol(joints, protocol):
    """(N, 16, D) MPII-16 → (N, J, D) of the protocol's skeleton, its stand-ins in place."""
    joints = np.asarray(joints, np.float64)
    result = convert(joints, MPII16, protocol.skeleton)
    for joint, weights in protocol.stand_ins.items():
        result[:, protocol.skeleton.index(joint)] = sum(
            weight * joints[:, MPII16.index(parent)] for parent, weight in weights.items()
        )
    return result


def _truth_in_protocol(truth, skeleton, protocol):
    """(N, J, D) truth in its own skeleton → the protocol's; joints by word where `convert` cannot give
    them."""
    truth = np.asarray(truth, np.float64)
    result = convert(truth, skeleton, protocol.skeleton)
    for joint, words in protocol.words.items():
        column = protocol.skeleton.index(joint)
        word = next((word for word in words if word in skeleton.joints), None)
        if word is not None and np.isnan(result[:, column]).all():
            result[:, column] = truth[:, skeleton.index(word)]
    return result


def errors(protocol, prediction, truth, skeleton, align="protocol"):
    """(N, joints of the protocol) distances, NaN where the truth lacks the joint or (3D) its root.

    prediction: (N, 16, 3) mm from `to_mm`, or (N, 16, 2) px for a 2D protocol; truth: (N, J, 3) mm or (N, J,
    2) px in the set's own `skeleton`, of the kind that `protocol.truth` names. align: None, "scale" or
    "procrustes" instead of the protocol's own. A root that is not among the protocol's joints (MPI-INF-3DHP's
    pelvis) is moved to, but neither scored nor aligned by.
    """
    there, aim = _in_protocol(prediction, protocol), _truth_in_protocol(truth, skeleton, protocol)
    if protocol.root:
        root = [protocol.skeleton.index(protocol.root)]
        there, aim = there - there[:, root], aim - aim[:, root]
    columns = protocol.skeleton.indices(list(protocol.joints))
    return joint_errors(
        there[:, columns], aim[:, columns], align=protocol.align if align == "protocol" else align
    )


def values(protocol, prediction, truth, skeleton, head_size=None, side=None):
    """{metric: array}, one value a sample and joint that counts, NaN elsewhere; the metric is the mean over
    it.

    prediction, truth, skeleton: as in `errors`. 3D, (N, J): "mpjpe" (mm), "pck150" and "auc" (percent) under
    the protocol's alignment, "n_mpjpe" and "pa_mpjpe" under their own. 2D: "pck" in percent, (N, J), or (N,
    1) where images are averaged first; a protocol in heads needs head_size (N,) px, one in crops side (N,)
    px. Raises `StudyError` where that is not given.
    """
    found = errors(protocol, prediction, truth, skeleton)
    if protocol.dimensions == 3:
        steps = np.mean([found < threshold for threshold in AUC_THRESHOLDS], 0)
        return {
            "mpjpe": found,
            "n_mpjpe": errors(protocol, prediction, truth, skeleton, "scale"),
            "pa_mpjpe": errors(protocol, prediction, truth, skeleton, "procrustes"),
            "pck150": _percent(found < protocol.threshold, found),
            "auc": _percent(steps, found),
        }
    size = {"head": head_size, "crop": side, "torso": None}[protocol.unit]
    if protocol.unit == "torso":
        ends = convert(np.asarray(truth, np.float64), skeleton, MPII16)[:, MPII16.indices("l_shoulder r_hip")]
        size = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=-1)
    if size is None:
        raise StudyError(
            f"protocol {protocol.name} scores in parts of the {protocol.unit}: its size in px must be given"
            " for each sample"
        )
    parts = found / np.where(np.asarray(size) > 0, size, np.nan)[:, None]
    within = _percent(parts <= protocol.threshold, parts)
    if (
        protocol.unit == "crop"
    ):  # the mean of the images' own means; an image without anything to score counts as 0
        counted = np.isfinite(within).sum(1)
        within = (np.nansum(within, 1) / np.maximum(counted, 1))[:, None]
    return {"pck": within}


def _percent(shares, found):
    return np.where(np.isnan(found), np.nan, 100.0 * shares)


def score(protocol, prediction, truth, skeleton, head_size=None, side=None):
    """{metric: value} of a prediction under a protocol: the means of `values`."""
    return {
        metric: mean_error(array)
        for metric, array in values(protocol, prediction, truth, skeleton, head_size, side).items()
    }
