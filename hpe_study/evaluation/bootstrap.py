"""95 % intervals by a bootstrap over groups of people.

What is resampled is a group (a sequence, or an image where a set has no sequences), because frames of one
sequence are not independent. The draws of a stream are the same whatever is scored, so the difference of two
runs' draws on one test set is the paired difference.
"""

import numpy as np

from hpe_study.utils import rng

RESAMPLES = 1000


def group_sums(values: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum and count of what is not NaN in each group, (groups,) each.

    Args:
        values: (N, J), NaN where a joint does not count.
        groups: (N,), equal where people are resampled together.
    """
    names, number = np.unique(groups, return_inverse=True)
    known = ~np.isnan(values)
    sums = np.bincount(number, np.where(known, values, 0).sum(1), len(names))
    return sums, np.bincount(number, known.sum(1), len(names))


def group_weights(groups: int, stream: str, seed: int = 0, count: int = RESAMPLES) -> np.ndarray:
    """How often each group comes in each resample: (count, groups), from a named random stream."""
    return rng.generator(stream, seed).multinomial(groups, np.full(groups, 1 / groups), count)


def resampled_means(weights: np.ndarray, sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """(count,) means of the resamples that `group_weights` names; NaN where one has nothing that counts."""
    with np.errstate(invalid="ignore"):
        return (weights @ sums) / (weights @ counts)


def estimate(values: np.ndarray, groups: np.ndarray) -> dict[str, float | int]:
    """Mean of a metric's array with its 95 % interval over groups.

    Args:
        values: (N, J), NaN where a joint does not count.
        groups: (N,), see `group_sums`.

    Returns:
        value, low, high (NaN where there is one group alone), n (people that count), groups.
    """
    counted = ~np.isnan(values).all(1)
    sums, counts = group_sums(values[counted], groups[counted])
    low = high = np.nan
    if len(sums) > 1:
        means = resampled_means(group_weights(len(sums), "bootstrap"), sums, counts)
        low, high = np.quantile(means, [0.025, 0.975])
    return {
        "value": sums.sum() / counts.sum(),
        "low": low,
        "high": high,
        "n": int(counted.sum()),
        "groups": len(sums),
    }
