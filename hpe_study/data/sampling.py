"""Which samples an epoch sees, in which order; drawn in the parent process from named random streams."""

from dataclasses import dataclass

import numpy as np

from hpe_study.errors import StudyError
from hpe_study.utils import distributed, rng


@dataclass(frozen=True)
class MixedSampler:
    """Which stores an epoch draws from, and how many samples of each: `counts` parallel to `stores`. A
    store's samples are drawn without repetition; a count above the store's length goes through it again,
    whole."""

    counts: tuple
    lengths: tuple
    seed: int
    chosen: np.ndarray | None = None  # indices of the first store that may be drawn; None: all

    @property
    def first_set(self):
        """How many different samples of the first store there are to draw."""
        return self.lengths[0] if self.chosen is None else len(self.chosen)

    def pool(self, store):
        """Indices of a store that may be drawn."""
        return self.chosen if store == 0 and self.chosen is not None else np.arange(self.lengths[store])

    def draw(self, epoch):
        """(sum of counts, 2) int64: (store, index) of the epoch's samples in the order they are seen; a fresh
        draw each epoch."""
        random = rng.generator("mix", self.seed, epoch)
        chosen = []
        for store, count in enumerate(self.counts):
            pool = self.pool(store)
            rounds = [random.permutation(pool) for _ in range(-(-count // len(pool)))]
            chosen.append(np.stack([np.full(count, store), np.concatenate(rounds)[:count]], 1))
        return random.permutation(np.concatenate(chosen))


def repeats(pairs):
    """(N,) int64: how often each sample of `pairs` ((N, 2 | 3): store, …, label) came before in the list."""
    names = pairs[:, 0].astype(np.int64) << 40 | pairs[:, -1]
    order = np.argsort(names, kind="stable")
    starts = np.flatnonzero(np.diff(names[order], prepend=-1))
    result = np.empty(len(names), np.int64)
    result[order] = np.arange(len(names)) - np.repeat(starts, np.diff(starts, append=len(names)))
    return result


def cut_batches(pairs, batch_size, drop_last=False):
    """`pairs` in batches, in their order. drop_last: leave out a last one that is not full, unless it is the
    only one."""
    whole = len(pairs) - len(pairs) % batch_size if drop_last and len(pairs) >= batch_size else len(pairs)
    return [pairs[start : start + batch_size] for start in range(0, whole, batch_size)]


def shard_batches(pairs, batch_size):
    """(pairs, batch size) of this process, where several train together: its equal part of every batch that
    `pairs` (N, …) are cut into.

    A last batch that is not full is left out. Raises `StudyError` where a process would get nothing.
    """
    count = distributed.size()
    if count == 1:
        return pairs, batch_size
    parts = [
        np.array_split(batch, count)[distributed.rank()]
        for batch in cut_batches(pairs, batch_size, drop_last=True)
    ]
    if len(pairs) < count:
        raise StudyError(
            f"devices: {count} processes, but an epoch has only {len(pairs)} samples; lower devices"
        )
    return np.concatenate(parts), batch_size // count
