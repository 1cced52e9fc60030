"""Which samples an epoch sees, in which order; drawn in the parent process from named random streams."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch

from hpe_study.errors import StudyError
from hpe_study.utils import distributed, rng

Pairs = TypeVar("Pairs", np.ndarray, torch.Tensor)


@dataclass(frozen=True)
class MixedSampler:
    """Draws an epoch's samples from several stores, without repetition.

    A count above a store's length goes through all of the store again.
    """

    counts: tuple[int, ...]  # number of samples of each store in an epoch
    lengths: tuple[int, ...]  # number of samples in each store
    seed: int  # of the run
    # {store: indices that may be drawn}; of a store that is not named, all
    chosen: Mapping[int, np.ndarray] = field(default_factory=dict)

    def pool(self, store: int) -> np.ndarray:
        """Indices of a store that may be drawn."""
        return self.chosen[store] if store in self.chosen else np.arange(self.lengths[store])

    def draw(self, epoch: int) -> np.ndarray:
        """Draw an epoch's samples, (sum of counts, 2) int64: store and index, in the order they are seen."""
        random = rng.generator("mix", self.seed, epoch)
        chosen = []
        for store, count in enumerate(self.counts):
            pool = self.pool(store)
            rounds = [random.permutation(pool) for _ in range(-(-count // len(pool)))]
            chosen.append(np.stack([np.full(count, store), np.concatenate(rounds)[:count]], 1))
        return random.permutation(np.concatenate(chosen))


def repeats(pairs: np.ndarray) -> np.ndarray:
    """(N,): how often each sample came before in a list of `pairs`; of three indices the label's counts."""
    names = pairs[:, 0].astype(np.int64) << 40 | pairs[:, -1]
    order = np.argsort(names, kind="stable")
    starts = np.flatnonzero(np.diff(names[order], prepend=-1))
    result = np.empty(len(names), np.int64)
    result[order] = np.arange(len(names)) - np.repeat(starts, np.diff(starts, append=len(names)))
    return result


def split_batches(pairs: Pairs, batch_size: int, drop_last: bool = False) -> list[Pairs]:
    """Split `pairs` (N, …) into batches, in their order.

    `drop_last` leaves out a last batch that is not full, unless it is the only one.
    """
    whole = len(pairs) - len(pairs) % batch_size if drop_last and len(pairs) >= batch_size else len(pairs)
    return [pairs[start : start + batch_size] for start in range(0, whole, batch_size)]


def shard_batches(pairs: np.ndarray, batch_size: int) -> tuple[np.ndarray, int]:
    """This process's equal part of every whole batch, and its size, where several processes train together.

    The pairs (N, …) are of the epoch, `batch_size` of all processes. Raises `StudyError` where a process
    would get nothing.
    """
    count = distributed.size()
    if count == 1:
        return pairs, batch_size
    parts = [
        np.array_split(batch, count)[distributed.rank()]
        for batch in split_batches(pairs, batch_size, drop_last=True)
    ]
    if len(pairs) < count:
        raise StudyError(
            f"devices: {count} processes, but an epoch has only {len(pairs)} samples; lower devices"
        )
    return np.concatenate(parts), batch_size // count
