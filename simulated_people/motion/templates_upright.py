"""Pose templates by action, standing and sitting; see `pose_parts`."""

import numpy as np

from simulated_people.motion.pose_parts import (
    pose_arm,
    pose_arms,
    random_sides,
    set_angles,
    standing,
    stride,
    weighted_choice,
)


def _stand(rng):
    pose = standing(rng)
    pose_arms(
        pose,
        rng,
        relaxed=5,
        on_hip=1,
        busy_in_front=2,
        at_the_head=1,
        folded=0.5,
        wave=0.5,
        reach=0.7,
        aside=0.3,
        up=0.3,
    )
    if rng.random() < 0.4:  # the weight on one leg
        k, _ = random_sides(rng)
        bend = rng.uniform(5, 25)
        set_angles(pose, k, hip=bend, knee=bend * rng.uniform(1.4, 2), hip_out=rng.uniform(3, 14))
    return pose


def _walk(rng):
    pose = standing(rng, 0.6)
    stride(pose, rng.uniform(0, 2 * np.pi), rng.uniform(0.6, 1.2))
    pose["pitch"] = rng.normal(3, 3)
    for k in "lr":
        set_angles(pose, k, elbow=rng.uniform(8, 40), arm_twist=rng.normal(8, 8))
    if rng.random() < 0.3:
        pose_arm(
            pose,
            random_sides(rng)[0],
            rng,
            weighted_choice(rng, **{"at the head": 2, "busy in front": 2, "wave": 1}),
        )
    return pose


def _run(rng):
    pose = standing(rng, 0.6)
    stride(pose, rng.uniform(0, 2 * np.pi), rng.uniform(0.75, 1.2), running=True)
    pose["pitch"] = rng.normal(12, 4)
    for k in "lr":
        set_angles(pose, k, elbow=rng.normal(85, 14), arm_twist=rng.normal(10, 8))
    pose["lift"] = max(0.0, rng.uniform(-0.06, 0.12))
    return pose


def _bend(rng):
    pose = standing(rng)
    pose |= {
        "pitch": rng.uniform(15, 55),
        "spine_bend": rng.uniform(20, 60),
        "neck_bend": rng.uniform(-30, 10),
    }
    for k in "lr":
        set_angles(pose, k, hip=pose["pitch"] + rng.uniform(-5, 25), knee=rng.uniform(0, 40))
    pose_arms(pose, rng, reach=4, busy_in_front=2, relaxed=0.6)
    return pose


def _squat(rng):
    pose, depth = standing(rng), rng.uniform(60, 118)
    pose |= {"pitch": rng.uniform(10, 35), "spine_bend": rng.uniform(5, 30)}
    for k in "lr":
        set_angles(pose, k, hip=min(120, depth + pose["pitch"] * 0.6), knee=min(138, depth * 1.12), ankle=20,
             hip_out=rng.uniform(12, 34), hip_twist=rng.uniform(8, 25))  # fmt: skip
    pose_arms(pose, rng, reach=4, busy_in_front=1.5, aside=0.7)
    return pose


def _lunge(rng):
    pose, (k, o), depth = standing(rng), random_sides(rng), rng.uniform(40, 95)
    pose["pitch"] = rng.uniform(0, 20)
    set_angles(pose, k, hip=depth, knee=depth * rng.uniform(0.85, 1.1), hip_out=rng.uniform(0, 30))
    set_angles(pose, o, hip=-rng.uniform(5, 25), knee=rng.uniform(5, 50))
    pose_arms(pose, rng, reach=3, aside=2, up=2, busy_in_front=1, behind=1)
    return pose


def _kick(rng):
    pose, (k, o) = standing(rng), random_sides(rng)
    pose |= {"pitch": -rng.uniform(0, 22), "roll": rng.normal(0, 8), "spine_twist": rng.normal(0, 18)}
    set_angles(pose, k, hip=rng.uniform(30, 110), knee=rng.uniform(0, 70), hip_out=rng.uniform(0, 45))
    set_angles(pose, o, hip=-pose["pitch"] * 0.3, knee=rng.uniform(0, 25))
    pose_arms(pose, rng, aside=3, busy_in_front=2, behind=2, up=1)
    return pose


def _throw(rng):
    pose, (k, o) = standing(rng), random_sides(rng)
    turned = 1 if k == "l" else -1
    pose |= {
        "spine_twist": rng.normal(10, 14) * turned,
        "spine_side": rng.normal(0, 10),
        "spine_bend": rng.normal(8, 12),
        "pitch": rng.normal(8, 10),
    }
    pose_arm(pose, k, rng, weighted_choice(rng, up=3, wave=3, reach=1))
    pose_arm(pose, o, rng, weighted_choice(rng, **{"reach": 2, "aside": 2, "busy in front": 2, "relaxed": 1}))
    set_angles(pose, o, hip=rng.uniform(10, 55), knee=rng.uniform(10, 55))
    set_angles(pose, k, hip=-rng.uniform(-5, 20), knee=rng.uniform(5, 40), hip_out=rng.uniform(3, 20))
    return pose


def _swing_club(rng):
    """Both hands together: golf, baseball, tennis with two hands."""
    pose, turned = standing(rng), rng.uniform(-25, 25)
    pose |= {
        "spine_twist": rng.uniform(-38, 38),
        "spine_bend": rng.uniform(8, 32),
        "pitch": rng.uniform(3, 20),
    }
    lift = rng.uniform(45, 125)
    for k, sign in (("l", 1), ("r", -1)):
        set_angles(
            pose, k, arm_lift=lift + rng.normal(0, 6), arm_turn=np.clip(-10 + sign * turned * 1.4, -38, 60),
            elbow=rng.uniform(15, 80), arm_twist=rng.normal(10, 12), hip=pose["pitch"] + rng.uniform(0, 25),
            knee=rng.uniform(10, 40), hip_out=rng.uniform(10, 25),
        )  # fmt: skip
    return pose


def _jump(rng):
    pose = standing(rng)
    pose |= {
        "pitch": rng.normal(0, 14),
        "roll": rng.normal(0, 10),
        "spine_bend": rng.normal(5, 15),
        "lift": rng.uniform(0.05, 0.5),
    }
    for k in "lr":
        set_angles(
            pose,
            k,
            hip=rng.uniform(-15, 100),
            knee=rng.uniform(5, 110),
            hip_out=rng.uniform(0, 40),
            ankle=-25,
        )
    pose_arms(pose, rng, up=4, aside=3, reach=1, behind=1)
    return pose


def _dance(rng):
    pose, (k, _) = standing(rng, 1.5), random_sides(rng)
    pose |= {
        "spine_side": rng.normal(0, 14),
        "spine_twist": rng.normal(0, 16),
        "roll": rng.normal(0, 6),
        "neck_side": rng.normal(0, 14),
    }
    set_angles(
        pose,
        k,
        hip=rng.uniform(-20, 85),
        knee=rng.uniform(0, 110),
        hip_out=rng.uniform(0, 45),
        hip_twist=rng.uniform(-10, 40),
        ankle=-20,
    )
    pose_arms(pose, rng, up=4, aside=3, wave=2, on_hip=1, reach=1)
    return pose


def _box(rng):
    pose, (k, o) = standing(rng), random_sides(rng)
    pose |= {"spine_bend": rng.uniform(5, 22), "spine_twist": rng.normal(0, 18), "pitch": rng.uniform(0, 14)}
    set_angles(
        pose,
        k,
        arm_lift=rng.uniform(50, 95),
        arm_turn=rng.uniform(0, 30),
        arm_twist=rng.normal(10, 15),
        elbow=rng.uniform(0, 60),
        hip=25,
        knee=30,
    )
    set_angles(
        pose,
        o,
        arm_lift=rng.uniform(30, 55),
        arm_turn=rng.uniform(15, 45),
        arm_twist=rng.normal(10, 10),
        elbow=rng.uniform(100, 132),
        hip=-8,
        knee=25,
    )
    return pose


def _climb(rng):
    pose = standing(rng)
    pose |= {
        "pitch": rng.normal(5, 8),
        "neck_bend": rng.uniform(-35, 0),
        "spine_side": rng.normal(0, 10),
        "lift": rng.uniform(0.0, 0.3),
    }
    for k in "lr":
        set_angles(
            pose, k, hip=rng.uniform(5, 105), hip_out=rng.uniform(5, 50), hip_twist=rng.uniform(5, 40),
            arm_lift=rng.uniform(85, 172), arm_turn=rng.uniform(15, 80), elbow=rng.uniform(5, 100),
        )  # fmt: skip
        pose[f"{k}_knee"] = pose[f"{k}_hip"] * rng.uniform(0.9, 1.25)
    return pose


def _sit(rng):
    pose = standing(rng)
    pose |= {"pitch": rng.normal(-6, 7), "spine_bend": rng.normal(15, 12)}
    for k in "lr":
        set_angles(pose, k, hip=rng.normal(88, 7), hip_out=abs(rng.normal(9, 6)), hip_twist=rng.normal(5, 8),
             knee=np.clip(rng.normal(88, 16), 40, 125), ankle=rng.normal(0, 5))  # fmt: skip
    pose_arms(pose, rng, busy_in_front=6, at_the_head=1.5, reach=1, wave=0.4, folded=0.4, up=0.25)
    return pose


def _sit_on_floor(rng):
    pose = _sit(rng)
    pose |= {
        "pitch": rng.normal(-18, 4),
        "spine_bend": rng.normal(30, 7),
    }  # the hips roll back, the back is round
    kind = weighted_choice(rng, legs_out=2, cross_legged=2, hugging_knees=1.5, one_up=1.5, leaning_back=1.5)
    for k in "lr":
        if kind in ("legs_out", "leaning_back"):
            knee = rng.uniform(0, 60)
            set_angles(
                pose, k, hip=rng.normal(78, 4) + 0.55 * knee, knee=knee, hip_out=rng.uniform(4, 30)
            )  # the heel stays on the floor
        elif kind == "cross_legged":
            set_angles(
                pose,
                k,
                hip=rng.normal(97, 5),
                hip_out=rng.normal(50, 4),
                hip_twist=rng.normal(42, 3),
                knee=rng.normal(122, 6),
            )
        else:
            set_angles(pose, k, hip=rng.normal(118, 4), knee=rng.normal(122, 8), hip_out=rng.uniform(5, 20))
    if kind == "one_up":
        set_angles(pose, "l", hip=rng.normal(80, 3), knee=rng.uniform(0, 15))
    if kind == "leaning_back":
        pose |= {"pitch": rng.uniform(-40, -20), "spine_bend": rng.uniform(0, 15)}
        for k in "lr":
            set_angles(
                pose,
                k,
                arm_lift=rng.uniform(45, 65),
                arm_turn=rng.uniform(145, 165),
                elbow=rng.uniform(0, 15),
                hip=pose[f"{k}_hip"] - 15,
            )
    return pose


def _kneel(rng):
    pose, (k, o), kind = standing(rng), random_sides(rng), weighted_choice(rng, one=3, both=2, on_heels=1.5)
    if kind == "one":
        set_angles(pose, k, hip=rng.normal(88, 6), knee=rng.normal(90, 8), hip_out=rng.uniform(4, 20))
        set_angles(pose, o, hip=rng.normal(0, 8), knee=rng.normal(92, 6), ankle=-30)
    else:
        bend = rng.uniform(0, 25) if kind == "both" else rng.uniform(70, 88)
        for q in "lr":
            set_angles(pose, q, hip=bend, knee=88 + bend * 0.62, ankle=-36, hip_out=rng.uniform(4, 14))
        pose["pitch"] = rng.uniform(0, 15)
    pose_arms(pose, rng, busy_in_front=3, reach=2, relaxed=1, on_hip=0.5)
    return pose


UPRIGHT = {
    "stand": _stand, "walk": _walk, "run": _run, "bend": _bend, "squat": _squat, "lunge": _lunge,
    "kick": _kick, "throw": _throw, "swing club": _swing_club, "jump": _jump, "dance": _dance, "box": _box,
    "climb": _climb, "sit": _sit, "sit on floor": _sit_on_floor, "kneel": _kneel,
}  # fmt: skip
