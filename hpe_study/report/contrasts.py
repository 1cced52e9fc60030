"""Differences between conditions, and what they say about a claim: one rule for the ledger and for the audit.

A `Part` of a claim names two sides and the range in which their difference bears the claim out. It is drawn
from `Evidence`: the paper's tables, which have no spread, or run records, whose seeds and people are
resampled alike on both sides (`intervals`). It supports the claim where the chance of lying outside the range
is below 5 % (two-sided, so where the 95 % interval lies inside), contradicts it where the interval lies
outside, and else is open.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import stats

from hpe_study.report.intervals import Sample, combined
from hpe_study.report.scores import lineage_label
from hpe_study.study import Run

SUPPORTS, CONTRADICTS, OPEN = "supports", "contradicts", "open"
BELOW, ABOVE = (-np.inf, 0.0), (0.0, np.inf)
LEVEL = 0.05
MINUTES, OWN, REAL = "minutes", "own test set", "real"  # what a term may be, beside a score on a test set
AT_DROP, AT_END = "training at the drop", "training at the end"  # MPJPE of a stage
ONE_SEED = "more seeds: one has no spread"
MOST_SEEDS, MOST_DATA = 60, 100  # beyond which "what it would take" is no more than a manner of speaking


@dataclass(frozen=True)
class Term:
    """One side of a difference."""

    runs: tuple[Run, ...] = ()  # whose number it is; of several, that of the best
    # a test set (MPJPE), `MINUTES` of training, MPJPE on the run's `OWN` test set, `AT_DROP`, `AT_END`
    on: str = ""
    constant: float | None = None  # a printed number instead


@dataclass(frozen=True)
class Part:
    """One contrast of a claim.

    Attributes:
        title: What is compared; {first} and {second} stand for the runs chosen.
        pairs: (first, second): the mean over pairs of first − second counts.
        inside: The range of the difference that bears the claim out; None: the claim is of the size alone.
        size: The range of the difference in percent of the second that the claim speaks of, if any.
        jump: Instead of pairs: a column of the history, for its jump at the drop of the learning rate, in
            percent, over the stage-2 runs of Tables 1 and 3; or two, for the first's jump less the second's.
        unit: Of the difference.
    """

    title: str
    pairs: tuple[tuple[Term, Term], ...] = ()
    inside: tuple[float, float] | None = BELOW
    size: tuple[float, float] | None = None
    jump: tuple[str, ...] = ()
    unit: str = "mm"


def at(run: Run | tuple[Run, ...], on: str) -> Term:
    """A number of a run, or of the best of several."""
    return Term(run if isinstance(run, tuple) else (run,), on)


def versus(
    title: str,
    cells: Iterable[tuple[Run | tuple[Run, ...], Run | tuple[Run, ...], str]],
    inside: tuple[float, float] | None = BELOW,
    size: tuple[float, float] | None = None,
) -> Part:
    """The mean over cells (first, second, test set) of the difference in MPJPE."""
    return Part(title, tuple((at(first, on), at(second, on)) for first, second, on in cells), inside, size)


@dataclass(frozen=True)
class Contrast:
    """What a part comes to."""

    title: str
    value: float  # the difference, with its 95 % interval (NaN where nothing is known of the spread)
    low: float
    high: float
    inside: tuple[float, float] = BELOW  # the range that bears the claim out
    unit: str = "mm"  # of value, low and high
    says: str = OPEN  # `SUPPORTS`, `CONTRADICTS` or `OPEN`
    chance: float = np.nan  # two-sided p-value of the nearest end of the range
    percent: float = np.nan  # the difference in percent of the second, where the claim speaks of its size
    # what that percentage says: within, larger, smaller, can't tell; "" where the claim does not speak of it
    size: str = ""
    n: int = 0  # test people (records) that it rests on
    seeds: int = 1  # how many trainings each side has
    takes: str = ""  # what it would take to tell, where it is open
    sample: Sample | None = field(default=None, repr=False)  # what it is judged by, from the nearest end on

    @property
    def paired(self) -> bool:
        """Whether it comes from single people's errors."""
        return self.sample is None or self.sample.paired

    def takes_at(self, level: float) -> str:
        """What it would take to tell at another level than 5 %."""
        ends = [end for end in self.inside if np.isfinite(end)]
        return what_it_takes(self.sample, min(ends, key=lambda end: abs(self.value - end)), level)

    def __str__(self) -> str:
        known = np.isfinite(self.low) and self.low != self.high
        bounds = f" [{self.low:+.1f}, {self.high:+.1f}]" if known else ""
        size = f", {self.percent:+.1f} % ({self.size})" if self.size else ""
        unpaired = "" if self.paired else " (not paired)"
        return f"{self.title}: {self.value:+.1f}{bounds} {self.unit}{size}{unpaired}"


@dataclass(frozen=True)
class Missing:
    """A contrast that cannot be drawn, and why."""

    title: str
    takes: str
    says: str = OPEN
    size: str = ""
    chance: float = np.nan

    def __str__(self) -> str:
        return f"{self.title}: {self.takes}" if self.title else self.takes


def judge(sample: Sample, inside: tuple[float, float], exact: bool = False) -> tuple[str, float]:
    """What a number says about a range, and the chance of the nearest end; `exact`: it has no spread."""
    ends = [end for end in inside if np.isfinite(end)]
    within = inside[0] < sample.value < inside[1]
    chances = [0.0 if exact else sample.chance(end) for end in ends]
    chance = max(chances) if within else chances[int(np.argmin([abs(sample.value - end) for end in ends]))]
    if not chance < LEVEL:  # NaN, too
        return OPEN, chance
    return (SUPPORTS if within else CONTRADICTS), chance


def size_of(sample: Sample, size: tuple[float, float], exact: bool = False) -> str:
    """Whether a number in percent is within a range, larger or smaller; or that we can't tell."""
    says, _ = judge(sample, size, exact)
    if says == OPEN:
        return "can't tell"
    return (
        "within" if says == SUPPORTS else "larger" if abs(sample.value) > max(map(abs, size)) else "smaller"
    )


def what_it_takes(sample: Sample, end: float = 0.0, level: float = LEVEL) -> str:
    """What would tell a number from the end of a range, if it is as large as it seems: seeds or people."""
    certain = stats.norm.isf(level / 2)
    distance, people, seeds = abs(sample.value - end), np.var(sample.people), len(sample.seeds)
    if seeds == 1 and people == 0:
        return ONE_SEED
    between = np.var(sample.seeds, ddof=1) if seeds > 1 else np.nan
    if seeds > 1:
        for more in range(seeds + 1, MOST_SEEDS + 1):
            if stats.t.isf(level / 2, more - 1) ** 2 * between / more + certain**2 * people < distance**2:
                return f"{more} seeds"
    left = distance**2 - (stats.t.isf(level / 2, seeds - 1) ** 2 * between / seeds if seeds > 1 else 0)
    factor = certain**2 * people / left if left > 0 else np.inf
    if factor < MOST_DATA:
        return f"{max(factor, 1.1):.1f} × the test people and sequences" + (
            " (seeds: not known from one)" * (seeds == 1)
        )
    if seeds > 1 and certain**2 * people / 4 < distance**2:
        return f"more than {MOST_SEEDS} seeds, or 4 × the test people and more seeds"
    return (
        f"more than {MOST_SEEDS} seeds and {MOST_DATA} × the test people: the effect seen is next to nothing"
    )


class Evidence:
    """Where contrasts are drawn."""

    simulated, exact = False, False
    sizes: dict[str, int] = {}  # data set → images in training
    no_curves = "no stage-2 runs whose learning rate drops with enough epochs around it"

    def seeds(self, run: Run) -> set[int]:
        """The seeds that there are of a run."""
        return {0}

    def sample(self, run: Run, on: str, seeds: Sequence[int]) -> Sample | None:
        """What is known of a number of a run (see `Term.on`); None where it was not made."""
        raise NotImplementedError

    def jump(self, columns: tuple[str, ...], placebo: bool = False) -> Sample | None:
        """`Part.jump` of columns of the history; None where no curve is long enough for it and its placebo.

        With `placebo` the cut is made before the drop, where nothing happens.
        """
        return None

    def people(self, test_set: str) -> int:
        """How many records a test set has."""
        return 0

    def contrast(self, part: Part) -> Contrast | Missing:
        """Evaluate one part of a claim."""
        if part.jump:
            return self._jump(part)
        runs = {run for pair in part.pairs for term in pair for run in term.runs}
        lacking = {run for run in runs if not self.seeds(run)}
        seeds = sorted(set.intersection(*map(self.seeds, runs - lacking))) if runs - lacking else []
        sides = [[self._term(term, seeds, lacking) for term in pair] for pair in part.pairs]
        absent = [
            text
            for pair, found in zip(part.pairs, sides, strict=True)
            for term, side in zip(pair, found, strict=True)
            if side is None
            for text in _described(term, lacking)
        ]
        if absent:
            title = part.title.format(first="…", second="…")
            return Missing(title, f"not run: {', '.join(dict.fromkeys(absent))}")
        differences = [combined(np.subtract, [first[0], second[0]]) for first, second in sides]
        percents = [combined(_percent, [first[0], second[0]]) for first, second in sides]
        title = part.title.format(first=sides[0][0][1], second=sides[0][1][1])
        n = sum(self.people(on) for on in {term.on for pair in part.pairs for term in pair})
        return self._judged(part, title, _mean(differences), _mean(percents), n)

    def _judged(self, part, title, difference, percent, n):
        counted = difference if part.inside else percent
        inside = part.inside or part.size
        says, chance = judge(counted, inside, self.exact)
        low, high = (counted.value,) * 2 if self.exact else counted.interval
        contrast = Contrast(
            title, counted.value, low, high, inside, part.unit if part.inside else "%", says, chance,
            percent.value, size_of(percent, part.size, self.exact) if part.size and part.inside else "", n,
            len(counted.seeds), sample=counted,
        )  # fmt: skip
        return replace(contrast, takes=contrast.takes_at(LEVEL)) if says == OPEN else contrast

    def _jump(self, part):
        """What holds at a placebo cut, too, is no effect of the drop."""
        jump, placebo = self.jump(part.jump), self.jump(part.jump, placebo=True)
        if jump is None or placebo is None:
            return Missing(part.title, self.no_curves)
        contrast = self._judged(part, part.title, jump, jump, 0)
        if contrast.says != OPEN and judge(placebo, part.inside)[0] == contrast.says:
            return replace(contrast, says=OPEN, takes="a placebo cut before the drop gives the same")
        return contrast

    def _term(self, term, seeds, lacking):
        """(sample, name of the run chosen) of one side; None where it is not known."""
        if term.constant is not None:
            return Sample.exactly(term.constant), f"{term.constant:g}"
        known = [None if run in lacking else self.sample(run, term.on, seeds) for run in term.runs]
        if None in known or not known:
            return None
        best = int(np.argmin([sample.value for sample in known]))
        if len(known) == 1:
            return known[0], lineage_label(vars(term.runs[0]))
        # chosen anew in every draw, so that the interval knows of the choice; the draws keep their middle
        least = combined(lambda *values: np.min(values, 0), known)
        people = least.people - least.people.mean() + least.value
        return replace(least, people=people), lineage_label(vars(term.runs[best]))


def _percent(first, second):
    return 100 * (first - second) / second


def _mean(samples):
    return combined(lambda *values: np.mean(values, 0), samples)


def _described(term, lacking):
    """Which numbers of a term are not known."""
    runs = [run for run in term.runs if run in lacking] or term.runs
    return [f"{run.name.rsplit('-seed', 1)[0]} on {term.on}" for run in runs]
