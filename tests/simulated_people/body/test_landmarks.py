"""Landmarks and the joints of each data set."""

import numpy as np
import pytest

from hpe_study.skeletons import (
    ALL,
    BODY25B,
    H36M17,
    LSP14,
    MPI_INF_3DHP28,
    MPII16,
    SMPL24,
    UNREALCV15,
    convert,
)
from simulated_people.body.landmarks import FLESH, LANDMARK_INDEX, LANDMARKS, mixing_matrix, rows_of


@pytest.fixture(scope="module")
def upright(body, actor_of):
    return body.place([actor_of(seed) for seed in range(12)]).landmarks * 1000


RENDERED = [skeleton for skeleton in ALL if skeleton is not BODY25B]  # no set with it is simulated


@pytest.mark.parametrize("skeleton", RENDERED, ids=lambda s: s.name)
def test_every_joint_of_every_skeleton_is_a_landmark(skeleton):
    assert [LANDMARKS[row] for row in rows_of(skeleton)] == [skeleton.key(joint) for joint in skeleton.joints]


def test_weights_sum_to_one(body):
    assert np.allclose(mixing_matrix(body.points).sum(1), 1)
    assert len(FLESH) == len(LANDMARKS)
    assert (FLESH > 0).all()


def test_pelvis_and_thorax_are_exact_midpoints(upright):
    for middle, joint in (("pelvis", "hip"), ("thorax", "shoulder")):
        both = (upright[:, LANDMARK_INDEX[f"l_{joint}"]] + upright[:, LANDMARK_INDEX[f"r_{joint}"]]) / 2
        assert np.abs(upright[:, LANDMARK_INDEX[middle]] - both).max() < 1e-9


def test_upper_neck_lies_a_fifth_of_the_way_to_the_head_top(upright):
    thorax, neck, top = (upright[:, LANDMARK_INDEX[name]] for name in ("thorax", "upper_neck", "head_top"))
    share = ((neck - thorax) * (top - thorax)).sum(1) / ((top - thorax) ** 2).sum(1)
    assert 0.17 < np.median(share) < 0.23  # 0.20 on MPII's validation labels


def test_places_that_data_sets_have_for_themselves(upright):
    def height(name, base):
        return np.median(upright[:, LANDMARK_INDEX[name], 1] - upright[:, LANDMARK_INDEX[base], 1])

    assert 27 <= height("mpi_inf_3dhp.neck", "thorax") <= 70
    assert 50 < height("smpl.pelvis", "pelvis") < 110
    spine = [
        upright[:, LANDMARK_INDEX[f"mpi_inf_3dhp.{name}"], 1]
        for name in ("spine", "spine2", "spine3", "spine4", "neck", "head")
    ]
    assert all((above > below).all() for below, above in zip(spine, spine[1:], strict=False))
    assert abs(height("unrealcv.neck", "thorax")) < 30


@pytest.mark.parametrize(
    "skeleton", [H36M17, LSP14, MPI_INF_3DHP28, UNREALCV15, SMPL24], ids=lambda s: s.name
)
def test_limbs_are_the_same_points_in_every_set(upright, skeleton):
    in_mpii = convert(upright[:, rows_of(skeleton)], skeleton, MPII16)
    truth = upright[:, rows_of(MPII16)]
    for joint in ("r_ankle", "l_knee", "r_hip", "pelvis", "thorax", "l_shoulder", "r_elbow", "l_wrist"):
        assert np.allclose(in_mpii[:, MPII16.index(joint)], truth[:, MPII16.index(joint)], atol=1e-6), joint
