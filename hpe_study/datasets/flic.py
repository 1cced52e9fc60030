"""FLIC, FLIC-Full and FLIC-plus: upper bodies from feature films. 2D, 29 columns, 11 of them labelled.

Facts relied on (the set's page; the counts and columns measured on all 5,003 people of FLIC):
- `examples.mat`, struct array `examples`, read by field name: `coords` (2, 29) px, `filepath`, `imgdims`
  (height, width, 3), `torsobox` [x1 y1 x2 y2], `moviename`, `currframe`, `istrain`, `istest`; FLIC-Full adds
  `isbad`, `isunchecked`. Images `images/<filepath>`.
- The authors' key (`lookupPart.m`) is 1-based; the columns here are 0-based, in the order of
  `skeletons.FLIC29`. Only columns 0–6, 9, 12, 13 and 16 are labelled: there is no knee, ankle, neck or head
  top, and none is made up. Labels are the person's own left and right also where they turn their back (247
  people).
- FLIC: 3,987 train, 1,016 test; two image files are in both. Several people can share an image.
- FLIC-Full is a superset of FLIC and holds its test people: training on it leaves out every test image, and
  people marked as bad.
- FLIC-plus: `tr_plus_indices` (17,380), **1-based** into FLIC-Full, without the scenes of the test images.
- Crop: around the torso box and the labelled joints together, 1.25 times the longer extent.
- Head size: the set's own measure is PCK at 0.2 of the torso |l_shoulder − r_hip|. `head_size` is 0.4 torso,
  so that the usual threshold of half a head size is that measure. A PCKh printed for FLIC has to say so.
"""

from pathlib import Path

import numpy as np

from hpe_study.datasets.arrays import expect_shape, integers
from hpe_study.datasets.base import Listing, Records, safe_relative
from hpe_study.datasets.info import DatasetInfo
from hpe_study.datasets.matfiles import load_mat
from hpe_study.datasets.record import Record, crop_of
from hpe_study.errors import StudyError
from hpe_study.skeletons import FLIC29

INFO = DatasetInfo(
    name="flic", title="FLIC", kind="2d", folders=("flic", "flic_full"),
    url="https://bensapp.github.io/flic-dataset.html", licence="MIT",
    citation="Sapp, Taskar: MODEC: Multimodal Decomposable Models for Human Pose Estimation. CVPR 2013",
    expected={"train": 3987, "test": 1016},
    layouts={"flic": {"variant": "flic"}, "full": {"variant": "full"}, "plus": {"variant": "plus"}},
)  # fmt: skip
VARIANTS = ("flic", "full", "plus")
_FIELDS = ("coords", "filepath", "imgdims", "torsobox", "moviename", "currframe", "istrain", "istest")


class Flic(Records):
    """Option `variant`: "flic" (the default), "full" or "plus". The test split is FLIC's in all three."""

    info = INFO
    skeleton = FLIC29

    def load(self, variant: str = "flic") -> None:
        """Read the labels as arrays (see `read_examples`)."""
        if variant not in VARIANTS:
            raise StudyError(f"flic: variant {variant!r} is not one of {', '.join(VARIANTS)}")
        self._folder = self.folder("flic" if variant == "flic" else "flic_full")
        path = self.label_file(self._folder / "examples.mat")
        self._labels = read_examples(path, full=variant != "flic")
        rows = np.arange(len(self._labels["filepath"]))
        if self.split == "test":
            rows = rows[self._labels["istest"]]
        elif variant == "flic":
            rows = rows[self._labels["istrain"]]
        else:
            rows = self._training_rows_of_full(variant, rows)
        images = [f"images/{self._labels['filepath'][row]}" for row in rows]
        rows = self.keep_present(rows, Listing(self._folder), images)
        self._rows = self.keep_labelled(
            rows, self._labels["coords"][rows], np.isfinite(self._labels["torsobox"][rows]).all(1)
        )

    def _training_rows_of_full(self, variant, rows):
        labels = self._labels
        if variant == "plus":
            rows = self._plus_rows(len(rows))
        else:
            rows = self.keep(rows, "marked as bad", ~labels["isbad"][rows])
        test_images = set(labels["filepath"][labels["istest"]])
        flic = self.root / "flic" / "examples.mat"
        if flic.is_file():  # FLIC's own list too, if FLIC-Full's marks should differ
            other = read_examples(self.label_file(flic))
            test_images |= set(other["filepath"][other["istest"]])
        if not test_images:
            raise StudyError(
                f"{self._folder / 'examples.mat'}: marks no test image, so FLIC's test people cannot be kept"
                " out of training"
            )
        clean = [labels["filepath"][row] not in test_images for row in rows]
        return self.keep(rows, "image of FLIC's test split", clean)

    def _plus_rows(self, count):
        path = self.label_file(self._folder / "tr_plus_indices.mat")
        indices = integers(load_mat(path, "tr_plus_indices")["tr_plus_indices"], path, "tr_plus_indices")
        if len(indices) == 0 or indices.min() < 1 or indices.max() > count:
            raise StudyError(
                f"{path}: its indices are not within 1 … {count}, the people of"
                f" {self._folder / 'examples.mat'}"
            )
        return np.unique(indices) - 1

    def record(self, row: int) -> Record:
        """One person."""
        labels = self._labels
        joints = labels["coords"][row].copy()
        center, side = crop_of(np.concatenate([joints, labels["torsobox"][row].reshape(2, 2)]))
        torso = np.linalg.norm(joints[FLIC29.index("l_shoulder")] - joints[FLIC29.index("r_hip")])
        height, width = labels["imgdims"][row][:2]
        frame = labels["currframe"][row]
        frame = None if np.isnan(frame) else int(frame)
        return self.make_record(
            self._folder / "images" / labels["filepath"][row],
            joints,
            self.meta(row, sequence=labels["moviename"][row], frame=frame),
            center=center,
            side=side,
            head_size=float(0.4 * torso),
            image_size=(int(width), int(height)) if width > 0 else None,
        )


def read_examples(path: str | Path, full: bool = False) -> dict:
    """Read `examples.mat`; FLIC-Full's (`full`) has two marks more. `StudyError` for another file.

    Returns:
        Of N people: coords (N, 29, 2) px; torsobox (N, 4) px, NaN where it is none; imgdims (N, 3); texts and
            marks (N,).
    """
    examples = np.atleast_1d(load_mat(path, "examples", squeeze_me=True)["examples"])
    fields = _FIELDS + (("isbad", "isunchecked") if full else ())
    absent = [name for name in fields if name not in (examples.dtype.names or ())]
    if absent:
        raise StudyError(
            f"{path}: examples has no field {', '.join(absent)}; this is not"
            f" {'FLIC-Full' if full else 'FLIC'}'s label file"
        )
    coords = _stack(examples["coords"], (2, 29), path, "coords").transpose(0, 2, 1)
    coords[np.isnan(coords).any(-1)] = np.nan
    filepath = np.array([_text(name) for name in examples["filepath"]], object)
    for name in set(filepath):
        safe_relative(name, path)
    torso = _stack(examples["torsobox"], (4,), path, "torsobox")
    torso[~(torso[:, 2:] > torso[:, :2]).all(1)] = np.nan
    return {
        "coords": coords,
        "filepath": filepath,
        "imgdims": _stack(examples["imgdims"], (3,), path, "imgdims"),
        "torsobox": torso,
        "moviename": [_text(name) for name in examples["moviename"]],
        "currframe": _stack(examples["currframe"], (), path, "currframe"),
        **{mark: np.array([bool(np.any(value)) for value in examples[mark]]) for mark in fields[6:]},
    }


def _text(value):
    return "" if np.size(value) == 0 else str(value)


def _stack(values, shape, path, name):
    """One array of everybody's value; NaN where a field is empty."""
    values = (
        np.full(shape, np.nan) if np.size(value) == 0 else np.asarray(value, np.float64) for value in values
    )
    named = ((value, f"{name} of person {i}") for i, value in enumerate(values))
    return np.stack([expect_shape(value, shape, path, text) for value, text in named])
