"""Named random streams: numbers that depend on (seed, name, epoch, sample) and on nothing else.

Whatever the number of workers, the batch a sample falls into, or the epoch a run was resumed at, a sample
draws the same numbers. Counter-based: SplitMix64 (Steele, Lea & Flood, OOPSLA 2014) over a mixed key,
vectorised over samples.
"""

import zlib

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        x = x + _GOLDEN
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def uniform(name: str, seed: int, epoch: int, samples: np.ndarray, count: int) -> np.ndarray:
    """Draw `count` numbers in [0, 1) for each of N samples (N integers): (N, count) float64."""
    key = np.zeros(len(samples), np.uint64)
    for part in (zlib.crc32(name.encode()), seed, epoch):
        key = _mix(key ^ np.uint64(int(part) & 0xFFFFFFFFFFFFFFFF))
    key = _mix(key ^ np.asarray(samples).astype(np.uint64))
    counter = np.arange(1, count + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        bits = _mix(key[:, None] ^ (counter * _GOLDEN)[None])
    return (bits >> np.uint64(11)).astype(np.float64) / float(1 << 53)


def generator(name: str, seed: int, epoch: int = 0) -> np.random.Generator:
    """A NumPy generator for draws that are not per sample: an epoch's samples, bootstrap resamples."""
    return np.random.default_rng([zlib.crc32(name.encode()), int(seed) & 0xFFFFFFFF, int(epoch)])
