"""What pose templates are made of: a standing body, arms put to some use, the stride of walkers and runners.

A template is a function of a random generator that returns {angle name: degrees} (see `kinematics.ANGLES`),
and "lift" in m where the lowest point of the body is off the floor. Sides are "l" and "r".
"""

from collections.abc import MutableMapping

import numpy as np

Template = MutableMapping[str, float]  # {angle name: degrees}


def weighted_choice(rng: np.random.Generator, **shares: float) -> str:
    """One of the names, each as likely as its share."""
    weights = np.array(list(shares.values()), float)
    return list(shares)[rng.choice(len(weights), p=weights / weights.sum())]


def random_sides(rng: np.random.Generator) -> tuple[str, str]:
    """The two sides in a random order."""
    return ("l", "r") if rng.random() < 0.5 else ("r", "l")


def set_angles(pose: Template, side: str, **angles: float) -> None:
    """Set angles of one side of the pose, named without the side."""
    for name, value in angles.items():
        pose[f"{side}_{name}"] = value


def standing(rng: np.random.Generator, spread: float = 1.0) -> Template:
    """Everyday standing, which every other template starts from; spread: of the angles, 1 is usual."""

    def about(mean, deviation):
        return rng.normal(mean, deviation * spread)

    pose = {
        "pitch": about(0, 3), "roll": about(0, 2), "spine_bend": about(4, 5), "spine_side": about(0, 4),
        "spine_twist": about(0, 6), "neck_bend": about(5, 10), "neck_side": about(0, 6),
        "neck_twist": about(0, 18),
    }  # fmt: skip
    for k in "lr":
        set_angles(
            pose, k, arm_lift=about(12, 5), arm_turn=about(70, 20), arm_twist=about(0, 15),
            elbow=abs(about(15, 12)), wrist=about(0, 12), hip=about(2, 4), hip_out=about(4, 3),
            hip_twist=about(6, 8), knee=abs(about(3, 4)), ankle=about(0, 3),
        )  # fmt: skip
    return pose


def pose_arm(pose: Template, side: str, rng: np.random.Generator, kind: str) -> None:
    """Put one arm of the pose to some use."""
    u, n = rng.uniform, rng.normal
    lift, turn, twist, elbow = {
        "relaxed": lambda: (n(12, 5), n(70, 25), n(0, 15), abs(n(18, 12))),
        "on hip": lambda: (n(40, 7), n(112, 10), n(-55, 8), n(92, 8)),
        "busy in front": lambda: (u(25, 70), n(18, 18), n(10, 20), u(50, 115)),
        "reach": lambda: (u(70, 120), u(-10, 60), n(0, 25), u(0, 35)),
        "aside": lambda: (u(65, 105), u(75, 110), n(0, 30), u(0, 40)),
        "up": lambda: (u(120, 172), u(30, 100), n(0, 30), u(0, 60)),
        "at the head": lambda: (u(40, 75), u(30, 70), n(25, 12), u(115, 138)),
        "folded": lambda: (u(28, 42), n(12, 9), n(40, 10), u(82, 105)),
        "wave": lambda: (u(75, 110), u(70, 100), n(-75, 15), u(60, 110)),
        "behind": lambda: (u(20, 45), u(120, 160), n(0, 20), u(0, 50)),
    }[kind]()
    set_angles(pose, side, arm_lift=lift, arm_turn=turn, arm_twist=twist, elbow=elbow, wrist=n(0, 18))


def pose_arms(pose: Template, rng: np.random.Generator, **shares: float) -> None:
    """Put each arm to a use drawn from the shares, {kind of `pose_arm` with underscores: share}."""
    for k in "lr":
        pose_arm(
            pose,
            k,
            rng,
            weighted_choice(rng, **{name.replace("_", " "): share for name, share in shares.items()}),
        )


def stride(pose: Template, phase: float, size: float, running: bool = False) -> None:
    """Set legs and arms to a moment of walking or running.

    Args:
        pose: Changed in place.
        phase: Radians of the cycle; 0 where the left thigh is level with the right.
        size: Of the strides, 1 is usual.
        running: Running instead of walking.
    """
    swing = (48 if running else 26) * size
    for side, angle in (("l", phase), ("r", phase + np.pi)):
        sine = np.sin(angle)
        lifting = max(0.0, np.cos(angle + (0.15 if running else 0.3)))
        set_angles(pose, side, hip=swing * sine + (14 if running else 6),
             knee=22 + 70 * size * lifting if running else 8 + 48 * size * lifting**1.5,
             ankle=-8 * max(0.0, -sine) * size - (10 * lifting if running else 0))  # fmt: skip
        back = swing * (0.9 if running else 0.85) * sine  # the arm swings against the leg of its side
        set_angles(pose, side, arm_lift=np.hypot(back, 9), arm_turn=np.degrees(np.arctan2(9, -back)))
    pose["spine_twist"] = 8 * size * np.sin(phase)
