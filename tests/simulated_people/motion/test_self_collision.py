"""Self-collision: the stick figure's test, and what it lets pass on the real skin."""

import numpy as np
import pytest

from simulated_people.body.kinematics import pose_vector
from simulated_people.motion.poses import sample_pose
from simulated_people.motion.self_collision import TOLERANCE


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
def test_a_limb_in_the_body_is_distinguished_from_one_beside_it(collision, pose, cuts):
    assert (collision.penetration(pose_vector(pose)[None])[0] > TOLERANCE) == cuts


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
