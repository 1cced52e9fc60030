"""Every path and module of this repository that README, docs and module docstrings name exists."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

PROJECT = Path(__file__).resolve().parents[2]
CODE = ("hpe_study", "simulated_people", "benchmarks", "tools", "tests")
TOP = (*CODE, "docs", "notebooks", "params", "profiles", "figures/reference")  # what a path may begin with
YOURS = {
    "params/mine.yaml",
    "hpe_study/datasets/coco.py",
    "hpe_study/models/plain.py",
}  # that a reader writes
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    *(f"docs/{page.name}" for page in sorted((PROJECT / "docs").glob("*.md"))),
)
MODULE = re.compile(rf"\b(?:{'|'.join(CODE)})(?:\.\w+)+")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)


def named_in(text):
    """(paths, modules) that a text names in backticks."""
    words = [word for quoted in re.findall(r"`([^`\n]+)`", FENCE.sub("", text)) for word in quoted.split()]
    words = [word.rpartition("=")[2] for word in words]
    paths = {word for word in words if word.startswith(tuple(f"{top}/" for top in TOP))}
    paths |= {word for word in words if re.fullmatch(r"[\w/]+\.py", word)}
    modules = {word for word in words if MODULE.fullmatch(word) and not word.endswith(".py")}
    return paths - YOURS, modules


def path_exists(path, beside):
    """Whether a path exists below the project, its package, or the folder of the file that names it."""
    return any((folder / path).exists() for folder in (PROJECT, PROJECT / "hpe_study", beside))


def module_exists(name):
    """Whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    for size in range(len(parts), 0, -1):
        path = PROJECT.joinpath(*parts[:size])
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if file.exists():
            rest = parts[size : size + 1]
            return not rest or re.search(rf"\b{rest[0]}\b", file.read_text()) is not None
    return False


def absent_of(text, beside):
    """What a text names and this repository lacks."""
    paths, modules = named_in(text)
    absent = [path for path in paths if not path_exists(path, beside)]
    return sorted(absent + [name for name in modules if not module_exists(name)])


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_only_what_exists(page):
    path = PROJECT / page
    assert absent_of(path.read_text(), path.parent) == []


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_somewhere(page):
    path = PROJECT / page
    targets = re.findall(r"\]\(([^)#]+)\)", path.read_text())
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (path.parent / target).exists()] == []


def test_readme_links_every_page():
    text = (PROJECT / "README.md").read_text()
    assert [page for page in PAGES[1:] if f"]({page})" not in text] == []


def test_the_map_names_only_what_exists():
    section = (PROJECT / "CONTRIBUTING.md").read_text().partition("## The house")[2]
    names = re.findall(r"^( *)([\w/.]+(?:/|\.py)|Snakefile)(?= |$)", FENCE.search(section)[0], re.M)
    paths = [PROJECT / ("hpe_study" if indent else "") / name for indent, name in names]
    assert len(paths) > 20
    assert [path for path in paths if not path.exists()] == []
    packages = {init.parent for init in (PROJECT / "hpe_study").glob("*/__init__.py")}
    assert packages <= set(paths)  # no package of hpe_study is left out


@pytest.mark.parametrize("package", CODE)
def test_module_docstrings_name_only_what_exists(package):
    absent = {}
    for path in (PROJECT / package).rglob("*.py"):
        text = ast.get_docstring(ast.parse(path.read_text())) or ""
        if names := absent_of(text, path.parent):
            absent[str(path.relative_to(PROJECT))] = names
    assert absent == {}


MEASURE = re.compile(r"(?<![`\w])PCKh?@0\.\d")  # which pages in Markdown take for a mail address


@pytest.mark.parametrize("page", [*PAGES, "CHANGELOG.md"])
def test_a_measure_is_no_mail_address(page):
    assert not MEASURE.search((PROJECT / page).read_text())


@pytest.mark.parametrize("path", sorted((PROJECT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_nor_is_it_in_a_notebooks_words(path):
    cells = nbformat.read(path, as_version=4).cells
    assert not [cell.source for cell in cells if cell.cell_type == "markdown" and MEASURE.search(cell.source)]
