"""Joint sets against the data sets' documented orders, and conversions against midpoints written out by
hand."""

import json
import pickle

import numpy as np
import pytest
import torch

from hpe_study.skeletons import (
    ALL,
    BONE_GROUPS,
    CANONICAL_LENGTH,
    FLIC29,
    H36M17,
    LSP14,
    MPI_INF_3DHP17,
    MPI_INF_3DHP28,
    MPII16,
    OPENPOSE18,
    SMPL24,
    UNREALCV15,
    by_name,
    convert,
    sources,
)
from hpe_study.skeletons.skeleton import mirrored


def numbered(skeleton, axes=3):
    """Joints that say who they are: joint j has coordinates 10 j, 10 j + 1, …"""
    return 10.0 * np.arange(len(skeleton))[:, None] + np.arange(axes)


def test_orders_are_those_of_the_data_sets():
    assert [len(s) for s in ALL] == [16, 14, 29, 17, 28, 17, 15, 18, 21, 24]
    assert [
        MPII16.index(j) for j in ("r_ankle", "pelvis", "thorax", "upper_neck", "head_top", "l_wrist")
    ] == [0, 6, 7, 8, 9, 15]
    assert LSP14.joints[-2:] == ("neck", "head_top")
    assert FLIC29.indices("l_shoulder r_shoulder l_hip r_hip l_eye r_eye nose") == [0, 3, 6, 9, 12, 13, 16]
    assert H36M17.indices("pelvis r_ankle l_ankle head_top l_shoulder r_wrist") == [0, 3, 6, 10, 11, 16]
    assert MPI_INF_3DHP28.indices("pelvis head_top l_shoulder r_shoulder l_hip r_hip") == [
        4,
        7,
        9,
        14,
        18,
        23,
    ]
    assert MPI_INF_3DHP17.index("pelvis") == 14
    assert UNREALCV15.indices("belly neck l_shoulder r_wrist") == [7, 8, 9, 14]
    assert OPENPOSE18.indices("nose r_shoulder l_ankle l_ear") == [0, 2, 13, 17]
    assert SMPL24.indices("l_hip r_hip neck head l_wrist r_hand") == [1, 2, 12, 15, 20, 23]


def test_the_test_joints_of_3dhp_are_a_choice_of_its_training_joints():
    chosen = [7, 5, 14, 15, 16, 9, 10, 11, 23, 24, 25, 18, 19, 20, 4, 3, 6]
    assert [MPI_INF_3DHP28.joints[i] for i in chosen] == list(MPI_INF_3DHP17.joints)
    pose = numbered(MPI_INF_3DHP28)
    np.testing.assert_array_equal(convert(pose, MPI_INF_3DHP28, MPI_INF_3DHP17), pose[chosen])


@pytest.mark.parametrize("skeleton", ALL, ids=lambda s: s.name)
def test_flip_exchanges_sides_and_is_its_own_inverse(skeleton):
    flip = skeleton.flip
    assert [flip[i] for i in flip] == list(range(len(skeleton)))
    for joint, partner in zip(skeleton.joints, flip, strict=True):
        words = [{"l": "r", "r": "l"}.get(word, word) for word in joint.split("_")]
        assert skeleton.joints[partner] == "_".join(words)


@pytest.mark.parametrize("skeleton", ALL, ids=lambda s: s.name)
def test_a_skeleton_survives_a_pickle_as_itself(skeleton):
    assert pickle.loads(pickle.dumps(skeleton)) is skeleton
    assert by_name(skeleton.name) is skeleton
    assert max(max(bone) for bone in skeleton.bone_indices) < len(skeleton)


@pytest.mark.parametrize("skeleton", ALL, ids=lambda s: s.name)
def test_conversion_to_itself_changes_nothing(skeleton):
    pose = numbered(skeleton)
    np.testing.assert_array_equal(convert(pose, skeleton, skeleton), pose)


@pytest.mark.parametrize("source", ALL, ids=lambda s: s.name)
@pytest.mark.parametrize("target", ALL, ids=lambda s: s.name)
def test_array_and_tensor_agree_and_flipping_commutes(source, target):
    pose = np.random.default_rng(0).normal(size=(4, len(source), 3))
    pose[1, ::3] = np.nan
    made = convert(pose, source, target)
    torch.testing.assert_close(
        convert(torch.from_numpy(pose), source, target), torch.from_numpy(made), equal_nan=True
    )
    np.testing.assert_allclose(
        convert(pose[:, source.flip], source, target), made[:, target.flip], atol=1e-12
    )


@pytest.mark.parametrize("source", [s for s in ALL if s is not MPII16], ids=lambda s: s.name)
def test_pelvis_and_thorax_of_every_set_are_midpoints(source):
    pose = np.random.default_rng(1).normal(size=(len(source), 2))
    made = convert(pose, source, MPII16)
    thorax = pose[source.indices("l_shoulder r_shoulder")].mean(0)
    np.testing.assert_allclose(made[MPII16.index("thorax")], thorax)
    if source not in (H36M17, MPI_INF_3DHP28, MPI_INF_3DHP17, UNREALCV15):  # these have a pelvis of their own
        np.testing.assert_allclose(made[MPII16.index("pelvis")], pose[source.indices("l_hip r_hip")].mean(0))


@pytest.mark.parametrize(
    ("source", "absent"),
    [
        (LSP14, ""),
        (FLIC29, "upper_neck head_top"),
        (H36M17, ""),
        (MPI_INF_3DHP28, ""),
        (UNREALCV15, "upper_neck head_top"),
        (OPENPOSE18, "upper_neck head_top"),
        (SMPL24, "head_top"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_what_a_set_lacks_stays_missing(source, absent):
    made = convert(numbered(source), source, MPII16)
    assert {MPII16.joints[i] for i in np.flatnonzero(np.isnan(made).any(1))} == set(absent.split())


def test_a_joint_needs_all_its_parents():
    pose = numbered(LSP14)
    pose[LSP14.index("r_shoulder")] = np.nan
    made = convert(pose, LSP14, MPII16)
    assert np.isnan(made[MPII16.indices("thorax r_shoulder")]).all()
    assert np.isfinite(np.delete(made, MPII16.indices("thorax r_shoulder"), 0)).all()


def test_words_with_several_meanings_are_not_mixed():
    for source in (LSP14, MPI_INF_3DHP28, UNREALCV15, OPENPOSE18, SMPL24):
        for target in (LSP14, MPI_INF_3DHP28, UNREALCV15, OPENPOSE18, SMPL24):
            if source.family != target.family:
                assert sources(source, target)[target.index("neck")] is None


def test_a_recipe_that_is_not_exact_says_how_close_it_is():
    for skeleton in ALL:
        for recipe in skeleton.recipes.values():
            assert sum(recipe.weights.values()) == pytest.approx(1)
            assert recipe.exact or recipe.note


def test_gradients_pass_missing_joints():
    pose = torch.tensor(numbered(LSP14), requires_grad=True)
    with torch.no_grad():
        pose[LSP14.index("l_hip")] = torch.nan
    convert(pose, LSP14, MPII16).nan_to_num().sum().backward()
    assert torch.isfinite(pose.grad).all()


def test_a_wrong_number_of_joints_is_an_error():
    with pytest.raises(ValueError, match="lsp14"):
        convert(np.zeros((2, 16, 2)), LSP14, MPII16)
    with pytest.raises(KeyError, match="mpii16"):
        by_name("coco")


def test_bone_groups_have_canonical_lengths_of_one_side_like_the_other():
    assert set(CANONICAL_LENGTH) == {bone for bones in BONE_GROUPS.values() for bone in bones}
    for (parent, child), length in CANONICAL_LENGTH.items():
        assert CANONICAL_LENGTH[mirrored(parent), mirrored(child)] == length
        assert 100 < length < 500
        assert {parent, child} <= set(MPII16.joints)


def test_recipes_against_the_labels_of_mpii(real_data):
    people = json.loads((real_data / "mpii" / "valid.json").read_text())
    joints, labelled = (np.array([person[key] for person in people]) for key in ("joints", "joints_vis"))
    joints[(labelled == 0) | (joints == 0).all(-1)] = np.nan
    for made, ends in (("pelvis", "l_hip r_hip"), ("thorax", "l_shoulder r_shoulder")):
        error = np.linalg.norm(
            joints[:, MPII16.index(made)] - joints[:, MPII16.indices(ends)].mean(1), axis=1
        )
        error = error[np.isfinite(error)]
        assert (error <= 0.71).mean() > 0.99  # the others' own labels contradict each other, by up to 300 px
    as_h36m = convert(joints, MPII16, H36M17)
    neck = convert(as_h36m, H36M17, MPII16)[:, MPII16.index("upper_neck")]
    ends = joints[:, MPII16.indices("head_top upper_neck")]
    head = 0.75 * np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)
    assert np.nanmedian(np.linalg.norm(neck - ends[:, 1], axis=1) / head) == pytest.approx(0.12, abs=0.005)
