"""The frame that tables start from: seeds pooled, costs with ancestors, marks against the baselines."""

import pytest

from hpe_study.report.scores import about, pool_seeds, published_scores
from tests.report.fabricated import BASELINE

ROW = (
    "scheme == 'fusion' and two_d == 'mpii' and three_d == 'h36m' and target == 'h36m' and metric == 'mpjpe'"
)


@pytest.fixture(scope="module")
def scores(results):
    return pool_seeds(results.runs)


def test_seeds_are_pooled_and_nothing_is_lost(scores, results):
    row = scores.query(f"{ROW} and test_set == 'mpi_inf_3dhp' and scorer == 'model' and budget == ''").iloc[0]
    runs = results.runs.query(
        "run.str.startswith('stage3-mpii-h36m-h36m-seed') and test_set == 'mpi_inf_3dhp'"
    )
    own = runs.query("metric == 'mpjpe' and scorer == 'model'")
    assert len(own) == row["seeds"] == 2
    assert row["value"] == pytest.approx(own["value"].mean())
    assert row["low"] < row["value"] < row["high"]
    assert len(scores) == len(results.runs) / 2


def test_images_and_minutes_are_those_of_the_whole_line(scores, results):
    row = scores.query(f"{ROW} and scorer == 'model' and budget == ''").iloc[0]
    runs = results.runs.set_index("run").loc[[f"stage3-mpii-h36m-h36m-seed{seed}" for seed in (0, 1)]]
    assert row["minutes"] == pytest.approx(runs["seconds_line"].mean() / 60)
    assert row["images"] == runs["images_line"].iloc[0]


def test_a_model_is_marked_where_it_does_not_beat_a_baseline(scores):
    models = scores.query("scorer == 'model' and metric == 'mpjpe'")
    worse = models["value"] >= BASELINE["true 2D + mean depth"]
    assert worse.any()
    assert (~worse).any()
    assert (models["marks"].str.contains("‡") == worse).all()
    assert (scores.query("scorer != 'model'")["marks"] == "").all()


def test_the_papers_numbers_are_rows_of_their_own():
    printed = published_scores("table2", three_d="stage2_3d", target="stage3_3d")
    assert len(printed) == 27
    assert set(printed["origin"]) == {"published"}
    row = printed.query("three_d == 'h36m' and target == 'h36m' and test_set == 'h36m'").iloc[0]
    assert str(row["score"]) == "137.6"


def test_few_groups_are_said(scores):
    assert "n = 2 seeds" in about(scores.query("scorer == 'model'"))
    assert about(scores.iloc[:0]) == "None of these was run."
