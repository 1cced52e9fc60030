"""Training data that stay on the device: crops as uint8 and labels, read once; a batch is then an index_select there.

Gives what `batches.loader` gives, number for number. On a GPU it is used where the crops fit beside the network; on the CPU a store
that is held in memory is this already.
"""

import torch

from hpe_study.data.batches import LABELS, Streamed, cut_batches
from hpe_study.errors import StudyError

SHARE_OF_FREE = 0.5  # of the device's free memory that crops may take: the rest is the network's, its gradients' and activations'
CHUNK = 256  # crops read at a time while filling, so that the host never holds the set twice


def bytes_of_crops(stores):
    """Bytes of the stores' crops as uint8."""
    return sum(len(store) * store.attrs["crop_size"] ** 2 * 3 for store in stores)


def fits(stores, free):
    """Whether the stores' crops may stay on a device with `free` bytes of memory."""
    return bytes_of_crops(stores) <= SHARE_OF_FREE * free


def source_of(stores, device, workers=0):
    """A function (pairs, batch_size) → batches of whole size: from the device's memory where the crops fit, else streamed."""
    if device.type == "cuda" and fits(stores, torch.cuda.mem_get_info(device)[0]):
        return Resident(stores, device).batches
    return Streamed(stores, workers).batches


class Resident:
    """The crops and labels of several stores on one device."""

    def __init__(self, stores, device):
        self.device = torch.device(device)
        lengths = torch.tensor([0, *(len(store) for store in stores)])
        self.offsets = lengths.cumsum(0)
        size = stores[0].attrs["crop_size"]
        self.crops = torch.empty((int(self.offsets[-1]), size, size, 3), dtype=torch.uint8, device=self.device)
        for store, offset in zip(stores, self.offsets.tolist(), strict=False):
            for start in range(0, len(store), CHUNK):
                stop = min(start + CHUNK, len(store))
                crops = store.crops(range(start, stop))
                self.crops[offset + start : offset + stop] = torch.from_numpy(crops.copy()).to(self.device)
        self.labels = {key: torch.cat([torch.from_numpy(store[key]) for store in stores]).to(self.device) for key in LABELS}

    def batches(self, pairs, batch_size):
        """As `batches.loader` with drop_last. pairs: (N, 2) store, index or (N, 3) store, picture, label."""
        pairs = torch.as_tensor(pairs)
        first = self.offsets[pairs[:, 0]]
        pictures = self._sent(first + pairs[:, 1])  # the epoch's indices, in one copy each
        labels = self._sent(first + pairs[:, -1])
        samples = pairs[:, [0, -1]]
        for batch in cut_batches(torch.arange(len(pairs)), batch_size, drop_last=True):
            rows = slice(int(batch[0]), int(batch[-1]) + 1)
            chosen = {"crop": self.crops.index_select(0, pictures[rows])}
            for key in LABELS:
                chosen[key] = self.labels[key].index_select(0, (pictures if key == "region" else labels)[rows])
            yield chosen | {"sample": samples[rows]}

    def _sent(self, values):
        if self.device.type == "cuda":
            values = values.pin_memory()
        return values.to(self.device, non_blocking=True)


def out_of_memory(error, device, advice):
    """The `StudyError` for a device that ran out of memory: what was needed and the advice, which settings to lower. error: torch's own."""
    needed = str(error).partition("Tried to allocate ")[2].partition(". ")[0] or "more memory than is free"
    held = torch.cuda.memory_allocated(device) / 2**30 if device.type == "cuda" else 0.0
    return StudyError(
        f"{device}: out of memory: a step asked for {needed} beside {held:.1f} GiB already held; {advice}. Other runs on the same GPU take "
        "memory, too (runs_per_gpu)"
    )
