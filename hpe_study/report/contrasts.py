"""Differences between conditions, and what an interval says about a claim.

A contrast is a number with an interval, and the range in which it would bear a claim out: wholly inside, it
supports the claim; wholly outside, it contradicts it; else it is open. The same contrasts are drawn in two
worlds: `Printed`, the paper's tables, without intervals, and `Ours`, the run records, where both sides of a
difference are resampled alike, so that it is paired (`intervals`).
"""

from dataclasses import dataclass

import numpy as np

from hpe_study.config import PAPER_3D
from hpe_study.report.intervals import DRAWS as RESAMPLES
from hpe_study.report.intervals import interval
from hpe_study.report.timing import LAST_RUN, total_draws
from hpe_study.study import Run
from hpe_study.study.published import published, total_minutes, training_images
from hpe_study.study.runs import LEVEL_SET
from hpe_study.training.schedule import drop_epochs
from hpe_study.utils.rng import generator

SUPPORTS, CONTRADICTS, OPEN = "supports", "contradicts", "open"
HOLDS, FAILS, UNKNOWN = "holds", "does not hold", "can't tell"
BELOW, ABOVE = (-np.inf, 0.0), (0.0, np.inf)


@dataclass(frozen=True)
class Contrast:
    """`value` with its 95 % interval [low, high]; `inside`: the range that bears the claim out; `paired`:
    from single people's errors."""

    title: str
    value: float
    low: float
    high: float
    inside: tuple = BELOW
    unit: str = "mm"
    paired: bool = True

    @property
    def says(self):
        """`SUPPORTS`, `CONTRADICTS` or `OPEN`."""
        if not np.isfinite([self.low, self.high]).all():
            return OPEN
        if self.inside[0] < self.low and self.high < self.inside[1]:
            return SUPPORTS
        return CONTRADICTS if self.high <= self.inside[0] or self.low >= self.inside[1] else OPEN

    def __str__(self):
        bounds = (
            f" [{self.low:+.1f}, {self.high:+.1f}]" if self.low != self.high and np.isfinite(self.low) else ""
        )
        return f"{self.title}: {self.value:+.1f}{bounds} {self.unit}{'' if self.paired else ' (not paired)'}"


@dataclass(frozen=True)
class Missing:
    """A contrast that cannot be drawn, and why."""

    title: str
    why: str
    says: str = OPEN

    def __str__(self):
        return f"{self.title}: {self.why}" if self.title else self.why


def verdict(parts):
    """All parts must support a claim for it to hold; one that contradicts it is enough for it not to."""
    told = [part.says for part in parts]
    if CONTRADICTS in told:
        return FAILS
    return HOLDS if told and all(word == SUPPORTS for word in told) else UNKNOWN


class World:
    """Where contrasts are drawn. `score` and `minutes` give (value, draws, paired) or None where a condition
    is not known."""

    simulated = False
    sizes = {}  # data set → images in training
    no_curves = "no stage-2 runs whose learning rate drops with enough epochs around it"

    def score(self, run, test_set):
        """MPJPE in mm of a `study.Run` on a test set."""
        raise NotImplementedError

    def minutes(self, comparison, scheme):
        """Training time of one of the paper's four totals."""
        raise NotImplementedError

    def jumps(self, key):
        """One number a stage-2 run: by how much a column of its history falls at the learning rate's drop
        beyond its trend; or None."""
        raise NotImplementedError

    def bounds(self, value, draws):
        """The 95 % interval."""
        raise NotImplementedError

    def difference(self, title, pairs, inside=BELOW, relative=False):
        """Mean over pairs (run, other, test set) of run − other, in mm or in percent of the other. Every
        condition must be there."""
        made, lacking = [], []
        for run, other, test_set in pairs:
            a, b = self.score(run, test_set), self.score(other, test_set)
            lacking += [
                f"{_words(condition)} on {test_set}"
                for condition, found in ((run, a), (other, b))
                if found is None
            ]
            if a and b:
                value, draws = (
                    100 * (x - y) / y if relative else x - y for x, y in zip(a[:2], b[:2], strict=True)
                )
                made.append((value, draws, a[2] and b[2]))
        if lacking or not made:
            return Missing(title, f"not run: {', '.join(dict.fromkeys(lacking))}")
        value, draws = np.mean([part[0] for part in made]), np.mean([part[1] for part in made], 0)
        paired = all(part[2] for part in made)
        return Contrast(title, value, *self.bounds(value, draws), inside, "%" if relative else "mm", paired)

    def best(self, runs, test_set):
        """The run with the lowest MPJPE on a test set; None where none is known."""
        known = {run: found[0] for run in runs if (found := self.score(run, test_set))}
        return min(known, key=known.get) if known else None

    def lacking(self, runs, test_set):
        """The runs that have no score on a test set."""
        return [run for run in runs if self.score(run, test_set) is None]


def _words(run):
    return run.name.rsplit("-seed", 1)[0]


class Printed(World):
    """The paper's tables: numbers without an interval, so each contrast is a plain yes or no."""

    no_curves = "the paper shows this as a curve (its Figure 3), not in its tables"

    def __init__(self):
        self.sizes = training_images()
        self._scores = {}
        for row in published("table1").to_dict("records"):
            if not (isinstance(row["note"], str) and "2017" in row["note"]):
                self._add(Run(3, row["train_2d"], row["train_3d"], row["train_3d"]), row)
        for row in published("table2").to_dict("records"):
            self._add(Run(3, None, row["stage2_3d"], row["stage3_3d"]), row)
        for row in published("table3").to_dict("records"):
            self._add(
                Run(3, row["train_2d"], row["stage2_3d"], row["stage3_3d"], LEVEL_SET[row["train_2d"]]), row
            )

    def _add(self, run, row):
        self._scores |= {(run, name): row[f"test_{name}"] for name in PAPER_3D}

    def score(self, run, test_set):
        return self._exactly(self._scores.get((run, test_set)))

    def minutes(self, comparison, scheme):
        return self._exactly(total_minutes().get((comparison, scheme)))

    def jumps(self, key):
        return None

    def bounds(self, value, draws):
        return value, value

    @staticmethod
    def _exactly(value):
        return None if value is None else (float(value), np.full(1, float(value)), True)


class Ours(World):
    """The run records of a study."""

    def __init__(self, results):
        self.results, self.simulated = results, results.simulated
        study = results.study
        self.sizes = training_images() | {
            name: study.profile.source(name).simulate.train
            for name in study.profile.set_names
            if study.is_simulated(name)
        }
        self._scores = {}

    def score(self, run, test_set):
        if (run, test_set) not in self._scores:
            self._scores[run, test_set] = self.results.draws(run, test_set)
        return self._scores[run, test_set]

    def minutes(self, comparison, scheme):
        found = total_draws(self.results.history, LAST_RUN[comparison, scheme], self.results.seeds)
        return None if found is None else (*found, True)

    def bounds(self, value, draws):
        return interval(draws)

    def jumps(self, key):
        history = self.results.history
        plain = history[
            (history["stage"] == 2)
            & (history["scheme"] == "fusion")
            & history["budget"].isna()
            & history["backbone"].isna()
        ]
        falls = [_jump(epochs, key) for _, epochs in plain.groupby("run")]
        falls = np.array([fall for fall in falls if fall is not None])
        if len(falls) < 2:
            return None
        random = generator("bootstrap of runs", 0)
        return falls.mean(), falls[random.integers(len(falls), size=(RESAMPLES, len(falls)))].mean(1), True


def _jump(epochs, key):
    """Change of a column across the first drop of the learning rate less the change just before it; two known
    values on each side."""
    epochs = epochs.sort_values("epoch")
    drops = drop_epochs(epochs["learning_rate"])
    if len(drops) == 0:
        return None
    known = epochs[key].notna().to_numpy()
    before = epochs[key].to_numpy()[: drops[0]][known[: drops[0]]]
    after = epochs[key].to_numpy()[drops[0] :][known[drops[0] :]]
    if len(before) < 4 or len(after) < 2:
        return None
    return (after[:2].mean() - before[-2:].mean()) - (before[-2:].mean() - before[-4:-2].mean())
