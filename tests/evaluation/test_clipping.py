"""Clipped limbs: poses known to be free or to run through the body."""

import numpy as np
import pytest

from hpe_study.evaluation.clipping import LIMBS, clipped, limb_penetration
from hpe_study.skeletons import MPII16
from simulated_people.body.kinematics import pose_vector
from simulated_people.body.landmarks import rows_of
from simulated_people.body.model import shared_body
from simulated_people.motion.poses import sample_pose
from simulated_people.motion.self_collision import shared_self_collision


def joints(poses):
    """(N, 16, 3) mm of an average body in these poses, a list of angle vectors."""
    body = shared_body("cpu")
    person = int(body.people[np.argmin(np.abs(body.height[body.people] - 1.7))])
    landmarks = np.asarray(body.skeletons([person] * len(poses), np.stack(poses)))
    return 1000 * landmarks[:, rows_of(MPII16)]


FREE = {"l_arm_lift": 12, "l_arm_turn": 80, "r_arm_lift": 12, "r_arm_turn": 80}  # arms beside the body


@pytest.mark.parametrize(
    ("pose", "limbs"),
    [
        (FREE, []),
        ({"l_arm_lift": 90, "l_arm_turn": 90, "r_arm_lift": 60, "r_arm_turn": 20, "r_elbow": 60}, []),
        (
            FREE | {"l_arm_lift": 34, "l_arm_turn": 120, "l_arm_twist": -75, "l_elbow": 99},
            ["l_forearm"],
        ),  # in the belly
        (
            FREE | {"l_hip_out": -20, "r_hip_out": -20},
            ["l_shin", "r_shin"],
        ),  # legs crossed through each other
    ],
)
def test_limbs_in_the_body_are_told_from_limbs_beside_it(pose, limbs):
    found = [
        limb for limb, value in zip(LIMBS, clipped(joints([pose_vector(pose)]))[0], strict=True) if value
    ]
    assert found == limbs


def test_a_forearm_laid_through_the_other_upper_arm():
    pose = joints([pose_vector(FREE)])[0]
    elbow, wrist = MPII16.indices("l_elbow l_wrist")
    middle = pose[MPII16.indices("r_shoulder r_elbow")].mean(0)
    pose[elbow], pose[wrist] = middle + [0, 0, 150], middle - [0, 0, 150]
    depth = limb_penetration(pose[None])[0]
    assert depth[0] == pytest.approx(36 + 42, abs=1)  # both radii: the bones meet


def test_it_does_not_depend_on_the_frame_or_on_the_side():
    poses = joints([sample_pose(np.random.default_rng(seed), "dance").angles for seed in range(20)])
    depth = limb_penetration(poses)
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    np.testing.assert_allclose(limb_penetration(poses @ turn.T + 500), depth, atol=1e-6)
    mirrored = (poses * [-1, 1, 1])[:, list(MPII16.flip)]
    np.testing.assert_allclose(limb_penetration(mirrored)[:, [1, 0, 3, 2]], depth, atol=1e-6)


def test_poses_drawn_without_the_collision_test_clip_more():
    share = {}
    for collision in (None, shared_self_collision()):
        drawn = [
            sample_pose(np.random.default_rng(seed), "occlusion", collision).angles for seed in range(300)
        ]
        share[collision is None] = clipped(joints(drawn)).max(1).mean()
    assert share[False] < 4, share
    assert share[True] > 3 * share[False], share


def test_a_limb_without_its_joints_cannot_be_told():
    pose = joints([pose_vector(FREE)])
    pose[:, MPII16.index("l_wrist")] = np.nan
    assert np.isnan(clipped(pose)[0]).tolist() == [True, False, False, False]
