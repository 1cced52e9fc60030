"""Evaluated runs on the disk: their record, their predictions, and the people that they predicted.

`run.json`, `predictions.h5` and, beside the run's folder, the labels of its test sets (`test_sets/NAME.h5`)
are enough to show and to compare runs: no GPU, no pictures. Where the prepared stores are at hand there are
pictures, and people of the training split can be predicted.
"""

import contextlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hpe_study.data.store import Store
from hpe_study.data.store_key import stored_key
from hpe_study.errors import StudyError
from hpe_study.evaluation.prediction_file import PredictionFile
from hpe_study.evaluation.run_record import read_run_record
from hpe_study.evaluation.scoring import head_sizes, poses_of, values_3d
from hpe_study.metrics import joint_errors
from hpe_study.skeletons import MPII16
from hpe_study.skeletons.bone_lengths import scale_to_bones
from hpe_study.study.study import Study

if TYPE_CHECKING:
    from hpe_study.evaluation.predictor import Predictor

TRAINING_PEOPLE = 200  # of a training split, evenly spread: they are predicted when they are asked for


class RunFolder:
    """The folder of an evaluated run.

    Attributes:
        folder: Its path.
        record: What `run.json` holds.
        predictions: What `predictions.h5` holds.
        test_sets: Names of the data sets that it has predictions of.
        bones: (15,) mm, lengths of `MPII16.bones` that its skeletons get; NaN if it has learnt no depth.

    Raises:
        StudyError: The folder is incomplete, damaged, or its joints are not those of MPII-16.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).resolve()
        if not self.folder.is_dir():
            raise StudyError(f"{self.folder}: no such run folder")
        for name, step in (("run.json", "trained"), ("predictions.h5", "evaluated")):
            if not (self.folder / name).exists():
                raise StudyError(f"{self.folder}: has no {name}; this run is not {step} yet")
        self.record = read_run_record(self.folder)
        self.predictions = PredictionFile(self.folder)
        self.test_sets, self.bones = self.predictions.test_sets, self.predictions.bones.own
        if not self.test_sets:
            raise StudyError(
                f"{self.predictions.path}: holds no test set; delete it and evaluate the run again"
            )

    @property
    def name(self) -> str:
        """The run's name."""
        return self.folder.name

    @property
    def learnt_depth(self) -> bool:
        """Whether its skeletons have a depth and a size."""
        return self.predictions.bones.known

    @cached_property
    def study(self) -> Study | None:
        """The `Study` that this run belongs to, or None where its parameter file is not at hand."""
        homes = [folder for folder in self.folder.parents if (folder / "params").is_dir()]
        for path in (path for home in homes for path in sorted(home.glob("params/*.yaml"))):
            with contextlib.suppress(StudyError):  # faults of another profile are no concern of this run
                study = Study(path)
                if study.folder in self.folder.parents:
                    return study.with_legacy(self.record.parameters.legacy)
        return None

    def labels(self, name: str) -> Store:
        """The labels of a test set, without pictures."""
        return Store(self.folder.parent / "test_sets" / f"{name}.h5")

    def prepared(self, name: str, split: str, key: str | None = None) -> Store | None:
        """The prepared store, or None where it is not at hand or has another key than the one asked for."""
        path = self.study and self.study.store_path(name, split)
        if not path or stored_key(path) is None or key not in (None, stored_key(path)):
            return None
        return Store(path)

    @cached_property
    def predictor(self) -> "Predictor":
        """The network of its checkpoint, on the CPU. Raises `StudyError` where that is not at hand."""
        # loads torch, which showing predictions need not
        from hpe_study.evaluation.predictor import Predictor

        return Predictor.from_run(self.folder, "cpu", "fp32")


class PredictedPeople:
    """The people of one data set and split, with what one or more runs predicted for them.

    Attributes:
        runs: The runs.
        name: Name of the data set.
        split: train or test.
        store: The labels.
        rows: (N,) the people's rows in the store.
        pictures: The store with pictures, or None where it is not at hand.
        joints_2d: For each run (N, 16, 2), fractions of the person's box.
        joints_3d: For each run (N, 16, 3) mm, root-relative, camera frame; NaN where it has learnt no depth.
        true_2d, true_3d: The same of the labels.
        errors: For each run (N, 16), in `unit`; NaN where a joint does not count.
        unit: "error (mm)" where labels and runs have depth, else percent of the head size or of the box.

    Raises:
        StudyError: There are no people, or no predictions of them.
    """

    def __init__(self, runs: Sequence[RunFolder], name: str, split: str = "test") -> None:
        self.runs, self.name, self.split = list(runs), name, split
        first = self.runs[0]
        if split == "test":
            self.store = first.labels(name)
            self.rows = np.arange(len(self.store))
            self.pictures = first.prepared(name, split, self.store.attrs["key"])
        else:
            self.store = self.pictures = first.prepared(name, split)
            if self.store is None:
                raise StudyError(
                    f"the prepared {split} split of {name} is not at hand, so nothing can be predicted on it"
                )
            spread = np.linspace(0, len(self.store) - 1, TRAINING_PEOPLE)
            self.rows = np.unique(spread.round().astype(int))
        if len(self.rows) == 0:
            raise StudyError(f"{self.store.path}: has no people to show")
        self.predicted = [self._predicted(run) for run in self.runs]
        self.joints_2d = [predicted.joints for predicted in self.predicted]
        self.joints_3d = [
            scale_to_bones(poses_of(predicted.joints, predicted.depth), run.bones)
            if run.learnt_depth
            else np.full((*predicted.depth.shape, 3), np.nan)
            for run, predicted in zip(self.runs, self.predicted, strict=True)
        ]
        self.true_3d = MPII16.root_relative(self.labels_of("joints3d").astype(float))
        self.true_2d = self.store.boxes[self.rows].to_fraction(self.labels_of("joints2d"))
        self.unit, self.errors = self._scored()

    def __len__(self) -> int:
        return len(self.rows)

    def labels_of(self, key: str) -> np.ndarray:
        """(N, …) a label array of the store, of these people."""
        return self.store[key][self.rows]

    @property
    def simulated(self) -> bool:
        """Whether the people are simulated."""
        return self.store.simulated

    def _predicted(self, run):
        if self.split == "test":
            return run.predictions.of_labels(self.name, self.store)
        return run.predictor.arrays(self.store, self.rows)

    def _scored(self):
        """The unit, and for each run its errors (N, 16)."""
        if np.isfinite(self.true_3d).any() and all(run.learnt_depth for run in self.runs):
            return "error (mm)", [values_3d(joints, self.true_3d)["mpjpe"] for joints in self.joints_3d]
        labelled = self.labels_of("labelled")
        in_box = [joint_errors(joints, self.true_2d, labelled) for joints in self.joints_2d]
        heads = (head_sizes(self.store) / self.store["side"])[self.rows]
        if np.isfinite(heads).any():
            return "error (% of head size)", [100 * errors / heads[:, None] for errors in in_box]
        return "error (% of the box)", [100 * errors for errors in in_box]
