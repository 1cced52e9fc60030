"""The results explorer: every choice is a query whose rows are those shown."""

import time

import numpy as np
import pandas as pd
import pytest

from hpe_study.evaluation.scoring import values_3d
from hpe_study.report.breakdown import JOINT, score_parts
from hpe_study.report.explorer import COMPARED, WHOLE, Explorer
from hpe_study.report.style import run_title
from hpe_study.skeletons import MPII16
from hpe_study.study.locate import find_study


@pytest.fixture(scope="module")
def published():
    from hpe_study.report.results import Results

    return Results(find_study("reference"))


@pytest.fixture
def runs(published):
    return published.runs


@pytest.fixture
def explorer(published):
    return Explorer(published)


def shown(explorer):
    """The figure's traces that are seen."""
    return [trace for trace in explorer.plot.data if trace.visible]


def test_the_query_gives_the_rows_that_are_shown(explorer, runs):
    explorer.test_set.value, explorer.metric.value = "h36m", "mpjpe"
    explorer.scheme.value, explorer.stage.value = ["3d"], [3]
    expected = runs[
        (runs.test_set == "h36m")
        & (runs.metric == "mpjpe")
        & (runs.scorer == "model")
        & (runs.scheme == "3d")
        & (runs.stage == 3)
    ]
    assert len(expected) == 9 * runs.seed.nunique()
    assert sorted(runs.query(explorer.text.value).run) == sorted(expected.run)
    means = expected.groupby(expected.run.map(run_title)).value.mean().sort_values()
    (dots,) = shown(explorer)
    assert list(dots.y) == list(means.index)  # the smallest error first
    np.testing.assert_allclose(dots.x, means)
    assert all(title in explorer.table.value for title in dots.y)


def test_a_condition_is_the_mean_over_the_chosen_seeds_with_their_range(detailed):
    assert detailed.seed.options == (0, 1)
    rows = detailed.selection
    one = detailed.conditions.loc["MPII → H36M, stage 3"]
    values = rows[rows.run.isin([f"stage3-mpii-h36m-h36m-seed{seed}" for seed in (0, 1)])].value
    assert (one.value, one.low, one.high) == (pytest.approx(values.mean()), values.min(), values.max())
    assert one.seeds == 2
    (dots,) = shown(detailed)
    np.testing.assert_allclose(dots.x + dots.error_x.array, detailed.conditions.high.head(len(dots.x)))
    assert "range of the seeds" in detailed.plot.layout.xaxis.title.text
    detailed.seed.value = [1]
    one, row = detailed.conditions.iloc[0], detailed.selection.iloc[0]
    assert (one.value, one.low, one.high) == (row.value, row.low, row.high)
    assert "95 % interval" in detailed.plot.layout.xaxis.title.text


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("stage1-mpii-seed0", "MPII, stage 1"),
        ("stage3-lsp-x2-h36m-occlusion_person-seed12", "LSP ×2 → H36M → Occlusion-Person, stage 3"),
        ("stage3-only3d-h36m-h36m-seed0", "3D only → H36M, stage 3"),
        (
            "stage2-mpii-from_scratch-equal_images-h36m-seed0",
            "MPII → H36M, stage 2, from scratch, equal images",
        ),
        ("stage3-mpii-geometry1e-05-h36m-h36m-seed0", "MPII → H36M, stage 3, geometry1e-05"),
    ],
)
def test_runs_have_names_for_people(name, title):
    assert run_title(name) == title


def test_no_two_conditions_share_a_name(runs):
    names = runs.run.str.rpartition("-seed")[0].unique()
    assert len({run_title(f"{name}-seed0") for name in names}) == len(names)


def test_scores_that_should_be_high_come_highest_first(explorer):
    explorer.test_set.value, explorer.metric.value = "mpii", "pckh"
    values = list(shown(explorer)[0].x)
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize(
    ("chosen", "expected"), [(["none"], {None}), (["mpii"], {"mpii"}), (["none", "lsp"], {None, "lsp"})]
)
def test_runs_without_a_2d_set_can_be_chosen(explorer, chosen, expected):
    explorer.test_set.value = "h36m"
    explorer.two_d.value = chosen
    assert {None if pd.isna(name) else name for name in explorer.selection.two_d} == expected


def test_a_test_set_without_the_chosen_metric_takes_one_that_it_has(explorer):
    explorer.test_set.value, explorer.metric.value = "h36m", "mpjpe"
    explorer.test_set.value = "flic"
    assert explorer.metric.value == "pck_crop"
    assert len(explorer.selection)


def test_nothing_chosen_is_said(explorer):
    explorer.test_set.value, explorer.two_d.value = "h36m", ["none"]
    explorer.scheme.value = ["fusion"]  # fusion has a 2D set
    assert "No run fits" in explorer.table.value
    assert not shown(explorer)


def test_a_choice_takes_less_than_a_third_of_a_second(explorer):
    explorer.test_set.value = "h36m"
    start = time.process_time()
    explorer.metric.value = "pa_mpjpe"
    assert time.process_time() - start < 0.3


# ---------------------------------------------------------------- part by part


@pytest.fixture
def detailed(results):
    explorer = Explorer(results)
    explorer.test_set.value, explorer.metric.value = "h36m", "mpjpe"
    return explorer


def test_per_joint_is_the_mean_over_people(detailed, results):
    detailed.split.value = JOINT
    best = detailed.conditions.head(COMPARED)
    assert list(detailed.parts) == [*best.index, "records"]
    truth = results.labels("h36m")["joints3d"].astype(float)
    joint = MPII16.index("l_wrist")
    values = [
        values_3d(results.prediction(run, "h36m").poses, truth)["mpjpe"][:, joint].mean()
        for run in best.runs.iloc[0]
    ]
    assert len(values) == 2  # seeds
    assert detailed.parts.loc["l wrist", best.index[0]] == pytest.approx(np.mean(values))
    assert [trace.name for trace in shown(detailed)] == list(best.index)
    assert "l wrist" in detailed.table.value


def test_groups_of_people_add_up_to_the_whole(results):
    name = results.runs["run"].iloc[-1]
    for key in ("action", "camera", "sequence", "subject"):
        parts = score_parts(results, name, "h36m", "mpjpe", key)
        errors, joints = results.errors(name, "h36m", "mpjpe"), results.joints("h36m")
        for group, part in parts.iterrows():
            own = results.labels("h36m")[key].astype(str) == group
            assert part["records"] == own.sum()
            assert part["value"] == pytest.approx(np.average(errors[own], weights=joints[own]))


def test_what_is_not_known_per_joint_is_said(detailed):
    detailed.split.value, detailed.metric.value = JOINT, "pck_crop"
    assert "not known" in detailed.table.value
    assert not shown(detailed)
    detailed.split.value = WHOLE
    assert len(shown(detailed)) == 1


def test_the_published_records_alone_have_no_parts_to_offer(published, explorer):
    explorer.test_set.value = "h36m"
    known = published.labels("h36m") is not None
    assert (len(explorer.split.options) > 1) == known


def test_parts_follow_in_less_than_a_third_of_a_second(detailed):
    detailed.split.value = JOINT
    start = time.process_time()
    detailed.metric.value = "pckh"
    assert time.process_time() - start < 0.3
