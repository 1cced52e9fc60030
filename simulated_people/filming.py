"""Films a plan: renders its shots with a pool of processes, writes the images and keeps what is known about
everybody in them.

A plan is made of *items* (a picture in the wild, or one moment seen by several cameras). Every random number
is keyed by the seed, the set, the split and the item, and the items of one batch are always the same, so the
same plan gives the same bytes whatever the number of processes. Finished batches are kept as `parts/*.npz`:
whoever is interrupted goes on from there.
"""

import importlib
import os
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, fields
from functools import lru_cache

import cv2
import h5py
import numpy as np
import torch

from hpe_study.datasets.base import SPLITS
from hpe_study.errors import StudyError
from hpe_study.utils.files import atomic
from hpe_study.utils.processes import pool
from hpe_study.utils.progress import progress_bar
from simulated_people.body import Body
from simulated_people.contact import Contacts
from simulated_people.render import render
from simulated_people.shots import Shot

JPEG_QUALITY = 95
IMAGES_A_BATCH = 32  # filmed, and kept or lost, together
MOST_ON_CUDA = 8  # processes that share a GPU; ten were no faster than four (H100), and each takes memory


@dataclass(frozen=True)
class Take:
    """One image to be filmed: where it goes (relative to the work folder), what it shows, and notes that go
    with it."""

    path: str
    shot: Shot
    notes: dict = field(
        default_factory=dict
    )  # name → int, float or str; the same names in every take of a plan


@dataclass(frozen=True, eq=False)
class Footage:
    """What is known of I images and the P people in them, in the order of the plan. L landmarks, named by
    `body.LANDMARKS`."""

    image: np.ndarray  # (I,) path
    size: np.ndarray  # (I, 2) px, width and height
    rotation: np.ndarray  # (I, 3, 3) world → camera
    position: np.ndarray  # (I, 3) m, world
    intrinsics: np.ndarray  # (I, 4) px: fx, fy, cx, cy
    number: np.ndarray  # (I,) the camera's id
    notes: np.ndarray  # (I,) structured: `item`, and the takes' notes
    owner: np.ndarray  # (P,) index of the image
    person: np.ndarray  # (P,) index among the image's people
    body: np.ndarray  # (P,) index into the body pool
    action: np.ndarray  # (P,) str
    subject: np.ndarray  # (P,) str
    world: np.ndarray  # (P, L, 3) mm
    camera: np.ndarray  # (P, L, 3) mm
    px: np.ndarray  # (P, L, 2)
    inside: np.ndarray  # (P, L) bool
    in_front: np.ndarray  # (P, L) mm
    hidden: np.ndarray  # (P, L) bool
    head_box: np.ndarray  # (P, 4) px
    box: np.ndarray  # (P, 4) px

    def __len__(self):
        return len(self.owner)

    def people(self, chosen):
        """The footage with some of its people only (mask or indices); all images stay."""
        return self._with(lambda column: column[chosen], _PEOPLE)

    def _with(self, change, names):
        return Footage(
            **{
                f.name: change(getattr(self, f.name)) if f.name in names else getattr(self, f.name)
                for f in fields(self)
            }
        )

    def of_image(self, name):
        """A column of the images, one value a person."""
        return getattr(self, name)[self.owner]

    def note(self, name):
        """A note of the images, one value a person."""
        return self.notes[name][self.owner]

    def project(self, camera):
        """(P, J, 3) camera frame, any unit → (P, J, 2) px of each person's image."""
        fx, fy, cx, cy = self.of_image("intrinsics").T[:, :, None]
        x, y, z = np.moveaxis(camera, -1, 0)
        return np.stack([x / z * fx + cx, y / z * fy + cy], -1)


_IMAGES = ("image", "size", "rotation", "position", "intrinsics", "number", "notes")
_PEOPLE = tuple(f.name for f in fields(Footage) if f.name not in _IMAGES)


def film(brief, module, folder, workers=1, device="cpu", progress=True):
    """Film a set's splits and return their `Footage`, {"train": …, "test": …}.

    module: the name of the set's module; its `items(brief, split)` says how many items the plan has,
    `takes(brief, split, item)` gives the takes of one, `TAKES_AN_ITEM` how many these are at most. folder:
    the work folder; images go where the takes say, parts to `parts/`. Batches that are there already are not
    filmed again. Raises StudyError when a worker process dies.
    """
    parts = folder / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    plan = importlib.import_module(module)
    names, jobs = {}, []
    for split in SPLITS:
        batches = _batches(plan.items(brief, split), max(1, IMAGES_A_BATCH // plan.TAKES_AN_ITEM))
        names[split] = [parts / f"{split}_{number:05d}.npz" for number in range(len(batches))]
        jobs += [
            (brief, module, split, list(batch), str(folder), str(name), device)
            for batch, name in zip(batches, names[split], strict=True)
        ]
    missing = [job for job in jobs if not os.path.exists(job[5])]
    done = len(jobs) - len(missing)
    with progress_bar(
        total=len(jobs), initial=done, desc=f"simulated {brief.name}", unit="batch", disable=not progress
    ) as bar:
        for _ in _run(missing, min(workers, MOST_ON_CUDA) if device != "cpu" else workers):
            bar.update()
    return {split: joined([_load(name) for name in names[split]]) for split in SPLITS}


def _batches(count, length):
    return [range(start, min(start + length, count)) for start in range(0, count, length)]


def _run(jobs, workers):
    if workers == 1 or len(jobs) < 2:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # several threads in one process are slower here, and would change the bytes
        try:
            yield from map(_film_batch, jobs)
        finally:
            torch.set_num_threads(threads)
        return
    with pool(min(workers, len(jobs))) as processes:
        waiting = [processes.submit(_film_batch, job) for job in jobs]
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


@lru_cache(maxsize=2)
def body_on(device):
    """The body model, loaded once a process and device."""
    return Body(device=device)


@lru_cache(maxsize=1)
def contacts():
    """The test for limbs that cut into bodies, made once a process."""
    return Contacts(body_on("cpu"))


@torch.inference_mode()
def _film_batch(job):
    brief, module, split, batch, folder, name, device = job
    plan = importlib.import_module(module)
    items, takes = zip(
        *((item, take) for item in batch for take in plan.takes(brief, split, item)), strict=True
    )
    frames = render([take.shot for take in takes], body_on(device), device=device)
    for take, frame in zip(takes, frames, strict=True):
        _write_image(os.path.join(folder, take.path), frame.image)
    with atomic(name) as part, open(part, "wb") as stream:
        np.savez(stream, **_table(items, takes, frames))
    return len(takes)


def _write_image(path, rgb):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    if not cv2.imwrite(path, bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]):
        raise StudyError(f"{path}: could not be written; is the disk full?")


def _table(items, takes, frames):
    """The columns of `Footage` for some takes. items: the item that each belongs to."""
    names = ["item", *takes[0].notes]
    cameras = [take.shot.camera for take in takes]
    people = [
        (owner, person, posed)
        for owner, frame in enumerate(frames)
        for person, posed in enumerate(frame.people)
    ]
    columns = {
        "image": np.array([take.path for take in takes]),
        "size": np.array([(camera.width, camera.height) for camera in cameras]),
        "rotation": np.array([camera.rotation for camera in cameras]),
        "position": np.array([camera.position for camera in cameras]),
        "intrinsics": np.array([(camera.fx, camera.fy, camera.cx, camera.cy) for camera in cameras]),
        "number": np.array([camera.number for camera in cameras]),
        "notes": np.asarray(
            np.rec.fromrecords(
                [(item, *take.notes.values()) for item, take in zip(items, takes, strict=True)], names=names
            )
        ),
        "owner": np.array([owner for owner, _, _ in people]),
        "person": np.array([person for _, person, _ in people]),
        "body": np.array([posed.actor.body for _, _, posed in people]),
        "action": np.array([posed.actor.action for _, _, posed in people]),
        "subject": np.array([posed.actor.subject for _, _, posed in people]),
    }
    for name in ("world", "camera", "px", "inside", "in_front", "hidden", "head_box", "box"):
        columns[name] = np.array([getattr(posed, name) for _, _, posed in people])
    return columns


def _load(name):
    with np.load(name) as columns:
        return Footage(**{f.name: columns[f.name] for f in fields(Footage)})


def joined(footages):
    """Several footages as one."""
    columns = {
        f.name: np.concatenate([getattr(footage, f.name) for footage in footages]) for f in fields(Footage)
    }
    offsets = np.cumsum([0] + [len(footage.image) for footage in footages])
    columns["owner"] = np.concatenate(
        [footage.owner + offset for footage, offset in zip(footages, offsets[:-1], strict=True)]
    )
    return Footage(**columns)


def write_truth(path, splits, landmarks):
    """Write what is exactly known, one group a split: the people in the order of the layout's records.

    splits: {"train": Footage, …}. For tests only: no reader opens it. Units: mm in the camera's frame, px of
    the image.
    """
    with atomic(path) as part, h5py.File(part, "w") as store:
        store.attrs["landmarks"] = list(landmarks)
        store.attrs["simulated"] = True
        for split, footage in splits.items():
            group = store.create_group(split)
            group["image"] = [str(image) for image in footage.of_image("image")]
            group["image_size"] = footage.of_image("size")
            group["intrinsics"] = footage.of_image("intrinsics")
            for name in ("person", "body", "camera", "px", "inside", "in_front", "hidden", "box", "head_box"):
                group[name] = getattr(footage, name)
            for name in ("action", "subject"):
                group[name] = [str(value) for value in getattr(footage, name)]
