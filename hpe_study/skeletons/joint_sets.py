"""The joint sets of the data sets, bone groups and canonical lengths: data, in the data sets' own orders."""

from hpe_study.skeletons.skeleton import define_recipe, define_skeleton

_MID_HIPS = define_recipe(l_hip=0.5, r_hip=0.5)
# MPII's thorax and pelvis are rounded midpoints, within 0.71 px on 99 % of its 2,958 validation people
_MID_SHOULDERS = define_recipe(l_shoulder=0.5, r_shoulder=0.5)
_LSP_NECK = "LSP's neck is taken for MPII's upper_neck; nobody labelled both on real people"
_ALONG_HEAD = define_recipe(
    exact=False,
    note="0.20 of the way from thorax to head_top, the median over MPII's validation people (inter-quartile 0.13–0.26); "
    "there it is off by 0.12 head sizes (median, inter-quartile 0.06–0.22)",
    simulated=(20, 16, 25), l_shoulder=0.4, r_shoulder=0.4, head_top=0.2,
)  # fmt: skip
MPII16 = define_skeleton(
    "mpii16",
    "r_ankle r_knee r_hip l_hip l_knee l_ankle pelvis thorax upper_neck head_top r_wrist r_elbow r_shoulder l_shoulder l_elbow l_wrist",
    "pelvis-r_hip-r_knee-r_ankle pelvis-l_hip-l_knee-l_ankle pelvis-thorax-upper_neck-head_top thorax-r_shoulder-r_elbow-r_wrist thorax-l_shoulder-l_elbow-l_wrist",
    "pelvis", pelvis=_MID_HIPS, thorax=_MID_SHOULDERS,
    lsp__neck=define_recipe(exact=False, note=_LSP_NECK, simulated=(26, 23, 28), upper_neck=1.0),
    h36m__spine=define_recipe(exact=False, note="midway from pelvis to thorax", simulated=(39, 28, 49), pelvis=0.5, thorax=0.5),
    h36m__thorax=define_recipe(exact=False, note="the mid-shoulder for H36M's neck base", simulated=(51, 45, 55), thorax=1.0),
)  # fmt: skip
LSP14 = define_skeleton(
    "lsp14",
    "r_ankle r_knee r_hip l_hip l_knee l_ankle r_wrist r_elbow r_shoulder l_shoulder l_elbow l_wrist neck head_top",
    "neck-head_top neck-r_shoulder-r_elbow-r_wrist neck-l_shoulder-l_elbow-l_wrist neck-r_hip-r_knee-r_ankle neck-l_hip-l_knee-l_ankle",
    "neck", own="neck", family="lsp", pelvis=_MID_HIPS, thorax=_MID_SHOULDERS,
    upper_neck=define_recipe(exact=False, note=_LSP_NECK, simulated=(26, 23, 28), neck=1.0),
)  # fmt: skip
FLIC29 = define_skeleton(
    "flic29",
    "l_shoulder l_elbow l_wrist r_shoulder r_elbow r_wrist l_hip l_knee l_ankle r_hip r_knee r_ankle l_eye r_eye l_ear r_ear nose "
    "mid_shoulder mid_hip mid_ear mid_torso mid_l_upper_arm mid_r_upper_arm mid_l_lower_arm mid_r_lower_arm mid_l_upper_leg mid_r_upper_leg mid_l_lower_leg mid_r_lower_leg",
    "l_shoulder-l_elbow-l_wrist r_shoulder-r_elbow-r_wrist l_shoulder-r_shoulder l_hip-r_hip l_shoulder-l_hip r_shoulder-r_hip l_hip-l_knee-l_ankle r_hip-r_knee-r_ankle nose-l_eye nose-r_eye",
    "mid_hip", pelvis=_MID_HIPS, thorax=_MID_SHOULDERS,
)  # fmt: skip
# H36M's thorax is the base of the neck, its nose a point between neck and nose
H36M17 = define_skeleton(
    "h36m17",
    "pelvis r_hip r_knee r_ankle l_hip l_knee l_ankle spine thorax nose head_top l_shoulder l_elbow l_wrist r_shoulder r_elbow r_wrist",
    "pelvis-r_hip-r_knee-r_ankle pelvis-l_hip-l_knee-l_ankle pelvis-spine-thorax-nose-head_top thorax-l_shoulder-l_elbow-l_wrist thorax-r_shoulder-r_elbow-r_wrist",
    "pelvis", own="spine thorax nose", family="h36m", thorax=_MID_SHOULDERS, upper_neck=_ALONG_HEAD,
)  # fmt: skip
_INF_JOINTS = (
    "spine3 spine4 spine2 spine pelvis neck head head_top l_clavicle l_shoulder l_elbow l_wrist l_hand r_clavicle r_shoulder r_elbow r_wrist r_hand "
    "l_hip l_knee l_ankle l_foot l_toe r_hip r_knee r_ankle r_foot r_toe"
)
_INF_OWN = "spine spine2 spine3 spine4 neck head"
_INF_UPPER_NECK = define_recipe(
    exact=False, note="midway between 3DHP's neck and head", simulated=(32, 28, 35), neck=0.5, head=0.5
)
MPI_INF_3DHP28 = define_skeleton(
    "mpi_inf_3dhp28",
    _INF_JOINTS,
    "pelvis-spine-spine2-spine3-spine4-neck-head-head_top spine4-l_clavicle-l_shoulder-l_elbow-l_wrist-l_hand spine4-r_clavicle-r_shoulder-r_elbow-r_wrist-r_hand "
    "pelvis-l_hip-l_knee-l_ankle-l_foot-l_toe pelvis-r_hip-r_knee-r_ankle-r_foot-r_toe",
    "pelvis", own=_INF_OWN, family="mpi_inf_3dhp", thorax=_MID_SHOULDERS, upper_neck=_INF_UPPER_NECK,
)  # fmt: skip
MPI_INF_3DHP17 = define_skeleton(
    "mpi_inf_3dhp17",
    "head_top neck r_shoulder r_elbow r_wrist l_shoulder l_elbow l_wrist r_hip r_knee r_ankle l_hip l_knee l_ankle pelvis spine head",
    "pelvis-spine-neck-head-head_top neck-r_shoulder-r_elbow-r_wrist neck-l_shoulder-l_elbow-l_wrist pelvis-r_hip-r_knee-r_ankle pelvis-l_hip-l_knee-l_ankle",
    "pelvis", own=_INF_OWN, family="mpi_inf_3dhp", thorax=_MID_SHOULDERS, upper_neck=_INF_UPPER_NECK,
)  # fmt: skip
# Occlusion-Person's neck is at shoulder height; it has no head joint
UNREALCV15 = define_skeleton(
    "unrealcv15",
    "pelvis r_hip r_knee r_ankle l_hip l_knee l_ankle belly neck l_shoulder l_elbow l_wrist r_shoulder r_elbow r_wrist",
    "pelvis-r_hip-r_knee-r_ankle pelvis-l_hip-l_knee-l_ankle pelvis-belly-neck neck-l_shoulder-l_elbow-l_wrist neck-r_shoulder-r_elbow-r_wrist",
    "pelvis", own="neck", family="unrealcv", thorax=_MID_SHOULDERS,
)  # fmt: skip
OPENPOSE18 = define_skeleton(
    "openpose18",
    "nose neck r_shoulder r_elbow r_wrist l_shoulder l_elbow l_wrist r_hip r_knee r_ankle l_hip l_knee l_ankle r_eye l_eye r_ear l_ear",
    "neck-nose nose-r_eye-r_ear nose-l_eye-l_ear neck-r_shoulder-r_elbow-r_wrist neck-l_shoulder-l_elbow-l_wrist neck-r_hip-r_knee-r_ankle neck-l_hip-l_knee-l_ankle",
    "neck", own="neck", family="openpose", pelvis=_MID_HIPS, thorax=_MID_SHOULDERS,
)  # fmt: skip
# The 21 of OpenPose's BODY_25B that Pose2Sim triangulates, in its order; neck and head top are MPII's
BODY25B = define_skeleton(
    "body25b",
    "r_hip r_knee r_ankle r_big_toe r_small_toe r_heel l_hip l_knee l_ankle l_big_toe l_small_toe l_heel upper_neck head_top nose "
    "r_shoulder r_elbow r_wrist l_shoulder l_elbow l_wrist",
    "upper_neck-head_top upper_neck-nose upper_neck-r_shoulder-r_elbow-r_wrist upper_neck-l_shoulder-l_elbow-l_wrist "
    "upper_neck-r_hip-r_knee-r_ankle-r_heel upper_neck-l_hip-l_knee-l_ankle-l_heel r_ankle-r_big_toe-r_small_toe l_ankle-l_big_toe-l_small_toe",
    "upper_neck", own="nose", family="openpose", pelvis=_MID_HIPS, thorax=_MID_SHOULDERS,
)  # fmt: skip
# SMPL's pelvis lies above the mid-hip
SMPL24 = define_skeleton(
    "smpl24",
    "pelvis l_hip r_hip spine1 l_knee r_knee spine2 l_ankle r_ankle spine3 l_foot r_foot neck l_collar r_collar head l_shoulder r_shoulder l_elbow r_elbow l_wrist r_wrist l_hand r_hand",
    "pelvis-spine1-spine2-spine3-neck-head spine3-l_collar-l_shoulder-l_elbow-l_wrist-l_hand spine3-r_collar-r_shoulder-r_elbow-r_wrist-r_hand "
    "pelvis-l_hip-l_knee-l_ankle-l_foot pelvis-r_hip-r_knee-r_ankle-r_foot",
    "pelvis", own="pelvis spine1 spine2 spine3 neck head l_hand r_hand l_foot r_foot", family="smpl",
    pelvis=_MID_HIPS, thorax=_MID_SHOULDERS,
    upper_neck=define_recipe(exact=False, note="midway between SMPL's neck and head", simulated=(90, 85, 96), neck=0.5, head=0.5),
)  # fmt: skip
ALL = (MPII16, LSP14, FLIC29, H36M17, MPI_INF_3DHP28, MPI_INF_3DHP17, UNREALCV15, OPENPOSE18, BODY25B, SMPL24)
# Bone groups of the geometric loss (Zhou et al. 2017, eq. 4: bones of a group share one ratio to their canonical length),
# with canonical lengths in mm: segment lengths of Drillis & Contini (1966), as fractions of a height of 1,700 mm.
BONE_GROUPS = {
    "arms": (("r_shoulder", "r_elbow"), ("r_elbow", "r_wrist"), ("l_shoulder", "l_elbow"), ("l_elbow", "l_wrist")),
    "legs": (("r_hip", "r_knee"), ("r_knee", "r_ankle"), ("l_hip", "l_knee"), ("l_knee", "l_ankle")),
    "shoulders": (("thorax", "r_shoulder"), ("thorax", "l_shoulder")),
    "hips": (("pelvis", "r_hip"), ("pelvis", "l_hip")),
}  # fmt: skip
CANONICAL_STATURE = 1700.0  # mm, the height of the person whose bones these are
_FRACTION = {
    "shoulder-elbow": 0.186, "elbow-wrist": 0.146, "hip-knee": 0.245, "knee-ankle": 0.246,
    "thorax-shoulder": 0.129, "pelvis-hip": 0.0955,
}  # fmt: skip
CANONICAL_LENGTH = {
    (parent, child): CANONICAL_STATURE * _FRACTION[f"{parent.removeprefix(child[:2])}-{child[2:]}"]
    for bones in BONE_GROUPS.values()
    for parent, child in bones
}
# Whose ratios the geometric loss asks for. "h36m": those of the average of Human3.6M's training subjects, as the
# published code has them; only ratios within a group matter, so forearm and shank keep the lengths above.
H36M_RATIO = {"arms": 1.1375, "legs": 1.0086}  # upper arm : forearm, thigh : shank
_H36M_LENGTH = {
    upper: H36M_RATIO[group] * CANONICAL_LENGTH[lower]
    for group in H36M_RATIO
    for upper, lower in zip(BONE_GROUPS[group][::2], BONE_GROUPS[group][1::2], strict=True)
}
CANONICAL_LENGTHS = {"drillis_contini": CANONICAL_LENGTH, "h36m": CANONICAL_LENGTH | _H36M_LENGTH}
