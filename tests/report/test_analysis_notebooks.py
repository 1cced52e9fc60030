"""The analysis notebooks are thin, clean, and there for whatever the graph asks for."""

from pathlib import Path
from statistics import median

import nbformat
import pytest

from hpe_study.config import ANALYSES

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
COST = "cost"  # counts what the paper's own profile would take, and trains nothing
NAMES = [*(name for name in ANALYSES if name != "audit"), COST]


@pytest.fixture(params=NAMES)
def notebook(request):
    found = nbformat.read(FOLDER / f"{request.param}.ipynb", as_version=4)
    nbformat.validate(found)
    return found


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_it_holds_no_logic(notebook):
    lines = [line.lstrip() for cell in code(notebook) for line in cell.source.splitlines()]
    assert not [
        line
        for line in lines
        if line.startswith(("def ", "class ", "for ", "while ", "if ", "try:", "lambda"))
    ]
    assert median(len(cell.source.splitlines()) for cell in code(notebook)) <= 5


def test_its_parameters_are_tagged_and_run_nothing_large(notebook, request):
    """By default a notebook shows the published records where those are enough, and otherwise the tiny
    study."""
    tagged = [cell for cell in code(notebook) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    name = request.node.callspec.params["notebook"]
    profiles = ("paper",) if name == COST else ("reference", "reference_fair", "quick")
    first, *others = tagged[0].source.splitlines()
    assert first in [f'profile = "../params/{profile}.yaml"' for profile in profiles]
    assert not others or name == COST


def test_it_runs_on_the_python_kernel_and_carries_no_widget_state(notebook):
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata


def test_it_opens_with_a_heading(notebook):
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")


def test_one_checked_cell_without_outputs_is_never_committed(notebook):
    checked = [cell for cell in code(notebook) if "nbval-check-output" in cell.metadata.get("tags", [])]
    assert all(cell.outputs for cell in checked)
