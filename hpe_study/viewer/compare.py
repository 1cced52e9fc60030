"""Two sets of parameters, one run each, and the paired difference between them on the same test people.

A set of parameters is what differs from the profile, in the parameter file's own words: `{}` is the profile
as it is, `{"stage2": {"learning_rate": 1e-3}, "augmentation": {"flip": 0}}` changes two sections. What a set
leaves as it is, is shared: stores, and runs whose parameters (and those of the runs before them) are the
same.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown

from hpe_study.config import Profile
from hpe_study.errors import StudyError
from hpe_study.evaluation.bootstrap import estimate
from hpe_study.evaluation.scoring import groups_of, values_3d
from hpe_study.metrics import UNITS
from hpe_study.parameter_files import checked
from hpe_study.report.style import theme, titled
from hpe_study.skeletons import MPII16
from hpe_study.study import Study
from hpe_study.utils.files import digest_of
from hpe_study.viewer.figure import HALF_COLOURS
from hpe_study.viewer.runs import RunFolder, RunPeople, evaluated

METRICS = ("mpjpe", "pa_mpjpe", "pck150")
COLUMNS = ["metric", "unit", "A", "B", "B − A", "low", "high", "people", "seeds"]


class ChangedStudy(Study):
    """A study with other parameters. Its runs lie in a folder of their own; what it shares with the base
    study is used from there."""

    def __init__(self, base, changes, seeds=(0,)):
        self.base, self.profile_path, self.home = base, base.profile_path, base.home
        values = base.profile.model_dump()
        for key, change in changes.items():
            values[key] = (
                values[key] | change
                if isinstance(values.get(key), dict) and isinstance(change, dict)
                else change
            )
        self.profile = checked(Profile, values | {"seeds": tuple(seeds)}, f"changes {changes}")
        self.variant = f"changed-{digest_of(changes)[:8]}" if changes else base.variant

    def store_path(self, name, split):
        """The base study's store where the data are the same, one of its own where they are not."""
        path = self.base.store_path(name, split)
        same = self.data_settings(name) == self.base.data_settings(name)
        return path if same else path.with_name(f"{self.variant}-{path.name}")

    def run_folder_named(self, name):
        """The base study's run where nothing that it depends on has changed."""
        run = next((run for run in self.runs if run.name == name), None)
        return self.base.run_folder_named(name) if run and self._same(run) else super().run_folder_named(name)

    def _same(self, run):
        names = {name for one in run.lineage for name in (one.two_d, one.trained_3d) if name}
        data = all(self.data_settings(name) == self.base.data_settings(name) for name in names)
        return data and all(self.stage(one).hash == self.base.stage(one).hash for one in run.lineage)


def compare(study, run, a, b, seeds=(0,), device="auto"):
    """Train and score a run with parameters `a` and with `b`, each with every seed; returns the `Comparison`.

    run: name of the run, with any seed. Raises `StudyError` for unknown parameters and runs, and where `a`
    and `b` are the same.
    """
    if a == b:
        raise StudyError(f"both sets of parameters are {a}; change one of them")
    stem = run.rsplit("-seed", 1)[0]
    studies = [ChangedStudy(study, changes, seeds) for changes in (a, b)]
    folders = [[evaluated(changed, f"{stem}-seed{seed}", device) for seed in seeds] for changed in studies]
    return Comparison(*folders, a, b)


class Comparison:
    """The runs of two sets of parameters on their 3D test set. `folders_a[i]` and `folders_b[i]` share a
    seed."""

    def __init__(self, folders_a, folders_b, a, b):
        self.parameters, self.seeds = (a, b), len(folders_a)
        first = RunFolder(folders_a[0])
        self.test_set = first.record["parameters"]["three_d"]
        if self.test_set is None:
            raise StudyError(f"{first.name}: has learnt no depth; name a run of stage 2 or 3")
        pairs = [
            RunPeople([RunFolder(one), RunFolder(other)], self.test_set)
            for one, other in zip(folders_a, folders_b, strict=True)
        ]
        self.simulated, self.groups = pairs[0].simulated, groups_of(pairs[0].store)
        # metric → (N, 16) of A and of B, each the mean over seeds
        scored = [[values_3d(poses, pair.truth) for poses in pair.poses] for pair in pairs]
        self.values = {
            key: [np.mean([seed[side][key] for seed in scored], 0) for side in (0, 1)] for key in METRICS
        }

    @property
    def table(self):
        """A row a metric: both means, their paired difference and its 95 % interval (bootstrap over test
        sequences)."""
        rows = []
        for key, (a, b) in self.values.items():
            difference = estimate(b - a, self.groups)
            row = (
                key,
                UNITS[key],
                np.nanmean(a),
                np.nanmean(b),
                difference["value"],
                difference["low"],
                difference["high"],
                difference["n"],
            )
            rows.append((*row, self.seeds))
        return pd.DataFrame(rows, columns=COLUMNS)

    def figure(self):
        """MPJPE of A and B joint by joint, and the paired difference with its 95 % interval."""
        a, b = self.values["mpjpe"]
        joints = [index for index, joint in enumerate(MPII16.joints) if joint != MPII16.root]
        with theme():
            figure, (above, below) = plt.subplots(2, 1, figsize=(8.5, 5), sharex=True)
            for values, colour, letter, marker in (
                (a, HALF_COLOURS[0], "A", "o"),
                (b, HALF_COLOURS[1], "B", "D"),
            ):
                above.plot(
                    np.nanmean(values, 0)[joints],
                    marker,
                    color=colour,
                    label=f"{letter}: {_words(self.parameters['AB'.index(letter)])}",
                )
            above.set(ylabel="mean error (mm)", ylim=(0, None))
            above.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
            found = [estimate((b - a)[:, [joint]], self.groups) for joint in joints]
            value, low, high = (np.array([row[key] for row in found]) for key in ("value", "low", "high"))
            below.errorbar(
                range(len(joints)), value, [value - low, high - value], fmt="s", color="#333333", capsize=3
            )
            below.axhline(0, color="0.5", linewidth=1)
            below.set(ylabel="B − A (mm)")
            below.set_xticks(
                range(len(joints)),
                [MPII16.joints[joint].replace("_", " ") for joint in joints],
                rotation=35,
                ha="right",
            )
            figure.suptitle(
                titled(
                    f"A and B on {self.test_set}: n = {len(a)}, {self.seeds} seed(s), bars: 95 % interval",
                    self.simulated,
                )
            )
        return figure

    def sentence(self):
        """One sentence that reads the difference."""
        row = self.table.iloc[0]
        sure = not row["low"] <= 0 <= row["high"]
        verdict = (
            f"{'lowers' if row['B − A'] < 0 else 'raises'} the error"
            if sure
            else "makes no difference that these people can show"
        )
        kind = "simulated people" if self.simulated else "real people"
        return Markdown(
            f"B {verdict}: MPJPE {row['A']:.0f} → {row['B']:.0f} mm, paired difference {row['B − A']:+.1f} mm"
            f" [{row['low']:+.1f}, {row['high']:+.1f}] over {row['people']} {kind}. The interval covers the"
            f" choice of test people, not that of the seed ({self.seeds} here)."
        )


def _words(changes):
    parts = [
        f"{key}.{name} = {value}"
        for key, change in changes.items()
        for name, value in (change.items() if isinstance(change, dict) else [("", change)])
    ]
    return ", ".join(parts) or "the profile as it is"
