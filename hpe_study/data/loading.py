"""Which samples an epoch sees, and their batches: read by worker processes, or held on the device.

Samples are drawn in the parent process, from named random streams. On a GPU crops stay on the device where
they fit beside the network; on the CPU a store that is held in memory is this already. Both give the same
batches, number for number.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from hpe_study.data.store import Store
from hpe_study.errors import StudyError
from hpe_study.utils import distributed, processes, rng

Pairs = TypeVar("Pairs", np.ndarray, torch.Tensor)
RawBatch = dict[str, torch.Tensor]
LABELS = ("center", "side", "region", "joints2d", "labelled", "joints3d", "depth", "scale", "intrinsics")
# Share of the device's free memory for crops; the rest is for the network, its gradients and activations.
SHARE_OF_FREE = 0.5
CHUNK = 256  # crops read at a time while filling, so that the host never holds the set twice


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
    if len(pairs) < count:
        samples = f"an epoch has only {len(pairs)} samples"
        raise StudyError(f"devices: {count} processes, but {samples}; lower devices")
    batches = split_batches(pairs, batch_size, drop_last=True)
    parts = [np.array_split(batch, count)[distributed.rank()] for batch in batches]
    return np.concatenate(parts), batch_size // count


class Samples(Dataset):
    """The samples of several stores, read batch by batch.

    A sample is addressed as (store, index), or as (store, picture's index, label's index) where these differ.
    A batch's "sample" names the label.
    """

    def __init__(self, stores: Sequence[Store]) -> None:
        self.stores, self.crop_size = stores, common_crop_size(stores)

    def __len__(self) -> int:
        """Number of samples in all stores."""
        return sum(len(store) for store in self.stores)

    def __getitems__(self, pairs: np.ndarray) -> RawBatch:
        """Crops and labels of a batch, by name; pairs: (B, 2 or 3)."""
        pairs = np.asarray(pairs)
        first = self.stores[0]
        batch = {"crop": np.empty((len(pairs), self.crop_size, self.crop_size, 3), np.uint8)}
        batch |= {key: np.empty((len(pairs), *first[key].shape[1:]), first[key].dtype) for key in LABELS}
        for number, store in enumerate(self.stores):
            rows = np.flatnonzero(pairs[:, 0] == number)
            if len(rows):
                batch["crop"][rows] = store.crops(pairs[rows, 1])
                for key in LABELS:
                    batch[key][rows] = store[key][pairs[rows, 1 if key == "region" else -1]]
        batch["sample"] = pairs[:, [0, -1]]
        return {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in batch.items()}


def common_crop_size(stores: Sequence[Store]) -> int:
    """The one size of the stores' crops, px. Raises `StudyError` where they differ."""
    sizes = {store.path: int(store.attrs["crop_size"]) for store in stores}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{path} ({size} px)" for path, size in sizes.items())
        advice = "prepare them with the same input_size and crop_margin"
        raise StudyError(f"stores of one run must have crops of one size: {listed}; {advice}")
    return next(iter(sizes.values()))


def loader(
    stores: Sequence[Store], pairs: np.ndarray, batch_size: int, workers: int = 0, drop_last: bool = False
) -> Iterator[RawBatch]:
    """Read batches ("crop", `LABELS`, "sample") in the order of `pairs`, see `Samples`, by worker processes.

    `drop_last` leaves out a last batch that is not full, unless it is the only one.
    """
    return map(_as_tensors, _loader(stores, split_batches(pairs, batch_size, drop_last), workers))


def _loader(stores, sampler, workers, keep=False):
    return DataLoader(
        Samples(stores), batch_sampler=sampler, collate_fn=_shared, num_workers=workers,
        worker_init_fn=processes.start_worker,
        multiprocessing_context=processes.context() if workers else None,
        pin_memory=torch.cuda.is_available(), persistent_workers=keep and workers > 0,
    )  # fmt: skip


class StreamedBatches:
    """Batches read in every epoch, by processes that stay from epoch to epoch: starting one takes seconds."""

    def __init__(self, stores: Sequence[Store], workers: int = 0) -> None:
        self._sampler = []  # the batches of an epoch
        self._loader = _loader(stores, self._sampler, workers, keep=True)

    def batches(self, pairs: np.ndarray, batch_size: int) -> Iterator[RawBatch]:
        """As `loader` with drop_last. Exhaust an epoch's batches before asking for the next epoch's."""
        self._sampler[:] = split_batches(pairs, batch_size, drop_last=True)
        return map(_as_tensors, self._loader)


def _shared(batch):
    """What a reading process sends: a whole batch in shared memory.

    Where that is full (containers often have 64 MB) the batch goes through a pipe, as arrays: left to the
    loader, it would be lost and waited for for ever.
    """
    if get_worker_info() is None:
        return batch
    try:
        return {key: value.share_memory_() for key, value in batch.items()}
    except RuntimeError:
        return {key: value.numpy() for key, value in batch.items()}


def _as_tensors(batch):
    return {key: torch.as_tensor(value) for key, value in batch.items()}


def crops_fit(stores: Sequence[Store], free: int) -> bool:
    """Whether the stores' crops, as uint8, may stay on a device with `free` bytes of memory."""
    needed = sum(len(store) * store.attrs["crop_size"] ** 2 * 3 for store in stores)
    return needed <= SHARE_OF_FREE * free


def batch_source(
    stores: Sequence[Store], device: torch.device, workers: int = 0
) -> Callable[[np.ndarray, int], Iterator[RawBatch]]:
    """(pairs, batch_size) → the full batches of an epoch.

    They come from the device's memory where the crops fit, else they are streamed.
    """
    if device.type == "cuda" and crops_fit(stores, torch.cuda.mem_get_info(device)[0]):
        return ResidentBatches(stores, device).batches
    return StreamedBatches(stores, workers).batches


class ResidentBatches:
    """The crops and labels of several stores, held on one device."""

    def __init__(self, stores: Sequence[Store], device: torch.device | str) -> None:
        self.device = torch.device(device)
        size = common_crop_size(stores)
        lengths = torch.tensor([0, *(len(store) for store in stores)])
        self.offsets = lengths.cumsum(0)
        shape = (int(self.offsets[-1]), size, size, 3)
        self.crops = torch.empty(shape, dtype=torch.uint8, device=self.device)
        for store, offset in zip(stores, self.offsets.tolist(), strict=False):
            for start in range(0, len(store), CHUNK):
                stop = min(start + CHUNK, len(store))
                crops = store.crops(range(start, stop))
                self.crops[offset + start : offset + stop] = torch.from_numpy(crops.copy()).to(self.device)
        joined = {key: np.concatenate([store[key] for store in stores]) for key in LABELS}
        self.labels = {key: torch.from_numpy(values).to(self.device) for key, values in joined.items()}

    def batches(self, pairs: np.ndarray, batch_size: int) -> Iterator[RawBatch]:
        """As `loader` with drop_last."""
        pairs = torch.as_tensor(pairs)
        first = self.offsets[pairs[:, 0]]
        pictures = self._copied(first + pairs[:, 1])  # the epoch's indices, in one copy each
        labels = self._copied(first + pairs[:, -1])
        samples = pairs[:, [0, -1]]
        for batch in split_batches(torch.arange(len(pairs)), batch_size, drop_last=True):
            rows = slice(int(batch[0]), int(batch[-1]) + 1)
            chosen = {"crop": self.crops.index_select(0, pictures[rows])}
            for key in LABELS:
                indices = pictures if key == "region" else labels
                chosen[key] = self.labels[key].index_select(0, indices[rows])
            yield chosen | {"sample": samples[rows]}

    def _copied(self, values):
        if self.device.type == "cuda":
            values = values.pin_memory()
        return values.to(self.device, non_blocking=True)


def out_of_memory(error: torch.OutOfMemoryError, device: torch.device, advice: str) -> StudyError:
    """The error for a device that ran out of memory: what was needed, and which settings to lower."""
    needed = str(error).partition("Tried to allocate ")[2].partition(". ")[0] or "more memory than is free"
    held = torch.cuda.memory_allocated(device) / 2**30 if device.type == "cuda" else 0.0
    asked = f"a step asked for {needed} beside {held:.1f} GiB already held"
    others = "Other runs on the same GPU take memory, too (runs_per_gpu)"
    return StudyError(f"{device}: out of memory: {asked}; {advice}. {others}")
