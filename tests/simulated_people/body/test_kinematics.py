"""Angles to rotations: each angle turns what its name says, in the direction that it says."""

import numpy as np
import pytest
import torch

from simulated_people.body import kinematics
from simulated_people.body.kinematics import ANGLE_INDEX, ANGLES, clip_to_limits, mirror, pose_vector
from simulated_people.body.model import Actor


@pytest.fixture(scope="module")
def marks(body, actor_of):
    worn = actor_of(0).clothes

    def of(**pose):
        return body.landmarks(Actor(int(body.people[0]), worn, pose_vector(pose)))

    return of


def test_the_zero_pose_stands_upright_with_hanging_limbs_and_faces_forward(marks):
    m = marks()
    assert abs(m["head_top"][0] - m["pelvis"][0]) < 5
    assert m["nose"][2] > m["l_ear"][2] + 50
    assert m["l_hip"][0] > m["r_hip"][0], "the left is towards +x"
    for chain in (("l_shoulder", "l_elbow", "l_wrist"), ("r_hip", "r_knee", "r_ankle")):
        top, middle, end = (m[name] for name in chain)
        assert np.allclose((middle - top)[[0, 2]], 0, atol=1)
        assert np.allclose((end - middle)[[0, 2]], 0, atol=1)


@pytest.mark.parametrize(
    ("pose", "joint", "about", "axis", "sign"),
    [
        ({"pitch": 40}, "head_top", "pelvis", 2, 1),
        ({"roll": 40}, "head_top", "pelvis", 0, -1),
        ({"spine_bend": 40}, "head_top", "pelvis", 2, 1),
        ({"spine_side": 25}, "head_top", "pelvis", 0, -1),
        ({"neck_bend": 30}, "nose", "thorax", 1, -1),
        ({"neck_twist": 50}, "nose", "head_top", 0, 1),
        ({"l_arm_lift": 80, "l_arm_turn": 90}, "l_wrist", "l_shoulder", 0, 1),
        ({"r_arm_lift": 80, "r_arm_turn": 90}, "r_wrist", "r_shoulder", 0, -1),
        ({"l_arm_lift": 80, "l_arm_turn": 0}, "l_wrist", "l_shoulder", 2, 1),
        ({"l_arm_lift": 170, "l_arm_turn": 45}, "l_wrist", "l_shoulder", 1, 1),
        ({"l_elbow": 90}, "l_wrist", "l_elbow", 2, 1),
        ({"l_hip": 80}, "l_knee", "l_hip", 2, 1),
        ({"r_hip_out": 40}, "r_knee", "r_hip", 0, -1),
        ({"l_knee": 90}, "l_ankle", "l_knee", 2, -1),
    ],
)
def test_an_angle_moves_the_joint_its_way(marks, pose, joint, about, axis, sign):
    before, after = marks(), marks(**pose)
    moved = (after[joint] - after[about]) - (before[joint] - before[about])
    assert sign * moved[axis] > 60, f"{joint} moved by {moved.round()} mm"


def test_rotations_are_rotations(body):
    angles = torch.tensor(np.random.default_rng(0).uniform(-90, 90, (5, len(ANGLES))), dtype=torch.float32)
    aligned = body.rest(3).aligned[None].expand(5, -1, -1, -1, -1)
    rotations = kinematics.bone_rotations(angles, aligned, {name: row for row, name in enumerate(body.bones)})
    assert torch.allclose(rotations @ rotations.mT, torch.eye(3).expand_as(rotations), atol=1e-5)
    assert torch.allclose(torch.linalg.det(rotations), torch.ones(rotations.shape[:2]), atol=1e-5)


def test_bones_keep_their_lengths_in_any_pose(marks):
    rng = np.random.default_rng(3)
    straight = marks()
    bent = marks(**{name: rng.uniform(-60, 120) for name in ANGLES})
    for a, b in (
        ("l_hip", "l_knee"),
        ("r_knee", "r_ankle"),
        ("l_shoulder", "l_elbow"),
        ("r_elbow", "r_wrist"),
        ("l_hip", "r_hip"),
    ):
        assert np.linalg.norm(bent[a] - bent[b]) == pytest.approx(
            np.linalg.norm(straight[a] - straight[b]), abs=0.05
        )


def test_mirroring_exchanges_sides_and_undoes_itself(marks):
    rng = np.random.default_rng(1)
    pose = clip_to_limits(rng.uniform(-40, 90, len(ANGLES)))
    pose[ANGLE_INDEX["yaw"]] = 0
    assert np.array_equal(mirror(mirror(pose)), pose)
    plain, mirrored = (
        marks(**dict(zip(ANGLES, pose, strict=True))),
        marks(**dict(zip(ANGLES, mirror(pose), strict=True))),
    )
    for joint in ("wrist", "knee", "ankle", "elbow"):
        left, right = plain[f"l_{joint}"] - plain["pelvis"], mirrored[f"r_{joint}"] - mirrored["pelvis"]
        assert np.allclose(left * [-1, 1, 1], right, atol=8), joint  # the body itself is not quite symmetric


def test_limits_hold():
    wild = clip_to_limits(np.full((2, len(ANGLES)), 500.0))
    assert wild[0, ANGLE_INDEX["l_knee"]] == kinematics.LIMITS["knee"][1]
    assert wild[0, ANGLE_INDEX["pitch"]] == 500, "the body's own attitude is free"


def test_ancestors_of_a_tree():
    above = [rows.tolist() for rows in kinematics.ancestors([-1, 0, 0, 1, 3])]
    assert above == [[5, 0, 0, 1, 3, 5], [5, 5, 5, 0, 1, 5]], "parents and grandparents; 5 is nobody"


def test_bones_are_moved_as_one_after_the_other():
    parents, generator = [-1, 0, 0, 1, 3, 4], torch.Generator().manual_seed(0)
    heads = torch.randn(2, 6, 3, generator=generator, dtype=torch.float64)
    rotations = torch.linalg.qr(torch.randn(2, 6, 3, 3, generator=generator, dtype=torch.float64))[0]
    transforms = kinematics.forward_kinematics(rotations, heads, kinematics.ancestors(parents))
    for person in range(2):
        turned, place = {-1: torch.eye(3, dtype=torch.float64)}, {-1: torch.zeros(3, dtype=torch.float64)}
        for bone, parent in enumerate(parents):
            along = heads[person, bone] - (heads[person, parent] if parent >= 0 else 0)
            turned[bone] = turned[parent] @ rotations[person, bone]
            place[bone] = place[parent] + turned[parent] @ along
            point = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)
            moved = transforms[person, bone, :, :3] @ point + transforms[person, bone, :, 3]
            assert torch.allclose(
                moved, place[bone] + turned[bone] @ (point - heads[person, bone]), atol=1e-9
            )
