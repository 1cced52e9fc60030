"""README's results are what the published records give."""

from pathlib import Path

import pandas as pd

from tools.results import cell, results_table, with_results

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


def test_several_seeds_show_their_range():
    scores = pd.DataFrame({"value": [10.2, 14.4], "low": [0, 0], "high": [99, 99], "unit": "mm"})
    assert cell(scores) == "12 [10, 14] mm"
    assert cell(scores.head(1)) == "10 [0, 99] mm"
