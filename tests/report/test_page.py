"""The page stands alone."""

import re

import pytest

from hpe_study.errors import StudyError
from hpe_study.report import page
from hpe_study.report.results import Results
from hpe_study.study.records import RUN_COLUMNS, read_history


@pytest.fixture(scope="module")
def text(results):
    return page.write(results).read_text()


def test_it_needs_no_network(text):
    assert not re.search(r'(?:src|href)="(?!data:|#|https?://)', text)
    assert not re.search(r'<(?:img|script|link|iframe)[^>]+(?:src|href)="http', text)


def test_it_has_every_section_and_every_picture_has_alt_text(text):
    for key in page.SECTIONS:
        assert f'<section id="{key}">' in text
    for number in range(1, 6):
        assert f"Table {number}." in text
    pictures = re.findall(r"<img [^>]*>", text)
    assert len(pictures) == 9
    assert all(re.search(r'alt="[^"]{40,}"', picture) for picture in pictures)


def test_it_says_simulated_and_gives_the_terms_of_the_data(text):
    assert "(simulated people)</h1>" in text
    assert "Simulated people." in text
    assert "academic use, registration, no redistribution" in text


def test_a_table_that_was_not_run_is_a_line_and_no_grid(results):
    less = Results(results.study)
    less.runs = less.runs[less.runs["budget"].isna()]
    made = page._tables(less)
    assert (
        "Table 4. Pre-training and mixing at equal cost (simulated people): not run in this profile" in made
    )
    assert "equal images seen" not in made
    assert "no pre-training, 3D only" in page._tables(results)


def test_a_missing_or_foreign_table_is_a_clear_error(study, tmp_path, monkeypatch):
    monkeypatch.setattr(type(study), "folder", property(lambda self: tmp_path))
    with pytest.raises(StudyError, match=r"runs\.csv"):
        Results(study)
    (tmp_path / "history.csv").write_text("run,epoch\na,1\n")
    with pytest.raises(StudyError, match="lacks the columns"):
        read_history(tmp_path / "history.csv", RUN_COLUMNS)
