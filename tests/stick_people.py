"""Stick people: pictures whose joints are known, made in milliseconds, for tests that need data but no
renderer."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from hpe_study.data import preparation
from hpe_study.data.preparation import prepare
from hpe_study.data.store import Store
from hpe_study.data.store_key import StoreSettings
from hpe_study.datasets.record import Record
from hpe_study.skeletons import MPII16

SIZE = 96  # px of a picture
STANDING = np.array(
    [[-12, 90, 0], [-12, 48, 0], [-10, 5, 0], [10, 5, 0], [12, 48, 0], [12, 90, 0], [0, 5, 0], [0, -45, 0], [0, -55, 0], [0, -80, 0],
     [-38, 5, 0], [-30, -20, 0], [-18, -45, 0], [18, -45, 0], [30, -20, 0], [38, 5, 0]], float
) * 10.0  # fmt: skip
# mm, camera frame


class StickPeople(list):
    """A list of records with what `store.prepare` asks of a data set."""

    def __init__(self, folder, count, split="train", three_d=True, seed=0, name="stick"):
        folder.mkdir(parents=True, exist_ok=True)
        random = np.random.default_rng([seed, split == "test"])
        super().__init__(
            stick_record(folder / f"{split}{i}.png", i, split, three_d, random) for i in range(count)
        )
        self.root, self.name, self.split, self.skeleton = folder.parent, name, split, MPII16
        self.left_out, self.simulated = {}, True
        labels = folder / f"{split}-labels.txt"
        labels.write_text(f"{count} {seed} {three_d}")
        self.label_files = [labels]
        self.info = SimpleNamespace(licence="none", citation="none", url="none", pseudo=False)


def stick_record(path, index, split, three_d, random):
    """A stick person on a plain ground, drawn into `path`. Scale 0.04 px a mm, no perspective."""
    turn = random.uniform(0, 2 * np.pi)
    pose = STANDING + random.normal(0, 40, STANDING.shape)
    pose[6], pose[7] = pose[2:4].mean(0), pose[12:14].mean(0)
    x, y, z = pose.T
    pose = np.stack([x * np.cos(turn) + z * np.sin(turn), y, -x * np.sin(turn) + z * np.cos(turn)], 1)
    px = 0.04 * pose[:, :2] + SIZE / 2 + random.uniform(-4, 4, 2)
    image = np.full((SIZE, SIZE, 3), random.integers(30, 90, 3), np.uint8)
    for (start, end), shade in zip(
        MPII16.bone_indices, np.linspace(100, 255, len(MPII16.bones)), strict=True
    ):
        ends = [tuple(int(v) for v in np.round(px[joint] * 8)) for joint in (start, end)]
        cv2.line(image, *ends, (int(shade), 255 - int(shade) // 2, 200), 2, cv2.LINE_AA, 3)
    cv2.imwrite(str(path), image)
    low, high = px.min(0), px.max(0)
    return Record(
        image=path,
        skeleton=MPII16,
        joints2d=px,
        labelled=np.ones(16, bool),
        occluded=np.zeros(16, np.int8),
        center=(low + high) / 2,
        side=float((high - low).max() * 1.2),
        joints3d=pose if three_d else np.full((16, 3), np.nan),
        head_size=float(0.75 * np.linalg.norm(px[9] - px[8])),
        image_size=(SIZE, SIZE),
        meta={
            "dataset": "stick",
            "split": split,
            "index": index,
            "subject": f"S{index % 3}",
            "sequence": f"Seq{index % 5}",
        },
    )


def stick_store(
    folder, count=24, split="train", three_d=True, encoding="raw", in_memory=False, seed=0, name="stick"
):
    """A prepared `Store` of stick people."""
    return Store(stick_store_path(folder, count, split, three_d, encoding, seed, name), in_memory)


def stick_store_path(folder, count=24, split="train", three_d=True, encoding="raw", seed=0, name="stick"):
    """The path of a prepared store of stick people."""
    people = StickPeople(folder / "images", count, split, three_d, seed, name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preparation, "open_dataset", lambda *args, **options: people)
        settings = StoreSettings(name, split, input_size=64, encoding=encoding)
        return prepare(settings, folder, folder / f"{name}-{split}.h5", progress=False)
