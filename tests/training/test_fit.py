"""What `fit` reuses, resumes, sets aside and refuses."""

import json
import multiprocessing
import os
import shutil
import signal
import threading
import time
from dataclasses import replace

import pytest
import torch

from hpe_study.errors import StudyError
from hpe_study.evaluation.evaluate import evaluate
from hpe_study.training import fit as fit_module
from hpe_study.training import resume
from hpe_study.training.fit import fit
from hpe_study.training.job import TrainingJob
from hpe_study.training.trainer import Trainer
from hpe_study.utils.files import lock
from tests.training.stick_runs import NETWORK, ON_CPU, assert_same_run, stage

FILES = ("run.json", "history.csv", "checkpoint.pt")
SHORT = {"epochs": 1, "drop_after": ()}


@pytest.fixture(scope="module")
def train(data, bones):
    """train(folder, **changes): one epoch, unless its record stands already."""
    return lambda folder, **changes: fit(stage(**SHORT | changes), data, folder, bones=bones, runtime=ON_CPU)


@pytest.fixture(scope="module")
def finished(train, tmp_path_factory):
    """The folder of a finished run; read it, do not change it."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    train(folder)
    return folder


@pytest.fixture
def run(finished, tmp_path):
    """A finished run's folder to change."""
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture
def untrained(monkeypatch):
    """Nothing may be trained."""

    def never(self):
        raise AssertionError("trained again")

    monkeypatch.setattr(Trainer, "run", never)


def test_a_finished_run_is_not_trained_again(run, train, untrained):
    before = {name: (run / name).stat().st_mtime_ns for name in FILES}
    train(run)
    assert {name: (run / name).stat().st_mtime_ns for name in FILES} == before


@pytest.mark.parametrize(
    ("trained", "now", "warns"),
    [
        ("0123abcd", "0123abcd", False),
        ("0123abcd", "4567abcd", True),
        ("0123abcd", "0123abcd+changes", True),
        ("0123abcd+changes", "0123abcd+changes", False),
        ("unknown", "0123abcd", False),
        ("0123abcd", "unknown", False),
        (None, "0123abcd", False),
    ],
)
def test_a_run_of_other_code_is_reused_with_one_line(
    run, train, untrained, monkeypatch, capsys, trained, now, warns
):
    record = json.loads((run / "run.json").read_text()) | {"code": trained}
    (run / "run.json").write_text(json.dumps(record))
    monkeypatch.setattr(fit_module.devices, "code_version", lambda: now)
    assert train(run)["code"] == trained
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == warns
    assert all(f"trained by code {trained}, this is {now}" in line for line in lines)


@pytest.mark.parametrize("change", [{"learning_rate": 1e-4}, "removed"])
def test_other_parameters_and_a_removed_folder_are_trained(run, train, change):
    if change == "removed":
        shutil.rmtree(run)
        train(run)
    else:
        assert train(run, **change)["parameters"]["training"]["learning_rate"] == 1e-4
    assert (run / "checkpoint.pt").exists()


def test_a_record_of_other_inputs_is_gone_before_the_training_which_is_said(run, train, untrained, capsys):
    with pytest.raises(AssertionError, match="trained again"):
        train(run, learning_rate=1e-4)
    assert not (run / "run.json").exists()
    said = capsys.readouterr().out.splitlines()
    assert said == [f"{run}: trained anew: other parameters, data or first weights than before"]


def test_what_a_kill_left_half_written_is_removed(tmp_path, train):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".resume.abc.part.pt").write_bytes(b"half")
    train(tmp_path / "run")
    assert sorted(name for name in os.listdir(tmp_path / "run") if name != ".lock") == sorted(FILES)


def test_other_parameters_do_not_resume_an_old_state(finished, train, tmp_path):
    state = {"epoch": 0, "step": 0, "model": {}, "ema": None, "optimizer": {}, "history": []}
    torch.save({"inputs": "another run's", "precision": "fp32", **state}, tmp_path / "resume.pt")
    train(tmp_path)
    assert_same_run(finished, tmp_path)


def test_a_resume_file_that_is_a_pipe_is_named(refused, tmp_path):
    os.mkfifo(tmp_path / "resume.pt")
    refused(resume.set_aside_damaged, tmp_path, names=tmp_path / "resume.pt", seconds=2)


@pytest.mark.parametrize("damage", ["cut short", "no file of torch", "lacks the weights", "odd entries"])
def test_a_damaged_resume_file_is_set_aside_and_reported(finished, train, tmp_path, capsys, damage):
    path = tmp_path / "resume.pt"
    torch.save({"inputs": "", "history": [0] * 1000}, path)
    if damage == "odd entries":
        torch.save(dict.fromkeys(resume.ENTRIES), path)
    elif damage != "lacks the weights":
        path.write_bytes(path.read_bytes()[:300] if damage == "cut short" else b"not torch's")
    train(tmp_path)
    assert (tmp_path / "resume.damaged.pt").exists()
    said = capsys.readouterr().out
    assert "resume.pt: damaged (" in said
    assert said.endswith("set aside as resume.damaged.pt, training starts anew\n")
    assert_same_run(finished, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"), [("{", "run.json: not readable"), ("[]", "run.json: not a run")]
)
def test_a_damaged_record_is_one_line(run, train, text, message):
    (run / "run.json").write_text(text)
    with pytest.raises(StudyError, match=message) as caught:
        train(run)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", ["absent", "cut short", "of no run"])
def test_first_weights_that_cannot_be_read_are_one_line(run, data, bones, tmp_path, damage):
    path = run / "checkpoint.pt"
    if damage == "absent":
        path.unlink()
    elif damage == "cut short":
        path.write_bytes(path.read_bytes()[:1000])
    else:
        torch.save({"model": {}}, path)
    with pytest.raises(StudyError, match="checkpoint.pt: ") as caught:
        fit(stage(3, **SHORT), data, tmp_path / "child", path, bones, ON_CPU)
    assert "\n" not in str(caught.value)


def test_a_child_starts_from_its_parent(finished, data, bones, tmp_path):
    parent = torch.load(finished / "checkpoint.pt", weights_only=True)
    job = TrainingJob(stage(3, **SHORT), data, tmp_path, finished / "checkpoint.pt", bones, ON_CPU)
    assert job.inputs["init"] == parent["identity"]
    model = Trainer(job).model
    assert all(torch.equal(value, parent["model"][key]) for key, value in model.state_dict().items())


def test_weights_of_another_network_are_refused(finished, data, bones, tmp_path):
    other = stage().model_copy(update={"network": NETWORK.model_copy(update={"width": 8})})
    with pytest.raises(StudyError, match="checkpoint.pt"):
        fit(other, data, tmp_path, finished / "checkpoint.pt", bones, ON_CPU)


def _fit_in_process(data, bones, folder):
    torch.set_num_threads(1)
    fit(stage(), data, folder, bones=bones, runtime=ON_CPU)


def test_kill_9_and_again(data, bones, tmp_path):
    fit(stage(), data, tmp_path / "unbroken", bones=bones, runtime=ON_CPU)
    folder = tmp_path / "killed"
    process = multiprocessing.get_context("fork").Process(target=_fit_in_process, args=(data, bones, folder))
    process.start()
    deadline = time.time() + 60
    while not (folder / "resume.pt").exists() and time.time() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert not (folder / "run.json").exists()
    fit(stage(), data, folder, bones=bones, runtime=ON_CPU)
    assert_same_run(tmp_path / "unbroken", folder)


def test_two_processes_never_work_in_one_folder(train, tmp_path, capsys):
    held, events = threading.Event(), []

    def hold():
        with lock(tmp_path):
            held.set()
            time.sleep(0.5)
            events.append("let go")

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    with pytest.raises(StudyError, match="another process is working here"), lock(tmp_path):
        pass
    train(tmp_path)
    assert events == ["let go"]
    assert "waiting" in capsys.readouterr().out
    holder.join()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("DataLoader worker (pid 7) is killed by signal: Killed. ", r"killed by the system \(SIGKILL\)"),
        ("DataLoader worker (pid 7) is killed by signal: Bus error. It is possible …", r"ended by SIGBUS"),
        ("DataLoader worker (pid(s) 7) exited unexpectedly", "ended unexpectedly"),
    ],
)
def test_the_death_of_a_reading_process_is_named(data, tmp_path, monkeypatch, said, reason):
    def dies(self):
        raise RuntimeError(said)

    monkeypatch.setattr(Trainer, "run", dies)
    with pytest.raises(StudyError, match=rf"a process that reads crops .*{reason}.*workers: 2"):
        fit_module.train_in_process(TrainingJob(stage(), data, tmp_path, runtime=replace(ON_CPU, workers=2)))


def test_scores_stand_beside_their_baselines(run, data):
    stores = {"stick2d": data.test_2d, "stick3d": data.test_3d}
    table = evaluate(run, stores, data.train_3d, progress=False).set_index(["test_set", "scorer", "metric"])
    for scorer in ("model", "best constant pose", "true 2D + mean depth"):
        row = table.loc[("stick3d", scorer, "mpjpe")]
        assert 0 < row["low"] <= row["value"] <= row["high"]
        assert row["n"] == 16
    assert ("stick2d", "model", "pckh") in table.index
    assert ("stick2d", "model", "mpjpe") not in table.index
    again = (run / "metrics.csv").read_bytes()
    evaluate(run, stores, data.train_3d, progress=False)
    assert (run / "metrics.csv").read_bytes() == again
