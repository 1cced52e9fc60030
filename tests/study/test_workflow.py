"""The study from raw files to a table, by one command, in a folder of its own; then again, with changes, and
after a kill."""

import contextlib
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pandas as pd
import pytest
import yaml

from hpe_study.cli import main
from hpe_study.study import Study
from hpe_study.study.notebooks import answer_in, execute_notebook

PROJECT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(PROJECT)}
# By a thread: it ends the process, and Snakemake with it; an exception would wait for Snakemake.
pytestmark = pytest.mark.timeout(1800, method="thread")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A project folder with everything but results; the study has run there once."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("Snakefile", "params", "notebooks"):
        source = PROJECT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    few = dict.fromkeys(("mpii", "h36m"), {"simulate": {"train": 20, "test": 12}})
    change(folder, lambda values: values.update(tables=[1], analyses=["table1"], sets=few))
    first = study(folder)
    assert first.status == 0, first.out + first.err
    return folder


def study(home, *more):
    """What `hpe-study study` says, and its exit status; its steps are processes of their own, as ever."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.chdir(home)
        patch.setenv("PYTHONPATH", str(PROJECT))
        status = main(["study", "params/quick.yaml", *more])
    return SimpleNamespace(status=status, out=out.getvalue(), err=err.getvalue())


def marks(home):
    """{run: time its weights were written}."""
    return {
        path.parent.name: path.stat().st_mtime_ns
        for path in (home / "runs" / "quick").glob("*/checkpoint.pt")
    }


def change(home, edit):
    path = home / "params" / "quick.yaml"
    values = yaml.safe_load(path.read_text())
    edit(values)
    path.write_text(yaml.safe_dump(values))


def test_every_run_has_its_record_and_the_table_its_rows(home):
    runs = pd.read_csv(home / "runs" / "quick" / "runs.csv")
    assert set(runs["run"]) == {"stage1-mpii-seed0", "stage2-mpii-h36m-seed0", "stage3-mpii-h36m-h36m-seed0"}
    assert runs["simulated"].all()
    assert (home / "figures" / "quick" / "table1.html").exists()
    assert "3 of 3 runs are done" in (home / "runs" / "quick" / "so_far.html").read_text()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_stage_notebook_names_one_of_the_quick_runs(number):
    """So it executes as it stands; the study has executed these very runs by it."""
    cells = nbformat.read(PROJECT / "notebooks" / f"stage{number}.ipynb", as_version=4).cells
    parameters = next(cell.source for cell in cells if "parameters" in cell.metadata.get("tags", []))
    values = {}
    exec(parameters, values)
    study = Study(PROJECT / "notebooks" / values["profile"])
    assert study.run(values["run"]).stage == number


@pytest.mark.parametrize("name", ["timing", "training_curves"])
def test_notebooks_of_what_the_study_lacks_say_so(home, tmp_path, name):
    """It has none of the lines that the paper times, and no drop of the learning rate."""
    parameters = {"profile": str(home / "params" / "quick.yaml")}
    executed = execute_notebook(home / "notebooks" / f"{name}.ipynb", tmp_path / "out.ipynb", parameters)
    said = {"timing": "on the paper's lines: not run", "training_curves": "no run was validated both before"}
    assert said[name] in answer_in(executed)


def test_evaluating_a_finished_run_by_hand_reads_its_scores(home, tmp_path):
    scores = home / "runs" / "quick" / "stage3-mpii-h36m-h36m-seed0" / "metrics.csv"
    before = scores.stat().st_mtime_ns
    executed = execute_notebook(home / "notebooks" / "evaluate.ipynb", tmp_path / "out.ipynb", {})
    assert "best constant pose" in executed.read_text()
    assert scores.stat().st_mtime_ns == before


def test_a_second_time_does_nothing_and_says_so(home):
    before = marks(home)
    again = study(home)
    assert again.status == 0
    assert "Everything is up to date" in again.out
    assert marks(home) == before


def test_a_stage_3_parameter_does_not_touch_stage_1(home):
    def dry_run():
        said = study(home, "--", "--dry-run")
        assert said.status == 0
        log = (home / "runs" / "quick" / "snakemake.log").read_text()
        return set(re.findall(r"run=(\S+)", log)), said.out

    runs, said = dry_run()
    assert runs == set()
    assert "Everything is up to date" in said
    before = (home / "params" / "quick.yaml").read_text()
    change(home, lambda values: values["stage3"].update(learning_rate=1e-4))
    runs, said = dry_run()
    assert runs == {"stage3-mpii-h36m-h36m-seed0"}
    assert "3 steps are to be done" in said
    assert "  stage stage3-mpii-h36m-h36m-seed0\n  collect\n  analysis table1" in said
    (home / "params" / "quick.yaml").write_text(before)


def test_a_deleted_run_that_is_killed_again_costs_itself_alone(home):
    """The same weights come out, so what starts from them stands."""
    before = marks(home)
    folder = home / "runs" / "quick" / "stage1-mpii-seed0"
    shutil.rmtree(folder)
    process = subprocess.Popen(
        [sys.executable, "-m", "hpe_study", "study", "params/quick.yaml"],
        cwd=home,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.time() + 100
    while not (folder / ".lock").exists() and time.time() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    again = study(home)  # waits for the killed one's lock, which ends with it
    assert again.status == 0, again.out + again.err
    assert (folder / "run.json").exists()
    after = marks(home)
    assert {name for name in before if after[name] != before[name]} == {"stage1-mpii-seed0"}


@pytest.mark.parametrize(
    ("profile", "last"),
    [("audit", {"analysis"}), ("search", {"prepare_mpii", "prepare_h36m", "stage", "collect"})],
)
def test_what_the_graph_of_a_profile_ends_with(tmp_path, profile, last):
    """The audit: no training of Tables 1 to 5, nothing to collect. Without a notebook, records are collected still."""
    for name in ("Snakefile", "params", "notebooks"):
        source = PROJECT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    arguments = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        "1",
        "--dry-run",
        "--config",
        f"profile=params/{profile}.yaml",
    ]
    done = subprocess.run(
        arguments, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    jobs = re.findall(r"^(?:local)?rule (\w+):", done.stdout + done.stderr, re.M)
    assert set(jobs) == {"all", *last}


def test_what_the_user_can_mend_is_one_line(home):
    change(home, lambda values: values["stage3"].update(epochs=0))
    wrong = study(home)
    assert wrong.status == 1
    assert "stage3.epochs" in wrong.err
    assert "Traceback" not in wrong.err
