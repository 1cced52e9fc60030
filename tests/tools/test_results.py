"""README's results are what the published records give."""

from pathlib import Path

import pandas as pd

from tools.results import BOTH, NEITHER, cell, results_table, with_results

PROJECT = Path(__file__).resolve().parents[2]


def test_readme_holds_the_published_results():
    text = (PROJECT / "README.md").read_text()
    assert text == with_results(text), "README.md is behind: python -m tools.results"


def test_readme_fits_two_screens():
    assert len((PROJECT / "README.md").read_text().splitlines()) <= 130


def test_rows_without_published_runs_are_left_out(tmp_path):
    folder = tmp_path / "figures/reference/records"
    folder.mkdir(parents=True)
    records = pd.read_csv(PROJECT / "figures/reference/records/runs.csv", low_memory=False)
    records[records.run.str.contains("only3d")].to_csv(folder / "runs.csv", index=False)
    assert len(results_table(tmp_path).splitlines()) == 2  # the heading


def test_runs_of_one_name_in_two_profiles_are_not_mixed(tmp_path):
    """Tables 6 and 7 name some runs alike, and learn from another number of images."""
    for name, value in (("today", 1.0), ("real", 2.0)):
        row = {"test_set": "h36m", "metric": "mpjpe", "scorer": "model", "protocol": "study", "unit": "mm"}
        row |= {"value": value, "low": value, "high": value, "n": 5, "seed": 0, "test_origin": "simulated"}
        folder = tmp_path / "figures/reference" / name / "records"
        folder.mkdir(parents=True)
        runs = [row | {"run": f"{run}-seed0"} for run in (NEITHER, BOTH)]
        pd.DataFrame(runs).to_csv(folder / "runs.csv", index=False)
    assert "| 1 [1, 1] mm | 1 [1, 1] mm | simulated MPII | 5, 1 |" in results_table(tmp_path)


def test_intervals_are_over_people_and_seeds():
    scores = pd.DataFrame({"value": [10.2, 14.4], "low": [10.2, 14.4], "high": [10.2, 14.4], "unit": "mm"})
    assert cell(scores) == "12 [8, 16] mm"  # 1.96 · 2.97 / √2 = 4.1
    assert cell(scores.head(1).assign(low=0, high=99)) == "10 [0, 99] mm"
