import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hpe_study.errors import StudyError
from hpe_study.metrics import (
    auc3d,
    depth_order_hits,
    exchanged_sides,
    hits,
    joint_errors,
    mpjpe,
    n_mpjpe,
    pa_mpjpe,
    pck3d,
    pckh,
    procrustes,
    size_hits,
)


@pytest.fixture
def random():
    return np.random.default_rng(0)


def poses(random, count=20, joints=16):
    return random.normal(0, 300, (count, joints, 3))


def holes(random, shape, share=0.3):
    return random.random(shape) >= share


# ---------------------------------------------------------------- literal twins


def procrustes_twin(prediction, truth):
    """Kabsch's rotation by SciPy, then the scale by least squares, one pose at a time."""
    moved, aim = prediction - prediction.mean(0), truth - truth.mean(0)
    rotation = Rotation.align_vectors(aim, moved)[0]
    turned = rotation.apply(moved)
    scale = (turned * aim).sum() / (turned**2).sum()
    return scale * turned + truth.mean(0)


def errors_twin(prediction, truth, valid, align):
    errors = []
    for p, t, v in zip(prediction, truth, valid, strict=True):
        p, t = p[v], t[v]
        if align == "procrustes":
            p = procrustes_twin(p, t)
        if align == "scale":
            p = p * sum((p * t).ravel()) / sum((p * p).ravel())
        errors += [float(np.sqrt(((a - b) ** 2).sum())) for a, b in zip(p, t, strict=True)]
    return sum(errors) / len(errors)


@pytest.mark.parametrize(("score", "align"), [(mpjpe, None), (n_mpjpe, "scale"), (pa_mpjpe, "procrustes")])
def test_scores_equal_their_twins(random, score, align):
    prediction, truth = poses(random), poses(random)
    prediction[:10] = truth[:10] @ Rotation.random(rng=1).as_matrix().T + random.normal(
        0, 50, (10, 16, 3)
    )  # some near, some far
    valid = holes(random, (20, 16))
    assert score(prediction, truth, valid) == pytest.approx(
        errors_twin(prediction, truth, valid, align), rel=1e-9
    )


def test_a_perfect_prediction_is_perfect(random):
    truth = poses(random)
    truth[3, 5:8] = np.nan
    prediction = np.where(np.isnan(truth), 0, truth)
    assert mpjpe(prediction, truth) == n_mpjpe(prediction, truth) == 0
    assert pa_mpjpe(prediction, truth) == pytest.approx(0, abs=1e-9)
    assert pck3d(prediction, truth) == 100
    assert auc3d(prediction, truth) == pytest.approx(
        100 * 30 / 31
    )  # no error is below the first threshold, 0


def test_alignment_undoes_what_it_should(random):
    truth = poses(random)
    turned = 0.3 * truth @ Rotation.random(rng=2).as_matrix().T + 1000
    assert pa_mpjpe(turned, truth) == pytest.approx(0, abs=1e-8)
    assert n_mpjpe(2.5 * truth, truth) == pytest.approx(0, abs=1e-9)
    assert mpjpe(truth + [3, 4, 0], truth) == pytest.approx(5)
    assert mpjpe(truth + [3, 4, 0], truth, root=6) == pytest.approx(0, abs=1e-9)


def test_procrustes_does_not_mirror(random):
    """A mirrored person is not a rotated one; the best proper rotation is what brute force finds."""
    truth = poses(random, count=1)
    mirrored = truth * [-1, 1, 1]
    ours = joint_errors(mirrored, truth, align="procrustes")[0]
    theirs = np.linalg.norm(procrustes_twin(mirrored[0], truth[0]) - truth[0], axis=-1)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    assert ours.mean() > 50


def test_procrustes_survives_points_on_a_line_and_in_one_place():
    line = np.linspace(0, 1, 5)[None, :, None] * [1.0, 2.0, 3.0]
    ones = np.ones((1, 5, 1))
    np.testing.assert_allclose(procrustes(2 * line, line, ones), line, atol=1e-12)
    assert np.isfinite(procrustes(np.zeros((1, 5, 3)), line, ones)).all()


def test_too_few_joints_cannot_be_aligned(random):
    prediction, truth = poses(random, 3), poses(random, 3)
    valid = np.zeros((3, 16), bool)
    valid[0, :1], valid[1, :2], valid[2, :4] = True, True, True
    assert (~np.isnan(joint_errors(prediction, truth, valid))).sum(1).tolist() == [1, 2, 4]
    assert (~np.isnan(joint_errors(prediction, truth, valid, align="scale"))).sum(1).tolist() == [0, 2, 4]
    assert (~np.isnan(joint_errors(prediction, truth, valid, align="procrustes"))).sum(1).tolist() == [
        0,
        0,
        4,
    ]


def test_a_sample_without_its_root_is_missing(random):
    truth = poses(random, 2)
    truth[0, 6] = np.nan
    errors = joint_errors(poses(random, 2), truth, root=6)
    assert np.isnan(errors[0]).all()
    assert not np.isnan(errors[1]).any()


def test_nothing_to_score_is_nan(random):
    truth = np.full((2, 16, 3), np.nan)
    assert np.isnan(mpjpe(poses(random, 2), truth))
    assert np.isnan(pa_mpjpe(poses(random, 2), truth))
    assert np.isnan(pck3d(poses(random, 2), truth))


def test_a_prediction_of_nan_is_an_error(random):
    prediction, truth = poses(random, 2), poses(random, 2)
    prediction[1, 3] = np.nan
    with pytest.raises(StudyError, match="sample 1, joint 3"):
        mpjpe(prediction, truth)
    valid = np.ones((2, 16), bool)
    valid[1, 3] = False
    assert np.isfinite(pa_mpjpe(prediction, truth, valid))


def test_shapes_must_agree(random):
    with pytest.raises(ValueError, match=r"\(N, J, D\)"):
        mpjpe(poses(random, 2), poses(random, 1))


def test_pck_and_auc_by_hand():
    truth = np.zeros((1, 4, 3))
    prediction = truth.copy()
    prediction[0, :, 0] = [10, 149, 150, 1000]
    assert pck3d(prediction, truth) == 50  # 150 is not below 150
    assert auc3d(prediction, truth) == pytest.approx(
        100 / 4 * (28 + 1) / 31
    )  # 10 passes from 15 on, 149 at 150 only


# ---------------------------------------------------------------- 2D


def pckh_twin(prediction, truth, head_size, labelled, threshold):
    right = counted = 0
    for n in range(len(truth)):
        for j in range(16):
            if j in (6, 7) or not labelled[n, j] or np.isnan(head_size[n]):
                continue
            counted += 1
            right += np.hypot(*(prediction[n, j] - truth[n, j])) / head_size[n] <= threshold
    return 100 * right / counted


def test_pckh_equals_its_twin(random):
    truth = random.uniform(0, 400, (30, 16, 2))
    prediction = truth + random.normal(0, 15, truth.shape)
    head_size, labelled = random.uniform(20, 60, 30), holes(random, (30, 16))
    head_size[:3] = np.nan
    truth[~labelled] = np.nan
    assert pckh(prediction, truth, head_size, labelled) == pytest.approx(
        pckh_twin(prediction, truth, head_size, labelled, 0.5)
    )


def test_pckh_limits():
    truth, labelled = np.zeros((1, 16, 2)), np.ones((1, 16), bool)
    prediction = truth.copy()
    prediction[0, :, 0] = 5.0
    assert pckh(prediction, truth, np.array([10.0]), labelled) == 100  # "<=": just within
    assert pckh(prediction, truth, np.array([9.9]), labelled) == 0
    assert np.isnan(pckh(prediction, truth, np.array([np.nan]), labelled))
    prediction[0, [6, 7]] = 1000
    assert pckh(prediction, truth, np.array([10.0]), labelled) == 100
    assert pckh(prediction, truth, np.array([10.0]), labelled, left_out=()) == pytest.approx(100 * 14 / 16)
    assert np.nanmean(size_hits(joint_errors(prediction, truth, labelled), [25.0], 0.2)) == pytest.approx(
        100 * 14 / 16
    )


def test_masks_given_are_not_changed():
    labelled = np.ones((1, 16), bool)
    pckh(np.zeros((1, 16, 2)), np.zeros((1, 16, 2)), np.ones(1), labelled)
    assert labelled.all()


def test_hits_by_hand():
    errors = np.array([[10.0, 10.1, np.nan], [4.0, 5.0, 6.0]])
    np.testing.assert_array_equal(hits(errors, 10.1), [[100, 0, np.nan], [100, 100, 100]])
    np.testing.assert_array_equal(hits(errors, 10.1, within=True)[0], [100, 100, np.nan])
    limits = np.array([[np.nan], [5.0]])  # one for each person
    np.testing.assert_array_equal(hits(errors, limits), [[np.nan] * 3, [100, 0, 0]])
    np.testing.assert_array_equal(size_hits(errors, [0.0, 10.0], 0.5), [[np.nan] * 3, [100, 100, 0]])


def test_depth_order_by_hand():
    pairs = [(0, 1), (0, 2), (1, 2), (0, 3)]
    truth = np.array(
        [[0.0, 101.0, 100.0, np.nan], [0.0, -200.0, 300.0, 400.0]]
    )  # mm; 100 is not apart enough
    depth = np.array([[5.0, 6.0, -9.0, 0.0], [0.0, 1.0, np.nan, 0.0]])
    nan = np.nan
    expected = [[100, nan, nan, nan], [0, nan, nan, 0]]  # wrong; not predicted; equal depths are wrong
    np.testing.assert_array_equal(depth_order_hits(depth, truth, pairs), expected)
    np.testing.assert_array_equal(depth_order_hits(7 * depth + 3, truth, pairs), expected)


def test_exchanged_sides_by_hand(random):
    truth = random.normal(0, 50, (4, 16, 2))
    exchanged = truth[:, [5, 4, 3, 2, 1, 0, 6, 7, 8, 9, 15, 14, 13, 12, 11, 10]]
    prediction = np.stack([truth[0], exchanged[1], exchanged[2] + 3, truth[3]])
    truth[2, 0] = np.nan
    truth[3, [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15]] = np.nan  # nothing that has a side
    np.testing.assert_array_equal(exchanged_sides(prediction, truth), [[0], [100], [100], [np.nan]])


def test_an_infinite_prediction_is_refused(random):
    prediction, truth = poses(random, 2), poses(random, 2)
    prediction[1, 3] = np.inf
    with pytest.raises(StudyError, match="sample 1, joint 3 is infinite"):
        pck3d(prediction, truth)
