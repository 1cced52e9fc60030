"""A table as it looks: intervals, the best of one test set, the data beside it."""

import re

import numpy as np
import pandas as pd
import pytest

from hpe_study.report.display import Score, show, tidy


def test_a_score_shows_its_interval_and_marks():
    assert str(Score(117.4, 111.0, 123.7, "‡")) == "117‡ [111, 124]"
    assert str(Score(-3.2, -5.0, 1.0)) == "−3 [−5, 1]"
    assert str(Score.printed(64.49)) == "64.5"
    assert Score.printed(94.5, "mpii", "higher").better == "higher"  # Table 1's PCKh
    assert str(Score(np.nan)) == "–"


def table():
    rows = {"a": Score(3.0, test_set="h36m", better="lower"), "b": Score(2.0, test_set="lsp", better="lower")}
    rows |= {"c": Score(4.0, test_set="h36m", better="lower"), "d": Score.printed(1.0, "h36m"), "e": np.nan}
    return pd.DataFrame({"mpjpe": rows}, dtype=object).rename_axis("label")


def test_the_best_is_of_one_test_set_and_of_ours_or_the_papers(study):
    page = show(table(), "some", "Some <b>", study).data
    bold = re.search(r"<style[^>]*>\n(#T_some_row.*?)</style>", page, re.S)[1]
    assert sorted(re.findall(r"row(\d)_col0", bold)) == ["0", "1", "3"]  # 4.0 is beaten on its own test set
    assert "Some &lt;b&gt; (simulated people)" in page
    assert page.count('class="published"') == 1


def test_numbers_are_saved_as_data(study):
    show(table(), "some", "Some", study)
    saved = pd.read_csv(study.figures / "some.csv")
    assert saved["value"].tolist()[:4] == [3.0, 2.0, 4.0, 1.0]
    assert r"\begin{tabular}" in (study.figures / "some.tex").read_text()
    assert list(saved.columns) == list(tidy(table()).columns)


def test_what_is_published_is_not_written_over():
    from hpe_study.study.locate import find_study

    study = find_study("reference")
    assert study.home / "figures" / "reference" not in (study.figures, *study.figures.parents)


@pytest.mark.parametrize("text", ["<script>", "a & b"])
def test_words_from_files_are_escaped(study, text):
    page = show(pd.DataFrame({"x": [text]}), "words", "Words", study, [text]).data
    assert text not in page


def test_a_title_says_which_people_are_real_where_the_rows_do_not(study):
    rows = pd.Index(["h36m", "pose2sim"], name="test_set")
    assert (
        "Some (simulated people; Pose2Sim: real)"
        in show(pd.DataFrame({"x": 1.0}, rows), "s", "Some", study).data
    )
    rows = pd.MultiIndex.from_product([rows, ["real"]], names=["test_set", "origin"])
    assert "simulated people" not in show(pd.DataFrame({"x": 1.0}, rows), "s", "Some", study).data


def test_a_minus_is_a_minus_and_zero_has_none(study):
    page = show(pd.DataFrame({"x": [-96, "-64", "MPI-INF"]}), "minus", "Minus", study).data
    assert all(f">{text}<" in page for text in ("−96", "−64", "MPI-INF"))
    assert str(Score(-0.04, -1.0, 1.0, digits=1)) == "0.0 [−1.0, 1.0]"
