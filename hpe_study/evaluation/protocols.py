"""Protocols: which joints are scored, against which truth, at which size.

A protocol is a value; tables print its name. `protocol_scores` scores by them.

Where a size comes from (`Protocol.scale`):
    "canonical" the skeleton is scaled to the mean bone lengths of the training set; no test truth is used
    "camera"     perspective: the focal length and the TRUE depth of the root (the test pose's position, not
                 its size or shape), as is usual for root-relative scores
    "fixed"      the published code's: the bones of every person add up to 4,000 mm, as H36M-17
"""

from dataclasses import dataclass, field, replace

from hpe_study.errors import StudyError
from hpe_study.metrics import CROP_PCK_JOINTS, CROP_PCK_THRESHOLD, NOT_IN_PCKH, Align
from hpe_study.skeletons import H36M17, LSP14, MPI_INF_3DHP17, MPII16, UNREALCV15, Skeleton

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
    for protocol in PROTOCOLS:
        if (
            protocol.name == base
            and align in ("", "scale", "procrustes")
            and not (align and protocol.dimensions == 2)
        ):
            return protocol.aligned(align) if align else protocol
    raise StudyError(
        f"no protocol {name!r}; there are {', '.join(p.name for p in PROTOCOLS)}, those in 3D also with"
        " +scale or +procrustes"
    )
