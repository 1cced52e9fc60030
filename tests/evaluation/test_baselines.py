import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hpe_study.evaluation.baselines import best_constant_pose, true_2d_mean_depth
from hpe_study.metrics import mpjpe
from hpe_study.skeletons.bone_lengths import bone_lengths, mean_bone_lengths, scale_to_bones

STANDING = np.array(
    [
        [-100, 800, 0], [-100, 400, 0], [-100, 0, 0], [100, 0, 0], [100, 400, 0], [100, 800, 0], [0, 0, 0], [0, -500, 0],
        [0, -560, 20], [0, -750, 0], [-300, 0, 50], [-250, -250, 50], [-180, -500, 0], [180, -500, 0], [250, -250, 50], [300, 0, 50],
    ],
    float,
)  # fmt: skip


@pytest.fixture(scope="module")
def people():
    """Poses that face all ways, as people do: (300, 16, 3) mm, root-relative."""
    random = np.random.default_rng(0)
    poses = STANDING + random.normal(0, 90, (300, 16, 3))
    turns = Rotation.from_euler("y", random.uniform(0, 360, (300, 1)), degrees=True).as_matrix()
    poses = np.einsum("nij,nkj->nki", turns, poses)
    return poses - poses[:, [6]]


@pytest.fixture(scope="module")
def best(people):
    """The best pose of their own bones."""
    return best_constant_pose(people, mean_bone_lengths(people))


@pytest.fixture(scope="module")
def median(people):
    """The best pose of any size."""
    return best_constant_pose(people)


def error(pose, people):
    return mpjpe(np.broadcast_to(pose, people.shape), people)


def test_it_beats_every_other_constant_pose_of_its_size(people, best, median):
    bones = mean_bone_lengths(people)
    assert bone_lengths(best[None]).sum() == pytest.approx(bones.sum())
    others = [people.mean(0), np.median(people, 0), median, *people[:100]]
    assert all(error(best, people) < error(scale_to_bones(other[None], bones)[0], people) for other in others)
    shaken = best + np.random.default_rng(1).normal(0, 5, (200, 16, 3))
    assert all(error(best, people) <= error(pose, people) for pose in scale_to_bones(shaken, bones))


def test_without_a_size_it_is_the_geometric_median(people, median):
    assert error(median, people) < error(people.mean(0), people)
    away = people - median
    pull = (away / np.linalg.norm(away, axis=-1, keepdims=True).clip(1e-9)).mean(0)
    pull[6] = 0  # the root is given
    assert np.abs(pull).max() < 1e-3  # where unit pulls balance is the geometric median


def test_one_pose_for_all_is_found(people):
    same = np.repeat(people[:1], 20, 0)
    np.testing.assert_allclose(best_constant_pose(same, mean_bone_lengths(same)), people[0], atol=0.1)


def test_missing_joints_are_left_out(people):
    holed = people.copy()
    holed[:, 9] = np.nan  # no head in the set
    holed[::3, 10] = np.nan
    bones = mean_bone_lengths(holed)
    best = best_constant_pose(holed, bones)
    assert np.isnan(best[9]).all()
    assert np.isfinite(np.delete(best, 9, 0)).all()
    known = ~np.isnan(holed).any(-1)
    assert mpjpe(np.broadcast_to(np.nan_to_num(best), holed.shape), holed, known) < 260


def test_it_is_the_same_each_time(people, best):
    np.testing.assert_array_equal(best_constant_pose(people, mean_bone_lengths(people)), best)


def test_mean_depth_by_hand():
    joints = np.array([[[0.1, 0.2], [0.3, 0.4], [np.nan, np.nan]]])
    training = np.array([[0.0, 0.1, np.nan], [0.0, 0.3, np.nan]])
    poses = true_2d_mean_depth(joints, training)
    np.testing.assert_allclose(poses[0, :2], [[0.1, 0.2, 0.0], [0.3, 0.4, 0.2]])
    assert np.isnan(poses[0, 2]).all()
