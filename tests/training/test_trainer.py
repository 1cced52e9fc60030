"""One training: it learns, it resumes to the bit, it refuses what cannot be right."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from hpe_study.errors import StudyError
from hpe_study.evaluation.predictor import load_run_model
from hpe_study.training.fit import fit
from hpe_study.training.job import RunData
from hpe_study.training.trainer import Trainer
from hpe_study.utils import devices
from hpe_study.utils.files import read_json
from tests.training.stick_runs import ON_CPU, assert_same_run, stage


@pytest.fixture(scope="module")
def unbroken(data, bones, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    fit(stage(), data, folder, bones=bones, runtime=ON_CPU)
    return folder


def test_a_run_leaves_its_record(unbroken, data):
    record = read_json(unbroken / "run.json")
    history = pd.read_csv(unbroken / "history.csv")
    assert record["scheme"] == "fusion"
    assert record["images_seen"] == 3 * 2 * 40 == history["images"].sum()
    assert record["simulated"] is True
    assert record["data"]["stick3d-train.h5"] == data.train_3d.attrs["key"]
    assert history["learning_rate"].tolist() == pytest.approx([3e-3, 3e-3, 3e-4])
    assert history[["pckh", "mpjpe", "validation_pckh", "validation_mpjpe"]].notna().all().all()
    assert not (unbroken / "resume.pt").exists()


def test_it_learns(data, tmp_path):
    fit(
        stage(1, three_d=None, epochs=8, drop_after=(), geometry_weight=0.0),
        RunData(data.train_2d, None, data.test_2d, None),
        tmp_path,
        runtime=ON_CPU,
    )
    history = pd.read_csv(tmp_path / "history.csv")
    assert history["loss"].iloc[-1] < 0.75 * history["loss"].iloc[0]
    assert np.isnan(history["mpjpe"]).all()


def test_a_head_of_volumes_learns_joints_and_depth_with_todays_augmentation(data, bones, tmp_path):
    settings = stage(epochs=6, drop_after=(), decay="cosine", depth_weight=1.0)
    settings = settings.model_copy(
        update={
            "network": settings.network.model_copy(update={"model": "narrow18_volumetric"}),
            "augmentation": settings.augmentation.model_copy(update={"occlusion": 0.5}),
        }
    )
    fit(settings, data, tmp_path, bones=bones, runtime=ON_CPU)
    history = pd.read_csv(tmp_path / "history.csv")
    first, last = history.iloc[0], history.iloc[-1]
    assert last["loss"] < 0.9 * first["loss"]
    assert last["loss_joints"] < first["loss_joints"]
    assert np.isfinite(history[["loss_heatmap", "loss_depth", "loss_geometry", "mpjpe"]]).all(axis=None)
    assert (np.diff(history["learning_rate"]) < 0).all()
    model, network = load_run_model(tmp_path)
    assert network.model == "narrow18_volumetric"
    assert model.output_names == ("volume",)


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
                fit(stage(), data, folder, bones=bones, runtime=ON_CPU)
        assert not (folder / "run.json").exists()
        fit(stage(), data, folder, bones=bones, runtime=ON_CPU)
        assert_same_run(unbroken, folder)


def test_a_loss_that_is_not_finite_names_step_and_samples(data, bones, tmp_path, monkeypatch):
    step, steps = Trainer._step, []

    def poisoned(self, raw, number):
        losses, *decoded = step(self, raw, number)
        steps.append(raw["sample"])
        return (losses * torch.nan if len(steps) == 12 else losses), *decoded

    monkeypatch.setattr(Trainer, "_step", poisoned)
    with pytest.raises(StudyError) as caught:
        fit(stage(), data, tmp_path, bones=bones, runtime=ON_CPU)
    message = str(caught.value)
    assert "not finite at step 11 (epoch 2)" in message
    for store, index in steps[11].tolist():
        assert f"{data.train[store].path.stem}[{index}]" in message


@pytest.mark.parametrize("decoder", ["argmax", "quarter", "soft"])
def test_a_training_that_diverges_says_at_which_step(data, tmp_path, decoder):
    """Maps that are NaN have joints that are NaN, and these have no cell to read a depth from."""
    settings = stage(learning_rate=1e6, epochs=2, drop_after=(), optimizer="adam", warmup_steps=0)
    settings = settings.model_copy(
        update={"network": settings.network.model_copy(update={"decode": decoder, "width": 16})}
    )
    with pytest.raises(
        StudyError, match=r"the loss is not finite at step \d+ \(epoch \d\); its samples: stick"
    ):
        fit(settings, data, tmp_path, runtime=ON_CPU)


def test_what_the_record_needs_is_asked_for_before_training(data, tmp_path, monkeypatch):
    def unknown(*args):
        raise StudyError("no version")

    monkeypatch.setattr(devices, "provenance", unknown)
    monkeypatch.setattr(Trainer, "run", lambda self: pytest.fail("trained"))
    with pytest.raises(StudyError, match="no version"):
        fit(stage(), data, tmp_path, runtime=ON_CPU)


def test_a_damaged_record_of_the_run_before_is_said_before_training(unbroken, data, tmp_path, monkeypatch):
    before = shutil.copytree(unbroken, tmp_path / "before")
    (before / "run.json").write_text("[]")
    monkeypatch.setattr(Trainer, "run", lambda self: pytest.fail("trained"))
    with pytest.raises(StudyError, match=r"before/run\.json: is no record of a training"):
        fit(stage(), data, tmp_path / "run", before / "checkpoint.pt", runtime=ON_CPU)


def test_a_compiled_network_trains_to_the_same_numbers(unbroken, data, bones, tmp_path, monkeypatch):
    modes, compile_ = [], torch.compile

    def quickly(model, mode):
        modes.append(mode)
        # traces and differentiates as any mode does, without minutes of code generation
        return compile_(model, backend="aot_eager")

    monkeypatch.setattr(torch, "compile", quickly)
    compiled = replace(ON_CPU, compile="reduce-overhead")
    record = fit(stage(), data, tmp_path / "run", bones=bones, runtime=compiled)
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
        raise RuntimeError("an exception in a subprocess:\nno C++ compiler found")

    compile_ = torch.compile
    monkeypatch.setattr(
        torch, "compile", lambda function, mode=None, options=None: compile_(function, backend=no_compiler)
    )
    record = fit(stage(), data, tmp_path / "run", bones=bones, runtime=replace(ON_CPU, compile="default"))
    assert record["compiled"] == "none"
    said = capsys.readouterr().out
    assert (
        "run: compile: default failed (no C++ compiler found); trying again with one compile thread" in said
    )
    assert (
        "run: compile: default cannot be done here (no C++ compiler found); training goes on without" in said
    )
    assert_same_run(unbroken, tmp_path / "run")
