"""What one GPU reaches: training the published network, as a share of the GPU's own bf16 peak and of its time; rendering people.

Rows of `gpu.csv`: quantity (training, GFLOP of training, bf16 peak, share of the bf16 peak, GPU busy, memory, rendering), network (as
`report.rates` calls it), setting, precision, value, unit, and what it was measured on. The peak is measured too, by a large matrix
product: a data sheet's is never reached.
"""

import time

import torch

from benchmarks.material import FULL, QUICK, Material
from benchmarks.peak import flop_of_training, matrix_rate
from benchmarks.timing import circumstances
from hpe_study import devices
from hpe_study.errors import StudyError
from hpe_study.report.rates import title
from hpe_study.synthetic import make

SETTINGS = {  # (batch size, torch.compile's mode)
    "quick": ((4, "none"),),
    "full": ((32, "none"), (32, "reduce-overhead"), (128, "none"), (128, "default"), (256, "none")),
}
STEPS = {"quick": 2, "full": 120}  # an epoch
MATRIX = {"quick": 256, "full": 8192}
PICTURES = {"quick": (4, 64), "full": (512, 256)}  # how many, px
KEYS = ("quantity", "network", "setting", "machine")


def measured(folder, extent):
    """All rows (dicts). folder: a temporary one; extent: "quick" (runs on a CPU too) or "full". Raises `StudyError` without a GPU."""
    if extent == "full" and not torch.cuda.is_available():
        raise StudyError("benchmarks gpu: this process sees no GPU; --quick shows on a CPU that it runs")
    device = devices.pick_device("auto")
    material = Material(folder, QUICK if extent == "quick" else FULL)
    size, model = material.sizes.deep_size, material.sizes.deep
    known = circumstances(device)
    network, rows = title(material.network(model, size, "bf16")), []

    def add(quantity, setting, value, unit, network=network, precision="bf16"):
        row = {"quantity": quantity, "network": network, "setting": setting, "precision": precision, "value": value, "unit": unit}
        rows.append(row | known)

    work, peak = flop_of_training(model, size), matrix_rate(MATRIX[extent], device)
    add("GFLOP of training", "", work / 1e9, "GFLOP/image", precision="")
    add("bf16 peak", f"matrix product of {MATRIX[extent]}", peak / 1e12, "TFLOP/s", network="")
    for batch, compiling in SETTINGS[extent]:
        setting = f"batch {batch}" + (f", compiled: {compiling}" if compiling != "none" else "")
        rate, busy, memory = training_rate(material, folder / f"run-{batch}-{compiling}", device, batch, compiling, STEPS[extent])
        add("training", setting, rate, "images/s")
        add("share of the bf16 peak", setting, 100 * rate * work / peak, "%")
        if device.type == "cuda":
            add("GPU busy", setting, 100 * busy, "%")
        add("memory", setting, memory, "MB")
        print(f"{network}, {setting}: {rate:.0f} images/s, {100 * rate * work / peak:.0f} % of the peak", flush=True)
    count, px = PICTURES[extent]
    add("rendering", f"h36m {px} px", rendering_rate(folder, count, px, device), "images/s", network="", precision="")
    return rows


def training_rate(material, folder, device, batch, compiling, steps):
    """(images/s of a whole epoch of stage 3, share of its time that the GPU computes, peak MB); a first epoch warms up and compiles."""
    sizes = material.sizes
    trainer = material.trainer(
        sizes.deep, sizes.deep_size, "bf16", folder, "raw", device=device, batch=batch, samples=steps * batch // 2, compiling=compiling
    )
    trainer._epoch()
    rate = trainer._epoch()["images_per_second"]
    return rate, _busy(trainer) if device.type == "cuda" else float("nan"), devices.peak_memory_mb(device)


def _busy(trainer):
    """Share of an epoch's time in which a kernel runs, from the profiler's kernels; overlapping ones count once."""
    activities = torch.profiler.ProfilerActivity
    with torch.profiler.profile(activities=[activities.CUDA]) as profile:
        trainer._epoch()
    spans = sorted((event.time_range.start, event.time_range.end) for event in profile.events() if event.device_type.name == "CUDA")
    busy, reached = 0.0, spans[0][0]
    for start, end in spans:
        busy += max(end - max(start, reached), 0)
        reached = max(reached, end)
    return busy / (reached - spans[0][0])


def rendering_rate(folder, count, px, device):
    """Pictures a second of simulated Human3.6M in one process, written as files; a first few warm up."""
    make("h36m", folder / "warm", 4, 4, size=px, device=device.type, progress=False)
    start = time.perf_counter()
    make("h36m", folder / "people", count, 4, size=px, device=device.type, progress=False)
    return (count + 4) / (time.perf_counter() - start)
