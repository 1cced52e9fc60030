"""Where contrasts are drawn: the paper's printed numbers, and the records of runs."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from hpe_study.config import PAPER_3D
from hpe_study.report.contrasts import AT_DROP, AT_END, MINUTES, OWN, Evidence
from hpe_study.report.intervals import DRAWS, Sample
from hpe_study.report.results import Results, named
from hpe_study.study import Run
from hpe_study.study.published import published, total_minutes, training_images
from hpe_study.study.runs import LAST_RUN, LEVEL_SET
from hpe_study.training.schedule import drop_epochs
from hpe_study.utils.rng import generator

BEFORE, AFTER = 5, 2  # values that a jump is judged by: a power law through those before, carried on


class Printed(Evidence):
    """The paper's tables: numbers without a spread, so each contrast is a plain yes or no."""

    exact = True
    no_curves = "the paper shows this as a curve (its Figure 3), not in its tables"

    def __init__(self) -> None:
        self.sizes, self._numbers = training_images(), {}
        for row in published("table1").to_dict("records"):
            if not (isinstance(row["note"], str) and "2017" in row["note"]):
                self._add(Run(3, row["train_2d"], row["train_3d"], row["train_3d"]), row)
        for row in published("table2").to_dict("records"):
            self._add(Run(3, None, row["stage2_3d"], row["stage3_3d"]), row)
        for row in published("table3").to_dict("records"):
            run = Run(3, row["train_2d"], row["stage2_3d"], row["stage3_3d"], LEVEL_SET[row["train_2d"]])
            if run.epoch_scale > 1 or run.three_d != run.target:
                self._add(run, row)
        for row in published("figure3").itertuples():
            self._numbers[Run(2, row.train_2d, row.stage2_3d, None, row.epoch_scale), AT_DROP] = row.at_drop
        minutes = total_minutes()
        self._numbers |= {(run, MINUTES): minutes[key] for key, run in LAST_RUN.items()}

    def _add(self, run, row):
        self._numbers |= {(run, name): row[f"test_{name}"] for name in PAPER_3D}
        if "s3_mpjpe" in row and "printed" not in str(row.get("note")):
            self._numbers |= {(run, OWN): row["s3_mpjpe"], (run.parent, OWN): row["s2_mpjpe"]}

    def sample(self, run: Run, on: str, seeds: Sequence[int]) -> Sample | None:
        """The printed number; None where there is none."""
        value = self._numbers.get((run, on))
        return None if value is None else Sample.exactly(value)


class Ours(Evidence):
    """Run records: of a study, and of others that are asked for what it has not run (Table 4's profile)."""

    def __init__(self, *results: Results) -> None:
        self.results, self.simulated = results, any(each.simulated for each in results)
        self.sizes = training_images() | _sizes(results[0])
        self._names = [set(one.runs["run"].unique()) for one in results]

    def _made(self, run):
        """(results, seeds) of the first that hold the run."""
        for results, names in zip(self.results, self._names, strict=True):
            if seeds := {seed for seed in results.seeds if replace(run, seed=seed).name in names}:
                return results, seeds
        return None, set()

    def seeds(self, run: Run) -> set[int]:
        """The seeds that there are of a run."""
        return self._made(run)[1]

    def sample(self, run: Run, on: str, seeds: Sequence[int]) -> Sample | None:
        """What is known of a number of a run; None where it was not made."""
        results, _ = self._made(run)
        if results is None or not seeds:
            return None
        if on == MINUTES:
            made = [_minutes(results.history.query("seed == @seed"), run) for seed in seeds]
            if None in made:
                return None
            values = np.array([value for value, _ in made])
            return Sample(values.mean(), np.mean([draws for _, draws in made], 0), values)
        if on in (AT_DROP, AT_END):
            return self._in_training(results, run, on, seeds)
        return results.sample(run, run.trained_3d if on == OWN else on, seeds=seeds)

    def _in_training(self, results, run, on, seeds):
        values = []
        for seed in seeds:
            name, history = replace(run, seed=seed).name, results.history
            epochs = history[history["run"] == name].sort_values("epoch")
            drops = drop_epochs(epochs["learning_rate"])
            if len(epochs) == 0 or len(drops) == 0:
                return None
            values.append(epochs["mpjpe"].iloc[drops[0] - 1 if on == AT_DROP else -1])
        return Sample(float(np.mean(values)), np.full(DRAWS, np.mean(values)), np.array(values))

    def jump(self, columns: tuple[str, ...], placebo: bool = False) -> Sample | None:
        """The mean of `jump_at_drop` over stage-2 runs of Tables 1 and 3 that are long enough for a placebo.

        A placebo is cut `AFTER` values early.
        """
        history = self.results[0].history
        plain = history.query("stage == 2 and scheme == 'fusion' and budget.isna() and backbone.isna()")
        jumps = {
            (seed, run): [jump_at_drop(epochs.sort_values("epoch"), columns, early) for early in (0, AFTER)]
            for (seed, run), epochs in plain.groupby(["seed", "run"])
        }
        jumps = {key: pair[placebo] for key, pair in jumps.items() if None not in pair}
        if len(jumps) < 2:
            return None
        seeds = sorted({seed for seed, _ in jumps})
        values = [np.array([value for (of, _), value in jumps.items() if of == seed]) for seed in seeds]
        random = generator("bootstrap of runs", 0)
        drawn = [one[random.integers(len(one), size=(DRAWS, len(one)))].mean(1) for one in values]
        means = np.array([one.mean() for one in values])
        return Sample(means.mean(), np.mean(drawn, 0), means)

    def people(self, test_set: str) -> int:
        """How many records a test set has."""
        runs = self.results[0].runs
        counts = runs.loc[(runs["test_set"] == test_set) & (runs["metric"] == "mpjpe"), "n"]
        return int(counts.max()) if len(counts) else 0


def _sizes(results):
    """{data set: images learnt from}: of a 2D set as runs record it; of a 3D set all that it holds.

    Of real files, 3D-only epochs take all, unless the schedule says how many.
    """
    runs, profile = results.runs, results.study.profile
    sizes = runs.groupby("two_d")["images_2d"].max().dropna().to_dict()
    only_3d = runs[(runs["scheme"] == "3d") & (runs["stage"] == 2) & runs["budget"].isna()]
    per_epoch = (only_3d["images_seen"] / only_3d["epochs"]).groupby(only_3d["three_d"]).max()
    for name, size in per_epoch.items():
        if simulate := profile.source(name).simulate:
            sizes[name] = simulate.train
        elif profile.training(2, None, name).samples_per_epoch is None:
            sizes[name] = size
    return {name: round(size) for name, size in sizes.items()}


def _minutes(history, run):
    """(minutes, draws) of a run and its ancestors, epochs resampled by stage; None if one was not run."""
    random = generator(f"seconds of {run.name}", 0)
    total, drawn = 0.0, 0.0
    for member in run.lineage:
        seconds = named(history, member)["seconds"].to_numpy(float) / 60
        if len(seconds) == 0:
            return None
        total += seconds.sum()
        drawn = drawn + seconds[random.integers(len(seconds), size=(DRAWS, len(seconds)))].sum(1)
    return total, drawn


def jump_at_drop(epochs: pd.DataFrame, columns: tuple[str, ...], early: int = 0) -> float | None:
    """How far a column jumps where the learning rate first drops, in percent; None with too few values.

    Of two columns: the first's jump less the second's, at the epochs in which both are known.

    Learning curves bend, so the change just before the drop is no measure of what would have followed. A
    power law through the `BEFORE` values before the cut (at least 4) is carried on over the `AFTER` values
    after it, and the mean ratio of what came to what was expected counts. The cut is made `early` values
    before the drop as a placebo, which gives 0.
    """
    drops = drop_epochs(epochs["learning_rate"])
    known = epochs.dropna(subset=[*columns])
    if len(drops) == 0:
        return None
    epoch, values = known["epoch"].to_numpy(float), known[[*columns]].to_numpy(float)
    cut = int((epoch <= drops[0]).sum()) - early
    if cut < 4 or len(values) < cut + AFTER:
        return None
    before, after = slice(max(0, cut - BEFORE), cut), slice(cut, cut + AFTER)
    slope, height = np.polyfit(np.log(epoch[before]), np.log(values[before]), 1)
    expected = height + np.outer(np.log(epoch[after]), slope)
    jumps = 100 * (np.exp((np.log(values[after]) - expected).mean(0)) - 1)
    return float(jumps[0] - jumps[1] if len(columns) == 2 else jumps[0])
