"""Poses: every action inside the limits, no limb through the body, and as varied as their data sets."""

import numpy as np
import pytest

from simulated_people.body.kinematics import ANGLE_INDEX, clip_to_limits
from simulated_people.motion.poses import ACTIONS, THEMES, draw_pose, sample_pose
from simulated_people.motion.self_collision import TOLERANCE


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_gives_varied_poses_inside_the_limits(action):
    drawn = np.stack([draw_pose(np.random.default_rng(seed), action).angles for seed in range(20)])
    assert np.array_equal(drawn, clip_to_limits(drawn))
    assert np.isfinite(drawn).all()
    assert drawn.std(0).max() > 5
    assert all(draw_pose(np.random.default_rng(seed), action).lift >= 0 for seed in range(5))


def test_the_same_generator_gives_the_same_pose(collision):
    first, second = (sample_pose(np.random.default_rng(5), "sports", collision) for _ in range(2))
    assert first.action == second.action
    assert np.array_equal(first.angles, second.angles)


def test_themes_name_actions_that_exist():
    assert all(set(shares) <= set(ACTIONS) for shares in THEMES.values())
    assert {"everyday", "sports", "film", "laboratory", "studio", "occlusion", "street", "floor"} <= set(
        THEMES
    )


def test_heading_is_the_yaw():
    assert sample_pose(np.random.default_rng(0), "walk", heading=70).angles[ANGLE_INDEX["yaw"]] == 70


def test_sampled_poses_do_not_cut_into_themselves(collision):
    drawn = [
        sample_pose(np.random.default_rng(seed), theme, collision) for theme in THEMES for seed in range(12)
    ]
    depth = collision.penetration(np.stack([pose.angles for pose in drawn]))
    assert (depth < TOLERANCE).mean() > 0.99


def test_floor_and_acrobatics_reach_the_ground_as_they_should(body, collision, actor_of):
    def height(action, name):
        found = []
        for seed in range(8):
            pose = sample_pose(np.random.default_rng(seed), action, collision)
            marks = body.landmarks(actor_of(seed, pose=pose.angles, lift=0.0))
            found.append(
                min(marks[mark][1] for mark in marks if mark.removeprefix("l_").removeprefix("r_") == name)
            )
        return np.median(found)

    assert height("handstand", "pelvis") > 700 > height("handstand", "wrist") + 300
    assert height("lie", "head_top") < 400
    assert height("lie", "pelvis") < 300
    assert height("crawl", "pelvis") < 740
    assert height("crawl", "wrist") < 260
    assert height("crawl", "knee") < 200
    assert height("push up", "wrist") < 250
    assert height("push up", "pelvis") < 600
    assert height("sit on floor", "pelvis") < 330
