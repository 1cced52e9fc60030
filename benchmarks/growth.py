"""Cost against size, each measured in a process of its own so that peak memory is that size's alone.

Rows of `growth.csv`: quantity (preparing, store, epoch, memory of …, batch, planning), size, value, unit.
Many records share a few pictures, so that rendering is not what is measured; every record's picture is read
and cut.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
import yaml

from benchmarks.material import AUGMENTATION
from benchmarks.timing import circumstances
from hpe_study.config import NetworkConfig, StageConfig, TrainingConfig
from hpe_study.data.preparation import prepare
from hpe_study.data.store import Store
from hpe_study.data.store_key import StoreSettings
from hpe_study.training.job import RunData, Runtime, TrainingJob
from hpe_study.training.trainer import Trainer
from simulated_people import StandInSpec, make

PROJECT = Path(__file__).resolve().parents[1]
IMAGES = {"quick": (50,), "moderate": (1_000, 3_000, 10_000), "full": (1_000, 3_000, 10_000, 30_000, 100_000)}
SEEDS = {"quick": (1,), "moderate": (1, 10), "full": (1, 10, 100)}  # of the demo profile: 49 trainings each
BATCHES = {"quick": (8,), "moderate": (8, 16, 32, 64, 128, 256), "full": (8, 16, 32, 64, 128, 256)}
INPUT = 64  # px
PICTURES = 8


def measured(folder, extent):
    """All rows (dicts). folder: a temporary one; extent: "quick", "moderate" or "full"."""
    rows = []
    add = lambda quantity, size, value, unit: rows.append(  # noqa: E731
        {"quantity": quantity, "size": size, "value": value, "unit": unit, **circumstances()}
    )
    for count in IMAGES[extent]:
        root = crowd(Path(folder) / f"people-{count}", count)
        prepared = in_a_process("prepare_store", root)
        trained = in_a_process("train_epoch", root, 32)
        add("preparing", count, prepared["seconds"], "s")
        add("store", count, prepared["store_mb"], "MB")
        add("epoch", count, trained["seconds"], "s")
        add("memory of preparing", count, prepared["peak_mb"], "MB")
        add("memory of training", count, trained["peak_mb"], "MB")
        print(f"{count} images: {prepared} {trained}", flush=True)
    smallest = Path(folder) / f"people-{IMAGES[extent][0]}"
    for batch in BATCHES[extent]:
        trained = in_a_process("train_epoch", smallest, batch)
        add("batch", batch, trained["images"] / trained["seconds"], "images/s")
    for seeds in SEEDS[extent]:
        trainings, seconds = planning(Path(folder) / f"plan-{seeds}", seeds)
        add("planning", trainings, seconds, "s")
        print(f"{trainings} trainings planned in {seconds:.1f} s", flush=True)
    return rows


def in_a_process(name, *arguments):
    """What a function of this module returns, called in a process of its own, with that process's peak
    memory."""
    command = [sys.executable, "-m", "benchmarks.growth", name, *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, env=environment, cwd=PROJECT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def crowd(root, count):
    """An MPII-like data root whose label file has `count` people in a few pictures, one after the other."""
    make(StandInSpec("mpii", PICTURES, PICTURES, size=96), root, progress=False)
    path = root / "mpii" / "annot" / "train.json"
    people = json.loads(path.read_text())
    path.write_text(json.dumps([people[number % len(people)] for number in range(count)]))
    return root


def prepare_store(root):
    """Seconds and MB of the store of all people."""
    start = time.perf_counter()
    paths = [
        prepare(StoreSettings("mpii", split, INPUT), root, _store(root, split), progress=False)
        for split in ("train", "test")
    ]
    return {"seconds": time.perf_counter() - start, "store_mb": paths[0].stat().st_size / 1e6}


def _store(root, split):
    return Path(root) / "prepared" / f"mpii-{split}.h5"


def train_epoch(root, batch):
    """Seconds of an epoch of stage 1 with a small network, read from disk as it goes, and the images seen."""
    network = NetworkConfig(model="narrow18", width=8, pretrained=False, input_size=INPUT, sigma=1.0)
    training = TrainingConfig(epochs=1000, batch_size=int(batch))
    stage = StageConfig(
        stage=1,
        two_d="mpii",
        three_d=None,
        seed=0,
        training=training,
        augmentation=AUGMENTATION,
        network=network,
        validate_every=1000,
        legacy=(),
    )
    data = RunData(Store(_store(root, "train")), None, Store(_store(root, "test")), None)
    runtime = Runtime(device="cpu", progress=False)
    trainer = Trainer(TrainingJob(stage, data, Path(root) / "run", runtime=runtime))
    first = trainer.batches(
        np.stack([np.zeros(int(batch), int), np.arange(int(batch)) % len(data.train_2d)], 1), int(batch)
    )
    trainer._step(next(iter(first)), 0)  # warm-up
    row = trainer._epoch()
    return {"seconds": float(row["seconds"]), "images": int(row["images"])}


def planning(home, seeds):
    """(trainings, seconds) that Snakemake takes to plan the demo profile with so many seeds, nothing being
    there yet."""
    home.mkdir(parents=True)
    for name in ("Snakefile", "params", "notebooks"):
        (shutil.copytree if (PROJECT / name).is_dir() else shutil.copy)(PROJECT / name, home / name)
    profile = home / "params" / "demo.yaml"
    values = yaml.safe_load(profile.read_text()) | {"seeds": list(range(seeds))}
    profile.write_text(yaml.safe_dump(values))
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--dry-run",
        "--quiet",
        "all",
        "--cores",
        "2",
        "--config",
        f"profile={profile}",
    ]
    start = time.perf_counter()
    subprocess.run(
        command, cwd=home, env={**os.environ, "PYTHONPATH": str(PROJECT)}, capture_output=True, check=True
    )
    return 45 * seeds, time.perf_counter() - start


def peak_mb():
    """Peak memory in MB of this program alone: what `getrusage` tells begins with that of the process it was
    started from."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    torch.set_num_threads(1)
    answer = {"prepare_store": prepare_store, "train_epoch": train_epoch}[sys.argv[1]](*sys.argv[2:])
    print(json.dumps(answer | {"peak_mb": peak_mb()}))
