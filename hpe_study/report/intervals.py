"""How sure a number is: seeds as dots, their mean, and a 95 % interval over sequences and seeds.

Bootstrap draws of the runs' predictions are the currency: `mean_draws` gives one condition's draws. The draws
of one test set resample the same groups (sequences) for every run, and the same seeds, so the difference of
two conditions' draws is the paired difference. Where a run's predictions are not at hand, `mean_of_rows`
combines the intervals that `runs.csv` carries.
"""

from dataclasses import dataclass

import numpy as np

from hpe_study.evaluation.bootstrap import RESAMPLES, group_sums, group_weights, resampled_means
from hpe_study.utils import rng

Z = 1.959963984540054  # 97.5 % point of the normal distribution


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its 95 % interval; `low` and `high` are NaN where nothing can be said of the
    spread."""

    value: float
    low: float
    high: float
    seeds: int


def mean_of_rows(rows):
    """`Estimate` from rows of `runs.csv`, one a seed, that differ in nothing else; None where there are no
    rows.

    One seed: its own interval over sequences. More: the seeds share their test sequences, so that part of the
    variance is averaged and stays, while the variance between seeds is divided by their number.
    """
    if len(rows) == 0:
        return None
    values, low, high = (rows[key].to_numpy(float) for key in ("value", "low", "high"))
    if len(rows) == 1:
        return Estimate(values[0], low[0], high[0], 1)
    between = values.var(ddof=1) / len(values)
    within = np.mean(((high - low) / (2 * Z)) ** 2)
    half = Z * np.sqrt(between + within)
    return Estimate(values.mean(), values.mean() - half, values.mean() + half, len(values))


def mean_draws(arrays, groups, test_set, count=RESAMPLES):
    """(value, draws (count,)) of the mean over seeds of per-joint values.

    arrays: one (N, J) array a seed, NaN where a joint does not count; groups: (N,), what is resampled
    together; test_set: names the resampling, so that runs scored on the same set are resampled alike.
    """
    weights = group_weights(len(np.unique(groups)), f"bootstrap of {test_set}", count=count)
    means, drawn = [], []
    for values in arrays:
        sums, counts = group_sums(values, groups)
        means.append(sums.sum() / counts.sum())
        drawn.append(resampled_means(weights, sums, counts))
    seeds, drawn = len(arrays), np.stack(drawn, 1)
    seed_weights = group_weights(seeds, "bootstrap of seeds", count=count)
    middle = drawn.mean(1)
    off = (seed_weights * (drawn - middle[:, None])).sum(1) / seeds
    return float(np.mean(means)), middle + off * np.sqrt(
        seeds / max(seeds - 1, 1)
    )  # n drawn from n vary less than n new seeds would


def draws_of_rows(rows, name, count=RESAMPLES):
    """(value, draws) of a condition known by its rows of `runs.csv` alone: normal, not paired with any
    other's. name: keys the draws."""
    estimate = mean_of_rows(rows)
    spread = (estimate.high - estimate.low) / (2 * Z)
    return estimate.value, estimate.value + spread * rng.generator(f"draws of {name}", 0).standard_normal(
        count
    )


def interval(draws):
    """(low, high): the middle 95 % of the draws; NaN where they say nothing (NaN, or no spread at all)."""
    draws = np.asarray(draws, float)
    if np.isnan(draws).any() or np.ptp(draws) == 0:
        return np.nan, np.nan
    return tuple(float(bound) for bound in np.quantile(draws, [0.025, 0.975]))
