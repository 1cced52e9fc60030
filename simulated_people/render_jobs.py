"""Renders the images that a data set plans, with a pool of processes, and collects their ground truth.

A plan consists of *items* (a photograph, or one moment seen by several cameras). Every random number is keyed
by seed, data set, split and item, and the items of a batch are always the same, so the same plan gives the
same bytes whatever the number of processes. Finished batches are kept as `parts/*.npz`: an interrupted run
continues from there.
"""

import importlib
from collections.abc import Iterable, Iterator
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch

from hpe_study.datasets.base import SPLITS
from hpe_study.errors import StudyError
from hpe_study.utils.devices import pick_device
from hpe_study.utils.files import atomic
from hpe_study.utils.processes import pool
from hpe_study.utils.progress import progress_bar
from simulated_people.body.model import shared_body
from simulated_people.ground_truth import GroundTruth, joined, load_part, part_columns
from simulated_people.rendering.render import Shot, render
from simulated_people.spec import StandInSpec

JPEG_QUALITY = 95
# colour at full resolution: a limb of a small person is as wide as one block of halved colour
_JPEG = (
    *(cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
)
IMAGES_PER_BATCH = 32  # rendered together, and kept or lost together

# Processes that share a GPU: ten were no faster than four (H100), and each takes memory.
MAX_CUDA_PROCESSES = 8


@dataclass(frozen=True)
class PlannedImage:
    """One image to be rendered.

    Attributes:
        path: Where it goes, relative to the work folder.
        shot: What it shows.
        notes: {name: int, float or str} for the label files; the same names in every image of a plan.
    """

    path: str
    shot: Shot
    notes: dict = field(default_factory=dict)


@dataclass(frozen=True)
class _Job:
    """One batch of a plan, as it is sent to a worker process."""

    spec: StandInSpec
    module: str  # of the data set
    split: str
    items: tuple
    folder: Path  # for images
    part: Path  # the file that keeps the batch's ground truth
    device: str


def render_splits(
    spec: StandInSpec, module: str, folder: Path, workers: int = 1, device: str = "cpu", progress: bool = True
) -> dict[str, GroundTruth]:
    """Render the images of both splits; batches that are there already are not rendered again.

    Args:
        spec: The stand-in.
        module: Name of the data set's module, which plans the images (see `simulated_people.sets`).
        folder: The work folder: images go where the plan says, finished batches to `parts/`.
        workers: Processes, of one thread each.
        device: "cpu" or "cuda".
        progress: Show a progress bar.

    Returns:
        The ground truth of "train" and "test".

    Raises:
        StudyError: A worker process died, or an image could not be written.
    """
    if device != "cpu":
        pick_device(device)  # refused here, where it is one line
    jobs = {split: _jobs(spec, module, split, folder, device) for split in SPLITS}
    everything = [job for split in SPLITS for job in jobs[split]]
    missing = [job for job in everything if not job.part.exists()]
    with progress_bar(
        total=len(everything),
        initial=len(everything) - len(missing),
        desc=f"simulated {spec.name}",
        unit="batch",
        disable=not progress,
    ) as bar:
        for _ in _run(missing, workers if device == "cpu" else min(workers, MAX_CUDA_PROCESSES)):
            bar.update()
    return {split: joined(load_part(job.part) for job in jobs[split]) for split in SPLITS}


def _jobs(spec, module, split, folder, device):
    """The batches of a split, always the same."""
    plan = importlib.import_module(module)
    parts = folder / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    items = range(plan.item_count(spec, split))
    length = max(1, IMAGES_PER_BATCH // plan.IMAGES_PER_ITEM)
    batches = [tuple(items[start : start + length]) for start in range(0, len(items), length)]
    return [
        _Job(spec, module, split, batch, folder, parts / f"{split}_{number:05d}.npz", device)
        for number, batch in enumerate(batches)
    ]


def _run(jobs: Iterable[_Job], workers: int) -> Iterator[int]:
    """Render the batches, in any order; yields the number of images of each."""
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
    plan = importlib.import_module(job.module)
    planned = {item: plan.plan_item(job.spec, job.split, item) for item in job.items}
    items = [item for item, images in planned.items() for _ in images]
    images = [image for images in planned.values() for image in images]
    frames = render([image.shot for image in images], shared_body(job.device), device=job.device)
    for image, frame in zip(images, frames, strict=True):
        _write_image(job.folder / image.path, frame.image)
    with atomic(job.part) as part, open(part, "wb") as stream:
        np.savez(stream, **part_columns(items, images, frames))
    return len(images)


def _write_image(path, rgb):
    path.parent.mkdir(parents=True, exist_ok=True)
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    if not cv2.imwrite(str(path), bgr, _JPEG):
        raise StudyError(f"{path}: could not be written; is the disk full?")
