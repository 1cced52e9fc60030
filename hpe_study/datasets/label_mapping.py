"""From a record's own joints and box to what a model learns from.

There is the correct mapping, and beside each part of it the published code's (see
`hpe_study.published_defects`). Only the labels that a model learns from are touched. The data set's own
joints stay true, so any model can be scored against them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from hpe_study import published_defects
from hpe_study.datasets.base import Box
from hpe_study.datasets.record import Record
from hpe_study.skeletons import FLIC29, MPII16, Skeleton, convert

PADDING = 0.68  # of the published LSP and FLIC crops, times the height of the labelled joints

# MPII-16 joint ← FLIC column that an off-by-one key takes for it; the other eight joints are always missing.
FLIC_OFF_BY_ONE = {
    "r_ankle": "l_eye", "l_ankle": "r_hip", "r_wrist": "l_hip", "r_elbow": "r_wrist",
    "r_shoulder": "r_elbow", "l_shoulder": "l_elbow", "l_elbow": "l_wrist", "l_wrist": "r_shoulder",
}  # fmt: skip
SPINE_AS_THORAX = {  # MPII-16 joint ← the set's own joint that is taken for it
    "h36m": {"thorax": "spine"},
    "mpi_inf_3dhp": {"thorax": "spine"},
    "occlusion_person": {"head_top": "neck"},
}
# `joint_rules: printed`: as the paper prints them. FLIC labels neither mid_torso nor mid_shoulder, so thorax
# and upper neck are missing (the paper's "NaN → 0"; what is missing is NaN and a flag here).
PRINTED = SPINE_AS_THORAX | {
    "flic": {"thorax": "mid_torso", "upper_neck": "mid_shoulder", "head_top": "nose"}
}

# Which two joints the published code used is not known. Of all pairs these come closest to what was measured
# of its crops on the 5,003 people of FLIC: 169 px off in the median, 21.5 % of the labelled joints inside
# (these: 170 px, 21.4 %).
FLIC_CROP_JOINTS = ("r_eye", "l_elbow")


def common_joints(joints: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """Joints (J, D) of a skeleton in MPII-16, (16, D); NaN where missing."""
    return convert(joints, skeleton, MPII16)


def flic_off_by_one(joints: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """FLIC's columns (29, D) under the wrong names, (16, D); what the wrong key does not name is missing."""
    wrong = np.full((len(MPII16), joints.shape[-1]), np.nan)
    wrong[MPII16.indices(list(FLIC_OFF_BY_ONE))] = joints[FLIC29.indices(list(FLIC_OFF_BY_ONE.values()))]
    return wrong


@dataclass(frozen=True)
class SwappedJoints:
    """`common_joints`, with some of the set's own joints (`sources`) in place of MPII-16's."""

    sources: dict[str, str]

    def __call__(self, joints: np.ndarray, skeleton: Skeleton) -> np.ndarray:
        """Joints (J, D) of a skeleton in MPII-16, (16, D)."""
        common = convert(joints, skeleton, MPII16)
        common[MPII16.indices(list(self.sources))] = joints[skeleton.indices(list(self.sources.values()))]
        return common


def own_box(record: Record) -> Box:
    """The box that the data set's reader gives."""
    return record.center, record.side


def box_of_height(record: Record) -> Box:
    """The published crop of LSP and FLIC: 0.68 times the height of the joints, however wide they are."""
    low, high = np.nanmin(record.joints2d, 0), np.nanmax(record.joints2d, 0)
    return (low + high) / 2, float(max(PADDING * (high - low)[1], 1.0))


def box_of_two_joints(record: Record) -> Box:
    """The published crop of FLIC: one joint's x and y as the extent in x, another's as that in y.

    A joint that is missing (in the real set none of these is) stands at (0, 0).
    """
    ends = np.nan_to_num(record.joints2d[FLIC29.indices(list(FLIC_CROP_JOINTS))])
    return ends.mean(1), float(max(np.ptp(ends[0]), 1.0))


@dataclass(frozen=True)
class LabelMapping:
    """How the labels of one data set become a model's."""

    defects: tuple[str, ...] = ()  # names of the published defects in it
    # "printed" where the paper's joint rules differ from ours for this set; else "corrected"
    rules: str = "corrected"
    # (joints (J, D), skeleton) → (16, D)
    joints: Callable[[np.ndarray, Skeleton], np.ndarray] = common_joints
    box: Callable[[Record], Box] = own_box  # record → `Box`
    options: dict = field(default_factory=dict)  # of the reader, beside the user's own


def label_mapping(data_set: str, defects: Iterable[str] = (), joint_rules: str = "corrected") -> LabelMapping:
    """The mapping of a data set under a `legacy:` list; defects of other sets change nothing.

    A defect of the joints stands over `joint_rules`: the published code did not do what the paper prints.
    """
    defects = published_defects.of_reading(defects, data_set)
    joints, box, options = common_joints, own_box, {}
    rules = joint_rules if data_set in PRINTED else "corrected"
    if rules == "printed":
        joints = SwappedJoints(PRINTED[data_set])
    if "spine_as_thorax" in defects:
        joints = SwappedJoints(SPINE_AS_THORAX[data_set])
    if "flic_off_by_one" in defects:
        joints = flic_off_by_one
    if "tight_lsp_crop" in defects:
        box = box_of_height
    if "flic_crop_from_two_joints" in defects:
        box = box_of_two_joints
    if "all_test_frames" in defects:
        options = {"frames": "inside"}
    return LabelMapping(defects, rules, joints, box, options)


CORRECT = LabelMapping()
