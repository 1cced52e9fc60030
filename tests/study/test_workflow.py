"""The study from raw files to a table, by one command, in a folder of its own; then again, with changes, and
after a kill."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A project folder with everything but results; the study has run there once."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("Snakefile", "params", "notebooks"):
        source = PROJECT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    change(folder, lambda values: values.update(tables=[1], analyses=["table1"]))
    first = study(folder)
    assert first.returncode == 0, first.stdout + first.stderr
    return folder


def command(home, *arguments):
    return [sys.executable, "-m", "hpe_study", *arguments]


def study(home):
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    return subprocess.run(
        command(home, "study", "params/quick.yaml"),
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
    )


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


def test_the_notebooks_of_a_run_execute_as_they_stand(home):
    """Stage and evaluation notebooks at their defaults, cell by cell (the runs are there already, so nothing
    is trained)."""
    names = [f"{name}.ipynb" for name in ("stage1", "stage2", "stage3", "evaluate")]
    arguments = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--nbval-lax",
        "--nbval-cell-timeout",
        "120",
        *names,
    ]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        arguments, cwd=home / "notebooks", env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_a_second_time_does_nothing_and_says_so(home):
    before = marks(home)
    again = study(home)
    assert again.returncode == 0
    assert "Everything is up to date" in again.stdout
    assert marks(home) == before


def test_a_deleted_run_costs_itself_alone_where_the_same_weights_come_out(home):
    before = marks(home)
    shutil.rmtree(home / "runs" / "quick" / "stage2-mpii-h36m-seed0")
    assert study(home).returncode == 0
    after = marks(home)
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"stage2-mpii-h36m-seed0"}


def test_a_stage_3_parameter_does_not_touch_stage_1(home):
    before = marks(home)
    change(home, lambda values: values["stage3"].update(learning_rate=1e-4))
    assert study(home).returncode == 0
    after = marks(home)
    assert {name for name in before if after[name] != before[name]} == {"stage3-mpii-h36m-h36m-seed0"}


def test_kill_9_in_the_middle_and_again(home):
    shutil.rmtree(home / "runs" / "quick" / "stage1-mpii-seed0")
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    process = subprocess.Popen(
        command(home, "study", "params/quick.yaml"),
        cwd=home,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.time() + 100
    while not (home / "runs" / "quick" / "stage1-mpii-seed0" / ".lock").exists() and time.time() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(2)  # the kernel notices within a second that its parent is gone
    again = study(home)
    assert again.returncode == 0, again.stdout + again.stderr
    assert (home / "runs" / "quick" / "stage1-mpii-seed0" / "run.json").exists()


def test_the_audits_graph_is_its_notebook_alone(tmp_path):
    """No training of Tables 1 to 5, and nothing to collect."""
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
        "profile=params/audit.yaml",
    ]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    jobs = re.findall(r"^(?:local)?rule (\w+):", done.stdout + done.stderr, re.M)
    assert sorted(jobs) == ["all", "analysis"]


def test_what_the_user_can_mend_is_one_line(home):
    change(home, lambda values: values["stage3"].update(epochs=0))
    wrong = study(home)
    assert wrong.returncode == 1
    assert "stage3.epochs" in wrong.stderr
    assert "Traceback" not in wrong.stderr
