"""What tables, figures and claims read.

The three tables of records, the errors of single people, and predictions and labels of those who are shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from hpe_study.data.store import Store
from hpe_study.errors import StudyError
from hpe_study.evaluation.prediction_file import PredictionFile
from hpe_study.evaluation.scoring import PROTOCOL, PUBLISHED, poses_of
from hpe_study.report.intervals import Sample, draws_of_people, sample_of_rows
from hpe_study.skeletons.bone_lengths import scale_to_bones
from hpe_study.study import Run, Study
from hpe_study.study.person_errors import PersonErrors
from hpe_study.study.records import RUN_COLUMNS, read_floors, read_history, read_runs
from hpe_study.utils.pictures import read_picture

MODEL = "model"
HEADLINES = (PROTOCOL, *PUBLISHED.values())  # a run has each score under the study's, or its defect's
BASELINES = ("best constant pose", "true 2D + mean depth")
ROUNDING = 5e-3  # of a score from errors in half precision
SCORE = ["run", "seed", "value", "low", "high", "seconds_line"]


@dataclass(frozen=True)
class Prediction:
    """One run on one test set."""

    joints: np.ndarray  # (N, 16, 2) fractions of the person's box
    poses: np.ndarray  # (N, 16, 3) mm, root-relative


class Results:
    """The run records of a study."""

    def __init__(self, study: Study) -> None:
        """Read them. Raises `StudyError` naming the file where one is missing or not what it should be."""
        self.study = study
        runs, history, self._floors = study.records
        self.runs = read_runs(runs)
        self.history = read_history(history, RUN_COLUMNS)
        own = [study.errors_path] if study.errors_path.exists() else study.published_errors
        self._people = PersonErrors(*own)
        self._labels, self._predictions, self._draws = {}, {}, {}

    @property
    def simulated(self) -> bool:
        """Whether any run learnt from simulated people."""
        return bool(self.runs["simulated"].astype(bool).any())

    @property
    def seeds(self) -> list[int]:
        """The seeds that there are runs of."""
        return sorted(int(seed) for seed in self.runs["seed"].unique())

    @cached_property
    def floors(self) -> pd.DataFrame:
        """What perfect predictions score (`evaluation.oracle_floors`)."""
        return read_floors(self._floors)

    def labels(self, test_set: str) -> Store | None:
        """The labels of a test set (a store without pictures), or None where they are not at hand."""
        if test_set not in self._labels:
            path = self.study.labels_path(test_set)
            self._labels[test_set] = Store(path) if path.exists() else None
        return self._labels[test_set]

    def pictures(self, test_set: str) -> Store | None:
        """The prepared store with the pictures, or None where it is absent or another than the labels'."""
        path, labels = self.study.store_path(test_set, "test"), self.labels(test_set)
        if not path.exists() or labels is None:
            return None
        store = Store(path)
        return store if store.attrs["key"] == labels.attrs["key"] else None

    def picture(self, test_set: str, person: int) -> np.ndarray | None:
        """A test person's box, (S, S, 3) uint8 RGB: prepared, or else published; None without either."""
        if (store := self.pictures(test_set)) is not None:
            return store.boxed(person)
        path = self.study.picture_path(test_set, person)
        return read_picture(path) if path.exists() else None

    def prediction(self, name: str, test_set: str) -> Prediction | None:
        """The prediction of the run of that name, or None where it is not at hand or of other labels."""
        if (name, test_set) not in self._predictions:
            self._predictions[name, test_set] = self._read_prediction(name, test_set)
        return self._predictions[name, test_set]

    def _read_prediction(self, name, test_set):
        folder, labels = self.study.run_folder_named(name), self.labels(test_set)
        if labels is None or not (folder / "predictions.h5").exists():
            return None
        file = PredictionFile(folder)
        if file.keys.get(test_set) != labels.attrs["key"]:
            return None
        predicted = file[test_set]
        poses = scale_to_bones(poses_of(predicted.joints, predicted.depth), file.bones.own)
        return Prediction(predicted.joints, poses)

    def errors(self, name: str, test_set: str, metric: str = "mpjpe") -> np.ndarray | None:
        """A run's score on every single person, (N,), NaN where nothing counts; None where it has none."""
        if not self._has(name, test_set, metric):
            return None
        return self._people.errors(test_set, metric)[self._people.runs(test_set).index(name)]

    def joints(self, test_set: str, metric: str = "mpjpe") -> np.ndarray:
        """How many joints count in the score of each person, (N,): the weights of the mean of `errors`."""
        return self._people.joints(test_set, metric)

    @property
    def unpaired(self) -> list[str]:
        """The runs with scores whose errors of people are not at hand: their contrasts are not paired."""
        known = {name for test_set in self._people.test_sets for name in self._people.runs(test_set)}
        return [name for name in self.runs["run"].unique() if name not in known]

    def _has(self, name, test_set, metric):
        people = self._people
        return name in people.runs(test_set) and metric in people.metrics(test_set)

    def of(self, run: Run, test_set: str, metric: str = "mpjpe") -> pd.DataFrame:
        """The rows of one headline score of a run's model, one per seed, in order; `SCORE` alone."""
        chosen = named(self.runs[self.runs["protocol"].isin(HEADLINES)], run)
        for key, value in {"test_set": test_set, "metric": metric, "scorer": MODEL}.items():
            chosen = chosen[chosen[key] == value]
        return chosen[SCORE].sort_values("seed")

    def sample(
        self, run: Run, test_set: str, metric: str = "mpjpe", seeds: Sequence[int] | None = None
    ) -> Sample | None:
        """What is known of a run's score; None where it has none.

        The run may have any seed; `seeds` are those to take, by default all.
        """
        rows = self.of(run, test_set, metric)
        rows = rows if seeds is None else rows[rows["seed"].isin(seeds)]
        if len(rows) == 0:
            return None
        if not all(self._has(name, test_set, metric) for name in rows["run"]):
            return sample_of_rows(rows, f"{run.name} {test_set} {metric}")
        numbers = [self._people.runs(test_set).index(name) for name in rows["run"]]
        values, draws = self._resampled(test_set, metric)
        if (apart := ~np.isclose(values[numbers], rows["value"], rtol=ROUNDING, atol=ROUNDING)).any():
            row, other = rows[apart].iloc[0], values[numbers][apart][0]
            path = self.study.records[0]
            fault = (
                f"the {metric} of {row['run']} on {test_set} is {row['value']:.2f}, by its people {other:.2f}"
            )
            raise StudyError(f"{path}: {fault}; evaluate that run again, then collect")
        return Sample(float(values[numbers].mean()), draws[numbers].mean(0), values[numbers])

    def _resampled(self, test_set, metric):
        """(R,) scores and (R, DRAWS) draws of all runs on a test set."""
        if (test_set, metric) not in self._draws:
            errors, joints = self._people.errors(test_set, metric), self.joints(test_set, metric)
            sums = np.where(joints > 0, errors * joints, 0)
            draws = draws_of_people(sums, joints, self._people.units(test_set), test_set)
            self._draws[test_set, metric] = sums.sum(1) / joints.sum(), draws
        return self._draws[test_set, metric]


def defects(runs: pd.DataFrame) -> list[str]:
    """A note on the published defects that any run of a table was made or scored with; none without any."""
    legacy = sorted(set(" ".join(runs["legacy"].dropna().astype(str)).split()))
    return [f"Defects of the published code turned on: {', '.join(legacy)}."] if legacy else []


def named(runs: pd.DataFrame, run: Run) -> pd.DataFrame:
    """The rows of a run, whatever its seed.

    Runs are known by name, so a run of Tables 4 or 5 is never taken for one of 1 to 3.
    """
    return runs[runs["run"].isin([replace(run, seed=int(seed)).name for seed in runs["seed"].unique()])]
