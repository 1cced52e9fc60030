"""What is known of the rendered people: one row per person, one per image, and the file `truth.h5`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import h5py
import numpy as np

from hpe_study.utils.files import atomic
from simulated_people.body.landmarks import LANDMARKS


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """I images and the P people in them, in the order of the plan; L landmarks, named by `LANDMARKS`."""

    image: np.ndarray  # (I,) path
    size: np.ndarray  # (I, 2) px, width and height
    rotation: np.ndarray  # (I, 3, 3) world → camera
    position: np.ndarray  # (I, 3) m, world
    intrinsics: np.ndarray  # (I, 4) px: fx, fy, cx, cy
    number: np.ndarray  # (I,) the camera's id
    notes: np.ndarray  # (I,) structured: `item`, and the planned images' notes
    owner: np.ndarray  # (P,) index of the image
    person: np.ndarray  # (P,) index among the image's people
    body: np.ndarray  # (P,) index into the body pool
    action: np.ndarray  # (P,) str
    subject: np.ndarray  # (P,) str
    world: np.ndarray  # (P, L, 3) mm
    camera: np.ndarray  # (P, L, 3) mm
    px: np.ndarray  # (P, L, 2)
    inside: np.ndarray  # (P, L) bool, see `PersonLabels`
    in_front: np.ndarray  # (P, L) mm
    hidden: np.ndarray  # (P, L) bool
    head_box: np.ndarray  # (P, 4) px
    box: np.ndarray  # (P, 4) px

    def __len__(self) -> int:
        return len(self.owner)

    def people(self, chosen: np.ndarray) -> "GroundTruth":
        """The same with some of the people only (mask or indices); all images stay."""
        return replace(self, **{name: getattr(self, name)[chosen] for name in _PERSON_COLUMNS})

    def of_image(self, name: str) -> np.ndarray:
        """A column of the images, one value per person."""
        return getattr(self, name)[self.owner]

    def note(self, name: str) -> np.ndarray:
        """A note of the images, one value per person."""
        return self.notes[name][self.owner]

    def project(self, camera: np.ndarray) -> np.ndarray:
        """(P, J, 3) in the camera's frame, any unit → (P, J, 2) px of each person's image."""
        fx, fy, cx, cy = self.of_image("intrinsics").T[:, :, None]
        x, y, z = np.moveaxis(camera, -1, 0)
        return np.stack([x / z * fx + cx, y / z * fy + cy], -1)


_IMAGE_COLUMNS = ("image", "size", "rotation", "position", "intrinsics", "number", "notes")
_PERSON_COLUMNS = tuple(f.name for f in fields(GroundTruth) if f.name not in _IMAGE_COLUMNS)


def part_columns(items: Sequence[int], planned: Sequence, frames: Sequence) -> dict[str, np.ndarray]:
    """The columns of `GroundTruth` for some images.

    Args:
        items: The item of the plan that each image belongs to.
        planned: The `PlannedImage`s.
        frames: The `Frame`s that were rendered.
    """
    cameras = [image.shot.camera for image in planned]
    notes = [(item, *image.notes.values()) for item, image in zip(items, planned, strict=True)]
    people = [
        (owner, person, labels)
        for owner, frame in enumerate(frames)
        for person, labels in enumerate(frame.people)
    ]
    columns = {
        "image": np.array([image.path for image in planned]),
        "size": np.array([(camera.width, camera.height) for camera in cameras]),
        "rotation": np.array([camera.rotation for camera in cameras]),
        "position": np.array([camera.position for camera in cameras]),
        "intrinsics": np.array([(camera.fx, camera.fy, camera.cx, camera.cy) for camera in cameras]),
        "number": np.array([camera.number for camera in cameras]),
        "notes": np.asarray(np.rec.fromrecords(notes, names=["item", *planned[0].notes])),
        "owner": np.array([owner for owner, _, _ in people]),
        "person": np.array([person for _, person, _ in people]),
        "body": np.array([labels.actor.body for _, _, labels in people]),
        "action": np.array([labels.actor.action for _, _, labels in people]),
        "subject": np.array([labels.actor.subject for _, _, labels in people]),
    }
    for name in ("world", "camera", "px", "inside", "in_front", "hidden", "head_box", "box"):
        columns[name] = np.array([getattr(labels, name) for _, _, labels in people])
    return columns


def load_part(path: str | Path) -> GroundTruth:
    """The ground truth of one finished batch."""
    with np.load(path) as columns:
        return GroundTruth(**{f.name: columns[f.name] for f in fields(GroundTruth)})


def joined(truths: Iterable[GroundTruth]) -> GroundTruth:
    """Several ground truths as one."""
    truths = list(truths)
    columns = {
        f.name: np.concatenate([getattr(truth, f.name) for truth in truths]) for f in fields(GroundTruth)
    }
    offsets = np.cumsum([0] + [len(truth.image) for truth in truths])
    owners = [truth.owner + offset for truth, offset in zip(truths, offsets[:-1], strict=True)]
    return GroundTruth(**columns | {"owner": np.concatenate(owners)})


def write_truth(path: Path, splits: dict[str, GroundTruth]) -> None:
    """Write what is exactly known, one group per split, people in the order of the layout's records.

    For tests only: no reader opens it. Units: mm in the camera's frame, px of the image.
    """
    with atomic(path) as part, h5py.File(part, "w") as store:
        store.attrs["landmarks"] = list(LANDMARKS)
        store.attrs["simulated"] = True
        for split, truth in splits.items():
            group = store.create_group(split)
            group["image"] = [str(image) for image in truth.of_image("image")]
            group["image_size"] = truth.of_image("size")
            group["intrinsics"] = truth.of_image("intrinsics")
            for name in ("person", "body", "camera", "px", "inside", "in_front", "hidden", "box", "head_box"):
                group[name] = getattr(truth, name)
            for name in ("action", "subject"):
                group[name] = [str(value) for value in getattr(truth, name)]
