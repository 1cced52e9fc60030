"""From anatomical angles to the rotations of the skeleton's bones.

A pose is a vector of angles in degrees, in the order of `ANGLES`. All zero is a person who stands upright with hanging arms,
facing +z (world: x to the person's left, y up).

pitch, roll, yaw        the whole body about the pelvis: leaning forward, falling to the right, turning to the left
spine_*, neck_*         bend (forward), side (to the right), twist (to the left), shared out over three bones each
arm_lift, arm_turn      where the upper arm points, seen from the chest: 0 hangs, 90 horizontal, 180 up; and to which side it is lifted:
                        0 forward, 90 outward, 180 backward
arm_twist, elbow, wrist the upper arm about its own length (inward), flexion of the elbow and of the wrist
hip, hip_out, hip_twist flexion (thigh forward), abduction (outward), the thigh about its own length (outward)
knee, ankle             flexion of the knee; the foot lifted towards the shin
"""

from functools import lru_cache

import numpy as np
import torch

_SIDED = ("arm_lift", "arm_turn", "arm_twist", "elbow", "wrist", "hip", "hip_out", "hip_twist", "knee", "ankle")
ANGLES = (
    "pitch", "roll", "yaw", "spine_bend", "spine_side", "spine_twist", "neck_bend", "neck_side", "neck_twist",
    *(f"l_{name}" for name in _SIDED), *(f"r_{name}" for name in _SIDED),
)  # fmt: skip
INDEX = {name: position for position, name in enumerate(ANGLES)}

# Ranges of motion in degrees, a little inside what an agile adult reaches. The body's own attitude is free.
LIMITS = {
    "spine_bend": (-35, 80), "spine_side": (-32, 32), "spine_twist": (-42, 42),
    "neck_bend": (-48, 48), "neck_side": (-36, 36), "neck_twist": (-72, 72),
    "arm_lift": (0, 178), "arm_turn": (-45, 165), "arm_twist": (-90, 90), "elbow": (0, 148), "wrist": (-60, 60),
    "hip": (-28, 128), "hip_out": (-22, 75), "hip_twist": (-42, 48), "knee": (0, 148), "ankle": (-40, 28),
}  # fmt: skip
_LOW = np.array([LIMITS.get(name, LIMITS.get(name[2:], (-np.inf,)))[0] for name in ANGLES], np.float32)
_HIGH = np.array([LIMITS.get(name, LIMITS.get(name[2:], (0, np.inf)))[1] for name in ANGLES], np.float32)

_MIRROR_SIGN = np.array([-1 if name in ("roll", "yaw") or name.endswith(("_side",)) or name in ("spine_twist", "neck_twist") else 1
                         for name in ANGLES], np.float32)  # fmt: skip
_MIRROR = [INDEX.get({"l_": "r_", "r_": "l_"}.get(name[:2], name[:2]) + name[2:]) for name in ANGLES]

# Elementary turns: (name, angle, axis, factor). Sided turns come in pairs, the left one first.
_SPINE, _NECK = (0.4, 0.35, 0.25), (0.3, 0.3, 0.4)
_TURNS = [("pitch", "pitch", 0, 1.0), ("roll", "roll", 2, 1.0), ("yaw", "yaw", 1, 1.0)]
for _part, _shares in (("spine", _SPINE), ("neck", _NECK)):
    for _axis, _motion in ((1, "twist"), (0, "bend"), (2, "side")):
        _TURNS += [(f"{_part}_{_motion}", f"{_part}_{_motion}", _axis, share) for share in _shares]
for _name, _angle, _axis, _factor, _mirrored in (
    ("collar", "collar", 2, 1.0, True),
    ("arm_twist", "arm_twist", 1, 1.0, True),
    ("elbow", "elbow", 0, -1.0, False),
    ("wrist", "wrist", 2, -0.6, True),
    ("hip", "hip", 0, -1.0, False),
    ("hip_out", "hip_out", 2, 1.0, True),
    ("hip_twist", "hip_twist", 1, 1.0, True),
    ("knee", "knee", 0, 1.0, False),
    ("ankle", "ankle", 0, -1.0, False),
):
    _TURNS += [(_name, f"{side}_{_angle}", _axis, _factor * (sign if _mirrored else 1)) for side, sign in (("l", 1), ("r", -1))]
_COLUMNS = {**INDEX, "l_collar": len(ANGLES), "r_collar": len(ANGLES) + 1}
_TURN_COLUMN = [_COLUMNS[angle] for _, angle, _, _ in _TURNS]
_TURN_FACTOR = torch.tensor([factor for *_, factor in _TURNS])
_GENERATOR = torch.tensor(
    [[[0, 0, 0], [0, 0, -1], [0, 1, 0]], [[0, 0, 1], [0, 0, 0], [-1, 0, 0]], [[0, -1, 0], [1, 0, 0], [0, 0, 0]]]
).float()
_TURN_GENERATOR = _GENERATOR[[axis for *_, axis, _ in _TURNS]]
_TURN_COUNT = {name: sum(turn[0] == name for turn in _TURNS) for name, *_ in _TURNS}  # equal names stand side by side
_MOVED = ["Hips", "LowerBack", "Spine", "Spine1", "Neck", "Neck1", "Head"] + [
    f"{side}{name}" for name in ("Shoulder", "Arm", "ForeArm", "Hand", "UpLeg", "Leg", "Foot") for side in ("Left", "Right")
]


def limited(angles):
    """The pose with every angle inside the joint's range. angles: (..., P) degrees, NumPy."""
    return np.clip(angles, _LOW, _HIGH).astype(np.float32)


def mirrored(angles):
    """The pose of the mirror image (left and right exchanged). angles: (..., P) degrees, NumPy."""
    return (angles[..., _MIRROR] * _MIRROR_SIGN).astype(np.float32)


def vector(pose):
    """A pose given by name, {"l_knee": 90, …} (what is not named is 0), as a (P,) vector inside the joint limits."""
    angles = np.zeros(len(ANGLES), np.float32)
    for name, value in pose.items():
        angles[INDEX[name]] = value
    return limited(angles)


def swing(start, end):
    """The smallest rotations that turn unit vectors `start` into `end`. (..., 3), (..., 3) → (..., 3, 3)."""
    axis, cosine = torch.linalg.cross(start, end), (start * end).sum(-1)
    skew = (axis @ _GENERATOR.to(axis.device).flatten(1)).unflatten(-1, (3, 3))
    return torch.eye(3, device=axis.device) + skew + skew @ skew / (1 + cosine).clamp_min(1e-4)[..., None, None]


def alignment(rest, joint_index):
    """Rotations that make the limbs of a body in its rest pose hang straight down.

    rest: (N, K, 3) rest joints, m; joint_index: name → row. Returns (N, 2 sides, 4, 3, 3): upper arm, forearm, thigh, shin.
    """
    chains = [
        [(side + start, side + end) for start, end in (("Arm", "ForeArm"), ("ForeArm", "Hand"), ("UpLeg", "Leg"), ("Leg", "Foot"))]
        for side in ("Left", "Right")
    ]
    start = rest[:, [[joint_index[a] for a, _ in chain] for chain in chains]]
    end = rest[:, [[joint_index[b] for _, b in chain] for chain in chains]]
    direction = torch.nn.functional.normalize(end - start, dim=-1)
    return swing(direction, torch.tensor([0.0, -1.0, 0.0], device=rest.device).expand_as(direction))


def bone_rotations(angles, aligned, bone_index):
    """Rotation of each bone against its parent, in the world's axes of the rest pose.

    angles: (N, P) degrees; aligned: (N, 2, 4, 3, 3) from `alignment`; bone_index: name → bone. Returns (N, bones, 3, 3).
    """
    count, device = len(angles), angles.device
    lift = angles[:, [INDEX["l_arm_lift"], INDEX["r_arm_lift"]]]
    collar = (lift - 70).clamp_min(0) * 0.28  # above the horizontal the shoulder blade takes its share
    radians = torch.deg2rad(torch.cat([angles, collar], 1)[:, _TURN_COLUMN] * _TURN_FACTOR.to(device))
    generator = _TURN_GENERATOR.to(device)
    turns = (
        torch.eye(3, device=device)
        + torch.sin(radians)[..., None, None] * generator
        + (1 - torch.cos(radians))[..., None, None] * (generator @ generator)
    )
    turn = dict(zip(_TURN_COUNT, turns.split(list(_TURN_COUNT.values()), 1), strict=True))

    sign = torch.tensor([1.0, -1.0], device=device)
    lift, side = torch.deg2rad(lift), torch.deg2rad(angles[:, [INDEX["l_arm_turn"], INDEX["r_arm_turn"]]])
    pointing = torch.stack([lift.sin() * side.sin() * sign, -lift.cos(), lift.sin() * side.cos()], -1)
    down = torch.tensor([0.0, -1.0, 0.0], device=device).expand_as(pointing)
    upper_arm, forearm, thigh, shin = aligned.unbind(2)

    moved = torch.cat(
        [
            turn["yaw"] @ turn["pitch"] @ turn["roll"],
            turn["spine_twist"] @ turn["spine_bend"] @ turn["spine_side"],
            turn["neck_twist"] @ turn["neck_bend"] @ turn["neck_side"],
            turn["collar"],
            # undoing the collar's turn keeps the upper arm's direction, as seen from the chest, what the angles say
            turn["collar"].mT @ swing(down, pointing) @ turn["arm_twist"] @ upper_arm,
            upper_arm.mT @ turn["elbow"] @ forearm,
            forearm.mT @ turn["wrist"] @ forearm,
            turn["hip"] @ turn["hip_out"] @ turn["hip_twist"] @ thigh,
            thigh.mT @ turn["knee"] @ shin,
            shin.mT @ turn["ankle"],
        ],
        1,
    )
    rotations = torch.eye(3, device=device).repeat(count, len(bone_index), 1, 1)
    rotations[:, _moved_rows(tuple(bone_index), device)] = moved
    return rotations


@lru_cache
def _moved_rows(bones, device):
    """Rows, among all bones, of those that `bone_rotations` turns, in its order."""
    return torch.tensor([bones.index(name) for name in _MOVED], device=device)


def levels(parents, device="cpu"):
    """Bones grouped by their depth in the tree: [(bones, their parents), …] below the root (bone 0), as index tensors."""
    depth = [0] * len(parents)
    for bone, parent in enumerate(parents):
        depth[bone] = 0 if parent < 0 else depth[parent] + 1
    groups = [[bone for bone in range(len(parents)) if depth[bone] == level] for level in range(1, max(depth) + 1)]
    return [tuple(torch.tensor(rows, device=device) for rows in (group, [parents[bone] for bone in group])) for group in groups]


def forward(rotations, heads, tree):
    """World transforms of the bones. rotations: (N, bones, 3, 3); heads: (N, bones, 3) m at rest; tree: from `levels`.

    Returns (N, bones, 3, 4): a point x of the rest pose that moves with bone b goes to A[:, b, :, :3] x + A[:, b, :, 3].
    """
    placed = torch.cat([rotations, heads[..., None]], -1)  # where each bone is turned and where its head has come to
    for bones, parents in tree:
        parent = placed.index_select(1, parents)
        along = heads.index_select(1, bones) - heads.index_select(1, parents)
        moved = parent[..., :3] @ torch.cat([rotations.index_select(1, bones), along[..., None]], -1)
        moved[..., 3] += parent[..., 3]
        placed.index_copy_(1, bones, moved)
    turned, position = placed[..., :3], placed[..., 3]
    return torch.cat([turned, (position - (turned @ heads[..., None])[..., 0])[..., None]], -1)
