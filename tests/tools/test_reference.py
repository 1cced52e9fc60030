"""The published tables can be read without running anything, and are what the published records give: nbval,
cell by cell."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from hpe_study.report import oracle, tables, timing
from hpe_study.report.results import Results
from hpe_study.study import Study
from tools.publish import NOTEBOOKS, records_of, reference_name

PROJECT = Path(__file__).resolve().parents[2]
MAKERS = {  # profile → its tables that need the records alone
    "demo": {
        **{
            name: lambda results, name=name: getattr(tables, name)(results.runs, results.absent)
            for name in ("table1", "table2", "table3")
        },
        "oracle_floors": lambda results: oracle.floor_table(results.floors, results.study.profile.legacy),
        "timing": lambda results: timing.timing_table(results.runs),
    },
    "fair": {
        name: lambda results, name=name: getattr(tables, name)(results.runs) for name in ("table4", "table5")
    },
}
NAMES = [name for names in NOTEBOOKS.values() for name in names]


@pytest.fixture
def home(tmp_path):
    """A project folder with the published records and the analysis notebooks as they are committed."""
    for name in ("params", "notebooks", *map(records_of, NOTEBOOKS)):
        shutil.copytree(PROJECT / name, tmp_path / name)
    return tmp_path


def nbval(home, names):
    arguments = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--nbval",
        "--nbval-cell-timeout",
        "120",
    ]
    files = [f"{name}.ipynb" for name in names]
    return subprocess.run(
        [*arguments, *files], cwd=home / "notebooks", capture_output=True, text=True, timeout=280
    )


def test_committed_notebooks_hold_their_outputs():
    """nbval passes a cell whose outputs were cleared, so this one does not."""
    for name in NAMES:
        notebook = nbformat.read(PROJECT / "notebooks" / f"{name}.ipynb", as_version=4)
        shown = [
            cell
            for cell in notebook.cells
            if cell.cell_type == "code" and re.search(r"\.save\(|^table$|sentence\(", cell.source, re.M)
        ]
        assert shown, name
        assert all(cell.outputs for cell in shown), name
        assert not [output for cell in shown for output in cell.outputs if output.output_type == "error"], (
            name
        )


def test_the_published_notebooks_come_out_as_committed(home):
    done = nbval(home, NAMES)
    assert done.returncode == 0, done.stdout[-3000:]


def test_the_published_csv_files_are_what_the_published_records_give(tmp_path):
    """One number changed in any of them is seen: they are made again from `runs.csv` and `floors.csv`."""
    for profile, makers in MAKERS.items():
        results = Results(Study(PROJECT / "params" / f"{reference_name(profile)}.yaml"))
        for name, make in makers.items():
            make(results).save(tmp_path)
            published = pd.read_csv(PROJECT / Path(records_of(profile)).parent / f"{name}.csv")
            pd.testing.assert_frame_equal(
                published, pd.read_csv(tmp_path / f"{name}.csv"), check_exact=False, rtol=1e-9, obj=name
            )


def test_one_changed_number_is_seen(home):
    path = home / "figures" / "reference" / "records" / "runs.csv"
    runs = pd.read_csv(path)
    row = runs.index[
        (runs["run"] == "stage3-mpii-h36m-h36m-seed0")
        & (runs["scorer"] == "model")
        & (runs["metric"] == "mpjpe")
    ][0]
    runs.loc[row, "value"] += 3
    runs.to_csv(path, index=False)
    assert nbval(home, ["table1"]).returncode != 0
