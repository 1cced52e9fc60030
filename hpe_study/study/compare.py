"""Two sets of parameters, one run each, scored on the same test people.

A set of parameters is what differs from the profile, written as in the parameter file: `{}`, or `{"stage2":
{"learning_rate": 1e-3}, "augmentation": {"flip": 0}}`. What it leaves unchanged is shared: stores, and runs
whose own parameters and ancestors are the same.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hpe_study.config import Profile
from hpe_study.errors import StudyError
from hpe_study.evaluation.bootstrap import Units, estimate, units_of
from hpe_study.evaluation.scoring import values_3d
from hpe_study.metrics import UNITS
from hpe_study.parameter_files import checked
from hpe_study.skeletons import MPII16
from hpe_study.study.run_folder import PredictedPeople, RunFolder
from hpe_study.study.steps import evaluated
from hpe_study.study.study import Study
from hpe_study.utils.files import digest_of

METRICS = ("mpjpe", "pa_mpjpe", "pck150")
LONGEST = 60  # characters of a folder's name that say what changed

Changes = dict[str, Any]


class ChangedStudy(Study):
    """A study with other parameters: its own run folder; unchanged stores and runs are the base study's."""

    def __init__(self, base: Study, changes: Changes, seeds: Sequence[int] = (0,)) -> None:
        self.base, self.profile_path, self.home = base, base.profile_path, base.home
        values = base.profile.model_dump()
        for key, change in changes.items():
            section = isinstance(values.get(key), dict) and isinstance(change, dict)
            values[key] = values[key] | change if section else change
        self.profile = checked(Profile, values | {"seeds": tuple(seeds)}, f"changes {changes}")
        names = [
            ".".join([key, *change]) if isinstance(change, dict) else key for key, change in changes.items()
        ]
        what = re.sub(r"[^\w.+]", "_", "+".join(names))[:LONGEST]
        self.variant = f"changed-{what}-{digest_of(changes)[:8]}" if changes else base.variant

    def store_path(self, name: str, split: str) -> Path:
        """The base study's store where the data are the same, one of its own where they are not."""
        path = self.base.store_path(name, split)
        same = self.data_settings(name) == self.base.data_settings(name)
        return path if same else path.with_name(f"{self.variant}-{path.name}")

    def run_folder_named(self, name: str) -> Path:
        """The base study's run folder where nothing that the run depends on has changed."""
        run = next((run for run in self.runs if run.name == name), None)
        return self.base.run_folder_named(name) if run and self._same(run) else super().run_folder_named(name)

    def _same(self, run):
        names = {name for one in run.lineage for name in (one.two_d, one.trained_3d) if name}
        data = all(self.data_settings(name) == self.base.data_settings(name) for name in names)
        return data and all(self.stage(one).hash == self.base.stage(one).hash for one in run.lineage)


@dataclass(frozen=True)
class PairedErrors:
    """The errors of two sets of parameters, A and B, on the same people of a 3D test set."""

    parameters: tuple[Changes, Changes]  # what A and B change of the profile
    seeds: int  # how many runs each has
    test_set: str
    simulated: bool
    units: Units  # what intervals resample
    # {metric: (A, B)}, each (N, 16), the mean over seeds; NaN where a joint does not count
    values: dict[str, tuple[np.ndarray, np.ndarray]]

    @property
    def table(self) -> pd.DataFrame:
        """One row per metric: both means, the paired difference and its 95 % interval over test people."""
        rows = [self._compared(metric) for metric in self.values]
        table = pd.DataFrame(rows).assign(unit=[UNITS[metric] for metric in self.values], seeds=self.seeds)
        return table.set_index(pd.Index(self.values, name="metric"))

    @property
    def joints(self) -> pd.DataFrame:
        """The same of MPJPE, one row per joint but the root, which has no error."""
        joints = [joint for joint in MPII16.joints if joint != MPII16.root]
        rows = [self._compared("mpjpe", MPII16.indices([joint])) for joint in joints]
        return pd.DataFrame(rows, pd.Index(joints, name="joint"))

    def _compared(self, metric, joints=slice(None)):
        a, b = (values[:, joints] for values in self.values[metric])
        change = estimate(b - a, self.units)
        means = {"A": np.nanmean(a), "B": np.nanmean(b), "B − A": change["value"]}
        return means | {"low": change["low"], "high": change["high"], "people": change["n"]}


def paired_errors(
    study: Study, run: str, a: Changes, b: Changes, seeds: Sequence[int] = (0,), device: str = "auto"
) -> PairedErrors:
    """Train and score a run of stage 2 or 3 with parameters `a` and with `b`, each with every seed.

    Raises:
        StudyError: A parameter or the run is unknown, `a` equals `b`, or the run has learnt no depth.
    """
    if a == b:
        raise StudyError(f"both sets of parameters are {a}; change one of them")
    stem = run.rsplit("-seed", 1)[0]
    studies = [ChangedStudy(study, changes, seeds) for changes in (a, b)]
    folders = [[evaluated(changed, f"{stem}-seed{seed}", device) for seed in seeds] for changed in studies]
    first = RunFolder(folders[0][0])
    test_set = first.record.parameters.three_d
    if test_set is None:
        raise StudyError(f"{first.name}: has learnt no depth; name a run of stage 2 or 3")
    pairs = [
        PredictedPeople([RunFolder(one), RunFolder(other)], test_set)
        for one, other in zip(*folders, strict=True)
    ]
    scored = [[values_3d(joints, pair.true_3d) for joints in pair.joints_3d] for pair in pairs]
    values = {
        metric: tuple(np.mean([of_seed[side][metric] for of_seed in scored], 0) for side in (0, 1))
        for metric in METRICS
    }
    return PairedErrors((a, b), len(seeds), test_set, pairs[0].simulated, units_of(pairs[0].store), values)
