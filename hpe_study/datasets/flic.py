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
from hpe_study.datasets.base import Listing, Records, require_one_of, safe_relative
from hpe_study.datasets.matfiles import load_mat
from hpe_study.datasets.record import DatasetInfo, Record, crop_of
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
        require_one_of("flic: variant", variant, VARIANTS)
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
        boxed = np.isfinite(self._labels["torsobox"][rows]).all(1)
        self._rows = self.keep_labelled(rows, self._labels["coords"][rows], boxed)

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
            path = self.label_files[0]
            raise StudyError(f"{path}: marks no test image, so test people cannot be kept out of training")
        clean = [labels["filepath"][row] not in test_images for row in rows]
        return self.keep(rows, "image of FLIC's test split", clean)

    def _plus_rows(self, count):
        path = self.label_file(self._folder / "tr_plus_indices.mat")
        indices = integers(load_mat(path, "tr_plus_indices")["tr_plus_indices"], path, "tr_plus_indices")
        if len(indices) == 0 or indices.min() < 1 or indices.max() > count:
            people = self.label_files[0]
            raise StudyError(f"{path}: its indices are not within 1 … {count}, the people of {people}")
        return np.unique(indices) - 1

    def record(self, row: int) -> Record:
        """One person."""
        keys = ("filepath", "coords", "torsobox", "moviename", "currframe")
        image, joints, torsobox, movie, frame = (self._labels[key][row] for key in keys)
        box = crop_of(np.concatenate([joints, torsobox.reshape(2, 2)]))
        torso = np.linalg.norm(joints[FLIC29.index("l_shoulder")] - joints[FLIC29.index("r_hip")])
        height, width = self._labels["imgdims"][row][:2]
        meta = self.meta(row, sequence=movie, frame=None if np.isnan(frame) else int(frame))
        known = {"head_size": float(0.4 * torso)}
        known["image_size"] = (int(width), int(height)) if width > 0 else None
        return self.make_record(self._folder / "images" / image, joints, meta, box, **known)


def read_examples(path: str | Path, full: bool = False) -> dict:
    """Read `examples.mat`; FLIC-Full's (`full`) has two marks more. `StudyError` for another file.

    Returns:
        Of N people: coords (N, 29, 2) px; torsobox (N, 4) px, NaN where it is none; imgdims (N, 3); texts and
            marks (N,).
    """
    examples = np.atleast_1d(load_mat(path, "examples", squeeze_me=True)["examples"])
    fields = _FIELDS + (("isbad", "isunchecked") if full else ())
    if absent := ", ".join(name for name in fields if name not in (examples.dtype.names or ())):
        name = "FLIC-Full" if full else "FLIC"
        raise StudyError(f"{path}: examples has no field {absent}; this is not {name}'s label file")
    coords = _stack(examples["coords"], (2, 29), path, "coords").transpose(0, 2, 1)
    coords[np.isnan(coords).any(-1)] = np.nan
    filepath = np.array([_text(name) for name in examples["filepath"]], object)
    for name in set(filepath):
        safe_relative(name, path)
    torso = _stack(examples["torsobox"], (4,), path, "torsobox")
    torso[~(torso[:, 2:] > torso[:, :2]).all(1)] = np.nan
    marks = {mark: np.array([bool(np.any(value)) for value in examples[mark]]) for mark in fields[6:]}
    return marks | {
        "coords": coords, "filepath": filepath, "torsobox": torso,
        "imgdims": _stack(examples["imgdims"], (3,), path, "imgdims"),
        "moviename": [_text(name) for name in examples["moviename"]],
        "currframe": _stack(examples["currframe"], (), path, "currframe"),
    }  # fmt: skip


def _text(value):
    return "" if np.size(value) == 0 else str(value)


def _stack(values, shape, path, name):
    """One array of everybody's value; NaN where a field is empty."""
    arrays = []
    for i, value in enumerate(values):
        value = np.asarray(value, np.float64) if np.size(value) else np.full(shape, np.nan)
        arrays.append(expect_shape(value, shape, path, f"{name} of person {i}"))
    return np.stack(arrays)
