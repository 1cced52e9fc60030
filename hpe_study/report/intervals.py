"""How sure a number is: its mean over seeds with a 95 % interval over seeds, people, sequences and moments.

A `Sample` has its value for each seed, and draws of it, in which the test people are resampled
(`evaluation.bootstrap`). Samples of one test set are drawn alike, so the difference of two is paired, seed by
seed and person by person. `draws` resamples the seeds too; few people and few seeds are widened as Student's
t is. Where a
run's errors of people are not at hand, its interval in `runs.csv` is drawn from instead, and nothing that is
made of it is paired.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hpe_study.evaluation.bootstrap import Units, first_level, resampled_means
from hpe_study.utils import rng

DRAWS = 4000  # of a sample: verdicts over many claims need small chances
Z = 1.959963984540054  # 97.5 % point of the normal distribution


@dataclass(frozen=True)
class Sample:
    """What is known of a number."""

    value: float  # its mean over seeds
    # (DRAWS,) draws of that mean, the test people resampled; constant where nothing is known
    people: np.ndarray
    seeds: np.ndarray  # (S,) the value for each seed
    paired: bool = True  # whether the draws are of single people

    @classmethod
    def exactly(cls, value: float) -> "Sample":
        """A number without any spread."""
        return cls(float(value), np.full(DRAWS, float(value)), np.full(1, float(value)))

    @property
    def draws(self) -> np.ndarray:
        """(DRAWS,) both seeds and people resampled."""
        return self.people + seed_offsets(self.seeds)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval; NaN where there is no spread to tell it from."""
        return interval(self.draws)

    def chance(self, threshold: float = 0.0) -> float:
        """The two-sided p-value of being on the other side of a threshold; NaN without any spread."""
        if np.isnan(self.interval).any():
            return np.nan
        below = ((self.draws <= threshold).sum() + 1) / (DRAWS + 1)
        above = ((self.draws >= threshold).sum() + 1) / (DRAWS + 1)
        return min(1.0, 2 * min(below, above))


def sample_of_arrays(arrays: Sequence[np.ndarray], units: Units, test_set: str) -> Sample:
    """The `Sample` of a mean over people and joints, of one (N, J) array per seed, NaN where none counts.

    What is scored on the same `test_set`, whose N records have these units, is resampled alike.
    """
    values = np.stack(arrays)
    known = ~np.isnan(values)
    sums, counts = np.where(known, values, 0).sum(-1), known.sum(-1)
    people = [
        draws_of_people(one[None], count, units, test_set)[0] for one, count in zip(sums, counts, strict=True)
    ]
    seeds = sums.sum(1) / counts.sum(1)
    return Sample(float(seeds.mean()), np.mean(people, 0), seeds)


def draws_of_people(sums: np.ndarray, counts: np.ndarray, units: Units, test_set: str) -> np.ndarray:
    """(R, DRAWS) draws of the means of R scores, the people of a test set resampled (`resampled_means`)."""
    draws = resampled_means(sums, counts, units, f"bootstrap of {test_set}", DRAWS)
    means = (sums.sum(-1) / np.broadcast_to(counts, sums.shape).sum(-1))[:, None]
    return means + (draws - means) * _students_width(first_level(units)[0], f"spread of {test_set}")


def combined(function: Callable, samples: Sequence[Sample]) -> Sample:
    """A function of samples of the same seeds, such as a difference; applied draw by draw, seed by seed."""
    return Sample(
        float(function(*(sample.value for sample in samples))),
        np.asarray(function(*(sample.people for sample in samples))),
        np.asarray(function(*(sample.seeds for sample in samples))),
        all(sample.paired for sample in samples),
    )


def seed_offsets(seeds: np.ndarray) -> np.ndarray:
    """(DRAWS,) how far the mean over resampled seeds lies from that over all; 0 for one seed.

    The draws depend on the number of seeds alone, so that of a difference is the difference of the draws.
    """
    count = len(seeds)
    if count < 2:
        return np.zeros(DRAWS)
    weights = rng.generator("bootstrap of seeds", 0).multinomial(count, np.full(count, 1 / count), DRAWS)
    return (weights @ (seeds - seeds.mean()) / count) * _students_width(count, "spread of seeds")


def _students_width(count, stream):
    """(DRAWS,) factors by which means of `count` resampled units, such as people, are too close together.

    n units drawn from n vary less than n new ones would, by √((n − 1) / n); and a spread known from n alone
    is itself unsure, by the χ² that turns the normal distribution into Student's t. Both are made up for.
    """
    if count < 2:
        return np.ones(DRAWS)
    known = rng.generator(stream, 0).chisquare(count - 1, DRAWS) / (count - 1)
    return np.sqrt(count / (count - 1) / known)


def interval(draws: np.ndarray) -> tuple[float, float]:
    """(low, high): the middle 95 % of draws; NaN where they say nothing (NaN, or no spread at all)."""
    draws = np.asarray(draws, float)
    if np.isnan(draws).any() or np.ptp(draws) < 1e-9:
        return np.nan, np.nan
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def mean_of_rows(rows: pd.DataFrame) -> dict[str, float]:
    """Value, low, high (95 % interval) and seeds of rows of `runs.csv`, one per seed, otherwise alike.

    One seed: its own interval. More: the seeds share their test people, so that part of the variance is
    averaged and stays, while the variance between seeds is divided by their number.
    """
    values, low, high = (rows[key].to_numpy(float) for key in ("value", "low", "high"))
    if len(rows) == 1:
        return {"value": values[0], "low": low[0], "high": high[0], "seeds": 1}
    between = values.var(ddof=1) / len(values)
    within = np.mean(((high - low) / (2 * Z)) ** 2)
    mean, half = values.mean(), Z * np.sqrt(between + within)
    return {"value": mean, "low": mean - half, "high": mean + half, "seeds": len(values)}


def sample_of_rows(rows: pd.DataFrame, name: str) -> Sample:
    """The `Sample` of rows of `runs.csv`, one per seed: normal, not paired with any other's."""
    values, low, high = (rows[key].to_numpy(float) for key in ("value", "low", "high"))
    spread = np.sqrt(np.mean(((high - low) / (2 * Z)) ** 2))
    noise = rng.generator(f"draws of {name}", 0).standard_normal(DRAWS)
    return Sample(values.mean(), values.mean() + spread * noise, values, False)
