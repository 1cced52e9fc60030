"""Two processes train what one does, to the same numbers; a death is named; none outlives its parent."""

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from hpe_study.config import Profile
from hpe_study.errors import StudyError
from hpe_study.parameter_files import read_profile
from hpe_study.training import launcher
from hpe_study.training.fit import fit
from hpe_study.utils.files import write_json
from tests.training.stick_runs import NETWORK, ON_CPU, stage

pytestmark = pytest.mark.skipif(os.cpu_count() < 2, reason="needs two cores")
EXACT = NETWORK.model_copy(update={"precision": "fp32"})
TWO = replace(ON_CPU, processes=2)
CLOCKS = ["seconds", "images_per_second"]


def settings(**changes):
    return stage(**({"epochs": 2, "drop_after": (), "learning_rate": 3e-4} | changes)).model_copy(
        update={"network": EXACT}
    )


@pytest.fixture(scope="module")
def alone(data, bones, tmp_path_factory):
    """One process, with the batch norm of several: what is left are the differences that sharing the work
    makes."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    return folder, fit(settings(), data, folder, bones=bones, runtime=replace(ON_CPU, exact_batch_norm=True))


@pytest.fixture(scope="module")
def together(data, bones, tmp_path_factory):
    folder = tmp_path_factory.mktemp("together") / "run"
    return folder, fit(settings(), data, folder, bones=bones, runtime=TWO)


def history(folder):
    return pd.read_csv(folder / "history.csv").drop(columns=CLOCKS)


def test_two_processes_draw_the_curve_of_one(alone, together):
    one, two = history(alone[0]), history(together[0])
    losses = [name for name in one if name.startswith("loss")]
    np.testing.assert_allclose(two[losses], one[losses], atol=1e-4, rtol=1e-4)
    assert one["loss_geometry"].gt(0).all()
    assert one["images"].equals(two["images"])
    scores = [name for name in one if name.startswith(("validation", "pck", "mpjpe"))]
    np.testing.assert_allclose(two[scores], one[scores], rtol=1e-4)
    assert one[scores].notna().all().all()


def test_with_torchs_own_batch_norm_the_curve_is_the_same_but_for_its_rounding(
    together, data, bones, tmp_path
):
    fit(settings(), data, tmp_path, bones=bones, runtime=ON_CPU)
    np.testing.assert_allclose(history(together[0])["loss"], history(tmp_path)["loss"], rtol=1e-2)


def test_two_processes_leave_the_weights_and_the_record_of_one(alone, together):
    one, two = (torch.load(folder / "checkpoint.pt", weights_only=True) for folder, _ in (alone, together))
    for key, value in one["model"].items():
        torch.testing.assert_close(two["model"][key], value, atol=2e-3, rtol=2e-3, msg=key)
    for key in ("parameters", "data", "hash", "images_seen", "updates"):
        assert alone[1][key] == together[1][key], key
    assert (alone[1]["devices"], together[1]["devices"]) == (1, 2)
    assert sorted(
        path.name for path in together[0].iterdir() if path.name not in (".lock", "devices.log")
    ) == ["checkpoint.pt", "history.csv", "run.json"]


def test_one_process_goes_on_where_two_were_stopped(data, bones, alone, tmp_path):
    watched = threading.Thread(target=_kill_a_process_after_an_epoch, args=(tmp_path,))
    watched.start()
    with pytest.raises(StudyError, match=r"killed by the system \(SIGKILL\)") as caught:
        fit(settings(epochs=200), data, tmp_path, bones=bones, runtime=replace(TWO, workers=1))
    watched.join()
    message = str(caught.value)
    assert str(tmp_path / "devices.log") in message
    assert len(message.splitlines()) > 5  # the log's own end
    assert not (tmp_path / "run.json").exists()
    state = torch.load(tmp_path / "resume.pt", weights_only=True)
    first = pd.DataFrame(state["history"]).iloc[:1]
    np.testing.assert_allclose(first["loss"], history(alone[0])["loss"].iloc[:1], rtol=1e-4)


def _kill_a_process_after_an_epoch(folder):
    _wait_for(lambda: (folder / "resume.pt").exists())
    os.kill(_trainers(folder)[-1], signal.SIGKILL)


def _trainers(folder):
    """Process ids of those that train in a folder, without torchrun itself."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode().split("\0")
            alive = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            continue
        if (
            alive
            and "hpe_study.training.worker" in words
            and str(folder / "job.json") in words
            and "torch.distributed.run" not in words
        ):
            found.append(int(entry.name))
    return sorted(found)


def _wait_for(condition, seconds=60):
    deadline = time.time() + seconds
    while not condition():
        assert time.time() < deadline, "waited in vain"
        time.sleep(0.02)


def _fit_for_long(data, bones, folder):
    fit(settings(epochs=500), data, folder, bones=bones, runtime=TWO)


@pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="asks Linux to end children with their parent"
)
def test_the_processes_end_with_the_one_that_started_them(data, bones, tmp_path):
    parent = multiprocessing.get_context("fork").Process(target=_fit_for_long, args=(data, bones, tmp_path))
    parent.start()
    _wait_for(lambda: len(_trainers(tmp_path)) == 2)
    os.kill(parent.pid, signal.SIGKILL)
    parent.join()
    _wait_for(lambda: not _trainers(tmp_path))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks Linux who started whom")
def test_a_process_whose_torchrun_died_before_it_could_follow_trains_nothing(tmp_path):
    """Started, and orphaned while it still imports: no signal comes any more, so it must see for itself."""
    write_json(tmp_path / "job.json", {"starter": os.getpid()})
    start = (
        "import subprocess, sys; subprocess.Popen([sys.executable, '-m', 'hpe_study.training.worker',"
        f" {str(tmp_path / 'job.json')!r}])"
    )
    with open(tmp_path / "words", "w") as words:
        subprocess.run([sys.executable, "-c", start], stderr=words, check=True)
    _wait_for(lambda: (tmp_path / "words").read_text().endswith("\n"))
    assert (tmp_path / "words").read_text() == "error: the notebook that started this training is gone\n"
    _wait_for(lambda: not _trainers(tmp_path))


@pytest.mark.parametrize(
    ("lines", "status", "message"),
    [
        (["noise", "error: run: no finite loss", "more noise"], 1, r"^run: no finite loss \(log: x.log\)$"),
        (
            ["Signal 15 (SIGTERM) received by PID 7", "Signal 11 (SIGSEGV) received by PID 8"],
            1,
            r"\(pid 8\) was ended by SIGSEGV \(Segmentation fault\)",
        ),
        ([], -9, "torchrun, .* killed by the system"),
        ([], -15, r"torchrun, .* was ended by SIGTERM"),
        (["RuntimeError: something"], 1, "(?s)a training process failed;.*Log: x.log.*something"),
    ],
)
def test_what_a_log_says_of_an_end(lines, status, message):
    assert re.search(message, launcher._failure_message(lines, status, "x.log"))


def test_the_number_of_devices_is_no_part_of_what_a_run_is():
    values = read_profile("params/quick.yaml").model_dump()
    one, two = (Profile(**values | {"devices": count}) for count in (1, 2))
    from hpe_study.study.runs import rows, stage_config

    runs = [run for row in rows(one) for run in row.run.lineage]
    assert [stage_config(one, run).hash for run in runs] == [stage_config(two, run).hash for run in runs]
    with pytest.raises(ValueError, match="devices: 3 does not divide the batch_size of stage1, stage2"):
        Profile(**values | {"devices": 3})
