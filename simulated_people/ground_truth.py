"""What is known of the rendered people: one row per person, one per image, and the file `truth.h5`."""

from dataclasses import dataclass, fields

import h5py
import numpy as np

from hpe_study.utils.files import atomic


@dataclass(frozen=True, eq=False)
class GroundTruth:
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
        return self._with(lambda column: column[chosen], _PERSON_COLUMNS)

    def _with(self, change, names):
        return GroundTruth(
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


_IMAGE_COLUMNS = ("image", "size", "rotation", "position", "intrinsics", "number", "notes")


_PERSON_COLUMNS = tuple(f.name for f in fields(GroundTruth) if f.name not in _IMAGE_COLUMNS)


def part_columns(items, takes, frames):
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


def load_part(name):
    with np.load(name) as columns:
        return GroundTruth(**{f.name: columns[f.name] for f in fields(GroundTruth)})


def joined(truths):
    """Several footages as one."""
    columns = {
        f.name: np.concatenate([getattr(truth, f.name) for truth in truths]) for f in fields(GroundTruth)
    }
    offsets = np.cumsum([0] + [len(truth.image) for truth in truths])
    columns["owner"] = np.concatenate(
        [truth.owner + offset for truth, offset in zip(truths, offsets[:-1], strict=True)]
    )
    return GroundTruth(**columns)


def write_truth(path, splits, landmarks):
    """Write what is exactly known, one group a split: the people in the order of the layout's records.

    splits: {"train": Footage, …}. For tests only: no reader opens it. Units: mm in the camera's frame, px of
    the image.
    """
    with atomic(path) as part, h5py.File(part, "w") as store:
        store.attrs["landmarks"] = list(landmarks)
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
