"""Poses: every action inside the limits, no limb through the body, and as varied as their data sets."""

import numpy as np
import pytest

from simulated_people.body.kinematics import ANGLE_INDEX, clip_to_limits, pose_vector
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


@pytest.mark.parametrize(
    ("pose", "cuts"),
    [
        ({"l_arm_lift": 12, "l_arm_turn": 80, "r_arm_lift": 12, "r_arm_turn": 80}, False),
        ({"l_arm_lift": 90, "l_arm_turn": 90, "r_arm_lift": 60, "r_arm_turn": 20, "r_elbow": 60}, False),
        ({"l_arm_lift": 30, "l_arm_turn": -40, "l_elbow": 20}, True),  # the hand in the belly
        ({"l_hip_out": -20, "r_hip_out": -20}, True),  # thigh in thigh
        (
            {"l_arm_lift": 95, "l_arm_turn": 10, "l_elbow": 140, "l_arm_twist": 10},
            True,
        ),  # the hand in the face
    ],
)
def test_contacts_tell_a_limb_in_the_body(collision, pose, cuts):
    assert (collision.penetration(pose_vector(pose)[None])[0] > TOLERANCE) == cuts


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


def _winding(points, triangles):
    """How often a surface wraps around points (P, 3): about 1 inside, 0 outside."""
    corner = triangles[None] - points[:, None, None]
    length = np.linalg.norm(corner, axis=-1)
    a, b, c = corner[:, :, 0], corner[:, :, 1], corner[:, :, 2]
    volume = (a * np.cross(b, c)).sum(-1)
    rest = (
        length.prod(-1)
        + (a * b).sum(-1) * length[..., 2]
        + (b * c).sum(-1) * length[..., 0]
        + (c * a).sum(-1) * length[..., 1]
    )
    return np.arctan2(volume, rest).sum(1) / (2 * np.pi)


def test_on_the_real_skin_forearms_stay_out_of_the_rest_of_the_body(body, collision, actor_of):
    """What the stick figure lets pass, measured on the triangles themselves."""
    part, faces = body.vertex_part.numpy() == 0, body.faces[body.face_part == 0].numpy()
    arm = body.regions.arm.numpy()
    limb = np.flatnonzero(part & (arm > 1.15))[::6]
    others = faces[(arm[faces] == 0).all(1)]
    corners = np.unique(others)
    depths = []
    for seed, action in enumerate(
        ["stand", "sit", "dance", "bend", "squat", "box", "kneel", "sit on floor", "throw", "lie"]
    ):
        pose = sample_pose(np.random.default_rng(seed), action, collision)
        vertices = body.place([actor_of(seed, pose=pose.angles)]).vertices[0].numpy().astype(float)
        inside = vertices[limb][np.abs(_winding(vertices[limb], vertices[others])) > 0.5]
        gap = [np.linalg.norm(vertices[corners] - point, axis=1).min() for point in inside]
        depths.append(max(gap, default=0.0))
    assert np.median(depths) < 0.005, np.round(depths, 3)
    assert np.max(depths) < 0.04, np.round(depths, 3)
