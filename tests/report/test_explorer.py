"""The results explorer: every choice is a query whose rows are those shown."""

import time
from pathlib import Path

import pandas as pd
import pytest

from hpe_study.report.explorer import Explorer

RECORDS = Path(__file__).resolve().parents[2] / "figures/reference/records/runs.csv"


@pytest.fixture(scope="module")
def runs():
    return pd.read_csv(RECORDS, low_memory=False)


@pytest.fixture
def explorer(runs):
    return Explorer(runs)


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
    assert len(expected) == 9
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
