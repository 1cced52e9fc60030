"""What one GPU reaches: training the published network, as a share of the GPU's own bf16 peak and of its
time; scoring; small runs that share it; rendering people.

Rows of `gpu.csv`: quantity (rendering, GFLOP of training, bf16 peak, training, training streamed, share of
the bf16 peak, GPU busy, memory, compiling, scoring, sharing), network (`material.name_of`), setting,
precision, value, unit, and what it was measured on.
The peak is measured too, by a large matrix product: a data sheet's is never reached.
"""

import os
import time
from dataclasses import dataclass, replace

import torch

from benchmarks.material import QUICK, Material, Sizes, name_of
from benchmarks.peak import flop_of_training, matrix_rate
from benchmarks.sharing import shared_rate
from benchmarks.timing import circumstances
from hpe_study.data.loading import StreamedBatches
from hpe_study.errors import StudyError
from hpe_study.evaluation.predictor import Predictor
from hpe_study.utils import devices
from simulated_people import StandInSpec, make
from simulated_people.render_jobs import MAX_CUDA_PROCESSES


@dataclass(frozen=True)
class Extent:
    """How much is measured. settings: (batch size, torch.compile's mode); images: of an epoch; matrix: side
    of the product; readers: processes that read streamed crops; alone: pictures that one process renders;
    rendered: people that several render; sharing: how many small runs share the GPU."""

    sizes: Sizes
    settings: tuple
    images: int
    matrix: int
    readers: int
    alone: int
    rendered: tuple
    sharing: tuple


EXTENTS = {
    "quick": Extent(replace(QUICK, people=(16, 8)), ((4, "none"),), 8, 256, 1, 4, (24, 8), (2,)),
    "full": Extent(
        Sizes((1024, 256), picture=256),
        ((32, "none"), (32, "reduce-overhead"), (128, "none"), (128, "reduce-overhead")),
        7680,
        8192,
        8,
        512,
        (6144, 256),
        (1, 2, 4),
    ),
}
CORES = len(os.sched_getaffinity(0))
KEYS = ("quantity", "network", "setting", "machine")


def measured(folder, extent, only=None):
    """The rows (dicts), one at a time. folder: a temporary one; extent: "quick" (runs on a CPU too) or
    "full"; only: some of `PARTS`. Raises `StudyError` without a GPU."""
    if extent == "full" and not torch.cuda.is_available():
        raise StudyError("benchmarks gpu: this process sees no GPU; --quick shows on a CPU that it runs")
    device, chosen = devices.pick_device("auto"), EXTENTS[extent]
    known = circumstances(device)
    for part in only or PARTS:
        for row in PARTS[part](folder, chosen, device):
            print(
                f"{row['quantity']:24} {row['network']:16} {row['setting']:40} {row['value']:10.1f}"
                f" {row['unit']}",
                flush=True,
            )
            yield row | known


def _material(folder, chosen, device):
    return Material(folder, chosen.sizes, CORES, device.type)


def _training(folder, chosen, device):
    material, sizes = _material(folder, chosen, device), chosen.sizes
    network = name_of(material.network(sizes.deep, sizes.deep_size, "bf16"))
    work, peak = flop_of_training(sizes.deep, sizes.deep_size), matrix_rate(chosen.matrix, device)
    yield _row("GFLOP of training", network, "", work / 1e9, "GFLOP/image")
    yield _row("bf16 peak", "", f"matrix product of {chosen.matrix}", peak / 1e12, "TFLOP/s", "bf16")
    for batch, compiling in chosen.settings:
        setting = f"batch {batch}" + (f", compiled: {compiling}" if compiling != "none" else "")
        rate, streamed, busy, memory, first = training_rate(
            material, folder / f"run-{batch}-{compiling}", device, batch, compiling, chosen
        )
        yield _row("training", network, setting, rate, "images/s", "bf16")
        yield _row(
            "training streamed", network, f"{setting}, {chosen.readers} readers", streamed, "images/s", "bf16"
        )
        yield _row("share of the bf16 peak", network, setting, 100 * rate * work / peak, "%", "bf16")
        yield _row("memory", network, setting, memory, "MB", "bf16")
        if device.type == "cuda":
            yield _row("GPU busy", network, setting, 100 * busy, "%", "bf16")
        if compiling != "none":
            yield _row("compiling", network, setting, first, "s", "bf16")


def _scoring(folder, chosen, device):
    material, sizes = _material(folder, chosen, device), chosen.sizes
    network = name_of(material.network(sizes.deep, sizes.deep_size, "bf16"))
    yield _row(
        "scoring",
        network,
        "each image and its mirror",
        scoring_rate(material, folder / "scored", device),
        "images/s",
        "bf16",
    )


def _sharing(folder, chosen, device):
    material, sizes = _material(folder, chosen, device), chosen.sizes
    small = name_of(material.network(sizes.shallow, sizes.shallow_size, "bf16"))
    for runs in chosen.sharing:
        rate = shared_rate(material, folder / f"sharing-{runs}", device, runs, chosen.images)
        yield _row("sharing", small, f"{runs} runs of batch {sizes.batch}", rate, "images/s", "bf16")


def _row(quantity, network, setting, value, unit, precision=""):
    return {
        "quantity": quantity,
        "network": network,
        "setting": setting,
        "precision": precision,
        "value": value,
        "unit": unit,
    }


def training_rate(material, folder, device, batch, compiling, chosen):
    """Of stage 3: (images/s of a whole epoch, the same with crops that are read in it and sent, share of the
    time that the GPU computes, peak MB, seconds that the first epoch, which warms up and compiles, takes
    longer)."""
    sizes = material.sizes
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    trainer = material.trainer(
        sizes.deep,
        sizes.deep_size,
        "bf16",
        folder,
        "raw",
        device=device,
        batch=batch,
        samples=chosen.images // 2,
        compiling=compiling,
    )
    first, second = trainer._epoch(), trainer._epoch()
    busy = _busy(trainer) if device.type == "cuda" else float("nan")
    memory = devices.peak_memory_mb(device)
    trainer.batches = StreamedBatches(trainer.data.train, chosen.readers).batches
    trainer._epoch()  # starts the readers
    streamed = trainer._epoch()["images_per_second"]
    del trainer
    torch.compiler.reset()  # lets go of its graphs and their memory
    return second["images_per_second"], streamed, busy, memory, first["seconds"] - second["seconds"]


def _busy(trainer):
    """Share of a short epoch's time in which a kernel runs, from the profiler's kernels; overlapping ones
    count once."""
    whole, sampler = trainer.variant, trainer.variant.sampler
    short = tuple(count // 4 for count in sampler.counts)
    trainer.variant = replace(whole, sampler=replace(sampler, counts=short))
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CUDA], acc_events=True
    ) as profile:
        trainer._epoch()
    trainer.variant = whole
    spans = sorted(
        (event.time_range.start, event.time_range.end)
        for event in profile.events()
        if event.device_type.name == "CUDA"
    )
    busy, reached = 0.0, spans[0][0]
    for start, end in spans:
        busy += max(end - max(start, reached), 0)
        reached = max(reached, end)
    return busy / (reached - spans[0][0])


def scoring_rate(material, folder, device):
    """Images a second sent forward while a test set is predicted as `evaluate` does, each image and its
    mirror; a first time warms up."""
    sizes = material.sizes
    trainer = material.trainer(sizes.deep, sizes.deep_size, "bf16", folder, "raw", device=device)
    store = trainer.data.test_3d
    for _ in range(2):
        start = time.perf_counter()
        Predictor(trainer.model, trainer.stage.network, device, "bf16", flip=True).arrays(store)
    return 2 * len(store) / (time.perf_counter() - start)


def _rendering(folder, chosen, device):
    """Pictures a second of simulated people written as files: one process, once warm; then several, with and
    without their start (that is: the time of many pictures, less that of a few, for the rest of them)."""
    sizes, several = chosen.sizes, min(CORES, MAX_CUDA_PROCESSES)

    def seconds(root, people, workers):
        start = time.perf_counter()
        spec = StandInSpec("h36m", *people, size=sizes.picture)
        make(spec, root, workers, device.type, progress=False)
        return time.perf_counter() - start

    seconds(folder / "warm", (4, 4), 1)
    alone = (chosen.alone + 4) / seconds(folder / "alone", (chosen.alone, 4), 1)
    yield _row("rendering", "", f"h36m {sizes.picture} px, 1 process", alone, "images/s")
    few = (chosen.alone, 4)
    short, long = seconds(folder / "few", few, several), seconds(folder / "many", chosen.rendered, several)
    what = f"h36m {sizes.picture} px, {several} processes"
    yield _row("rendering", "", f"{what}, with their start", sum(chosen.rendered) / long, "images/s")
    yield _row(
        "rendering",
        "",
        f"{what}, once started",
        (sum(chosen.rendered) - sum(few)) / (long - short),
        "images/s",
    )


PARTS = {"rendering": _rendering, "training": _training, "scoring": _scoring, "sharing": _sharing}
