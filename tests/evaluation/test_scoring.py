"""Scores of a test set: oracle, baselines, groups, head sizes."""

import numpy as np
import pytest

from hpe_study.data.preparation import prepare
from hpe_study.data.store import Store
from hpe_study.data.store_key import StoreSettings
from hpe_study.evaluation.scoring import baselines, fit_baselines, head_sizes, rows_for_set
from hpe_study.skeletons.bone_lengths import bone_lengths, mean_bone_lengths


def truth_of(store):
    """What a perfect network would give: joints as fractions of the box, depth in its sides."""
    return store.boxes.to_fraction(store["joints2d"]), store["depth"]


def table(rows):
    return {(row["scorer"], row["metric"]): row for row in rows}


def test_a_perfect_network_scores_perfectly(stick_stores):
    """Ground truth in, 100 % and 0 mm out once the person's size is known; with canonical lengths the size is
    the only error left."""
    store, train = stick_stores["3d", "test"], stick_stores["3d", "train"]
    joints, depth = truth_of(store)
    bones = mean_bone_lengths(train["joints3d"])
    rows = table(rows_for_set(joints, depth, store, bones, fit_baselines(train, bones)))
    assert rows["model", "pckh"]["value"] == 100
    assert rows["model", "pck_crop"]["value"] == 100
    assert rows["model", "pa_mpjpe"]["value"] < 0.01
    assert rows["model", "n_mpjpe"]["value"] < 0.01
    assert (
        rows["model", "mpjpe"]["value"] < 25
    )  # canonical lengths against this person's own: a few per cent of a body
    assert (
        rows["model", "mpjpe"]["value"]
        < rows["true 2D + mean depth", "mpjpe"]["value"]
        < rows["best constant pose", "mpjpe"]["value"]
    )


def test_baselines_are_fitted_on_training_poses_alone(stick_stores):
    store, train = stick_stores["3d", "test"], stick_stores["3d", "train"]
    bones = mean_bone_lengths(train["joints3d"])
    fitted = fit_baselines(train, bones)
    constant = baselines(store, bones, fitted)["best constant pose"]
    assert (constant == constant[0]).all()
    training = train["joints3d"] - train["joints3d"][:, [6]]
    error = np.linalg.norm(training - constant[0], axis=-1).mean()
    mean = training.mean(0)[None]
    rescaled = mean * bones.sum() / bone_lengths(mean).sum()
    assert error < np.linalg.norm(training - rescaled, axis=-1).mean()


def test_heads_fall_back_where_a_set_has_none():
    joints = np.full((3, 16, 2), np.nan)
    joints[:2, 9], joints[:2, 8] = [0, 0], [0, 40]
    heads = head_sizes({"joints2d": joints, "head_size": np.array([12.0, np.nan, np.nan])})
    np.testing.assert_allclose(heads, [12, 0.75 * 40, np.nan])


def test_floors_beside_a_real_person(tmp_path, stick_stores):
    """Perfect 2D without depth and with it, and two rules of thumb, on the set that comes with the package."""
    settings = StoreSettings("pose2sim", "test", 32, options={"every": 20})
    store = Store(prepare(settings, tmp_path, tmp_path / "pose2sim-test.h5", progress=False))
    assert (len(store), store.origin) == (20, "real")
    bones = mean_bone_lengths(store["joints3d"])
    rows = table(
        rows_for_set(*truth_of(store), store, bones, fit_baselines(stick_stores["3d", "train"], bones))
    )
    assert rows["model", "exchanged"]["value"] == 0
    assert rows["model", "ordinal"]["value"] == 100
    assert rows["true 2D + zero depth", "pa_mpjpe"]["value"] > 90
    assert rows["true 2D + true depth", "pa_mpjpe"]["value"] < 30
    assert ("true 2D + zero depth", "ordinal") not in rows
    lower, higher = (rows[f"{side} is closer", "ordinal"]["value"] for side in ("lower", "higher"))
    assert (higher > 75, lower + higher) == (True, pytest.approx(100))
    assert rows["model", "ordinal_sides"]["n"] == 20
