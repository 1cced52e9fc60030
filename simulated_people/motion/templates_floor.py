"""Pose templates on hands, on the floor and upside down; see `pose_parts`.

The pitch of the body is chosen so that hands, knees or feet come down together: the whole body is then laid
with its lowest point on the floor.
"""

import numpy as np

from simulated_people.motion.pose_parts import pose_arm, random_sides, set_angles, standing, weighted_choice


def _lie(rng):
    pose, on = standing(rng), weighted_choice(rng, back=3, front=2, side=2)
    if on == "side":
        pose |= {
            "roll": rng.choice([-1, 1]) * rng.normal(90, 6),
            "pitch": rng.normal(0, 5),
            "spine_side": rng.normal(0, 6),
        }
        for k in "lr":
            set_angles(
                pose, k, hip=rng.uniform(0, 80), knee=rng.uniform(0, 110), arm_lift=rng.uniform(20, 100),
                arm_turn=rng.uniform(-5, 30), elbow=rng.uniform(10, 110),
            )  # fmt: skip
        return pose
    pose |= {
        "pitch": rng.normal(90, 4) * (1 if on == "front" else -1),
        "roll": 0,
        "spine_bend": rng.normal(0 if on == "back" else -6, 4),
    }
    for k in "lr":
        bend = rng.uniform(0, 75) if on == "back" and rng.random() < 0.5 else rng.uniform(0, 12)
        set_angles(
            pose, k, hip=bend if on == "back" else 0,
            knee=bend * 1.6 if on == "back" else abs(rng.normal(0, 25)), ankle=-25,
            hip_out=rng.uniform(2, 22), arm_lift=rng.uniform(12, 150),
            elbow=rng.uniform(0, 60 if on == "back" else 10),
            arm_turn=rng.uniform(70, 86) if on == "back" else rng.uniform(90, 102),
        )  # fmt: skip
        if on == "front":
            set_angles(pose, k, arm_twist=rng.uniform(-20, 20), ankle=-38)
    if on == "front":
        pose |= {"neck_bend": rng.uniform(-35, -10), "neck_twist": rng.choice([-1, 1]) * rng.uniform(20, 65)}
    return pose


def _crawl(rng):
    pose, phase = standing(rng, 0.5), rng.uniform(0, 2 * np.pi)
    pose |= {"pitch": rng.normal(72, 3), "spine_bend": rng.normal(4, 5), "neck_bend": rng.uniform(-40, 0)}
    for k, angle in (("l", phase), ("r", phase + np.pi)):
        set_angles(
            pose, k, hip=74 + 14 * np.sin(angle), knee=106 + 6 * np.cos(angle), ankle=-38, hip_out=5,
            arm_lift=72 + 15 * np.sin(angle + np.pi), arm_turn=rng.normal(6, 4), elbow=abs(rng.normal(0, 10)),
            wrist=-20,
        )  # fmt: skip
    return pose


def _push_up(rng):
    pose, down = standing(rng, 0.4), rng.random()
    pose |= {"pitch": 68 + 18 * down, "spine_bend": rng.normal(-2, 3), "neck_bend": rng.uniform(-35, -5)}
    forearms = rng.random() < 0.3  # the plank on the forearms
    if forearms:
        pose["pitch"] = rng.normal(80, 2)
    for k in "lr":
        set_angles(pose, k, hip=rng.normal(0, 3), knee=abs(rng.normal(0, 4)), ankle=12, hip_out=4, wrist=-30)
        if forearms:
            set_angles(pose, k, arm_lift=78, arm_turn=4, elbow=88, arm_twist=0)
        else:
            set_angles(
                pose, k, arm_lift=72 - 30 * down, arm_turn=15 + 30 * down, elbow=4 + 95 * down, arm_twist=-5
            )
    return pose


def _downward_dog(rng):
    pose = standing(rng, 0.4)
    pose |= {"pitch": rng.normal(128, 5), "spine_bend": rng.normal(5, 5), "neck_bend": rng.uniform(-10, 20)}
    for k in "lr":
        set_angles(
            pose, k, hip=rng.normal(98, 5), knee=abs(rng.normal(0, 12)), ankle=15, hip_out=rng.uniform(2, 12),
            arm_lift=rng.normal(168, 4), arm_turn=40, elbow=abs(rng.normal(0, 6)),
        )  # fmt: skip
    return pose


def _bridge(rng):
    pose = standing(rng, 0.3)
    pose |= {
        "pitch": -rng.normal(112, 6),
        "spine_bend": rng.uniform(-33, -15),
        "neck_bend": rng.uniform(-40, -10),
    }
    hands = rng.random() < 0.6
    for k in "lr":
        set_angles(
            pose, k, hip=-rng.uniform(8, 26), knee=rng.normal(88, 8), hip_out=rng.uniform(4, 14), ankle=5,
            arm_lift=rng.normal(168, 4) if hands else rng.normal(25, 8), arm_turn=60 if hands else 95,
            elbow=rng.uniform(0, 25),
        )  # fmt: skip
    if not hands:
        pose["pitch"] = -rng.normal(122, 4)  # shoulders stay down
    return pose


def _handstand(rng):
    pose = standing(rng, 0.5)
    pose |= {
        "pitch": rng.normal(180, 7),
        "roll": rng.normal(0, 7),
        "neck_bend": rng.uniform(-40, 0),
        "spine_bend": rng.normal(-4, 7),
    }
    split = rng.uniform(0, 60) if rng.random() < 0.5 else 0
    for k, sign in (("l", 1), ("r", -1)):
        set_angles(
            pose, k, hip=np.clip(sign * split + rng.normal(0, 8), -26, 90), hip_out=rng.uniform(0, 35),
            knee=abs(rng.normal(0, 30)), ankle=-30, arm_lift=rng.normal(168, 5), arm_turn=70,
            elbow=abs(rng.normal(0, 8)),
        )  # fmt: skip
    return pose


def _cartwheel(rng):
    pose = standing(rng, 0.5)
    pose |= {"roll": rng.uniform(60, 180), "spine_side": rng.normal(0, 10), "spine_bend": rng.normal(0, 6)}
    for k in "lr":
        set_angles(
            pose, k, hip_out=rng.uniform(25, 62), hip=rng.normal(5, 12), knee=abs(rng.normal(0, 12)),
            ankle=-30, arm_lift=rng.uniform(138, 172), arm_turn=rng.uniform(70, 95),
            elbow=abs(rng.normal(0, 10)),
        )  # fmt: skip
    return pose


def _somersault(rng):
    pose, tuck = standing(rng, 0.6), rng.random()
    pose |= {
        "pitch": rng.uniform(40, 330),
        "spine_bend": 15 + 45 * tuck,
        "neck_bend": rng.uniform(0, 40),
        "lift": rng.uniform(0.3, 1.1),
    }
    for k in "lr":
        set_angles(
            pose,
            k,
            hip=30 + 88 * tuck + rng.normal(0, 5),
            knee=10 + 115 * tuck + rng.normal(0, 8),
            hip_out=rng.uniform(4, 14),
            ankle=-30,
        )
        pose_arm(pose, k, rng, "reach" if tuck > 0.4 else "up")
    return pose


def _balance(rng):
    """On one leg: arabesque, side kick, tree."""
    pose, (k, o), kind = (
        standing(rng, 0.6),
        random_sides(rng),
        weighted_choice(rng, arabesque=3, tree=1, raised=2),
    )
    if kind == "arabesque":
        pose |= {"pitch": rng.uniform(30, 85), "spine_bend": -15, "neck_bend": -25}
        set_angles(pose, o, hip=pose["pitch"], knee=rng.uniform(0, 15))
        set_angles(pose, k, hip=-15, knee=rng.uniform(0, 60))
    elif kind == "tree":
        set_angles(
            pose, k, hip=rng.normal(62, 6), hip_out=rng.normal(42, 6), hip_twist=40, knee=rng.normal(112, 8)
        )
    else:
        set_angles(
            pose, k, hip=rng.uniform(0, 60), hip_out=rng.uniform(45, 75), knee=rng.uniform(0, 20), ankle=-30
        )
        pose["roll"] = rng.uniform(0, 25) * (1 if k == "l" else -1)
    for q in "lr":
        pose_arm(pose, q, rng, weighted_choice(rng, aside=3, up=2))
    return pose


def _straddle(rng):
    pose = standing(rng)
    pose["pitch"] = rng.uniform(0, 75)
    for k in "lr":
        set_angles(
            pose,
            k,
            hip_out=rng.uniform(25, 60),
            hip=pose["pitch"] + rng.uniform(-5, 10),
            knee=rng.uniform(0, 15),
        )
        pose_arm(pose, k, rng, weighted_choice(rng, up=3, aside=3, reach=2))
    return pose


def _split(rng):
    pose, (k, o) = standing(rng), random_sides(rng)
    if rng.random() < 0.6:
        set_angles(pose, k, hip=rng.normal(84, 5), knee=abs(rng.normal(0, 8)), ankle=-30)
        set_angles(pose, o, hip=-28, knee=rng.uniform(0, 60), ankle=-38)
        pose["pitch"] = rng.normal(22, 6)
        set_angles(pose, k, hip=pose["pitch"] + 84)
    else:
        for q in "lr":
            set_angles(
                pose,
                q,
                hip=rng.normal(68, 6),
                hip_out=rng.normal(68, 4),
                knee=abs(rng.normal(0, 6)),
                hip_twist=20,
            )
    for q in "lr":
        pose_arm(pose, q, rng, weighted_choice(rng, aside=3, up=2, reach=2))
    return pose


def _roll(rng):
    """Rolling over the back or the shoulders, curled up."""
    pose = standing(rng, 0.6)
    pose |= {
        "pitch": rng.uniform(-150, -60),
        "spine_bend": rng.uniform(35, 65),
        "neck_bend": rng.uniform(25, 45),
        "roll": rng.normal(0, 10),
    }
    for k in "lr":
        set_angles(pose, k, hip=rng.uniform(85, 120), knee=rng.uniform(40, 125), hip_out=rng.uniform(4, 16))
        pose_arm(pose, k, rng, weighted_choice(rng, reach=3, aside=1))
    return pose


FLOOR = {
    "lie": _lie, "crawl": _crawl, "push up": _push_up, "downward dog": _downward_dog, "bridge": _bridge,
    "handstand": _handstand, "cartwheel": _cartwheel, "somersault": _somersault, "balance": _balance,
    "straddle": _straddle, "split": _split, "roll": _roll,
}  # fmt: skip
