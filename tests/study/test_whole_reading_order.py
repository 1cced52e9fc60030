"""The index leads to every notebook, with words for those who do not see thumbnails; the viewer's notebooks
are thin and run."""

import base64
import io
import re
import shutil
import statistics
from pathlib import Path

import nbformat
import pytest
from PIL import Image

from hpe_study.study.notebooks import execute_notebook
from tools import thumbnails

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
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


def test_thumbnails_exist_and_have_alt_text(index):
    shown = re.findall(r"<img [^>]*>", index)
    assert shown
    for image in shown:
        assert (NOTEBOOKS / re.search(r'src="(.+?)"', image)[1]).exists()
        assert len(re.search(r'alt="(.+?)"', image)[1]) > 20
        assert "simulated" in image


def test_every_notebook_has_a_thumbnail(index):
    rows = [line for line in index.splitlines() if ".ipynb)" in line]
    without = [line for line in rows if "<img" not in line]
    assert len(rows) > 20
    assert all("public_weights.ipynb" in line for line in without)  # shows nothing without the weights


def test_pages_become_thumbnails_where_there_is_a_browser(tmp_path, monkeypatch):
    (tmp_path / "table4.html").write_text("<body style='background: rgb(213, 94, 0)'>")
    made = thumbnails.page_pictures(tmp_path)
    assert set(made) == ({"table4"} if shutil.which("chromium") else set())
    for data in made.values():
        assert thumbnails.shrunk(data).convert("RGB").getpixel((140, 85)) == (213, 94, 0)
    monkeypatch.setenv("PATH", "")
    assert thumbnails.page_pictures(tmp_path) == {}


def test_thumbnails_come_out_of_executed_notebooks(tmp_path):
    """The last picture counts; it is shrunk into the frame, on white, and keeps its colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (700, 100), (213, 94, 0)).save(buffer, format="PNG")
    data = {"image/png": base64.b64encode(buffer.getvalue()).decode()}
    cell = nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("display_data", data)])
    path = tmp_path / "stage2-mpii-h36m-seed0" / "stage.ipynb"
    path.parent.mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    made = thumbnails.shrunk(thumbnails.picture_in(path)).convert("RGB")
    assert made.size == thumbnails.SIZE
    assert made.getpixel((140, 85)) == (213, 94, 0)
    assert made.getpixel((2, 2)) == (255, 255, 255)
    assert thumbnails.notebook_of(path) == "stage2"


@pytest.mark.parametrize("name", OURS)
def test_they_are_thin(name):
    code = [cell.source for cell in cells(name, "code")]
    assert statistics.median(len(source.splitlines()) for source in code) <= 5
    assert not any(re.search(r"^\s*(def|class) ", source, re.M) for source in code)
    assert "parameters" in cells(name, "code")[0].metadata["tags"]
    assert not any(cell.outputs for cell in cells(name, "code"))
    assert "widgets" not in nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).metadata


@pytest.mark.parametrize("name", OURS)
def test_they_run(name, tiny_study, tmp_path):
    home = tmp_path / "home"
    shutil.copytree(tiny_study.home, home)
    executed = execute_notebook(home / "notebooks" / f"{name}.ipynb", tmp_path / "executed.ipynb", {})
    text = executed.read_text()
    assert {"explore": "Viewer(", "your_photos": "x_mm", "your_question": "paired difference"}[name] in text
    assert "Traceback" not in text
