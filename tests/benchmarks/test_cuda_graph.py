"""The captured step of a quarter of an hour on a GPU, with a stand-in for the capture.

What only a GPU can show is not tested here: that a capture works, and how fast it is.
"""

from dataclasses import replace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks import cuda_graph
from benchmarks.cuda_graph import CapturedStep, Pace, Paused, QuickTrainer, Setting, check_graph
from hpe_study.errors import StudyError
from hpe_study.models import model_from_checkpoint
from hpe_study.training.job import TrainingJob
from hpe_study.training.trainer import Trainer
from tests.training.stick_runs import ON_CPU, assert_same_run, run_data, stage


def pretended(function, inputs):
    """A capture as a GPU makes it, on the CPU: nothing is computed before the first replay."""
    outputs = []

    def replay():
        outputs[:] = function(*inputs)

    return outputs, replay


def test_a_captured_function_is_computed_once_a_call_on_the_latest_inputs():
    seen = []

    def function(x):
        seen.append(x.item())
        return [2 * x]

    step = CapturedStep(function, pretended)
    results = [step([torch.tensor(float(n))])[0].item() for n in range(6)]
    assert results == [0, 2, 4, 6, 8, 10]
    assert seen == list(range(6))


def run_of(stick_stores, folder, pace=None, capture=None, **changes):
    job = TrainingJob(stage(1, three_d=None, **changes), run_data(stick_stores), folder, runtime=ON_CPU)
    job = replace(job, data=replace(job.data, train_3d=None, test_3d=None))
    return Trainer(job) if capture is None else QuickTrainer(job, pace, Setting(8), capture)


def test_captured_steps_train_as_plain_ones_do(stick_stores, tmp_path):
    exact = {
        "learning_rate": 2.0**-8,
        "drop_after": (),
        "warmup_steps": 0,
        "epochs": 2,
    }  # in single precision
    run_of(stick_stores, tmp_path / "plain", **exact).run()
    record = run_of(stick_stores, tmp_path / "captured", capture=pretended, **exact).run()
    assert record["cuda_graph"]
    assert_same_run(tmp_path / "plain", tmp_path / "captured")


def test_losses_and_gradients_are_compared(stick_stores, tmp_path):
    trainer = run_of(stick_stores, tmp_path)
    assert "agree: loss 0.0e+00, gradients 0.0e+00" in check_graph(trainer, 8, pretended)

    def wrong(function, inputs):
        loss, *gradients = function(*inputs)
        return [loss, *(1.1 * gradient for gradient in gradients)], lambda: None

    with pytest.raises(StudyError, match="is not the plain one"):
        check_graph(trainer, 8, wrong)


class Operations(TorchDispatchMode):
    """The names of all operations."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.names.add(str(function.overloadpacket).removeprefix("aten."))
        return function(*args, **(kwargs or {}))


def test_a_warm_update_asks_the_host_for_nothing(stick_stores, tmp_path):
    """What a capture refuses: values read by the host, shapes that depend on them, uploads of constants."""
    trainer = run_of(stick_stores, tmp_path, capture=pretended)
    raw = cuda_graph.first_batch(trainer, 8)
    trainer.model.train()
    trainer._step(raw, 0)
    source, augmentation = trainer._to_device(raw, 1)
    with Operations() as operations:
        trainer._update(*source.values(), *vars(augmentation).values())
    assert {"convolution", "convolution_backward", "grid_sampler_2d"} <= operations.names
    refused = {"_local_scalar_dense", "nonzero", "masked_select", "lift_fresh", "is_nonzero", "item", "equal"}
    assert not operations.names & refused


def stopping(keep):
    """A pace whose time is up after the first epoch."""
    pace, ticks = Pace(keep=keep), []

    def tick():
        ticks.append(1)
        pace.ends = 0.0 if len(ticks) == 2 else pace.ends

    pace.tick = tick
    return pace


def test_a_training_pauses_between_epochs_and_goes_on_to_the_bit(stick_stores, tmp_path):
    whole, broken = tmp_path / "a" / "run", tmp_path / "b" / "run"
    run_of(stick_stores, whole, capture=pretended).run()
    with pytest.raises(Paused, match="after epoch 1 of 3"):
        run_of(stick_stores, broken, stopping(keep=False), pretended).run()
    assert not (broken / "run.json").exists()
    record = run_of(stick_stores, broken, capture=pretended).run()
    assert "cut_short" not in record
    assert_same_run(whole, broken)


def test_at_the_very_end_what_is_learnt_is_kept_and_said_to_be_cut_short(stick_stores, tmp_path):
    record = run_of(stick_stores, tmp_path / "run", stopping(keep=True), pretended).run()
    assert record["cut_short"] == "after epoch 1 of 3"
    assert record["images_seen"] == 40
    assert model_from_checkpoint(tmp_path / "run" / "checkpoint.pt")
