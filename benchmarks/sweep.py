"""Which way of computing a training step is the fastest: batch size, precision, compiler, memory layout,
optimiser, CUDA graph; one thing changed at a time, in a given number of seconds."""

import contextlib
import gc
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import torch

from benchmarks.cuda_graph import WARM_UP, QuickTrainer, Setting, first_batch
from benchmarks.ledger import one_line
from hpe_study.training.job import TrainingJob
from hpe_study.utils.files import atomic

BASE = Setting()
SETTINGS = (
    BASE,
    replace(BASE, graph=False),
    replace(BASE, batch=128),
    replace(BASE, channels_last=False),
    replace(BASE, fused=False),
    replace(BASE, precision="fp32"),
    replace(BASE, batch=64),
    replace(BASE, batch=256),
    replace(BASE, compile="default"),
    replace(BASE, compile="reduce-overhead", graph=False),
)
COMPILING = 30.0  # seconds that compiling takes at least; it is not begun with fewer


class TooLong(BaseException):
    """A setting that took longer than it may: no `Exception`, which a compiler would take for its own."""


def sweep(
    job: TrainingJob, settings: Sequence[Setting], seconds: float, each: float, graph: bool
) -> pd.DataFrame:
    """Time the settings on a training job, in their order, until the seconds are used up.

    Args:
        job: a training; nothing is written into its folder.
        settings: those to time, the one that the others are changed from first.
        seconds: in all.
        each: seconds of steps that are timed of each setting.
        graph: whether steps can be captured here.

    Returns:
        One row per setting: its values, images_per_second (NaN where it was not timed), note.
    """
    start, longest, rows = time.monotonic(), 0.0, []
    for setting in settings:
        left = seconds - (time.monotonic() - start)
        needed = longest + (COMPILING if setting.compile != "none" else 0.0)
        rate, note = float("nan"), ""
        if setting.graph and not graph:
            note = "no GPU that captures a step"
        elif left < needed:
            note = f"skipped: needs {needed:.0f} s, {left:.0f} s are left"
        else:
            begun = time.monotonic()
            try:
                with _at_most(left if setting.compile != "none" else None):
                    rate, note = images_per_second(job, setting, each)
            except (Exception, TooLong) as error:  # a setting that this GPU cannot do is no reason to stop
                note = f"failed: {one_line(error)}"
            gc.collect()  # of what refers to itself, with its memory on the GPU
            torch.cuda.empty_cache()
            if setting.compile == "none":
                longest = max(longest, time.monotonic() - begun)
        rows.append(asdict(setting) | {"images_per_second": round(rate, 1), "note": note})
        print(f"  {setting!s:40} {rate:8.1f} images/s  {note}", flush=True)
    return pd.DataFrame(rows)


def images_per_second(job: TrainingJob, setting: Setting, seconds: float) -> tuple[float, str]:
    """The rate of whole steps, augmentation included, and the compiler's mode that was used in the end."""
    training = job.stage.training.model_copy(update={"batch_size": setting.batch})
    network = job.stage.network.model_copy(update={"precision": setting.precision})
    stage = job.stage.model_copy(update={"training": training, "network": network})
    trainer = QuickTrainer(replace(job, stage=stage), setting=setting)
    trainer.model.train()
    raw = first_batch(trainer, setting.batch)

    def timed(steps):
        start = time.perf_counter()
        for _ in range(steps):
            losses, *_ = trainer._step(raw, 0)
        float(losses[0])  # waits for the device
        return time.perf_counter() - start

    timed(WARM_UP + 2)
    steps = max(2, int(3 * seconds / timed(3)))
    rate = steps * len(raw["sample"]) / timed(steps)
    torch.compiler.reset()  # lets go of its graphs and their memory
    if trainer.compiled.mode != setting.compile:
        return float("nan"), f"compile: {setting.compile} failed"
    return rate, ""


def choose(table: pd.DataFrame, batch: int) -> Setting:
    """The fastest setting for a training of a batch size, in the precision and layout of the package.

    Validation lays a network's weights out anew where they are not channels-last, under a captured step.
    """
    allowed = table[(table["batch"] == batch) & (table["precision"] == "auto") & table["channels_last"]]
    if not allowed["images_per_second"].notna().any():
        return Setting(batch, graph=False)
    row = allowed.loc[allowed["images_per_second"].idxmax()]
    return Setting(**{key: row[key] for key in asdict(BASE)})


def write(table: pd.DataFrame, path: Path, chosen: Setting, device: str) -> None:
    """Write sweep.csv: which setting was chosen, and the device's name in every row."""
    same = (table[list(asdict(chosen))] == pd.Series(asdict(chosen))).all(axis=1)
    with atomic(path) as part:
        table.assign(chosen=same, device=device).to_csv(part, index=False)


def read(path: Path) -> tuple[Setting, float]:
    """The chosen setting of a sweep.csv and its images per second; plain steps where there is none."""
    if path.exists():
        table = pd.read_csv(path, keep_default_na=True)
        for row in table[table["chosen"]].to_dict("records"):
            return Setting(**{key: row[key] for key in asdict(BASE)}), row["images_per_second"]
    return Setting(graph=False), float("nan")


@contextlib.contextmanager
def _at_most(seconds: float | None) -> Iterator[None]:
    """Raise `TooLong` in this block after so many seconds."""
    if seconds is None:
        yield
        return

    def ring(*_):
        raise TooLong(f"took longer than {seconds:.0f} s")

    before, timer = signal.signal(signal.SIGALRM, ring), signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *timer)
        signal.signal(signal.SIGALRM, before)
