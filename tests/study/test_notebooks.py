"""Executing notebooks: whole or not at all, a clear message when a cell fails, and nobody left running after
a kill."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

from hpe_study.errors import StudyError
from hpe_study.report.style import UNITS
from hpe_study.study.notebooks import answer_in, execute_notebook

PROJECT = Path(__file__).resolve().parents[2]


def notebook(path, *cells):
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    made.cells[0].metadata["tags"] = ["parameters"]
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, path)
    return path


def test_parameters_reach_the_cells(tmp_path):
    source = notebook(tmp_path / "source.ipynb", "word = 'old'", "print(word)\nprint('1\\r2\\r3')")
    executed = nbformat.read(execute_notebook(source, tmp_path / "out.ipynb", {"word": "new"}), as_version=4)
    assert executed.cells[-1].outputs[0].text == "new\n3\n"
    assert "widgets" not in executed.metadata


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"nbformat": 4, "nbformat_minor": 5, "cells": [{}]}']
)
def test_a_damaged_executed_notebook_is_one_line(refused, tmp_path, text):
    path = tmp_path / "claims.ipynb"
    path.write_text(text)
    refused(answer_in, path, names=path)


def test_an_executed_notebook_that_is_a_pipe_is_not_waited_for(refused, tmp_path):
    os.mkfifo(tmp_path / "claims.ipynb")
    refused(answer_in, tmp_path / "claims.ipynb", names=tmp_path / "claims.ipynb")


def test_a_pipe_is_no_notebook(refused, tmp_path):
    os.mkfifo(tmp_path / "a.ipynb")
    refused(execute_notebook, tmp_path / "a.ipynb", tmp_path / "b.ipynb", {}, names=tmp_path / "a.ipynb")


def test_bars_end_in_the_notebook_and_go_through_the_log(tmp_path, capfd):
    """What stands in an executed notebook is how a bar ended, as words; its states are told where the
    notebook is executed."""
    cells = ("for _ in progress_bar(range(3), desc='stage1', unit='epoch'):\n    pass", "print('trained')")
    source = notebook(tmp_path / "source.ipynb", "from hpe_study.utils.progress import progress_bar", *cells)
    outputs = [
        cell.outputs
        for cell in nbformat.read(execute_notebook(source, tmp_path / "out.ipynb", {}), as_version=4).cells
    ]
    (shown,) = next(output for output in outputs if output and output[0].get("name") == "stderr")
    assert shown.text.startswith("stage1: 100%")
    assert len(shown.text.splitlines()) == 1
    assert "widget" not in str(outputs)
    assert "3/3" in capfd.readouterr().err


def test_a_failing_cell_is_reported_with_its_own_message(tmp_path):
    source = notebook(
        tmp_path / "source.ipynb",
        "x = 1",
        "from hpe_study.errors import StudyError\nraise StudyError('no such folder: a')",
    )
    with pytest.raises(StudyError, match="no such folder: a") as caught:
        execute_notebook(source, tmp_path / "out.ipynb", {})
    assert "out.failed.ipynb" in str(caught.value)
    assert not (tmp_path / "out.ipynb").exists()
    shown = nbformat.read(tmp_path / "out.failed.ipynb", as_version=4).cells[-1].outputs[-1]
    assert shown.traceback == ["StudyError: no such folder: a"]


def test_any_other_failure_is_reported_with_its_type(tmp_path):
    source = notebook(tmp_path / "source.ipynb", "x = 1", "{}['absent']")
    with pytest.raises(StudyError, match="KeyError: 'absent'"):
        execute_notebook(source, tmp_path / "out.ipynb", {})


def test_a_killed_process_is_reported_as_killed(tmp_path):
    source = notebook(
        tmp_path / "source.ipynb", "x = 1", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    with pytest.raises(StudyError, match=r"the process of source.ipynb was killed by the system \(SIGKILL\)"):
        execute_notebook(source, tmp_path / "out.ipynb", {})
    assert not (tmp_path / "out.ipynb").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux to end children with their parent")
def test_killing_the_parent_ends_the_kernel_too(tmp_path):
    source = notebook(
        tmp_path / "source.ipynb",
        f"folder = {str(tmp_path)!r}",
        "import os, time\nopen(folder + '/pid', 'w').write(str(os.getpid()))\ntime.sleep(100)",
    )
    script = (
        "from hpe_study.study.notebooks import *; from hpe_study.utils.processes import end_with_parent;"
        f" end_with_parent(); execute_notebook({str(source)!r}, {str(tmp_path / 'out.ipynb')!r}, {{}})"
    )
    # a shell between, as under Snakemake; its death must reach the kernel two generations below
    process = subprocess.Popen(["sh", "-c", f'{sys.executable} -c "{script}"; true'])
    pid = _wait_for(tmp_path / "pid")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.time() + 20
    while _alive(pid) and time.time() < deadline:
        time.sleep(0.1)
    assert not _alive(pid)
    assert not (tmp_path / "out.ipynb").exists()


def _wait_for(path):
    deadline = time.time() + 60
    while time.time() < deadline:
        if path.exists() and path.read_text():
            return int(path.read_text())
        time.sleep(0.1)
    raise AssertionError("the kernel did not start")


def _alive(pid):
    try:
        return open(f"/proc/{pid}/stat").read().split()[2] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="asks Linux to end children with their parent"
)
@pytest.mark.parametrize(("parent", "status"), [("os.getppid()", 0), ("2**22 + 1", -signal.SIGTERM)])
def test_who_comes_after_the_parents_death_ends_at_once(parent, status):
    script = (
        f"import os; from hpe_study.utils.processes import end_with_parent; end_with_parent(parent={parent})"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == status


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="asks Linux to end children with their parent"
)
def test_a_step_that_starts_after_snakemakes_death_does_nothing(tmp_path):
    """It would work on for a killed study, which nobody waits for."""
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "quick.yaml").write_text(open("params/quick.yaml").read())  # noqa: SIM115
    profile = str(tmp_path / "params" / "quick.yaml")
    step = [sys.executable, "-m", "hpe_study", "--parent", str(2**22 + 1), "--profile", profile, "prepare"]
    assert subprocess.run([*step, "mpii"]).returncode == -signal.SIGTERM
    assert list(tmp_path.iterdir()) == [tmp_path / "params"]


def test_a_parameter_that_a_notebook_lacks_is_named(tmp_path):
    source = PROJECT / "notebooks" / "stage1.ipynb"
    with pytest.raises(
        StudyError, match=r"stage1.ipynb: has no parameter 'epoch'; it has profile, run, device"
    ):
        execute_notebook(source, tmp_path / "out.ipynb", {"epoch": 3})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_a_stage_that_was_never_validated_says_so(stage):
    """A run of equal time may end before its first validation."""
    source = nbformat.read(PROJECT / "notebooks" / f"stage{stage}.ipynb", as_version=4).cells[-1].source
    history = pd.DataFrame({"epoch": [1.0, 2.0], "validation_pckh": np.nan, "validation_mpjpe": np.nan})
    record, texts = {"simulated": True, "images_seen": 64}, []
    exec(source, {"history": history, "record": record, "UNITS": UNITS, "Markdown": texts.append})
    history.loc[0, "validation_pckh"] = 50.04
    exec(source, {"history": history, "record": record, "UNITS": UNITS, "Markdown": texts.append})
    assert texts[0].endswith("64 images (simulated people): not validated.")
    assert texts[1].endswith("50.0.")
