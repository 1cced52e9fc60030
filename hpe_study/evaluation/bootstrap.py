"""95 % intervals by a bootstrap over people, sequences and moments.

A resample draws people, of each its sequences, of each its moments, all with replacement (the hierarchical
bootstrap, e.g. Saravanan et al. 2020), never single records: frames resemble each other, and synchronous
cameras show one moment. No more than `FIXED` people are kept as they are: two people say nothing of how
people differ. The draws of a stream are the same whatever is scored, so the difference of two runs' draws on
one test set is paired.

Where a data set does not name people and moments, as the H36M challenge, the poses do: all records of a
person share their limbs' lengths, and all cameras of a moment the distances between the joints.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from hpe_study.skeletons import BONE_GROUPS, MPII16
from hpe_study.utils import rng

RESAMPLES = 1000
FIXED = 2  # people
CHUNK = 1 << 22  # weights held at a time
SAME = 1.5  # mm: lengths that differ by less are taken for one
LIMBS = [MPII16.indices(bone) for bone in (*BONE_GROUPS["arms"], *BONE_GROUPS["legs"])]  # rigid
ENDS = MPII16.indices("r_ankle l_ankle pelvis head_top r_wrist l_wrist thorax")  # tell poses apart


@dataclass(frozen=True)
class Units:
    """What is resampled: person, sequence and moment of each of N records, each nested in the one before."""

    person: np.ndarray  # (N,) numbers from 0
    sequence: np.ndarray  # (N,) numbers from 0
    moment: np.ndarray  # (N,) numbers from 0

    def __len__(self) -> int:
        return len(self.person)

    @property
    def levels(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Person, sequence and moment."""
        return self.person, self.sequence, self.moment

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many people, sequences and moments there are."""
        people, sequences, moments = (int(level.max(initial=-1)) + 1 for level in self.levels)
        return people, sequences, moments

    def of(self, chosen: np.ndarray) -> "Units":
        """Those of some records, numbered anew. chosen: their indices, or a mask."""
        return Units(*(np.unique(level[chosen], return_inverse=True)[1] for level in self.levels))


def units_of(labels: Mapping[str, np.ndarray]) -> Units:
    """The `Units` of labels; who has neither a name nor a 3D pose is a person of their own image."""
    person, sequence, image = (labels[key].astype(str) for key in ("subject", "sequence", "image"))
    posed = np.isfinite(labels["joints3d"]).any((1, 2)) & (person == "")
    person = np.where(person == "", image, person)
    moment = np.where((sequence != "") & (labels["frame"] >= 0), labels["frame"].astype(str), image)
    if posed.any():
        joints = labels["joints3d"][posed]
        person, moment = person.astype(object), moment.astype(object)
        person[posed] = _clusters(_lengths(joints, LIMBS))
        moment[posed] = _clusters(_lengths(joints, combinations(ENDS, 2)))
    levels, outer = [], np.full(len(person), "")
    for level in (person, sequence, moment):
        outer = np.char.add(np.char.add(outer, "\n"), level.astype(str))
        levels.append(np.unique(outer, return_inverse=True)[1])
    return Units(*levels)


def _lengths(joints: np.ndarray, pairs: Iterable) -> np.ndarray:
    """(N, pairs) mm between joints, 0 where one is missing."""
    first, second = np.array(list(pairs)).T
    return np.nan_to_num(np.linalg.norm(joints[:, first] - joints[:, second], axis=-1))


def _clusters(values: np.ndarray) -> np.ndarray:
    """(N,) names of clusters of rows: chains of rows whose every value differs by no more than `SAME`."""
    rows, number = np.unique(np.round(values), axis=0, return_inverse=True)
    near = cKDTree(rows).query_pairs(SAME, p=np.inf, output_type="ndarray").T
    links = coo_array((np.ones(near.shape[1]), tuple(near)), shape=(len(rows), len(rows)))
    return connected_components(links, directed=False)[1][number.ravel()].astype(str)


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
