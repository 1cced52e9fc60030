"""`errors.h5`: the errors of every run on every single test person, from which claims and intervals follow.

A group per test set, of N records and R runs; attributes: key of the labels, simulated. It holds
    runs                        (R,) their names
    person, sequence, moment    (N,) numbers: who is resampled together (`evaluation.bootstrap`)
    mpjpe, pckh, …              (R, N) float16: the record's mean over the joints that count, in the metric's
                                unit; NaN where none does, or where the run has no such score. Attribute:
                                protocol
    mpjpe joints, …             (N,) how many joints count in a record
A score is the mean of a row weighted by the joints. Half precision moves it by less than 0.01 mm.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from hpe_study.data.store import Store
from hpe_study.datasets.hdf5 import member, open_checked, require_within
from hpe_study.errors import StudyError, brief
from hpe_study.evaluation.bootstrap import Units, units_of
from hpe_study.evaluation.prediction_file import PredictionFile
from hpe_study.evaluation.scoring import model_scores
from hpe_study.metrics import UNITS
from hpe_study.utils.arrays import nan_mean
from hpe_study.utils.files import atomic

NAME = "errors.h5"
JOINTS = " joints"  # after a metric's name
LEVELS = ("person", "sequence", "moment")
LARGEST = float(np.finfo(np.float16).max)
ADVICE = "collect the study's records again"


def write_errors(
    path: Path, folders: Mapping[str, Path], labels: Mapping[str, Path], legacy: tuple[str, ...] = ()
) -> None:
    """Score the predictions of finished runs, person by person; `labels` are paths by test set.

    Runs without predictions are left out; predictions of other labels raise `StudyError`.
    """
    files = {
        name: PredictionFile(folder)
        for name, folder in folders.items()
        if (folder / "predictions.h5").exists()
    }
    with atomic(path) as part, h5py.File(part, "w") as out:
        for test_set, place in labels.items():
            scored = {name: file for name, file in files.items() if test_set in file.test_sets}
            if scored and place.exists():
                store = Store(place)
                scores = ((name, _scores(file, test_set, store, legacy)) for name, file in scored.items())
                write_set(out.create_group(test_set), store, scores)


def _scores(file, test_set, store, legacy):
    predicted = file.of_labels(test_set, store)
    bones = file.bones.own if file.bones.known else None
    return model_scores(predicted.joints, predicted.depth, store, bones, legacy)


def write_set(
    group: h5py.Group, store: Store, scored: Iterable[tuple[str, dict[str, tuple[str, np.ndarray]]]]
) -> None:
    """Write the errors of one test set: (name of a run, {metric: (its protocol, array)}), one by one."""
    rows, counts, protocols, runs = {}, {}, {}, []
    for name, scores in scored:
        runs.append(name)
        for metric, (protocol, values) in scores.items():
            if metric not in rows:
                rows[metric], protocols[metric] = {}, protocol
                counts[metric] = (~np.isnan(values)).sum(1)
            rows[metric][name] = np.minimum(nan_mean(values, axis=1), LARGEST).astype(np.float16)
    nothing = np.full(len(store), np.nan, np.float16)
    errors = {metric: np.stack([row.get(name, nothing) for name in runs]) for metric, row in rows.items()}
    group.attrs.update(key=store.attrs["key"], simulated=store.simulated)
    write_arrays(group, runs, units_of(store), errors, counts)
    for metric, protocol in protocols.items():
        group[metric + JOINTS].attrs["protocol"] = protocol


def write_arrays(
    group: h5py.Group,
    runs: Sequence[str],
    units: Units,
    errors: Mapping[str, np.ndarray],
    joints: Mapping[str, np.ndarray],
) -> None:
    """Write the arrays of a test set: of each metric errors (R, N) and how many joints (N,) count."""
    group["runs"] = np.array(runs, "S")
    for level, numbers in zip(LEVELS, units.levels, strict=True):
        group.create_dataset(level, data=numbers.astype(np.uint32), compression="gzip")
    for metric, values in errors.items():
        group.create_dataset(metric + JOINTS, data=joints[metric].astype(np.uint8), compression="gzip")
        half = values.astype(np.float16)
        group.create_dataset(metric, data=half, compression="gzip", compression_opts=9, shuffle=True)


class _Part(NamedTuple):
    """What one file holds of a test set."""

    path: Path
    runs: list[str]
    people: int
    arrays: set[str]
    key: str
    simulated: bool


class PersonErrors:
    """One or more `errors.h5`, of the same test people and different runs, open for reading as one.

    Raises `StudyError` where one is none, or is of other labels than another.
    """

    def __init__(self, *paths: Path) -> None:
        self._parts: dict[str, list[_Part]] = {}
        self._cache = {}
        for path in map(Path, paths):
            with open_checked(path, _refusal(path)) as file:
                here = {name: _part(path, file, name) for name in file}
            for test_set, part in here.items():
                first, *_ = parts = [*self._parts.get(test_set, []), part]
                if (part.key, part.people) != (first.key, first.people):
                    raise StudyError(f"{path}: its test set {test_set} has other labels than {first.path}")
                self._parts[test_set] = parts
        for test_set, parts in self._parts.items():
            _check_parts(test_set, parts)

    @property
    def test_sets(self) -> list[str]:
        """Names of the test sets."""
        return list(self._parts)

    def runs(self, test_set: str) -> list[str]:
        """Names of the runs with errors on a test set; none for a set that is not there."""
        return [name for part in self._parts.get(test_set, []) for name in part.runs]

    def metrics(self, test_set: str) -> list[str]:
        """The metrics of a test set, in the order of tables."""
        return [metric for metric in UNITS if any(metric in part.arrays for part in self._parts[test_set])]

    def key(self, test_set: str) -> str:
        """Key of the labels that a test set was scored with."""
        return self._parts[test_set][0].key

    def units(self, test_set: str) -> Units:
        """Who is resampled together."""
        return Units(*(self._same(test_set, level) for level in LEVELS))

    def errors(self, test_set: str, metric: str) -> np.ndarray:
        """(R, N) mean over a record's joints, in the metric's unit; NaN where there is none."""
        nothing = np.full(len(self.joints(test_set, metric)), np.nan)
        rows = [
            self._array(part.path, test_set, metric)
            if metric in part.arrays
            else np.tile(nothing, (len(part.runs), 1))
            for part in self._parts[test_set]
        ]
        return np.concatenate(rows).astype(float)

    def joints(self, test_set: str, metric: str) -> np.ndarray:
        """(N,) how many joints count in a record."""
        return self._same(test_set, metric + JOINTS)

    def write(self, path: Path, runs: Iterable[str] | None = None) -> None:
        """Write the errors of `runs` (default: all) into one file."""
        with atomic(path) as part, h5py.File(part, "w") as out:
            for test_set in self.test_sets:
                names = self.runs(test_set)
                chosen = [names.index(name) for name in names if runs is None or name in runs]
                if not chosen:
                    continue
                group = out.create_group(test_set)
                first, *_ = self._parts[test_set]
                group.attrs.update(key=first.key, simulated=first.simulated)
                metrics = self.metrics(test_set)
                errors = {metric: self.errors(test_set, metric)[chosen] for metric in metrics}
                joints = {metric: self.joints(test_set, metric) for metric in metrics}
                write_arrays(group, [names[row] for row in chosen], self.units(test_set), errors, joints)

    def _same(self, test_set, name):
        """(N,) whole numbers of the people, which every file has that has them at all."""
        paths = [part.path for part in self._parts[test_set] if name in part.arrays]
        first, *others = (self._array(path, test_set, name) for path in paths)
        for path, other in zip(paths[1:], others, strict=True):
            if not np.array_equal(first, other):
                raise StudyError(f"{path}: {test_set}/{name} is another than in {paths[0]}; {ADVICE}")
        return first.astype(int)

    def _array(self, path, test_set, name):
        place = path, test_set, name
        if place not in self._cache:
            with open_checked(path, _refusal(path)) as file:
                self._cache[place] = values = file[test_set][name][()]
            if np.isinf(values).any():
                raise StudyError(f"{path}: {test_set}/{name} holds an infinite error; {ADVICE}")
        return self._cache[place]


def _part(path, file, test_set):
    """A group of an open file, once its arrays lie in the file and fit together, by their headers."""
    group = member(file, test_set)
    runs, people = (member(group, name).shape[:1] for name in ("runs", "person"))
    expected = {"runs": ("S", runs), **dict.fromkeys(LEVELS, ("u", people))}
    for metric in (metric for metric in UNITS if metric in group):
        expected |= {metric: ("f", runs + people), metric + JOINTS: ("u", people)}
    for name, (kind, shape) in expected.items():
        array = member(group, name)
        if array.shape != shape or array.dtype.kind != kind:
            raise ValueError(f"{test_set}/{name} is {array.dtype} of shape {array.shape}")
        require_within(array, path)
    key, simulated = group.attrs["key"], group.attrs["simulated"]
    if not isinstance(key, str) or not isinstance(simulated, np.bool_):
        raise TypeError(f"{test_set} has no text as its key, or does not say whether it is simulated")
    return _Part(path, list(group["runs"].asstr()), people[0], {*group}, key, bool(simulated))


def _check_parts(test_set, parts):
    """Refuse a run that stands there twice: which of its errors are meant?"""
    places = {}
    for part in parts:
        for run in part.runs:
            if run in places:
                where = f"twice, here and in {places[run]}," if places[run] != part.path else "twice"
                raise StudyError(f"{part.path}: {test_set} has the errors of {brief(run)} {where}; {ADVICE}")
            places[run] = part.path


def _refusal(path):
    return lambda reason: StudyError(f"{path}: not readable as errors of people ({reason}); {ADVICE}")
