"""Poses by action or theme: drawn from templates, inside the joint limits, no limb through the body.

>>> pose = sample_pose(np.random.default_rng(0), "sports", collision)
>>> pose.action, pose.angles.shape, pose.lift
"""

from dataclasses import dataclass

import numpy as np

from simulated_people.body.kinematics import ANGLE_INDEX, mirror, pose_vector
from simulated_people.motion.pose_parts import weighted_choice
from simulated_people.motion.self_collision import TOLERANCE, SelfCollision
from simulated_people.motion.templates_floor import FLOOR
from simulated_people.motion.templates_upright import UPRIGHT

ACTIONS = UPRIGHT | FLOOR

# What the people of each kind of data set are seen to do: action → share.
THEMES = {
    "everyday": {
        "stand": 4, "walk": 3, "sit": 2.5, "bend": 1.2, "squat": 0.7, "kneel": 0.8, "sit on floor": 0.7,
        "lunge": 0.5, "run": 0.7, "throw": 0.6, "lie": 0.3, "swing club": 0.5, "kick": 0.3, "jump": 0.3,
        "dance": 0.6, "climb": 0.3, "crawl": 0.2, "push up": 0.2, "box": 0.3,
    },
    "sports": {
        "run": 2, "kick": 2, "throw": 2.5, "swing club": 2, "jump": 2.5, "lunge": 1.5, "squat": 0.7,
        "stand": 0.5, "dance": 0.8, "box": 0.8, "climb": 0.7, "push up": 0.5, "cartwheel": 1,
        "handstand": 0.9, "balance": 1.2, "straddle": 0.8, "somersault": 0.8, "bridge": 0.4, "split": 0.5,
        "downward dog": 0.3, "crawl": 0.2, "lie": 0.2,
    },
    "film": {"stand": 5, "walk": 1.5, "sit": 3, "bend": 0.3, "throw": 0.2},
    "laboratory": {
        "stand": 4, "walk": 3, "sit": 3, "sit on floor": 1, "bend": 0.6, "squat": 0.4, "kneel": 0.4,
    },
    "studio": {
        "stand": 3, "walk": 2, "sit": 2, "squat": 1, "bend": 1, "kick": 1, "throw": 1, "lunge": 1,
        "jump": 0.8, "kneel": 0.7, "sit on floor": 0.8, "lie": 0.6, "crawl": 0.4, "push up": 0.4, "box": 0.6,
        "dance": 0.6, "swing club": 0.4,
    },
    "occlusion": {
        "stand": 4, "walk": 3, "sit": 1, "bend": 1, "squat": 0.6, "lunge": 0.6, "throw": 0.6, "kick": 0.4,
        "dance": 0.5,
    },
    "street": {
        "walk": 5, "stand": 4, "sit": 1, "run": 1, "bend": 0.6, "throw": 0.4, "box": 0.3, "climb": 0.2,
    },
    "floor": dict.fromkeys(FLOOR, 1) | {"sit on floor": 1.5, "kneel": 1},
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Pose:
    """One pose."""

    action: str  # of `ACTIONS`
    angles: np.ndarray  # (P,) degrees
    lift: float = 0.0  # m between the floor and the body's lowest point


_DRAWS = 24  # poses drawn, one after the other, until one is free of self-collision


def sample_pose(
    rng: np.random.Generator, theme: str, collision: SelfCollision | None = None, heading: float | None = None
) -> Pose:
    """A pose of one of a theme's actions.

    Args:
        rng: Decides.
        theme: Of `THEMES`, or the name of one action.
        collision: With it a pose is drawn again until it is free of self-collision (the one with the least
            where none is).
        heading: Yaw in degrees (0 faces +z); None: random.
    """
    action = theme if theme in ACTIONS else weighted_choice(rng, **THEMES[theme])
    best, best_depth = None, np.inf
    for _ in range(_DRAWS):
        drawn = draw_pose(rng, action)
        depth = float(collision.penetration(drawn.angles[None])[0]) if collision else 0.0
        if depth < best_depth:
            best, best_depth = drawn, depth
        if best_depth < TOLERANCE:
            break
    best.angles[ANGLE_INDEX["yaw"]] = rng.uniform(0, 360) if heading is None else heading
    return best


def draw_pose(rng: np.random.Generator, action: str) -> Pose:
    """A pose of one action as its template has it, or its mirror image; yaw is 0."""
    pose = ACTIONS[action](rng)
    lift = pose.pop("lift", 0.0)
    angles = pose_vector(pose)
    return Pose(action, mirror(angles) if rng.random() < 0.5 else angles, lift)
