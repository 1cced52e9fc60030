"""Does a pose push a limb into the body? Tested for many poses at once, on a stick figure of average build.

Limbs are capsules (a segment and a radius), the trunk is an elliptic cylinder in the chest's and in the hips'
axes, the head a ball. Bodies are soft and touching is common (hands on hips, folded arms), so radii are those
of bone and firm flesh: a pose that passes shows at most a dent of about 2 cm on the skin.
"""

from functools import lru_cache

import numpy as np
import torch

from simulated_people.body import kinematics
from simulated_people.body.model import Body, shared_body

TOLERANCE = 0.02  # m of overlap that flesh gives way to
_HALF_WIDTH, _HALF_DEPTH = 0.135, 0.095  # m, the trunk
_RADIUS = {
    "upper_arm": 0.042,
    "forearm": 0.036,
    "hand": 0.032,
    "thigh": 0.070,
    "shin": 0.050,
    "foot": 0.037,
    "head": 0.092,
    "neck": 0.05,
}
_ENDS = {"upper_arm": ("Arm", "ForeArm"), "forearm": ("ForeArm", "Hand"), "hand": ("Hand", "HandFinger1"),
         "thigh": ("UpLeg", "Leg"), "shin": ("Leg", "Foot"), "foot": ("Foot", "ToeBase")}  # fmt: skip

# Which limbs are tested against which; "other" is the limb of the other side.
_AGAINST = {
    "hand": ("other upper_arm", "other thigh", "other shin", "thigh", "shin", "head"),
    "forearm": (
        "other upper_arm", "other forearm", "other thigh", "other shin", "thigh", "shin", "head", "neck",
    ),
    "upper_arm": ("thigh", "shin", "head"),
    "shin": ("other shin", "other thigh", "other foot"),
    "foot": ("other foot", "other thigh"),
    "thigh": ("other thigh", "head"),
}  # fmt: skip
_SAMPLES = np.linspace(0.0, 1.0, 7)


def _pairs():
    """Pairs of capsules that are tested, each as ((side, part), (side, part))."""
    pairs = []
    for part, others in _AGAINST.items():
        for side, opposite in (("Left", "Right"), ("Right", "Left")):
            for other in others:
                partner = other.removeprefix("other ")
                there = "" if partner in ("head", "neck") else opposite if partner != other else side
                pairs.append(((side, part), (there, partner)))
    return pairs


class SelfCollision:
    """The test, on a body model's average person."""

    def __init__(self, body: Body) -> None:
        mean = body.rest(int(np.argmin(np.abs(body.height - 1.70))))
        self._rest, self._aligned = mean.joints[None].cpu(), mean.aligned[None].cpu()
        self._tree = body.tree
        self._bone_index = bone = {name: row for row, name in enumerate(body.bones)}
        capsules = [(side, part) for side in ("Left", "Right") for part in _ENDS]
        capsules += [("", "head"), ("", "neck")]
        row = {capsule: number for number, capsule in enumerate(capsules)}
        ends = {"head": ("Head", "Head"), "neck": ("Neck", "Neck1")} | _ENDS
        self._start, self._end = ([bone[side + ends[part][end]] for side, part in capsules] for end in (0, 1))
        self._radius = np.array([_RADIUS[part] for _, part in capsules])
        self._head = row["", "head"]
        self._first, self._second = np.array([[row[a], row[b]] for a, b in _pairs()]).T
        self._arms = [row[side, part] for side in ("Left", "Right") for part in ("forearm", "hand")]
        self._legs = [row[side, part] for side in ("Left", "Right") for part in ("shin", "foot")]

    def penetration(self, angles: np.ndarray) -> np.ndarray:
        """(N,) m: how deep the deepest overlap of each pose is; angles: (N, P) degrees."""
        angles = torch.as_tensor(np.asarray(angles, np.float32))
        count, bones = len(angles), len(self._bone_index)
        rest = self._rest.expand(count, -1, -1)[:, :bones]
        aligned = self._aligned.expand(count, -1, -1, -1, -1)
        rotations = kinematics.bone_rotations(angles, aligned, self._bone_index)
        transforms = kinematics.forward_kinematics(rotations, rest, self._tree).numpy()
        heads = (transforms[..., :3] @ rest[..., None].numpy())[..., 0] + transforms[..., 3]
        start, end = heads[:, self._start], heads[:, self._end].copy()
        skull = transforms[:, self._bone_index["Head"], :, 1]
        middle = start[:, self._head] + 0.075 * skull
        start[:, self._head] = end[:, self._head] = middle
        return np.maximum(self._between_capsules(start, end), self._in_trunk(start, end, transforms, heads))

    def _between_capsules(self, start, end):
        """(N,) m: the deepest overlap of two capsules."""
        points = start[:, self._first, None] + (end - start)[:, self._first, None] * _SAMPLES[:, None]
        base, along = start[:, self._second, None], (end - start)[:, self._second, None]
        share = ((points - base) * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-9)
        distance = np.linalg.norm(points - base - np.clip(share, 0, 1)[..., None] * along, axis=-1).min(-1)
        return (self._radius[self._first] + self._radius[self._second] - distance).max(-1)

    def _in_trunk(self, start, end, transforms, heads):
        """(N,) m: how deep forearms and hands lie in the chest or belly, shins and feet in the belly."""
        deepest = np.zeros(len(start))
        for frame, lower, upper, limbs in (
            ("Spine1", "Spine", "Neck", self._arms),
            ("Hips", "Hips", "Spine", self._arms + self._legs),
        ):
            axes = transforms[:, self._bone_index[frame], :, :3]
            points = (start[:, limbs, None] + (end - start)[:, limbs, None] * _SAMPLES[:, None]).reshape(
                len(start), -1, 3
            )
            radius = np.repeat(self._radius[limbs], len(_SAMPLES))
            x, y, z = np.moveaxis((points - heads[:, self._bone_index[lower], None]) @ axes, -1, 0)
            top = np.linalg.norm(
                heads[:, self._bone_index[upper]] - heads[:, self._bone_index[lower]], axis=-1
            )[:, None]
            # scaled so that the ellipse is a circle, then back by the depth of the direction that the point
            # lies in
            reach = np.sqrt((x / (_HALF_WIDTH + radius)) ** 2 + ((z - 0.01) / (_HALF_DEPTH + radius)) ** 2)
            overlap = np.maximum(1 - reach, 0) * (_HALF_DEPTH + radius)
            inside = (y > -0.02) & (y < 0.95 * top)
            deepest = np.maximum(deepest, np.where(inside, overlap, 0).max(-1))
        return deepest


@lru_cache(maxsize=1)
def shared_self_collision() -> SelfCollision:
    """The test, made once per process."""
    return SelfCollision(shared_body("cpu"))
