"""The page stands alone: question, answers, tables and pictures without code."""

import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from hpe_study.errors import StudyError
from hpe_study.report.page import write_report

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture
def text(study):
    cells = [new_markdown_cell("# Table 1 · Fusion\n\nThe paper says so.\n\nHow it is read.")]
    for tags, data in (
        (["report"], {"text/html": '<table id="mine"></table><a href="../docs/glossary.md">words</a>'}),
        (["report"], {"image/png": PIXEL}),
        ([], {"text/plain": "not for the page"}),
        (["report"], {"text/markdown": "MPII is **best**."}),
    ):
        outputs = [new_output("display_data", data)]
        cells.append(new_code_cell("hidden = 1", metadata={"tags": tags}, outputs=outputs))
    study.figures.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells), study.figures / "table1.ipynb")
    return write_report(study).read_text(encoding="utf-8")


def test_it_needs_no_network(text):
    assert not re.search(r'<(?:img|script|link|iframe)[^>]+(?:src|href)="http', text)


def test_it_shows_what_is_tagged_and_no_code(text):
    assert "Table 1 · Fusion" in text
    assert "The paper says so." in text
    assert "<strong>best</strong>" in text
    assert 'id="mine"' in text
    assert PIXEL[:40] in text
    assert "hidden" not in text
    assert "not for the page" not in text
    assert "How it is read" not in text
    assert 'href="../../docs/glossary.md"' in text


def test_the_answer_comes_first_with_its_marks_and_numbers(study, text):
    claims = (
        "claim,statement,ours: verdict,ours: Holm verdict\n"
        "1,MPII < LSP helps.,holds,holds\n2,Less time.,holds,can't tell\n"
    )
    (study.figures / "claims.csv").write_text(claims)
    columns = "claim,contrast,ours: value,ours: low,ours: high,ours: unit\n"
    (study.figures / "contrasts.csv").write_text(
        columns + "1,MPII − LSP,-66.2,-80.7,-49.3,mm\n2,minutes,1.66,,,min\n"
    )
    page = write_report(study).read_text(encoding="utf-8")
    assert "✔ holds</b>: MPII &lt; LSP helps. <small>MPII − LSP: −66 [−81, −49] mm</small>" in page
    assert "minutes: 1.7 min</small>" in page  # without an interval, where none is known
    assert "? can't tell" in page
    assert page.index("The answer") < page.index("Table 1 · Fusion")


def test_a_question_is_text(study, text, monkeypatch):
    profile = study.profile.model_copy(update={"question": "a <script>b</script>?"})
    monkeypatch.setattr(study, "profile", profile)
    assert "a &lt;script&gt;b&lt;/script&gt;?" in write_report(study).read_text(encoding="utf-8")


def test_it_says_simulated_and_gives_the_terms_of_the_data(text):
    assert "(simulated people)" in text
    assert "Simulated people." in text
    assert "academic use, registration, no redistribution" in text


def test_without_notebooks_it_says_what_to_do(study, tmp_path, monkeypatch):
    monkeypatch.setattr(type(study), "figures", property(lambda self: tmp_path))
    with pytest.raises(StudyError, match="run make study"):
        write_report(study)
