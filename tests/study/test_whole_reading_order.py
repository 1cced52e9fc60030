"""The index leads to every notebook; the viewer's notebooks and your question have short cells and run."""

import re
from pathlib import Path

import nbformat
import pytest

from hpe_study.study.notebooks import execute_notebook

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
LINES = 10  # of a cell
OURS = ("explore", "your_photos", "your_question")


def cells(name, kind):
    return [
        cell
        for cell in nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells
        if cell.cell_type == kind
    ]


@pytest.fixture(scope="module")
def index():
    return "\n".join(cell.source for cell in cells("index", "markdown"))


def test_the_index_links_every_notebook_once(index):
    linked = re.findall(r"\]\((\w+)\.ipynb\)", index)
    assert sorted(linked) == sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb") if path.stem != "index")


@pytest.mark.parametrize("name", OURS)
def test_their_cells_are_short_and_hold_no_widget(name):
    code = [cell.source for cell in cells(name, "code")]
    assert max(len(source.splitlines()) for source in code) <= LINES
    assert not any(re.search(r"^\s*(def|class) ", source, re.M) for source in code)
    assert "parameters" in cells(name, "code")[0].metadata["tags"]
    path = NOTEBOOKS / f"{name}.ipynb"
    assert path.stat().st_size < 150_000
    assert "widgets" not in nbformat.read(path, as_version=4).metadata
    assert "vnd.jupyter.widget-view" not in path.read_text()  # a still picture stands for it


@pytest.mark.parametrize("name", OURS)
def test_they_run(name, own_tiny_study, tmp_path):
    executed = execute_notebook(
        own_tiny_study.home / "notebooks" / f"{name}.ipynb", tmp_path / "executed.ipynb", {}
    )
    text = executed.read_text()
    assert {"explore": "Viewer(", "your_photos": "x_mm", "your_question": "paired difference"}[name] in text
    assert "Traceback" not in text
