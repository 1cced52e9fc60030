"""The published tables can be read without running anything, and are what the published records give: nbval,
cell by cell, and file by file. (Each notebook alone on a kernel: that is how they are published.)"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import papermill
import pytest

from tools.publish import NOTEBOOKS, UNTESTED, records_of, reference_name

PROJECT = Path(__file__).resolve().parents[2]
NAMES = [*dict.fromkeys(name for names in NOTEBOOKS.values() for name in names), "cost", "audit"]
PUBLISHED = [name for name in NOTEBOOKS if (PROJECT / "params" / f"{reference_name(name)}.yaml").exists()]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A project folder with the published records and the analysis notebooks as they are committed."""
    folder = tmp_path_factory.mktemp("published")
    for name in ("params", "notebooks", "benchmarks", "figures/reference/audit", *map(records_of, PUBLISHED)):
        shutil.copytree(PROJECT / name, folder / name)
    shutil.copy(PROJECT / "figures/reference/claims.csv", folder / "figures/reference")
    return folder


def joined(home, names):
    """One notebook with the cells of several: one kernel runs them all, each in an empty namespace."""
    cells = []
    for name in names:
        notebook = nbformat.read(home / "notebooks" / f"{name}.ipynb", as_version=4)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        cells += [nbformat.v4.new_code_cell("%reset -f", metadata={"tags": [UNTESTED]}), *code]
    path = home / "notebooks" / "joined.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=notebook.metadata), path)
    return path


def nbval(path):
    """What nbval says of a notebook, up to the first cell that comes out otherwise."""
    switches = ["-q", "-x", "-p", "no:cacheprovider", "--nbval", "--nbval-cell-timeout", "120"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *switches, path.name], cwd=path.parent, capture_output=True, text=True, timeout=600,
    )  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_committed_notebooks_hold_their_outputs(name):
    """nbval passes a cell whose outputs were cleared, so this one does not."""
    notebook = nbformat.read(PROJECT / "notebooks" / f"{name}.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    shown = [cell for cell in cells if re.search(r"^show\(|^grid|^Markdown\(", cell.source, re.M)]
    assert shown
    assert all(cell.outputs for cell in shown)


@pytest.mark.timeout(600)
def test_notebooks_and_csv_files_come_out_as_published(home):
    before = {path: path.read_bytes() for path in home.rglob("*.csv")}
    done = nbval(joined(home, NAMES))
    assert done.returncode == 0, done.stdout[-3000:]
    assert {path: path.read_bytes() for path in before} == before, "reading must not write"
    for profile in PUBLISHED:
        published = PROJECT / Path(records_of(profile)).parent
        made = sorted((home / "figures" / "again" / reference_name(profile)).glob("*.csv"))
        assert {path.name for path in made} == {path.name for path in published.glob("*.csv")}
        for path in made:
            assert path.read_bytes() == (published / path.name).read_bytes(), path.name


def test_a_notebook_gives_the_same_from_any_folder(tmp_path):
    """As `papermill notebooks/table2.ipynb out.ipynb` in another folder than the notebook's."""
    path, out = PROJECT / "notebooks" / "table2.ipynb", tmp_path / "out.ipynb"
    parameters = {"profile": "reference"}
    papermill.execute_notebook(str(path), str(out), parameters, cwd=str(tmp_path), progress_bar=False)
    answers = [nbformat.read(one, as_version=4).cells[-1].outputs[-1].data for one in (path, out)]
    assert answers[0] == answers[1]


def test_one_changed_number_is_seen(home):
    path = home / "figures" / "reference" / "records" / "runs.csv"
    runs = pd.read_csv(path, low_memory=False)
    row = (runs["run"] == "stage3-only3d-h36m-h36m-seed0") & (runs["metric"] == "mpjpe")
    runs.loc[row & (runs["scorer"] == "model"), "value"] += 3
    runs.to_csv(path, index=False)
    assert nbval(joined(home, ["table2"])).returncode != 0
