"""The analysis notebooks are there for whatever the graph asks for, and can be read and run by anyone."""

import ast
import importlib
from pathlib import Path

import nbformat
import pytest

from hpe_study.config import ANALYSES, AUDIT

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
CLOSED = {"report"}  # no analysis of their own
LINES = 10  # of a cell
SIZE = 150_000  # bytes


NAMES = [
    name for name in (*ANALYSES, "cost", "errors", "public_weights") if (FOLDER / f"{name}.ipynb").exists()
]


@pytest.fixture(params=[name for name in NAMES if name != AUDIT])
def notebook(request):
    found = nbformat.read(FOLDER / f"{request.param}.ipynb", as_version=4)
    nbformat.validate(found)
    return found


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_its_cells_are_short_and_define_nothing(path):
    for cell in code(nbformat.read(path, as_version=4)):
        assert len(cell.source.splitlines()) <= LINES, cell.source
        nodes = [type(node) for node in ast.walk(ast.parse(cell.source))]
        assert not {ast.FunctionDef, ast.ClassDef} & set(nodes), cell.source


def test_its_parameters_are_tagged(notebook):
    tagged = [cell for cell in code(notebook) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    assert tagged[0].source.startswith("profile = ")


def test_it_runs_on_the_python_kernel_and_carries_no_widget_state(notebook):
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata


def test_it_opens_with_a_heading_and_holds_no_error_or_warning(notebook):
    assert notebook.cells[0].source.startswith("# ")
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]


def test_it_is_small(notebook):
    assert len(nbformat.writes(notebook)) <= SIZE


def test_it_ends_with_its_answer(notebook, request):
    if request.node.callspec.params["notebook"] in CLOSED:
        pytest.skip("shows what others say")
    assert code(notebook)[-1].source.rstrip().endswith(")")
    assert "Markdown(" in code(notebook)[-1].source
    assert "text/markdown" in code(notebook)[-1].outputs[0].data


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_what_it_imports_from_the_package_is_there(path):
    cells = code(nbformat.read(path, as_version=4))
    nodes = [node for cell in cells for node in ast.walk(ast.parse(cell.source))]
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module.startswith("hpe_study"):
            module = importlib.import_module(node.module)
            for name in (alias.name for alias in node.names if not hasattr(module, alias.name)):
                importlib.import_module(f"{node.module}.{name}")
