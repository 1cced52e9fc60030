"""From anatomical angles to the rotations of the skeleton's bones.

A pose is a vector of angles in degrees, in the order of `ANGLES`. All zero is a person who stands upright
with hanging arms, facing +z (world: x to the person's left, y up).

pitch, roll, yaw        the whole body about the pelvis: leaning forward, falling to the right, turning to the
                        left
spine_*, neck_*         bend (forward), side (to the right), twist (to the left), shared out over three bones
                        each
arm_lift, arm_turn      where the upper arm points, seen from the chest: 0 hangs, 90 horizontal, 180 up; and
                        to which side it is lifted: 0 forward, 90 outward, 180 backward
arm_twist, elbow, wrist the upper arm about its own length (inward), flexion of the elbow and of the wrist
hip, hip_out, hip_twist flexion (thigh forward), abduction (outward), the thigh about its own length (outward)
knee, ankle             flexion of the knee; the foot lifted towards the shin
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import SimpleNamespace

import numpy as np
import torch

_SIDED = (
    "arm_lift", "arm_turn", "arm_twist", "elbow", "wrist", "hip", "hip_out", "hip_twist", "knee", "ankle",
)  # fmt: skip
ANGLES = (
    "pitch", "roll", "yaw", "spine_bend", "spine_side", "spine_twist", "neck_bend", "neck_side", "neck_twist",
    *(f"l_{name}" for name in _SIDED), *(f"r_{name}" for name in _SIDED),
)  # fmt: skip
ANGLE_INDEX = {name: position for position, name in enumerate(ANGLES)}

# Ranges of motion in degrees, a little inside what an agile adult reaches. The body's own attitude is free.
LIMITS = {
    "spine_bend": (-35, 80), "spine_side": (-32, 32), "spine_twist": (-42, 42),
    "neck_bend": (-48, 48), "neck_side": (-36, 36), "neck_twist": (-72, 72),
    "arm_lift": (0, 178), "arm_turn": (-45, 165), "arm_twist": (-90, 90),
    "elbow": (0, 148), "wrist": (-60, 60),
    "hip": (-28, 128), "hip_out": (-22, 75), "hip_twist": (-42, 48), "knee": (0, 148), "ankle": (-40, 28),
}  # fmt: skip
_LOW = np.array([LIMITS.get(name, LIMITS.get(name[2:], (-np.inf,)))[0] for name in ANGLES], np.float32)
_HIGH = np.array([LIMITS.get(name, LIMITS.get(name[2:], (0, np.inf)))[1] for name in ANGLES], np.float32)
_SIGN_CHANGES = ("roll", "yaw", "spine_side", "neck_side", "spine_twist", "neck_twist")  # in a mirror
_MIRROR_SIGN = np.array([-1 if name in _SIGN_CHANGES else 1 for name in ANGLES], np.float32)
_MIRROR = [ANGLE_INDEX.get({"l_": "r_", "r_": "l_"}.get(name[:2], name[:2]) + name[2:]) for name in ANGLES]

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
    _TURNS += [
        (_name, f"{side}_{_angle}", _axis, _factor * (sign if _mirrored else 1))
        for side, sign in (("l", 1), ("r", -1))
    ]
_COLUMNS = {**ANGLE_INDEX, "l_collar": len(ANGLES), "r_collar": len(ANGLES) + 1}
_TURN_COLUMN = [_COLUMNS[angle] for _, angle, _, _ in _TURNS]
_TURN_FACTOR = torch.tensor([factor for *_, factor in _TURNS])
_GENERATOR = torch.tensor(
    [
        [[0, 0, 0], [0, 0, -1], [0, 1, 0]],
        [[0, 0, 1], [0, 0, 0], [-1, 0, 0]],
        [[0, -1, 0], [1, 0, 0], [0, 0, 0]],
    ]
).float()
_TURN_GENERATOR = _GENERATOR[[axis for *_, axis, _ in _TURNS]]

# Each moved bone's rotation as a product, from the left, of turns, of `swing` (which brings the hanging arm
# to where it points) and of the limbs' alignment (see `limb_alignment`); .T is the inverse. Undoing the
# collar's turn keeps the upper arm's direction, as seen from the chest, what the angles say.
_SIDES = ("Left", "Right")
_PRODUCTS = (
    (("Hips",), "yaw pitch roll"),
    (("LowerBack", "Spine", "Spine1"), "spine_twist spine_bend spine_side"),
    (("Neck", "Neck1", "Head"), "neck_twist neck_bend neck_side"),
    ([f"{side}Shoulder" for side in _SIDES], "collar"),
    ([f"{side}Arm" for side in _SIDES], "collar.T swing arm_twist upper_arm"),
    ([f"{side}ForeArm" for side in _SIDES], "upper_arm.T elbow forearm"),
    ([f"{side}Hand" for side in _SIDES], "forearm.T wrist forearm"),
    ([f"{side}UpLeg" for side in _SIDES], "hip hip_out hip_twist thigh"),
    ([f"{side}Leg" for side in _SIDES], "thigh.T knee shin"),
    ([f"{side}Foot" for side in _SIDES], "shin.T ankle"),
)


def clip_to_limits(angles: np.ndarray) -> np.ndarray:
    """The poses (..., P) in degrees with every angle inside its joint's range of motion."""
    return np.clip(angles, _LOW, _HIGH).astype(np.float32)


def mirror(angles: np.ndarray) -> np.ndarray:
    """The poses (..., P) in degrees of the mirror image: left and right exchanged."""
    return (angles[..., _MIRROR] * _MIRROR_SIGN).astype(np.float32)


def pose_vector(pose: Mapping[str, float]) -> np.ndarray:
    """A pose given by name as a (P,) vector inside the joint limits.

    Args:
        pose: {"l_knee": 90, …} in degrees; an angle that is not named is 0.
    """
    angles = np.zeros(len(ANGLES), np.float32)
    for name, value in pose.items():
        angles[ANGLE_INDEX[name]] = value
    return clip_to_limits(angles)


def swing(start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
    """The smallest rotations (..., 3, 3) that turn unit vectors `start` (..., 3) into `end` (..., 3)."""
    axis, cosine = torch.linalg.cross(start, end), (start * end).sum(-1)
    skew = (axis @ _GENERATOR.to(axis.device).flatten(1)).unflatten(-1, (3, 3))
    return (
        torch.eye(3, device=axis.device) + skew + skew @ skew / (1 + cosine).clamp_min(1e-4)[..., None, None]
    )


def limb_alignment(rest: torch.Tensor, joint_index: Mapping[str, int]) -> torch.Tensor:
    """Rotations that make the limbs of a body in its rest pose hang straight down.

    Args:
        rest: (N, K, 3) joints at rest, m.
        joint_index: {name: row}.

    Returns:
        (N, 2 sides, 4, 3, 3): upper arm, forearm, thigh, shin.
    """
    start, end = (
        rest[:, rows].unflatten(1, (2, 4)) for rows in _limbs(tuple(joint_index.items()), rest.device)
    )
    direction = torch.nn.functional.normalize(end - start, dim=-1)
    return swing(direction, torch.tensor([0.0, -1.0, 0.0], device=rest.device).expand_as(direction))


@lru_cache
def _limbs(joint_index, device):
    """Rows of where limbs start and end, each (8,): left upper arm, forearm, thigh, shin, then the right."""
    row = dict(joint_index)
    chain = (("Arm", "ForeArm"), ("ForeArm", "Hand"), ("UpLeg", "Leg"), ("Leg", "Foot"))
    return tuple(
        torch.tensor([row[side + limb[end]] for side in _SIDES for limb in chain], device=device)
        for end in (0, 1)
    )


def bone_rotations(
    angles: torch.Tensor, aligned: torch.Tensor, bone_index: Mapping[str, int]
) -> torch.Tensor:
    """Rotation of each bone against its parent, in the world's axes of the rest pose.

    Args:
        angles: (N, P) degrees.
        aligned: (N, 2, 4, 3, 3) from `limb_alignment`.
        bone_index: {name: bone}.

    Returns:
        (N, bones, 3, 3).
    """
    count, bones = len(angles), len(bone_index)
    constant = _constants(tuple(bone_index), angles.device)
    lift = angles[:, [ANGLE_INDEX["l_arm_lift"], ANGLE_INDEX["r_arm_lift"]]]
    collar = (lift - 70).clamp_min(0) * 0.28  # above the horizontal the shoulder blade takes its share
    radians = torch.deg2rad(
        torch.cat([angles, collar], 1).index_select(1, constant.column) * constant.factor
    )[..., None, None]
    turns = (
        constant.identity
        + torch.sin(radians) * constant.generator
        + (1 - torch.cos(radians)) * constant.squared
    )

    side = torch.deg2rad(angles[:, [ANGLE_INDEX["l_arm_turn"], ANGLE_INDEX["r_arm_turn"]]])
    lift = torch.deg2rad(lift)
    pointing = torch.stack(
        [lift.sin() * side.sin() * constant.sign, -lift.cos(), lift.sin() * side.cos()], -1
    )
    swings = swing(constant.down.expand_as(pointing), pointing)

    parts = torch.cat(
        [constant.identity.expand(count, 1, -1, -1), turns, swings, aligned.transpose(1, 2).flatten(1, 2)], 1
    )
    parts = torch.cat([parts, parts.mT], 1)
    moved = parts.index_select(1, constant.factors[0])
    for row in constant.factors[1:]:
        moved = moved @ parts.index_select(1, row)
    return constant.identity.repeat(count, bones, 1, 1).index_copy_(1, constant.moved, moved)


@lru_cache
def _constants(bones, device):
    """The tensors that `bone_rotations` looks up.

    Of the T turns: column (T,), factor (T,), generator (T, 3, 3) and its square; identity; the sides' sign
    (2,); down (3,); factors (4, moved), rows of the parts that are multiplied; moved (moved,), rows of
    `bones`.
    """
    parts = ["identity", *(name for name, *_ in _TURNS)]
    parts += [name for name in ("swing", "upper_arm", "forearm", "thigh", "shin") for _ in _SIDES]

    def row(name, number):
        return parts.index(name.removesuffix(".T")) + number + (len(parts) if name.endswith(".T") else 0)

    names, factors = [], []
    for group, product in _PRODUCTS:
        for number, bone in enumerate(group):
            rows = [row(name, number) for name in product.split()]
            names.append(bones.index(bone))
            factors.append(rows + [0] * (4 - len(rows)))
    tensor = lambda values: torch.tensor(values, device=device)  # noqa: E731
    generator = _TURN_GENERATOR.to(device)
    return SimpleNamespace(
        column=tensor(_TURN_COLUMN),
        factor=_TURN_FACTOR.to(device),
        generator=generator,
        squared=generator @ generator,
        identity=torch.eye(3, device=device),
        sign=tensor([1.0, -1.0]),
        down=tensor([0.0, -1.0, 0.0]),
        factors=tensor(factors).T.contiguous(),
        moved=tensor(names),
    )


def ancestors(parents: Sequence[int], device: str | torch.device = "cpu") -> list[torch.Tensor]:
    """Index tensors (bones + 1,) of every bone's parent, grandparent, the bone four up, eight up, and so on.

    Args:
        parents: The parent of each bone, −1 for a root. The parent of a root, and of what lies above it, is
            written as the number of bones.
        device: Of the tensors.
    """
    above = torch.tensor(
        [parent if parent >= 0 else len(parents) for parent in parents] + [len(parents)], device=device
    )
    levels = []
    while bool((above < len(parents)).any()):
        levels.append(above)
        above = above[above]
    return levels


def forward_kinematics(
    rotations: torch.Tensor, heads: torch.Tensor, tree: Sequence[torch.Tensor]
) -> torch.Tensor:
    """World transforms of the bones.

    Args:
        rotations: (N, bones, 3, 3) from `bone_rotations`.
        heads: (N, bones, 3) the bones' heads at rest, m.
        tree: From `ancestors`.

    Returns:
        (N, bones, 3, 4): a point x of the rest pose that moves with bone b goes to A[:, b, :, :3] x +
        A[:, b, :, 3].
    """
    count, bones = heads.shape[:2]
    # each bone's frame in its parent's; the last row is the world
    placed = torch.eye(4, dtype=heads.dtype, device=heads.device).repeat(count, bones + 1, 1, 1)
    from_world = torch.cat([heads, torch.zeros_like(heads[:, :1])], 1)
    placed[:, :bones, :3, :3] = rotations
    placed[..., :3, 3] = from_world - from_world.index_select(1, tree[0])
    for above in tree:  # … in its grandparent, in the bone four up, and so on
        placed = placed.index_select(1, above) @ placed
    turned, position = placed[:, :bones, :3, :3], placed[:, :bones, :3, 3]
    return torch.cat([turned, (position - (turned @ heads[..., None])[..., 0])[..., None]], -1)
