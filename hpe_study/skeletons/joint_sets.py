"""Joint sets by name, and the one way from one to another.

A skeleton is declared once, as a line of joint names in the order of its data set. Left/right partners, indices and
bones follow from the names. `convert` multiplies by one matrix that is built from names and written recipes; the same
call serves 2D and 3D, prediction and truth.

A name means one place on the body throughout the project. Where a data set uses a word for a place of its own ("neck" is
five different places in these seven sets), the skeleton lists it under `own`, and nobody else's joint of that
name is taken for it. Orders and meanings: the data sets' own documentation, see `hpe_study.datasets`.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

import numpy as np
import torch


@dataclass(frozen=True)
class Recipe:
    """How a joint is made of others: weights that sum to 1. `exact` is False where it only comes close; `note` says how close.

    simulated: how far it is off on 700 simulated people in everyday, sports and laboratory poses, (median, lower, upper quartile) in mm,
    measured by `tests/datasets/test_recipes.py`. Their joints lie where the real sets' are thought to lie: it is no measure of real labels,
    which `python -m hpe_study.datasets recipes ROOT` takes where a set has both places.
    """

    weights: MappingProxyType
    exact: bool = True
    note: str = ""
    simulated: tuple | None = None


def _recipe(exact=True, note="", simulated=None, **weights):
    if abs(sum(weights.values()) - 1) > 1e-9:
        raise ValueError(f"recipe weights sum to {sum(weights.values())}, not 1")
    if simulated:
        note += "; on simulated people off by {} mm (median, inter-quartile {}–{})".format(*simulated)
    return Recipe(MappingProxyType(weights), exact, note, simulated)


@dataclass(frozen=True, eq=False)
class Skeleton:
    """A named joint set: `joints` in order, `bones` as (parent, child) names, a `root`, and recipes for joints it lacks."""

    name: str
    joints: tuple
    bones: tuple
    root: str
    own: frozenset = frozenset()  # names whose meaning is this family's own
    family: str = ""
    recipes: MappingProxyType = field(default_factory=lambda: MappingProxyType({}))

    def __len__(self):
        return len(self.joints)

    def __repr__(self):
        return f"Skeleton({self.name}, {len(self)} joints)"

    def __reduce__(self):
        return (by_name, (self.name,))

    def index(self, joint):
        """Position of a joint by name."""
        return self.joints.index(joint)

    def indices(self, joints):
        """Positions of several joints, given as a list or as one line of names."""
        return [self.index(joint) for joint in (joints.split() if isinstance(joints, str) else joints)]

    @property
    def flip(self):
        """Permutation that exchanges left and right partners."""
        return [self.joints.index(_mirrored(joint)) for joint in self.joints]

    @property
    def bone_indices(self):
        """Bones as (parent, child) index pairs."""
        return [(self.index(parent), self.index(child)) for parent, child in self.bones]

    def key(self, joint):
        """The joint's name with its meaning: qualified by the family where the word is the family's own."""
        return f"{self.family}.{joint}" if joint in self.own else joint


def _mirrored(joint):
    front = "mid_" if joint.startswith("mid_") else ""  # FLIC's mid_l_upper_arm
    side = joint[len(front) :][:2]
    return front + {"l_": "r_", "r_": "l_"}.get(side, side) + joint[len(front) + 2 :]


def _skeleton(name, joints, chains, root, own="", family="", **recipes):
    joints = tuple(joints.split())
    bones = tuple(pair for chain in chains.split() for pair in zip(chain.split("-")[:-1], chain.split("-")[1:], strict=True))
    unknown = {joint for bone in bones for joint in bone} - set(joints)
    if unknown or root not in joints or len(set(joints)) != len(joints):
        raise ValueError(f"{name}: bones, root and joints do not fit ({sorted(unknown)})")
    recipes = {key.replace("__", "."): recipe for key, recipe in recipes.items()}
    return Skeleton(name, joints, bones, root, frozenset(own.split()), family or name, MappingProxyType(recipes))


_MID_HIPS = _recipe(l_hip=0.5, r_hip=0.5)
# MPII's thorax and pelvis are rounded midpoints, within 0.71 px on 99 % of its 2,958 validation people
_MID_SHOULDERS = _recipe(l_shoulder=0.5, r_shoulder=0.5)
_LSP_NECK = "LSP's neck is taken for MPII's upper_neck; nobody labelled both on real people"
_ALONG_HEAD = _recipe(
    exact=False,
    note="0.20 of the way from thorax to head_top, the median over MPII's validation people (inter-quartile 0.13–0.26); "
    "there it is off by 0.12 head sizes (median, inter-quartile 0.06–0.22)",
    simulated=(20, 16, 25),
    l_shoulder=0.4,
    r_shoulder=0.4,
    head_top=0.2,
)

MPII16 = _skeleton(
    "mpii16",
    "r_ankle r_knee r_hip l_hip l_knee l_ankle pelvis thorax upper_neck head_top r_wrist r_elbow r_shoulder l_shoulder l_elbow l_wrist",
    "pelvis-r_hip-r_knee-r_ankle pelvis-l_hip-l_knee-l_ankle pelvis-thorax-upper_neck-head_top thorax-r_shoulder-r_elbow-r_wrist thorax-l_shoulder-l_elbow-l_wrist",
    "pelvis",
    pelvis=_MID_HIPS,
    thorax=_MID_SHOULDERS,
    lsp__neck=_recipe(exact=False, note=_LSP_NECK, simulated=(26, 23, 28), upper_neck=1.0),
    h36m__spine=_recipe(exact=False, note="midway from pelvis to thorax", simulated=(39, 28, 49), pelvis=0.5, thorax=0.5),
    h36m__thorax=_recipe(exact=False, note="the mid-shoulder for H36M's neck base", simulated=(51, 45, 55), thorax=1.0),
)
LSP14 = _skeleton(
    "lsp14",
    "r_ankle r_knee r_hip l_hip l_knee l_ankle r_wrist r_elbow r_shoulder l_shoulder l_elbow l_wrist neck head_top",
    "neck-head_top neck-r_shoulder-r_elbow-r_wrist neck-l_shoulder-l_elbow-l_wrist neck-r_hip-r_knee-r_ankle neck-l_hip-l_knee-l_ankle",
    "neck",
    own="neck",
    family="lsp",
    pelvis=_MID_HIPS,
    thorax=_MID_SHOULDERS,
    upper_neck=_recipe(exact=False, note=_LSP_NECK, simulated=(26, 23, 28), neck=1.0),
)
FLIC29 = _skeleton(
    "flic29",
    "l_shoulder l_elbow l_wrist r_shoulder r_elbow r_wrist l_hip l_knee l_ankle r_hip r_knee r_ankle l_eye r_eye l_ear r_ear nose "
    "mid_shoulder mid_hip mid_ear mid_torso mid_l_upper_arm mid_r_upper_arm mid_l_lower_arm mid_r_lower_arm mid_l_upper_leg mid_r_upper_leg mid_l_lower_leg mid_r_lower_leg",
    "l_shoulder-l_elbow-l_wrist r_shoulder-r_elbow-r_wrist l_shoulder-r_shoulder l_hip-r_hip l_shoulder-l_hip r_shoulder-r_hip l_hip-l_knee-l_ankle r_hip-r_knee-r_ankle nose-l_eye nose-r_eye",
    "mid_hip",
    pelvis=_MID_HIPS,
    thorax=_MID_SHOULDERS,
)
H36M17 = _skeleton(
    "h36m17",
    "pelvis r_hip r_knee r_ankle l_hip l_knee l_ankle spine thorax nose head_top l_shoulder l_elbow l_wrist r_shoulder r_elbow r_wrist",
    "pelvis-r_hip-r_knee-r_ankle pelvis-l_hip-l_knee-l_ankle pelvis-spine-thorax-nose-head_top thorax-l_shoulder-l_elbow-l_wrist thorax-r_shoulder-r_elbow-r_wrist",
    "pelvis",
    own="spine thorax nose",  # its thorax is the base of the neck, its nose a point between neck and nose
    family="h36m",
    thorax=_MID_SHOULDERS,
    upper_neck=_ALONG_HEAD,
)
_INF_JOINTS = (
    "spine3 spine4 spine2 spine pelvis neck head head_top l_clavicle l_shoulder l_elbow l_wrist l_hand r_clavicle r_shoulder r_elbow r_wrist r_hand "
    "l_hip l_knee l_ankle l_foot l_toe r_hip r_knee r_ankle r_foot r_toe"
)
_INF_OWN = "spine spine2 spine3 spine4 neck head"
_INF_UPPER_NECK = _recipe(exact=False, note="midway between 3DHP's neck and head", simulated=(32, 28, 35), neck=0.5, head=0.5)
MPI_INF_3DHP28 = _skeleton(
    "mpi_inf_3dhp28",
    _INF_JOINTS,
    "pelvis-spine-spine2-spine3-spine4-neck-head-head_top spine4-l_clavicle-l_shoulder-l_elbow-l_wrist-l_hand spine4-r_clavicle-r_shoulder-r_elbow-r_wrist-r_hand "
    "pelvis-l_hip-l_knee-l_ankle-l_foot-l_toe pelvis-r_hip-r_knee-r_ankle-r_foot-r_toe",
    "pelvis",
    own=_INF_OWN,
    family="mpi_inf_3dhp",
    thorax=_MID_SHOULDERS,
    upper_neck=_INF_UPPER_NECK,
)
MPI_INF_3DHP17 = _skeleton(
    "mpi_inf_3dhp17",
    "head_top neck r_shoulder r_elbow r_wrist l_shoulder l_elbow l_wrist r_hip r_knee r_ankle l_hip l_knee l_ankle pelvis spine head",
    "pelvis-spine-neck-head-head_top neck-r_shoulder-r_elbow-r_wrist neck-l_shoulder-l_elbow-l_wrist pelvis-r_hip-r_knee-r_ankle pelvis-l_hip-l_knee-l_ankle",
    "pelvis",
    own=_INF_OWN,
    family="mpi_inf_3dhp",
    thorax=_MID_SHOULDERS,
    upper_neck=_INF_UPPER_NECK,
)
UNREALCV15 = _skeleton(
    "unrealcv15",
    "pelvis r_hip r_knee r_ankle l_hip l_knee l_ankle belly neck l_shoulder l_elbow l_wrist r_shoulder r_elbow r_wrist",
    "pelvis-r_hip-r_knee-r_ankle pelvis-l_hip-l_knee-l_ankle pelvis-belly-neck neck-l_shoulder-l_elbow-l_wrist neck-r_shoulder-r_elbow-r_wrist",
    "pelvis",
    own="neck",  # at shoulder height; the set has no head joint
    family="unrealcv",
    thorax=_MID_SHOULDERS,
)
OPENPOSE18 = _skeleton(
    "openpose18",
    "nose neck r_shoulder r_elbow r_wrist l_shoulder l_elbow l_wrist r_hip r_knee r_ankle l_hip l_knee l_ankle r_eye l_eye r_ear l_ear",
    "neck-nose nose-r_eye-r_ear nose-l_eye-l_ear neck-r_shoulder-r_elbow-r_wrist neck-l_shoulder-l_elbow-l_wrist neck-r_hip-r_knee-r_ankle neck-l_hip-l_knee-l_ankle",
    "neck",
    own="neck",
    family="openpose",
    pelvis=_MID_HIPS,
    thorax=_MID_SHOULDERS,
)
SMPL24 = _skeleton(
    "smpl24",
    "pelvis l_hip r_hip spine1 l_knee r_knee spine2 l_ankle r_ankle spine3 l_foot r_foot neck l_collar r_collar head l_shoulder r_shoulder l_elbow r_elbow l_wrist r_wrist l_hand r_hand",
    "pelvis-spine1-spine2-spine3-neck-head spine3-l_collar-l_shoulder-l_elbow-l_wrist-l_hand spine3-r_collar-r_shoulder-r_elbow-r_wrist-r_hand "
    "pelvis-l_hip-l_knee-l_ankle-l_foot pelvis-r_hip-r_knee-r_ankle-r_foot",
    "pelvis",
    own="pelvis spine1 spine2 spine3 neck head l_hand r_hand l_foot r_foot",  # SMPL's pelvis lies above the mid-hip
    family="smpl",
    pelvis=_MID_HIPS,
    thorax=_MID_SHOULDERS,
    upper_neck=_recipe(exact=False, note="midway between SMPL's neck and head", simulated=(90, 85, 96), neck=0.5, head=0.5),
)

ALL = (MPII16, LSP14, FLIC29, H36M17, MPI_INF_3DHP28, MPI_INF_3DHP17, UNREALCV15, OPENPOSE18, SMPL24)

# Bone groups of the geometric loss (Zhou et al. 2017, eq. 4: bones of a group share one ratio to their canonical length),
# with canonical lengths in mm: segment lengths of Drillis & Contini (1966), as fractions of a height of 1,700 mm.
BONE_GROUPS = {
    "arms": (("r_shoulder", "r_elbow"), ("r_elbow", "r_wrist"), ("l_shoulder", "l_elbow"), ("l_elbow", "l_wrist")),
    "legs": (("r_hip", "r_knee"), ("r_knee", "r_ankle"), ("l_hip", "l_knee"), ("l_knee", "l_ankle")),
    "shoulders": (("thorax", "r_shoulder"), ("thorax", "l_shoulder")),
    "hips": (("pelvis", "r_hip"), ("pelvis", "l_hip")),
}
CANONICAL_STATURE = 1700.0  # mm, the height of the person whose bones these are
_FRACTION = {
    "shoulder-elbow": 0.186,
    "elbow-wrist": 0.146,
    "hip-knee": 0.245,
    "knee-ankle": 0.246,
    "thorax-shoulder": 0.129,
    "pelvis-hip": 0.0955,
}
CANONICAL_LENGTH = {
    (parent, child): CANONICAL_STATURE * _FRACTION[f"{parent.removeprefix('l_').removeprefix('r_')}-{child[2:]}"]
    for bones in BONE_GROUPS.values()
    for parent, child in bones
}


def by_name(name):
    """The skeleton of that name (`"mpii16"`, …)."""
    for skeleton in ALL:
        if skeleton.name == name:
            return skeleton
    raise KeyError(f"no skeleton {name!r}; there are {', '.join(s.name for s in ALL)}")


def sources(source, target):
    """For each joint of `target`: the `Recipe` that makes it of `source`'s joints, or None where it cannot be made."""
    keys = {source.key(joint): joint for joint in source.joints}
    named = [_recipe(**{keys[target.key(joint)]: 1.0}) if target.key(joint) in keys else None for joint in target.joints]
    return [own or source.recipes.get(target.key(joint)) for own, joint in zip(named, target.joints, strict=True)]


@lru_cache
def conversion_matrix(source, target):
    """(J_target, J_source) float64 weights; a row of zeros for a joint that `source` cannot give."""
    matrix = np.zeros((len(target), len(source)))
    for row, recipe in enumerate(sources(source, target)):
        for joint, weight in (recipe.weights if recipe else {}).items():
            matrix[row, source.index(joint)] = weight
    matrix.setflags(write=False)
    return matrix


def convert(joints, source, target):
    """Joints of one skeleton in another.

    joints: (..., J_source, D) array or tensor in any unit and frame (the weights sum to 1, so both are kept); NaN where missing.
    Returns (..., J_target, D) of the same kind; NaN where a joint, or a parent that its recipe needs, is missing.
    Raises ValueError where the joints' count is not the source's.
    """
    if joints.shape[-2] != len(source):
        raise ValueError(f"{tuple(joints.shape)} is not (…, {len(source)}, D), the shape of {source.name} joints")
    matrix = conversion_matrix(source, target)
    if isinstance(joints, torch.Tensor):
        weights = torch.tensor(matrix, dtype=joints.dtype, device=joints.device)
        missing = joints.isnan()
        result = weights @ joints.nan_to_num(0.0)
        lacking = (weights != 0).to(joints.dtype) @ missing.to(joints.dtype) > 0
        return result.masked_fill(lacking | (weights == 0).all(1)[:, None], torch.nan)
    joints = np.asarray(joints)
    weights = matrix.astype(joints.dtype if np.issubdtype(joints.dtype, np.floating) else float)
    missing = np.isnan(joints)
    result = weights @ np.where(missing, 0, joints)
    lacking = (weights != 0).astype(float) @ missing.astype(float) > 0
    result[lacking | np.broadcast_to((weights == 0).all(1)[:, None], lacking.shape)] = np.nan
    return result
