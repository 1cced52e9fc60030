"""The results explorer: every choice is a query whose rows are those shown."""

import time

import numpy as np
import pandas as pd
import pytest

from hpe_study.evaluation.scoring import values_3d
from hpe_study.report.breakdown import JOINT, score_parts
from hpe_study.report.explorer import COMPARED, WHOLE, Explorer
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
    shown = list(explorer.plot.data[0].y)
    assert shown == list(expected.sort_values("value").run)  # the smallest error first
    assert all(run in explorer.table.value for run in shown)


def test_scores_that_should_be_high_come_highest_first(explorer):
    explorer.test_set.value, explorer.metric.value = "mpii", "pckh"
    values = list(explorer.plot.data[0].x)
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
    assert not explorer.plot.data


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
    runs = list(detailed.selection["run"][:COMPARED])
    assert list(detailed.parts) == [*runs, "records"]
    truth = results.labels("h36m")["joints3d"].astype(float)
    values = values_3d(results.prediction(runs[0], "h36m").poses, truth)["mpjpe"]
    joint = MPII16.index("l_wrist")
    assert detailed.parts.loc["l wrist", runs[0]] == pytest.approx(values[:, joint].mean())
    assert [trace.name for trace in detailed.plot.data] == runs
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
    assert not detailed.plot.data
    detailed.split.value = WHOLE
    assert len(detailed.plot.data) == 1


def test_the_published_records_alone_have_no_parts_to_offer(published, explorer):
    explorer.test_set.value = "h36m"
    known = published.labels("h36m") is not None
    assert (len(explorer.split.options) > 1) == known


def test_parts_follow_in_less_than_a_third_of_a_second(detailed):
    detailed.split.value = JOINT
    start = time.process_time()
    detailed.metric.value = "pckh"
    assert time.process_time() - start < 0.3
