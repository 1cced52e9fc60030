"""Named landmarks of the simulated body, and which of them are the joints of each data set.

Every landmark is a fixed weighted mean of the body model's own points, so pelvis and thorax are *exactly* the
midpoints of hips and shoulders. A landmark that only one data set uses is qualified by its family
("lsp.neck", "h36m.thorax"), as in `Skeleton.key`; joints with the same meaning in two sets are the same point
here.

These are approximate where the real sets' definitions are: on the upright mean body, upper_neck lies
0.20 of the way from the mid-shoulder to head_top (the median over MPII's validation labels is 0.20); 3DHP's
neck 50 mm above the mid-shoulder (27–70 in the real set); SMPL's pelvis 85 mm above the mid-hip.
"""

from collections.abc import Sequence

import numpy as np

from hpe_study.skeletons import ALL, BODY25B, Skeleton

_SIDES = {"l": "Left", "r": "Right"}

# Landmarks that are the heads of bones, and limbs by the bones at whose heads they start and end.
_BONE_HEADS = {
    "ankle": "Foot", "knee": "Leg", "hip": "UpLeg", "shoulder": "Arm", "elbow": "ForeArm", "wrist": "Hand",
    "hand": "FingerBase", "foot": "ToeBase",
}  # fmt: skip
_LIMBS = {
    "upper_arm": ("Arm", "ForeArm"), "lower_arm": ("ForeArm", "Hand"),
    "upper_leg": ("UpLeg", "Leg"), "lower_leg": ("Leg", "Foot"),
}  # fmt: skip


def _recipes():
    """{landmark: {point of the body model: weight}}."""
    own = {}
    for side, word in _SIDES.items():
        own |= {f"{side}_{name}": {word + bone: 1.0} for name, bone in _BONE_HEADS.items()}
        own |= {f"{side}_{name}": {f"{side}_{name}": 1.0} for name in ("eye", "ear", "toe", "heel", "thumb")}
        own[f"{side}_finger"] = {f"{side}_finger": 1.0}
        own[f"{side}_clavicle"] = {f"{word}Shoulder": 1.0}
        own[f"{side}_collar"] = {f"{word}Shoulder": 0.5, f"{word}Arm": 0.5}
        own[f"smpl.{side}_hand"] = {f"{word}FingerBase": 1.0}
        own[f"smpl.{side}_foot"] = {f"{word}ToeBase": 1.0}
    shoulders = {"LeftArm": 0.5, "RightArm": 0.5}
    own |= {
        "pelvis": {"LeftUpLeg": 0.5, "RightUpLeg": 0.5},
        "thorax": shoulders,
        "upper_neck": _mix(Neck=0.72, **_scaled(shoulders, 0.28)),
        "head_top": {"headtop": 1.0},
        "nose": {"nose": 1.0},
        "belly": {"Spine": 1.0},
        "lsp.neck": {"Neck": 1.0},
        "h36m.spine": _mix(Spine=0.9, LowerBack=0.1),
        "h36m.thorax": _mix(Neck=0.55, **_scaled(shoulders, 0.45)),
        "h36m.nose": _mix(Neck1=0.5, nose=0.5),
        "mpi_inf_3dhp.spine": {"LowerBack": 1.0},
        "mpi_inf_3dhp.spine2": _mix(LowerBack=0.25, Spine=0.75),
        "mpi_inf_3dhp.spine3": _mix(Spine=0.35, Spine1=0.65),
        "mpi_inf_3dhp.spine4": _mix(Spine1=0.6, **_scaled(shoulders, 0.4)),
        "mpi_inf_3dhp.neck": _mix(Neck=0.5, **_scaled(shoulders, 0.5)),
        "mpi_inf_3dhp.head": {"Neck1": 1.0},
        "unrealcv.neck": _mix(Neck=0.2, **_scaled(shoulders, 0.8)),
        "openpose.neck": shoulders,
        "smpl.pelvis": _mix(Hips=0.15, LowerBack=0.85),
        "smpl.spine1": _mix(LowerBack=0.3, Spine=0.7),
        "smpl.spine2": _mix(Spine=0.4, Spine1=0.6),
        "smpl.spine3": {"Spine1": 1.0},
        "smpl.neck": _mix(Neck=0.5, Neck1=0.5),
        "smpl.head": {"Head": 1.0},
    }  # fmt: skip
    own |= {"mid_shoulder": own["thorax"], "mid_hip": own["pelvis"], "mid_ear": {"l_ear": 0.5, "r_ear": 0.5}}
    own["mid_torso"] = _mix(**_scaled(own["thorax"], 0.5), **_scaled(own["pelvis"], 0.5))
    for side, word in _SIDES.items():
        for part, (start, end) in _LIMBS.items():
            own[f"mid_{side}_{part}"] = {word + start: 0.5, word + end: 0.5}
    return own


def _mix(**weights: float) -> dict[str, float]:
    return weights


def _scaled(weights, factor):
    return {name: weight * factor for name, weight in weights.items()}


_RECIPES = _recipes()
LANDMARKS = tuple(_RECIPES)
LANDMARK_INDEX = {name: row for row, name in enumerate(LANDMARKS)}
_OF_SKELETON = {
    skeleton.name: np.array([LANDMARK_INDEX[skeleton.key(joint)] for joint in skeleton.joints])
    for skeleton in ALL
    if skeleton is not BODY25B  # of Pose2Sim, whose people are not simulated
}

# A landmark counts as hidden by the person's own body where more than so much of it lies before the landmark
# (mm, of a person 1.7 m tall).
_FLESH = {
    "ankle": 90, "knee": 110, "hip": 190, "shoulder": 140, "elbow": 85, "wrist": 65, "hand": 60, "thumb": 45,
    "finger": 40, "foot": 90, "toe": 70, "heel": 70, "ear": 45, "eye": 40, "nose": 35, "head_top": 60,
    "clavicle": 160, "collar": 150,
}  # fmt: skip
FLESH = np.array(
    [next((mm for part, mm in _FLESH.items() if name.endswith(part)), 200) for name in LANDMARKS], float
)


def mixing_matrix(points: Sequence[str]) -> np.ndarray:
    """(L, K) float64 weights that make the landmarks of the body model's K points (names, in order)."""
    rows = {name: row for row, name in enumerate(points)}
    matrix = np.zeros((len(LANDMARKS), len(points)))
    for landmark, weights in _RECIPES.items():
        for point, weight in weights.items():
            matrix[LANDMARK_INDEX[landmark], rows[point]] = weight
    return matrix


def rows_of(skeleton: Skeleton) -> np.ndarray:
    """(J,) rows of `LANDMARKS` that are the joints of `skeleton`, in its order."""
    return _OF_SKELETON[skeleton.name]
