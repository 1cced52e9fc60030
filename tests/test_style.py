"""What ruff cannot check: short parameter lists, short files, annotated public names."""

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
MOST_PARAMETERS, MOST_LINES = 6, 350
FILES = sorted(
    path for package in ("hpe_study", "simulated_people") for path in (PROJECT / package).rglob("*.py")
)


def functions(path):
    """(name, function, whether it is public) of every function of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef):
                inside = getattr(node, "name", "")
                public = not child.name.startswith("_") and not inside.startswith("_")
                nested = isinstance(node, ast.FunctionDef)
                yield child.name, child, public and not nested


def parameters(function):
    given = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
    return [argument for argument in given if argument.arg not in ("self", "cls")]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_file_is_short_and_its_functions_are_readable(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
    for name, function, public in functions(path):
        assert len(parameters(function)) <= MOST_PARAMETERS, name
        missing = [argument.arg for argument in parameters(function) if argument.annotation is None]
        assert not (public and missing), f"{name}: {', '.join(missing)} not annotated"
