import numpy as np
import pytest

from hpe_study.skeletons import H36M17, MPII16
from hpe_study.skeletons.bone_lengths import bone_lengths, mean_bone_lengths, scale_to_bones


@pytest.fixture
def poses():
    return np.random.default_rng(0).normal(0, 300, (10, 16, 3))


def test_lengths_are_those_of_the_bones(poses):
    for column, (parent, child) in enumerate(MPII16.bone_indices):
        np.testing.assert_allclose(
            bone_lengths(poses)[:, column], np.linalg.norm(poses[:, parent] - poses[:, child], axis=1)
        )
    assert bone_lengths(np.zeros((2, 17, 3)), H36M17).shape == (2, 16)


def test_sized_poses_have_the_canonical_length_and_the_same_shape(poses):
    bones = mean_bone_lengths(poses)
    result = scale_to_bones(0.001 * poses + 7, bones)
    np.testing.assert_allclose(bone_lengths(result).sum(1), bones.sum())
    np.testing.assert_allclose(result, scale_to_bones(poses, bones), atol=1e-9)
    assert (result[:, MPII16.index("pelvis")] == 0).all()


def test_only_bones_that_both_have_count(poses):
    """A set without a head: the rest of the body keeps the size it has with one."""
    truth = poses - poses[:, [6]]
    bones = mean_bone_lengths(poses[:1])
    head = MPII16.index("head_top")
    without = bones.copy()
    without[MPII16.bones.index(("upper_neck", "head_top"))] = np.nan
    np.testing.assert_allclose(scale_to_bones(truth[:1], bones)[0], truth[0], atol=1e-9)
    np.testing.assert_allclose(scale_to_bones(truth[:1], without)[0], truth[0], atol=1e-9)
    headless = truth[:1].copy()
    headless[:, head] = np.nan
    result = scale_to_bones(headless, bones)[0]
    np.testing.assert_allclose(np.delete(result, head, 0), np.delete(truth[0], head, 0), atol=1e-9)
    assert np.isnan(result[head]).all()
    assert np.isnan(mean_bone_lengths(headless)[MPII16.bones.index(("upper_neck", "head_top"))])


def test_a_pose_without_any_length_stays_a_point():
    assert (scale_to_bones(np.ones((1, 16, 3)), np.ones(15)) == 0).all()
