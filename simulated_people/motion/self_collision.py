"""Does a pose push a limb into the body? Tested for many poses at once, on a stick figure of average build.

Limbs are capsules (a segment and a radius), the trunk is an elliptic cylinder in the chest's and in the hips'
axes, the head a ball. Bodies are soft and touching is common (hands on hips, folded arms), so radii are those
of bone and firm flesh: a pose that passes shows at most a dent of about 2 cm on the skin.
"""

from functools import lru_cache

import numpy as np
import torch

from simulated_people.body import kinematics
from simulated_people.body.model import shared_body

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
_AGAINST = {  # which limbs are looked at together; "other" is the limb of the other side
    "hand": ("other upper_arm", "other thigh", "other shin", "thigh", "shin", "head"),
    "forearm": (
        "other upper_arm",
        "other forearm",
        "other thigh",
        "other shin",
        "thigh",
        "shin",
        "head",
        "neck",
    ),
    "upper_arm": ("thigh", "shin", "head"),
    "shin": ("other shin", "other thigh", "other foot"),
    "foot": ("other foot", "other thigh"),
    "thigh": ("other thigh", "head"),
}
_SAMPLES = np.linspace(0.0, 1.0, 7)


def _pairs():
    """Pairs of capsules, each as ((side, part), (side, part), samples of the first to leave out near a shared
    joint)."""
    found = []
    for part, others in _AGAINST.items():
        for side, opposite in (("Left", "Right"), ("Right", "Left")):
            for other in others:
                partner = other.removeprefix("other ")
                found.append(((side, part), (opposite if partner != other else side, partner)))
    return found


class SelfCollision:
    """The test, for a body model's average person."""

    def __init__(self, body):
        mean = body.rest(int(np.argmin(np.abs(body.height - 1.70))))
        self._rest, self._aligned = mean.joints[None].cpu(), mean.aligned[None].cpu()
        self._bone_index = {name: row for row, name in enumerate(body.bones)}
        self._tree = body._tree
        capsules = [(side, part) for side in ("Left", "Right") for part in _ENDS] + [
            ("", "head"),
            ("", "neck"),
        ]
        row = {capsule: number for number, capsule in enumerate(capsules)}
        bone = self._bone_index
        self._start = [
            bone[side + _ENDS[part][0]] if part in _ENDS else bone["Head" if part == "head" else "Neck"]
            for side, part in capsules
        ]
        self._end = [
            bone[side + _ENDS[part][1]] if part in _ENDS else bone["Head" if part == "head" else "Neck1"]
            for side, part in capsules
        ]
        self._radius = np.array([_RADIUS[part] for _, part in capsules])
        self._head = row["", "head"]
        pairs = [(a, b if b[1] not in ("head", "neck") else ("", b[1])) for a, b in _pairs()]
        self._first, self._second = np.array([[row[a], row[b]] for a, b in pairs]).T
        self._arms = [row[side, part] for side in ("Left", "Right") for part in ("forearm", "hand")]
        self._legs = [row[side, part] for side in ("Left", "Right") for part in ("shin", "foot")]

    def penetration(self, angles):
        """(N,) m: the deepest overlap of each pose. angles: (N, P) degrees, NumPy."""
        angles = torch.as_tensor(np.asarray(angles, np.float32))
        count = len(angles)
        rest = self._rest.expand(count, -1, -1)
        rotations = kinematics.bone_rotations(
            angles, self._aligned.expand(count, -1, -1, -1, -1), self._bone_index
        )
        transforms = kinematics.forward_kinematics(
            rotations, rest[:, : len(self._bone_index)], self._tree
        ).numpy()
        heads = (transforms[..., :3] @ rest[:, : len(self._bone_index), :, None].numpy())[
            ..., 0
        ] + transforms[..., 3]
        start, end = heads[:, self._start], heads[:, self._end].copy()
        skull = transforms[:, self._bone_index["Head"], :, 1]
        start[:, self._head] = end[:, self._head] = (
            start[:, self._head] + 0.075 * skull
        )  # the middle of the head
        return np.maximum(self._between_capsules(start, end), self._in_trunk(start, end, transforms, heads))

    def _between_capsules(self, start, end):
        points = (
            start[:, self._first, None] + (end - start)[:, self._first, None] * _SAMPLES[:, None]
        )  # (N, pairs, samples, 3)
        base, along = start[:, self._second, None], (end - start)[:, self._second, None]
        share = ((points - base) * along).sum(-1) / np.maximum((along**2).sum(-1), 1e-9)
        distance = np.linalg.norm(points - base - np.clip(share, 0, 1)[..., None] * along, axis=-1).min(-1)
        return (self._radius[self._first] + self._radius[self._second] - distance).max(-1)

    def _in_trunk(self, start, end, transforms, heads):
        """How deep forearms and hands lie in the chest or belly, shins and feet in the belly."""
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
def shared_self_collision():
    """The test for limbs that cut into bodies, made once a process."""
    return SelfCollision(shared_body("cpu"))
