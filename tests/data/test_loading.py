"""Crops on the device: the same batches as streamed, a step that never waits for the device, and one line
when memory runs out."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from hpe_study.data import loading
from hpe_study.data.loading import MixedSampler, ResidentBatches, Samples, StreamedBatches, crops_fit, loader
from hpe_study.data.store import Store
from hpe_study.errors import StudyError
from hpe_study.evaluation import evaluate, predictor
from hpe_study.evaluation.metric_accumulator import MetricAccumulator
from hpe_study.training.fit import fit
from hpe_study.training.job import RunData, Runtime, TrainingJob
from hpe_study.training.trainer import Trainer
from tests.stick_people import stick_store_path
from tests.training.stick_runs import ON_CPU, stage

WAITING = (
    "_local_scalar_dense",
    "nonzero",
    "equal",
    "is_nonzero",
    "masked_select",
    "unique",
)  # their result's value or size is asked for


@pytest.fixture
def stores(stick_stores):
    return [stick_stores["2d", "train"], stick_stores["3d", "train"]]


@pytest.mark.parametrize("relabelled", [False, True])
def test_a_batch_from_the_device_equals_the_streamed_one(stores, relabelled):
    pairs = MixedSampler((30, 37), (40, 40), seed=0).draw(1)
    if relabelled:  # picture of one person, label of another
        pairs = np.column_stack([pairs, pairs[::-1, 1]])
    streamed = list(loader(stores, pairs, 8, drop_last=True))
    held = list(ResidentBatches(stores, "cpu").batches(pairs, 8))
    assert len(held) == len(streamed) == 8
    for ours, theirs in zip(held, streamed, strict=True):
        assert ours.keys() == theirs.keys()
        for key in theirs:
            assert ours[key].dtype == theirs[key].dtype
            np.testing.assert_array_equal(ours[key].numpy(), theirs[key].numpy(), err_msg=key)


def test_crops_stay_where_they_take_half_of_the_free_memory(stores):
    needed = 80 * 96 * 96 * 3  # 40 people each, crops of 64 px with a margin of 1.5
    assert crops_fit(stores, 2 * needed)
    assert not crops_fit(stores, 2 * needed - 2)


@pytest.fixture(scope="module")
def numbered(tmp_path_factory):
    """Two stores whose every pixel, and whose labels, encode the record's number."""
    made = []
    for store_number in range(2):
        folder = tmp_path_factory.mktemp(f"numbered{store_number}")
        path = stick_store_path(folder, 50, name=f"numbered{store_number}")
        with h5py.File(path, "r+") as file:
            file["crops"][:] = (np.arange(50) + 100 * store_number)[:, None, None, None]
            file["scale"][:] = np.arange(50) + 100 * store_number
        made.append(Store(path))
    return made


@pytest.mark.parametrize("workers", [0, 2])
def test_epoch_after_epoch_is_read_by_the_same_processes(stick_stores, workers):
    stores = [stick_stores["2d", "train"], stick_stores["3d", "train"]]
    streamed, readers = StreamedBatches(stores, workers), []
    for epoch in range(3):
        pairs = MixedSampler((20, 22), (40, 40), seed=0).draw(epoch)
        given, expected = list(streamed.batches(pairs, 8)), list(loader(stores, pairs, 8, drop_last=True))
        assert len(given) == len(expected) == 5
        for ours, theirs in zip(given, expected, strict=True):
            for key, values in theirs.items():
                np.testing.assert_array_equal(ours[key].numpy(), values.numpy(), err_msg=key)
        readers.append({process.pid for process in multiprocessing.active_children()} if workers else {0})
    assert readers[0] == readers[1] == readers[2]


@pytest.mark.parametrize("workers", [0, 3])
def test_image_and_label_stay_together_through_shuffle_and_workers(numbered, workers):
    pairs = MixedSampler((50, 50), (50, 50), seed=3).draw(epoch=1)
    seen = []
    for raw in loader(numbered, pairs, 16, workers):
        number = raw["sample"][:, 0] * 100 + raw["sample"][:, 1]
        assert (raw["crop"] == number[:, None, None, None]).all()
        assert (raw["scale"] == number).all()
        seen += raw["sample"].tolist()
    assert seen == pairs.tolist()


class Waits(TorchDispatchMode):
    """Counts the operations that make the host wait for a device."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        if operation._schema.name.removeprefix("aten::") in WAITING:
            self.found.append(operation._schema.name)
        return operation(*args, **(kwargs or {}))


def test_the_counter_counts():
    with Waits() as waits:
        torch.ones(1).item()
    assert waits.found == ["aten::_local_scalar_dense"]


def trainer_of(data, folder, device="cpu"):
    return Trainer(TrainingJob(stage(), data, folder, runtime=Runtime(device=device, progress=False)))


def step(trainer, raw, scores):
    _, joints, depth = trainer._step(raw, 0)
    scores.add(joints, depth, raw["sample"])


def test_a_step_does_not_wait(stores, tmp_path):
    trainer = trainer_of(RunData(*stores, None, None), tmp_path)
    pairs = MixedSampler((16, 16), (40, 40), seed=0).draw(0)
    first, second, *_ = ResidentBatches(stores, "cpu").batches(pairs, 8)
    scores = MetricAccumulator(stores, 16)
    step(trainer, first, scores)  # the optimiser's state is made in the first step
    with Waits() as waits:
        step(trainer, second, scores)
    assert waits.found == []


def test_out_of_memory_names_the_settings(stores, tmp_path, monkeypatch):
    def full(self, raw, number):
        raise torch.OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 3 GiB"
        )

    monkeypatch.setattr(Trainer, "_step", full)
    with pytest.raises(StudyError, match=r"2\.50 GiB.*batch_size \(it is 8\) or input_size \(it is 64\)"):
        fit(stage(), RunData(*stores, *stores), tmp_path, runtime=ON_CPU)


def test_out_of_memory_while_scoring_names_what_can_be_lowered(stores, tmp_path, monkeypatch):
    fit(stage(), RunData(*stores, *stores), tmp_path, runtime=ON_CPU)

    def full(*args, **options):
        raise torch.OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 3 GiB"
        )

    monkeypatch.setattr(predictor, "augment_batch", full)
    with pytest.raises(
        StudyError,
        match=r"2\.50 GiB.*predicting takes 64 images at a time; lower input_size \(it is 64\).*runs_per_gpu",
    ):
        evaluate.evaluate(tmp_path, {"3d": stores[1]}, stores[1], "cpu", progress=False)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_step_does_not_wait_for_a_gpu(stores, tmp_path):
    trainer = trainer_of(RunData(*stores, None, None), tmp_path, "cuda")
    batches = list(
        loading.batch_source(stores, trainer.device)(MixedSampler((16, 16), (40, 40), seed=0).draw(0), 8)
    )
    scores = MetricAccumulator(stores, 16)
    step(trainer, batches[0], scores)
    torch.cuda.set_sync_debug_mode("error")
    try:
        step(trainer, batches[1], scores)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("room", [True, False])
def test_a_batch_comes_whether_or_not_shared_memory_has_room(stores, room, monkeypatch):
    """Containers often have 64 MB of it."""

    def full(self):
        raise RuntimeError("unable to write to file </torch_1>: No space left on device (28)")

    monkeypatch.setattr(loading, "get_worker_info", lambda: "in a reading process")
    if not room:
        monkeypatch.setattr(torch.Tensor, "share_memory_", full)
    batch = Samples(stores).__getitems__([[0, 1], [1, 2]])
    expected = {key: value.clone() for key, value in batch.items()}
    sent = loading._shared(batch)
    assert all(isinstance(value, torch.Tensor if room else np.ndarray) for value in sent.values())
    for key, value in loading._as_tensors(sent).items():
        np.testing.assert_array_equal(value.numpy(), expected[key].numpy())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts a small /dev/shm of its own")
def test_a_full_shared_memory_does_not_hang(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        """
import sys
from pathlib import Path
import numpy as np
from hpe_study.data.loading import StreamedBatches
from tests.stick_people import stick_store

if __name__ == "__main__":
    store = stick_store(Path(sys.argv[1]), 24, three_d=False)
    pairs = np.stack([np.zeros(24, int), np.arange(24)], 1)
    print([len(raw["crop"]) for raw in StreamedBatches([store], 1).batches(pairs, 12)])
"""
    )
    mount = 'mount -t tmpfs -o size=64k tmpfs /dev/shm && exec "$@"'
    command = [
        "unshare",
        "-m",
        "sh",
        "-c",
        mount,
        "sh",
        sys.executable,
        str(script),
        str(tmp_path / "people"),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env={**os.environ, "PYTHONPATH": os.getcwd()}
    )
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip("may not mount here")
    assert done.stdout == "[12, 12]\n", done.stderr


def test_crops_of_two_sizes_are_one_line_that_names_both(stores):
    other = SimpleNamespace(path=Path("other.h5"), attrs={"crop_size": 64})
    for holder in (Samples, lambda stores: ResidentBatches(stores, "cpu")):
        with pytest.raises(StudyError, match=r"stick2d-train.h5 \(96 px\), other.h5 \(64 px\)") as caught:
            holder([stores[0], other])
        assert "\n" not in str(caught.value)


def test_an_epoch_draws_each_store_afresh_and_listably():
    mix = MixedSampler((30, 30), (30, 100), seed=0)
    first, second = mix.draw(0), mix.draw(1)
    assert sorted(first[first[:, 0] == 0, 1]) == list(range(30))
    drawn = first[first[:, 0] == 1, 1]
    assert len(set(drawn)) == 30
    assert drawn.max() > 30  # not the first N
    assert set(drawn) != set(second[second[:, 0] == 1, 1])
    np.testing.assert_array_equal(first, mix.draw(0))
    again = MixedSampler((70,), (30,), seed=0).draw(0)[:, 1]
    assert set(np.bincount(again)) <= {2, 3}
