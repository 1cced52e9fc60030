"""`predictions.h5`: what a run predicts for its test sets, and the bone lengths that give it a size.

A group per test set holds the arrays of `Predictions`; attributes: key of the store, simulated. At the top:
bones and bones_universal, those of `CanonicalBones`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from hpe_study.datasets.hdf5 import member, open_checked
from hpe_study.errors import StudyError
from hpe_study.skeletons import MPII16
from hpe_study.utils.files import atomic

ADVICE = "delete it and evaluate the run again"
LONGEST_BONE = 5000  # mm
LARGEST = 6e4  # sides of the person's box, as half precision holds them: beyond it nothing is finite
UNITS = (
    "joints: fractions of the person's box (0–1, x right, y down); depth: root-relative, in its sides;"
    " bones: mm"
)
_JOINTS, _BONES = len(MPII16.joints), len(MPII16.bones)
_SHAPES = {"joints": (_JOINTS, 2), "depth": (_JOINTS,), "score": (_JOINTS,)}  # after the people


@dataclass(frozen=True)
class Predictions:
    """Predictions of N people, MPII-16."""

    joints: np.ndarray  # (N, 16, 2) fractions of the person's box
    depth: np.ndarray  # (N, 16) root-relative, in its sides
    score: np.ndarray  # (N, 16) confidence: the heat map's height

    def __len__(self) -> int:
        return len(self.joints)

    def check_finite(self, source: object) -> "Predictions":
        """Themselves; `StudyError` that names `source`, the array and the person where one is not finite."""
        for name in _SHAPES:
            values = getattr(self, name)
            finite = (np.abs(values) <= LARGEST).all(tuple(range(1, values.ndim)))
            if not finite.all():
                who, count = f"{name} of person {int(np.argmin(finite))}", f"{(~finite).sum()} such people"
                advice = "nothing can be scored: train the run again"
                raise StudyError(f"{source}: {who} is not finite ({count}); {advice}")
        return self


@dataclass(frozen=True)
class CanonicalBones:
    """Mean bone lengths of a run's 3D training set, (15,) mm of `MPII16.bones`; NaN where unknown."""

    own: np.ndarray  # of the camera's own truth ("annot3")
    universal: np.ndarray  # of MPI-INF-3DHP's univ_annot3

    @classmethod
    def unknown(cls) -> "CanonicalBones":
        """Lengths for a run that learnt no depth: all NaN."""
        return cls(np.full(_BONES, np.nan), np.full(_BONES, np.nan))

    @property
    def known(self) -> bool:
        """Whether any length is known: the run has learnt depth."""
        return bool(np.isfinite(self.own).any())


def write_predictions(
    path: Path, bones: CanonicalBones, predictions: Mapping[str, Predictions], stores: Mapping[str, object]
) -> None:
    """Write the file anew. stores: the test sets that were predicted, for their keys."""
    with atomic(path) as part, h5py.File(part, "w") as file:
        file.attrs["skeleton"], file.attrs["units"] = MPII16.name, UNITS
        file["bones"], file["bones_universal"] = bones.own, bones.universal
        for name, predicted in predictions.items():
            group = file.create_group(name)
            group.attrs["key"], group.attrs["simulated"] = stores[name].attrs["key"], stores[name].simulated
            for array in _SHAPES:
                group[array] = getattr(predicted, array)


class PredictionFile:
    """A run's predictions, checked as they are read. Raises `StudyError` if it is not a prediction file.

    Attributes:
        path: of the file.
        bones: the run's canonical bone lengths.
        keys: {test set: key of the labels that it was predicted for}.
    """

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder) / "predictions.h5"
        if not self.path.exists():
            raise StudyError(f"{self.path}: not there; evaluate this run first (the study's command does)")
        with open_checked(self.path, self._damaged) as file:
            self.bones, self.keys = _head(file)

    @property
    def test_sets(self) -> list[str]:
        """Names of the test sets."""
        return list(self.keys)

    def __getitem__(self, test_set: str) -> Predictions:
        """The predictions of a test set."""
        if test_set not in self.keys:
            there = ", ".join(self.keys) or "none"
            raise StudyError(f"{self.path}: has no predictions of {test_set}; it has {there}")
        with open_checked(self.path, self._damaged) as file:
            arrays = {name: _array(file[test_set], name, shape) for name, shape in _SHAPES.items()}
        if len({len(values) for values in arrays.values()}) > 1:
            raise self._damaged(f"{test_set}: its arrays are of different people")
        return Predictions(**arrays).check_finite(f"{self.path}: {test_set}")

    def of_labels(self, test_set: str, labels: object) -> Predictions:
        """The predictions of a test set; `StudyError` where they were made for other labels (a store)."""
        predictions = self[test_set]
        if self.keys[test_set] != labels.attrs["key"] or len(predictions) != len(labels):
            made = f"its predictions of {test_set} were made with other labels than {labels.path}"
            raise StudyError(f"{self.path}: {made}; evaluate it again")
        return predictions

    def _damaged(self, reason):
        return StudyError(f"{self.path}: not readable ({reason}); {ADVICE}")


def _head(file):
    skeleton = file.attrs.get("skeleton")
    if skeleton != MPII16.name:
        raise ValueError(f"its joints are those of {skeleton!r}, not {MPII16.name}")
    bones = [_array(file, name, (), _BONES) for name in ("bones", "bones_universal")]
    if not all((np.isnan(lengths) | ((lengths > 0) & (lengths < LONGEST_BONE))).all() for lengths in bones):
        raise ValueError(f"bones: a length is not between 0 and {LONGEST_BONE} mm")
    keys = {}
    for name in file:
        group = member(file, name)
        if isinstance(group, h5py.Group):
            keys[name] = group.attrs.get("key")
            if not isinstance(keys[name], str):
                raise TypeError(f"{name}: has no key of the labels that it was predicted for")
    return CanonicalBones(*bones), keys


def _array(group, name, shape, count=None):
    """An array of numbers, of a size that the file can hold."""
    data = member(group, name)
    if not isinstance(data, h5py.Dataset) or data.dtype.kind != "f" or data.is_virtual or data.external:
        raise TypeError(f"{data.name}: is no array of floating-point numbers in this file")
    if data.ndim != 1 + len(shape) or data.shape[1:] != shape or count not in (None, len(data)):
        raise ValueError(f"{data.name}: has the shape {data.shape}")
    if data.nbytes > data.id.get_storage_size():
        raise ValueError(f"{data.name}: is cut short")
    return data[()]
