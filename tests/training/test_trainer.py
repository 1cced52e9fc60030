"""One stage: it learns, it resumes to the bit, it refuses what cannot be right."""

import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pandas as pd
import pytest
import torch

from hpe_study.config import AugmentationConfig, NetworkConfig, StageConfig, TrainingConfig
from hpe_study.errors import StudyError
from hpe_study.evaluation.evaluate import evaluate
from hpe_study.skeletons.bone_lengths import mean_bone_lengths
from hpe_study.training import trainer
from hpe_study.training.trainer import Data, Trainer, fit
from hpe_study.utils.files import lock

NETWORK = NetworkConfig(
    model="narrow18",
    width=4,
    pretrained=False,
    input_size=64,
    sigma=1.0,
    heatmap_scale="peak",
    depth_unit=1 / 16,
    decode="soft",
    flip_test=False,
)
SMALL = TrainingConfig(
    epochs=3,
    batch_size=8,
    optimizer="adamw",
    learning_rate=3e-3,
    warmup_steps=2,
    drop_after=(2,),
    ema=0.9,
    geometry_weight=0.01,
)


def stage(number=2, two_d="stick2d", three_d="stick3d", **changes):
    settings = SMALL.model_copy(update=changes)
    return StageConfig(
        stage=number,
        two_d=two_d,
        three_d=three_d,
        seed=0,
        training=settings,
        augmentation=AugmentationConfig(shift=0.02, colour=0.1),
        network=NETWORK,
        validate_every=1,
        legacy=(),
    )


@pytest.fixture(scope="module")
def data(stick_stores):
    return Data(
        *(stick_stores[key] for key in (("2d", "train"), ("3d", "train"), ("2d", "test"), ("3d", "test")))
    )


@pytest.fixture(scope="module")
def bones(data):
    return mean_bone_lengths(data.train_3d["joints3d"])


def weights(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)["model"]


def assert_same_run(first, second):
    """Weights to the bit, and the history but for its clocks."""
    a, b = weights(first), weights(second)
    assert all(torch.equal(a[key], b[key]) for key in a)
    clocks = ["seconds", "images_per_second"]
    frames = [pd.read_csv(folder / "history.csv").drop(columns=clocks) for folder in (first, second)]
    pd.testing.assert_frame_equal(*frames, check_exact=True)


@pytest.fixture(scope="module")
def unbroken(data, bones, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    fit(stage(), data, folder, device="cpu", bones=bones, progress=False)
    return folder


def test_a_run_leaves_its_record(unbroken, data):
    record = trainer.read_json(unbroken / "run.json")
    history = pd.read_csv(unbroken / "history.csv")
    assert record["scheme"] == "fusion"
    assert record["images_seen"] == 3 * 2 * 40 == history["images"].sum()
    assert record["simulated"] is True
    assert record["data"]["stick3d-train.h5"] == data.train_3d.attrs["key"]
    assert history["learning_rate"].tolist() == pytest.approx([3e-3, 3e-3, 3e-4])
    assert history[["pckh", "mpjpe", "validation_pckh", "validation_mpjpe"]].notna().all().all()
    assert not (unbroken / "resume.pt").exists()


def test_a_compiled_network_trains_to_the_same_numbers(unbroken, data, bones, tmp_path, monkeypatch):
    modes, compiled = [], torch.compile

    def quickly(model, mode):
        modes.append(mode)
        return compiled(
            model, backend="aot_eager"
        )  # traces and differentiates as any mode does, without minutes of code generation

    monkeypatch.setattr(torch, "compile", quickly)
    record = fit(
        stage(),
        data,
        tmp_path / "run",
        device="cpu",
        bones=bones,
        progress=False,
        compiling="reduce-overhead",
    )
    assert modes == ["reduce-overhead"]
    assert record["compiled"] == "reduce-overhead"
    plain, other = (pd.read_csv(folder / "history.csv") for folder in (unbroken, tmp_path / "run"))
    np.testing.assert_allclose(other["loss"], plain["loss"], rtol=1e-3)
    plain, other = (
        torch.load(folder / "checkpoint.pt", weights_only=True)["model"]
        for folder in (unbroken, tmp_path / "run")
    )
    assert plain.keys() == other.keys()


def test_where_nothing_can_be_compiled_it_trains_without_and_says_so(
    unbroken, data, bones, tmp_path, monkeypatch, capsys
):
    def no_compiler(graph, inputs):
        raise RuntimeError("no C++ compiler found")

    compiled = torch.compile
    monkeypatch.setattr(torch, "compile", lambda function, mode: compiled(function, backend=no_compiler))
    record = fit(
        stage(), data, tmp_path / "run", device="cpu", bones=bones, progress=False, compiling="default"
    )
    assert record["compiled"] == "none"
    assert "compile: default cannot be done here (backend='no_compiler' raised" in capsys.readouterr().out
    assert_same_run(unbroken, tmp_path / "run")


def test_it_learns(data, tmp_path):
    fit(
        stage(1, three_d=None, epochs=8, drop_after=(), geometry_weight=0.0),
        Data(data.train_2d, None, data.test_2d, None),
        tmp_path,
        progress=False,
    )
    history = pd.read_csv(tmp_path / "history.csv")
    assert history["loss"].iloc[-1] < 0.75 * history["loss"].iloc[0]
    assert np.isnan(history["mpjpe"]).all()


def test_stopping_anywhere_changes_nothing(unbroken, data, bones, tmp_path, monkeypatch):
    for stop_after in (1, 2):
        epoch, seen = Trainer._epoch, []

        def stopping(self, epoch=epoch, seen=seen, stop_after=stop_after):
            if len(seen) == stop_after:
                raise KeyboardInterrupt
            seen.append(1)
            return epoch(self)

        folder = tmp_path / str(stop_after)
        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "_epoch", stopping)
            with pytest.raises(KeyboardInterrupt):
                fit(stage(), data, folder, device="cpu", bones=bones, progress=False)
        assert not (folder / "run.json").exists()
        fit(stage(), data, folder, device="cpu", bones=bones, progress=False)
        assert_same_run(unbroken, folder)


def _fit_in_process(stage_, data, folder, bones):
    torch.set_num_threads(1)
    fit(stage_, data, folder, device="cpu", bones=bones, progress=False)


def test_kill_9_and_again(unbroken, data, bones, tmp_path):
    folder = tmp_path / "killed"
    process = multiprocessing.get_context("fork").Process(
        target=_fit_in_process, args=(stage(), data, folder, bones)
    )
    process.start()
    deadline = time.time() + 60
    while not (folder / "resume.pt").exists() and time.time() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert not (folder / "run.json").exists()
    fit(stage(), data, folder, device="cpu", bones=bones, progress=False)
    assert_same_run(unbroken, folder)


def test_a_finished_run_is_not_trained_again(unbroken, data, bones):
    before = (unbroken / "checkpoint.pt").stat().st_mtime_ns
    fit(stage(), data, unbroken, device="cpu", bones=bones, progress=False)
    assert (unbroken / "checkpoint.pt").stat().st_mtime_ns == before


def test_other_parameters_do_not_resume_an_old_state(unbroken, data, bones, tmp_path):
    torch.save({"inputs": "another run's", "precision": "fp32"}, tmp_path / "resume.pt")
    fit(stage(), data, tmp_path, device="cpu", bones=bones, progress=False)
    assert_same_run(unbroken, tmp_path)


def test_two_processes_never_work_in_one_folder(data, bones, tmp_path, capsys):
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
    fit(stage(epochs=1, drop_after=()), data, tmp_path, bones=bones, progress=False)
    assert events == ["let go"]
    assert "waiting" in capsys.readouterr().out
    holder.join()


def test_a_loss_that_is_not_finite_names_step_and_samples(data, bones, tmp_path, monkeypatch):
    step, steps = Trainer._step, []

    def poisoned(self, raw, number):
        losses, *read = step(self, raw, number)
        steps.append(raw["sample"])
        return (losses * torch.nan if len(steps) == 12 else losses), *read

    monkeypatch.setattr(Trainer, "_step", poisoned)
    with pytest.raises(StudyError) as caught:
        fit(stage(), data, tmp_path, bones=bones, progress=False)
    message = str(caught.value)
    assert "not finite at step 11 (epoch 2)" in message
    for store, index in steps[11].tolist():
        assert f"{data.train[store].path.stem}[{index}]" in message


def test_a_child_starts_from_its_parent(unbroken, data, bones, tmp_path):
    record = fit(
        stage(3, epochs=1, drop_after=()),
        data,
        tmp_path,
        unbroken / "checkpoint.pt",
        bones=bones,
        progress=False,
    )
    assert record["init"] == torch.load(unbroken / "checkpoint.pt", weights_only=True)["identity"]
    trainer = Trainer(
        stage(3), data, tmp_path / "other", unbroken / "checkpoint.pt", {}, "cpu", 0, bones, False
    )
    parent = weights(unbroken)
    assert all(torch.equal(value, parent[key]) for key, value in trainer.model.state_dict().items())


def test_weights_of_another_network_are_refused(unbroken, data, bones, tmp_path):
    other = stage().model_copy(update={"network": NETWORK.model_copy(update={"width": 8})})
    with pytest.raises(StudyError, match="checkpoint.pt"):
        fit(other, data, tmp_path, unbroken / "checkpoint.pt", bones=bones, progress=False)


def test_scores_stand_beside_their_baselines(unbroken, data, tmp_path):
    stores = {"stick2d": data.test_2d, "stick3d": data.test_3d}
    table = evaluate(unbroken, stores, data.train_3d, progress=False).set_index(
        ["test_set", "scorer", "metric"]
    )
    for scorer in ("model", "best constant pose", "true 2D + mean depth"):
        row = table.loc[("stick3d", scorer, "mpjpe")]
        assert 0 < row["low"] <= row["value"] <= row["high"]
        assert row["n"] == 16
    assert ("stick2d", "model", "pckh") in table.index
    assert ("stick2d", "model", "mpjpe") not in table.index
    again = (unbroken / "metrics.csv").read_bytes()
    evaluate(unbroken, stores, data.train_3d, progress=False)
    assert (unbroken / "metrics.csv").read_bytes() == again
