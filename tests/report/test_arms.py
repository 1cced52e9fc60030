"""Arms at equal images: tidy scores, pooled and compared, and what labels are worth."""

import pandas as pd
import pytest

from hpe_study.report.arms import (
    COLUMNS,
    TESTS,
    as_table,
    contrasts,
    find_run,
    in_words,
    missing,
    pooled,
    scores_of,
    study_of,
)
from hpe_study.study import Study

ARMS = {arm: {"arm": arm, "budget": "images", "stage": 2} for arm in ("none", "both")}


@pytest.fixture(scope="module")
def scores(study):
    return scores_of(study)


def test_a_row_is_an_arm_a_seed_and_a_column(study, scores):
    run = find_run(study, **ARMS["both"])
    rows = scores[(scores["run"] == run.name) & (scores["scorer"] == "model")]
    assert rows["test"].is_unique
    assert set(rows["test"]) >= {"H36M, MPJPE (mm)", "MPI-INF-3DHP, MPJPE (mm)"}
    assert set(rows["origin"]) == {"simulated"}
    assert set(rows["source"]) == {"simulated MPII"}
    assert find_run(study, **ARMS["none"], recipe="none of them") is None


def test_seeds_are_pooled_into_one_score():
    frame = pd.DataFrame(
        {
            "arm": ["a", "a", "b"],
            "value": [10.0, 12.0, 5.0],
            "low": [9.0, 11.0, 4.0],
            "high": [11.0, 13.0, 6.0],
        }
    )
    rows = pooled(frame.assign(test=TESTS["h36m", "mpjpe"]), ["arm", "test"]).set_index("arm")
    assert rows.loc["a", ["value", "seeds"]].tolist() == [11.0, 2]
    assert rows.loc["a", "low"] < 10 < 12 < rows.loc["a", "high"]
    assert str(rows.loc["b", "score"]) == "5.0 [4.0, 6.0]"
    assert rows.loc["b", "score"].better == "lower"
    assert pooled(frame.assign(test=TESTS["lsp", "pckh"]), ["test"])["score"][0].better == "higher"


def test_a_contrast_is_the_difference_of_the_means(study, scores):
    pairs = {"both less none": (ARMS["both"], ARMS["none"])}
    (row,) = contrasts(study, pairs, [("h36m", "mpjpe")]).itertuples()
    means = {}
    for arm, wanted in ARMS.items():
        names = [find_run(study, **wanted, seed=seed).name for seed in (0, 1)]
        chosen = scores[scores["run"].isin(names) & (scores["scorer"] == "model")]
        means[arm] = chosen.loc[chosen["test"] == "H36M, MPJPE (mm)", "value"].mean()
    assert row.value == pytest.approx(means["both"] - means["none"], abs=0.02)
    assert row.low < row.value < row.high
    assert row.seeds == 2
    assert row.says == ("higher" if row.low > 0 else "lower" if row.high < 0 else "can't tell")


def test_differences_as_a_table_and_in_words():
    rows = [
        ("A less B", "LSP, PCKh@0.5 (%)", 8.5, 5.9, 10.6, 3, "higher"),
        ("A less B", "H36M", -0.2, -1.8, 1.4, 3, "can't tell"),
    ]
    differences = pd.DataFrame(rows, columns=["contrast", "test", "value", "low", "high", "seeds", "says"])
    shown = as_table(differences).map(str).loc["A less B"]
    assert shown.to_dict() == {"LSP, PCKh@0.5 (%)": "8.5 [5.9, 10.6]", "H36M": "−0.2 [−1.8, 1.4]"}
    text, seeds = in_words(differences)["A less B"]
    assert text == "LSP, `PCKh@0.5` (%) 8.5 [5.9, 10.6], higher; H36M −0.2 [−1.8, 1.4], can't tell"
    assert seeds == 3
    assert as_table(differences[:0]).empty
    assert in_words(differences[:0]) == {}


def test_without_records_there_is_nothing_and_it_is_said():
    study = Study("params/real.yaml")
    if study.records[0].exists():
        pytest.skip("this checkout has run it")
    assert scores_of(study).columns.tolist() == COLUMNS
    assert "has no records yet: `hpe-study study params/real.yaml`" in missing(study)[0]
    assert contrasts(study, {"a": ({}, {})}, [("lsp", "pckh")]).empty


def test_a_published_profile_stands_in_where_a_study_has_no_records():
    fair = Study("params/fair.yaml")
    if fair.records[0].exists():
        pytest.skip("this checkout has run it")
    assert study_of("fair").profile.name == "reference_fair"
    assert study_of("real").profile.name in ("real", "reference_real")
