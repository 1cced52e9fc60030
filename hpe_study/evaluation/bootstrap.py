"""95 % intervals by a bootstrap over people, sequences and moments.

A resample draws people, of each its sequences, of each its moments, all with replacement (the hierarchical
bootstrap, e.g. Saravanan et al. 2020), because their records are not independent (`evaluation.grouping`). No
more than `FIXED` people are kept as they are: two people say nothing of how people differ. The draws of a
stream are the same whatever is scored, so the difference of two runs' draws on one test set is paired.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import numpy as np

from hpe_study.evaluation.grouping import Units
from hpe_study.utils import rng

RESAMPLES = 1000
FIXED = 2  # people
CHUNK = 1 << 22  # weights held at a time


def resampled(units: Units, stream: str, count: int = RESAMPLES) -> Iterable[np.ndarray]:
    """How often each moment comes in each resample: chunks (draws, moments), `count` draws in all."""
    if units.counts[2] * count > CHUNK:
        return _draws(units, stream, count)
    return _kept(stream, count, *(np.ascontiguousarray(level, np.int64).tobytes() for level in units.levels))


@lru_cache(maxsize=4)
def _kept(stream, count, *levels):
    """The draws of few moments in one chunk, kept because all metrics of a test set are resampled alike."""
    units = Units(*(np.frombuffer(level, np.int64) for level in levels))
    return list(_draws(units, stream, count))  # whole numbers: as floats they give other last digits


def _draws(units, stream, count) -> Iterator[np.ndarray]:
    random = rng.generator(stream, 0)
    people, sequences, moments = units.counts
    for start in range(0, count, step := max(1, CHUNK // moments)):
        draws = min(step, count - start)
        if people > FIXED:
            weights = random.multinomial(people, np.full(people, 1 / people), draws)
        else:
            weights = np.ones((draws, people), int)
        weights = _within(random, weights, _parents(units.sequence, units.person, sequences))
        yield _within(random, weights, _parents(units.moment, units.sequence, moments))


def _parents(children, parents, count):
    """(count,) the parent of each child."""
    result = np.zeros(count, int)
    result[children] = parents
    return result


def _within(random, weights, parents):
    """Weights of children: of a unit drawn k times, k times as many of its children as it has are drawn."""
    result, sizes = weights[:, parents], np.bincount(parents, minlength=weights.shape[1])
    for unit in np.flatnonzero(sizes > 1):
        total, size = weights[:, unit] * sizes[unit], sizes[unit]
        result[:, parents == unit] = random.multinomial(total, np.full(size, 1 / size))
    return result


def resampled_means(
    sums: np.ndarray, counts: np.ndarray, units: Units, stream: str, count: int = RESAMPLES
) -> np.ndarray:
    """Means of the resamples, (R, count) for R scores of the same people; NaN where nothing counts.

    `sums` (R, N) are of what counts in each record, `counts` (R, N) or (N,) how much that is; `stream` names
    the random stream.
    """
    sums, counts = (_per_moment(values, units) for values in (sums, np.atleast_2d(counts)))
    with np.errstate(invalid="ignore"):
        parts = [(weights @ sums) / (weights @ counts) for weights in resampled(units, stream, count)]
    return np.concatenate(parts).T


def _per_moment(values, units):
    """(moments, R) sums of the records of each moment."""
    sums = np.zeros((units.counts[2], len(values)))
    np.add.at(sums, units.moment, values.T)
    return sums


def first_level(units: Units) -> tuple[int, str]:
    """What is resampled first: how many there are of it, and what it is called."""
    people, sequences, moments = units.counts
    if people > FIXED:
        return people, "people"
    return (sequences, "sequences") if sequences > people else (moments, "moments")


def estimate(values: np.ndarray, units: Units) -> dict[str, float | int]:
    """Mean of a metric's array (N, J), NaN where a joint does not count, with its 95 % interval.

    Returns:
        value, low, high (NaN where there is nothing to resample), n (records that count), groups (how many
        people, sequences or moments there are of what is resampled first).
    """
    return estimates([values], units)[0]


def estimates(arrays: Sequence[np.ndarray], units: Units) -> list[dict[str, float | int]]:
    """`estimate` of each array; those in which the same joints count are resampled at once."""
    alike, results = {}, [{}] * len(arrays)
    for number, values in enumerate(arrays):
        alike.setdefault((values.shape, np.isnan(values).tobytes()), []).append(number)
    for numbers in alike.values():
        known = ~np.isnan(arrays[numbers[0]])
        counted = known.any(1)
        chosen, counts = units.of(counted), known.sum(1)[counted]
        sums = np.stack([np.where(known, arrays[number], 0).sum(1)[counted] for number in numbers])
        ends = np.full((2, len(numbers)), np.nan)
        if chosen.counts[2] > 1:
            ends = np.quantile(resampled_means(sums, counts, chosen, "bootstrap"), [0.025, 0.975], axis=1)
        facts = {"n": int(counted.sum()), "groups": first_level(chosen)[0]}
        for number, total, low, high in zip(numbers, sums.sum(1), *ends, strict=True):
            results[number] = {"value": total / counts.sum(), "low": low, "high": high} | facts
    return results
