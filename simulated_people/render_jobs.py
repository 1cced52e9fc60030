"""Renders the images that a data set plans, with a pool of processes, and collects their ground truth.

A plan consists of *items* (a photograph, or one moment seen by several cameras). Every random number is keyed
by seed, data set, split and item, and the items of a batch are always the same, so the same plan gives the
same bytes whatever the number of processes. Finished batches are kept as `parts/*.npz`: an interrupted run
continues from there.
"""

import importlib
import os
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch

from hpe_study.datasets.base import SPLITS
from hpe_study.errors import StudyError
from hpe_study.utils.files import atomic
from hpe_study.utils.processes import pool
from hpe_study.utils.progress import progress_bar
from simulated_people.body.model import shared_body
from simulated_people.ground_truth import joined, load_part, part_columns
from simulated_people.rendering.render import Shot, render

JPEG_QUALITY = 95


IMAGES_PER_BATCH = 32  # filmed, and kept or lost, together


MAX_CUDA_PROCESSES = (
    8  # processes that share a GPU; ten were no faster than four (H100), and each takes memory
)


@dataclass(frozen=True)
class PlannedImage:
    """One image to be filmed: where it goes (relative to the work folder), what it shows, and notes that go
    with it."""

    path: str
    shot: Shot
    notes: dict = field(
        default_factory=dict
    )  # name → int, float or str; the same names in every take of a plan


def render_splits(spec, module, folder, workers=1, device="cpu", progress=True):
    """Film a set's splits and return their `Footage`, {"train": …, "test": …}.

    module: the name of the set's module; its `items(brief, split)` says how many items the plan has,
    `takes(brief, split, item)` gives the takes of one, `IMAGES_PER_ITEM` how many these are at most. folder:
    the work folder; images go where the takes say, parts to `parts/`. Batches that are there already are not
    filmed again. Raises StudyError when a worker process dies.
    """
    parts = folder / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    plan = importlib.import_module(module)
    names, jobs = {}, []
    for split in SPLITS:
        batches = _batches(plan.item_count(spec, split), max(1, IMAGES_PER_BATCH // plan.IMAGES_PER_ITEM))
        names[split] = [parts / f"{split}_{number:05d}.npz" for number in range(len(batches))]
        jobs += [
            (spec, module, split, list(batch), str(folder), str(name), device)
            for batch, name in zip(batches, names[split], strict=True)
        ]
    missing = [job for job in jobs if not os.path.exists(job[5])]
    done = len(jobs) - len(missing)
    with progress_bar(
        total=len(jobs), initial=done, desc=f"simulated {spec.name}", unit="batch", disable=not progress
    ) as bar:
        for _ in _run(missing, min(workers, MAX_CUDA_PROCESSES) if device != "cpu" else workers):
            bar.update()
    return {split: joined([load_part(name) for name in names[split]]) for split in SPLITS}


def _batches(count, length):
    return [range(start, min(start + length, count)) for start in range(0, count, length)]


def _run(jobs, workers):
    if workers == 1 or len(jobs) < 2:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # several threads in one process are slower here, and would change the bytes
        try:
            yield from map(_render_batch, jobs)
        finally:
            torch.set_num_threads(threads)
        return
    with pool(min(workers, len(jobs))) as processes:
        waiting = [processes.submit(_render_batch, job) for job in jobs]
        try:
            for done in as_completed(waiting):
                yield done.result()
        except BrokenProcessPool as error:
            raise StudyError(
                "a rendering process was ended from outside (out of memory?); run the same command again to"
                " go on"
            ) from error
        finally:
            processes.shutdown(wait=True, cancel_futures=True)


@torch.inference_mode()
def _render_batch(job):
    spec, module, split, batch, folder, name, device = job
    plan = importlib.import_module(module)
    items, takes = zip(
        *((item, take) for item in batch for take in plan.plan_item(spec, split, item)), strict=True
    )
    frames = render([take.shot for take in takes], shared_body(device), device=device)
    for take, frame in zip(takes, frames, strict=True):
        _write_image(os.path.join(folder, take.path), frame.image)
    with atomic(name) as part, open(part, "wb") as stream:
        np.savez(stream, **part_columns(items, takes, frames))
    return len(takes)


def _write_image(path, rgb):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    if not cv2.imwrite(path, bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]):
        raise StudyError(f"{path}: could not be written; is the disk full?")
