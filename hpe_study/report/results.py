"""What tables, figures and claims read: the three tables of records; for single people the predictions and
the test sets' labels."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from hpe_study.data.store import Store
from hpe_study.evaluation.prediction_file import PredictionFile
from hpe_study.evaluation.scoring import PROTOCOL, PUBLISHED, groups_of, poses_of, values_3d
from hpe_study.report import intervals
from hpe_study.skeletons.bone_lengths import scale_to_bones
from hpe_study.study.records import RUN_COLUMNS, read_floors, read_history, read_runs

MODEL = "model"
HEADLINES = (
    PROTOCOL,
    *PUBLISHED.values(),
)  # a run has each score under one of them: the study's, or its switch's
BASELINES = ("best constant pose", "true 2D + mean depth")
SCORE = ["run", "seed", "value", "low", "high", "seconds_line"]


@dataclass(frozen=True)
class Prediction:
    """One run on one test set: joints (N, 16, 2) as fractions of the person's box, poses (N, 16, 3) mm,
    root-relative."""

    joints: np.ndarray
    poses: np.ndarray


class Results:
    """The run records of a study. Raises `StudyError` naming the file where one is missing or not what it
    should be."""

    def __init__(self, study):
        self.study = study
        runs, history, self._floors = study.records
        self.runs = read_runs(runs)
        self.history = read_history(history, RUN_COLUMNS)
        self._labels, self._predictions, self._errors = {}, {}, {}

    @property
    def simulated(self):
        """Whether any run learnt from simulated people."""
        return is_simulated(self.runs)

    @property
    def absent(self):
        """The data sets whose absence left rows out."""
        return tuple(self.study.absent)

    @cached_property
    def seeds(self):
        """The seeds that there are runs of."""
        return seeds_of(self.runs)

    @cached_property
    def floors(self):
        """What perfect predictions score (`floors`)."""
        return read_floors(self._floors)

    # ---------------------------------------------------------------- single people

    def labels(self, test_set):
        """The labels of a test set (a store without pictures), or None where they are not at hand."""
        if test_set not in self._labels:
            path = self.study.labels_path(test_set)
            self._labels[test_set] = Store(path) if path.exists() else None
        return self._labels[test_set]

    def pictures(self, test_set):
        """The prepared store with the pictures, or None where it is not at hand or another than the
        labels'."""
        path, labels = self.study.store_path(test_set, "test"), self.labels(test_set)
        if not path.exists() or labels is None:
            return None
        store = Store(path)
        return store if store.attrs["key"] == labels.attrs["key"] else None

    def prediction(self, name, test_set):
        """The `Prediction` of the run of that name, or None where it is not at hand or of other labels."""
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

    def errors(self, name, test_set):
        """(N, 16) mm, root-relative joint errors of a run, NaN where a joint does not count; None where they
        are not at hand."""
        if (name, test_set) not in self._errors:
            prediction = self.prediction(name, test_set)
            truth = None if prediction is None else self.labels(test_set)["joints3d"].astype(np.float64)
            self._errors[name, test_set] = (
                None if prediction is None else values_3d(prediction.poses, truth)["mpjpe"]
            )
        return self._errors[name, test_set]

    # ---------------------------------------------------------------- conditions

    def of(self, run, test_set, metric="mpjpe", scorer=MODEL):
        """The rows of `runs.csv` of a run, one a seed (see `rows_of`)."""
        return rows_of(self.runs, run, test_set, metric, scorer)

    def draws(self, run, test_set):
        """(value, draws, from predictions?) of a run's MPJPE over its seeds; None where the run was not made
        or has no such score."""
        rows = self.of(run, test_set)
        if len(rows) == 0:
            return None
        arrays = [self.errors(name, test_set) for name in rows["run"]]
        if any(array is None for array in arrays):
            return *intervals.draws_of_rows(rows, f"{run.name} {test_set}"), False
        return *intervals.mean_draws(arrays, groups_of(self.labels(test_set)), test_set), True


def seeds_of(runs):
    """Seeds of a table of runs, in order."""
    return sorted(int(seed) for seed in runs["seed"].unique())


def legacy_of(runs):
    """The switches of the published code that any run of a table was made or scored with."""
    return tuple(sorted(set(" ".join(runs["legacy"].dropna().astype(str)).split())))


def defects(legacy):
    """What a table says of these switches below it: a list of one note, or of none where none is on."""
    return [f"Defects of the published code turned on: {', '.join(legacy)}."] if legacy else []


def is_simulated(runs):
    """Whether any run of the table learnt from simulated people."""
    return bool(runs["simulated"].astype(bool).any())


def named(runs, run):
    """The rows of a `study.Run`, whatever its seed: runs are known by name, so a run of Tables 4 or 5 is
    never taken for one of 1 to 3."""
    return runs[runs["run"].isin(_names(runs, run))]


def _names(runs, run):
    return [replace(run, seed=seed).name for seed in seeds_of(runs)]


def rows_of(runs, run, test_set, metric="mpjpe", scorer=MODEL):
    """The rows of one headline score of a `study.Run`, one a seed, the seeds in order; of the columns `SCORE`
    alone."""
    wanted = {"test_set": test_set, "metric": metric, "scorer": scorer}
    chosen = np.logical_and.reduce(
        [
            runs["run"].isin(_names(runs, run)),
            runs["protocol"].isin(HEADLINES),
            *(runs[key] == value for key, value in wanted.items()),
        ]
    )
    return runs.loc[chosen, SCORE].sort_values("seed")
