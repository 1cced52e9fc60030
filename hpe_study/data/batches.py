"""Store → batches: which samples an epoch sees, their crops through worker processes, and augmentation with targets on the device.

Three steps, each its own: `Mix` draws the epoch's samples (in the parent process, listable); a `DataLoader` reads crops and labels of
one batch in one call; `assemble` augments the whole batch as tensors. Random numbers are named streams keyed by (seed, epoch, sample),
so neither the number of workers nor a resume changes them.

Crop coordinates t are fractions of the person's box: t = (x − centre)/side + 0.5.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

from hpe_study.errors import StudyError
from hpe_study.heatmaps import constant, gaussian_targets
from hpe_study.skeletons import MPII16
from hpe_study.utils import distributed, processes, rng

LABELS = ("center", "side", "region", "joints2d", "labelled", "joints3d", "depth", "scale", "intrinsics")


@dataclass(frozen=True)
class Mix:
    """Which stores an epoch draws from, and how many samples of each: `counts` parallel to `stores`. A store's samples are drawn
    without repetition; a count above the store's length goes through it again, whole."""

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
        """(sum of counts, 2) int64: (store, index) of the epoch's samples in the order they are seen; a fresh draw each epoch."""
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


class Samples(Dataset):
    """The samples of several stores, addressed as (store, index), or as (store, picture's index, label's index) where these differ; a
    batch is read in one call. What its "sample" names is the label."""

    def __init__(self, stores):
        self.stores = stores

    def __len__(self):
        return sum(len(store) for store in self.stores)

    def __getitems__(self, pairs):
        pairs = np.asarray(pairs)
        first = self.stores[0]
        size = first.attrs["crop_size"]
        batch = {"crop": np.empty((len(pairs), size, size, 3), np.uint8)}
        batch |= {key: np.empty((len(pairs), *first[key].shape[1:]), first[key].dtype) for key in LABELS}
        for number, store in enumerate(self.stores):
            rows = np.flatnonzero(pairs[:, 0] == number)
            if len(rows):
                batch["crop"][rows] = store.crops(pairs[rows, 1])
                for key in LABELS:
                    batch[key][rows] = store[key][pairs[rows, 1 if key == "region" else -1]]
        batch["sample"] = pairs[:, [0, -1]]
        return {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in batch.items()}


def cut_batches(pairs, batch_size, drop_last=False):
    """`pairs` in batches, in their order. drop_last: leave out a last one that is not full, unless it is the only one."""
    whole = len(pairs) - len(pairs) % batch_size if drop_last and len(pairs) >= batch_size else len(pairs)
    return [pairs[start : start + batch_size] for start in range(0, whole, batch_size)]


def own_part(pairs, batch_size):
    """(pairs, batch size) of this process, where several train together: its equal part of every batch that `pairs` (N, …) are cut into.

    A last batch that is not full is left out. Raises `StudyError` where a process would get nothing.
    """
    count = distributed.size()
    if count == 1:
        return pairs, batch_size
    parts = [np.array_split(batch, count)[distributed.rank()] for batch in cut_batches(pairs, batch_size, drop_last=True)]
    if len(pairs) < count:
        raise StudyError(f"devices: {count} processes, but an epoch has only {len(pairs)} samples; lower devices")
    return np.concatenate(parts), batch_size // count


def loader(stores, pairs, batch_size, workers=0, drop_last=False):
    """Batches over `pairs` ((N, 2): store, index; or (N, 3)) in their order, as dicts of tensors (see `Samples`)."""
    return _loader(stores, cut_batches(pairs, batch_size, drop_last), workers)


def _loader(stores, sampler, workers, keep=False):
    return DataLoader(
        Samples(stores),
        batch_sampler=sampler,
        collate_fn=_whole,
        num_workers=workers,
        worker_init_fn=processes.start_reader,
        multiprocessing_context=processes.context() if workers else None,
        pin_memory=torch.cuda.is_available(),
        persistent_workers=keep and workers > 0,
    )


class Streamed:
    """Batches read in every epoch, by processes that stay from epoch to epoch: to start one takes seconds."""

    def __init__(self, stores, workers=0):
        self._cut = _Given()
        self._loader = _loader(stores, self._cut, workers, keep=True)

    def batches(self, pairs, batch_size):
        """As `loader` with drop_last, to be taken to the end before the next epoch's are asked for."""
        self._cut.batches = cut_batches(pairs, batch_size, drop_last=True)
        return self._loader


class _Given:
    """A batch sampler that goes through what it is given last."""

    def __init__(self):
        self.batches = []

    def __iter__(self):
        return iter(self.batches)

    def __len__(self):
        return len(self.batches)


def _whole(batch):
    return batch  # `__getitems__` returns whole batches already


@dataclass(frozen=True)
class Change:
    """A batch's random change. The crop seen is the person's box turned, scaled and shifted; B samples."""

    scale: torch.Tensor  # (B,) side of the crop seen over the box's side
    angle: torch.Tensor  # (B,) radians, how far the picture turns (x towards y)
    shift: torch.Tensor  # (B, 2) of the crop's centre, in box sides
    flip: torch.Tensor  # (B,) bool
    gain: torch.Tensor  # (B, 3) per channel
    offset: torch.Tensor  # (B, 3)

    def to(self, device):
        """The same change on another device."""
        return Change(**{key: value.to(device, non_blocking=True) for key, value in vars(self).items()})


def no_change(count):
    """The change that leaves `count` samples as they are."""
    one, zero = torch.ones(count), torch.zeros(count)
    return Change(one, zero, torch.zeros(count, 2), torch.zeros(count, dtype=torch.bool), torch.ones(count, 3), torch.zeros(count, 3))


def draw_change(settings, samples, turns, seed, epoch):
    """The `Change` of a batch. settings: `params.Augmentation`; samples: (B,) integers that name them;
    turns: (B,) bool, those that may be rotated.
    """
    u = rng.uniform("augmentation", seed, epoch, samples, 16)
    normal = np.sqrt(-2 * np.log1p(-u[:, :2])) * np.cos(2 * np.pi * u[:, 2:4])  # Box and Muller's
    scale, angle = (np.clip(normal / 2, -1, 1)).T  # half the limit is the deviation, cut at the limit
    angle = np.where((u[:, 4] < settings.rotation_share) & turns, np.deg2rad(settings.rotation) * angle, 0.0)
    symmetric = 2 * u[:, 6:14] - 1
    tensor = lambda values: torch.from_numpy(np.ascontiguousarray(values, np.float32))  # noqa: E731
    return Change(
        scale=tensor(1 + settings.scale * scale),
        angle=tensor(angle),
        shift=tensor(settings.shift * symmetric[:, :2]),
        flip=torch.from_numpy(u[:, 5] < settings.flip),
        gain=tensor(1 + settings.colour * symmetric[:, 2:5]),
        offset=tensor(0.4 * settings.colour * symmetric[:, 5:8]),
    )


def crop_fraction(joints2d, center, side):
    """(B, J, 2) px → fractions of the box. center (B, 2) px, side (B,) px."""
    return (joints2d - center[:, None]) / side[:, None, None] + 0.5


def changed_fraction(t, change):
    """Box fractions (B, J, 2) → fractions of the crop that the network sees. The inverse of `original_fraction`."""
    offset = (t - 0.5 - change.shift[:, None]) / change.scale[:, None, None]
    cos, sin = change.angle.cos()[:, None], change.angle.sin()[:, None]
    x, y = offset.unbind(-1)
    turned = torch.stack([x * cos - y * sin, x * sin + y * cos], -1) + 0.5
    mirrored = torch.stack([1 - turned[..., 0], turned[..., 1]], -1)
    return torch.where(change.flip[:, None, None], mirrored, turned)


def original_fraction(t, change):
    """Fractions of the crop seen (B, ..., 2) → fractions of the person's box."""
    lead = (slice(None),) + (None,) * (t.ndim - 2)
    x = torch.where(change.flip[lead], 1 - t[..., 0], t[..., 0]) - 0.5
    y = t[..., 1] - 0.5
    cos, sin = change.angle.cos()[lead], change.angle.sin()[lead]
    offset = torch.stack([x * cos + y * sin, -x * sin + y * cos], -1) * change.scale[lead][..., None]
    return offset + 0.5 + change.shift[lead]


def to_box(t, depth, change):
    """Joints read in the crop seen, (B, 16, 2) fractions and (B, 16) depth in its sides, back in the person's box: unturned, unmirrored."""
    partner = constant(tuple(MPII16.flip), t.device)
    t, depth = original_fraction(t, change), depth * change.scale[:, None]
    swap = change.flip[:, None]
    return torch.where(swap[..., None], t[:, partner], t), torch.where(swap, depth[:, partner], depth)


def sampled_images(crops, region, center, side, change, size):
    """(B, 3, size, size) float in [0, 1]: the changed crop, sampled bilinearly from the stored squares (B, S, S, 3) uint8."""
    middle_right_below = constant(((0.5, 0.5), (1.0, 0.5), (0.5, 1.0)), crops.device)  # three places of the crop seen say where all are
    box = original_fraction(middle_right_below.expand(len(crops), 3, 2), change)
    px = (box - 0.5) * side[:, None, None] + center[:, None]
    stored = (px + 0.5 - region[:, None, :2]) / region[:, None, 2:]  # fraction of the stored square
    middle, right, below = (2 * stored - 1).unbind(1)
    affine = torch.stack([right - middle, below - middle, middle], -1)
    grid = F.affine_grid(affine, (len(crops), 3, size, size), align_corners=False)
    images = F.grid_sample(crops.permute(0, 3, 1, 2).float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return images.mul_(change.gain[..., None, None] / 255).add_(change.offset[..., None, None]).clamp_(0, 1)


@dataclass(frozen=True)
class Batch:
    """What a step needs, on the device. Frames: crop seen by the network; J = 16, MPII-16."""

    images: torch.Tensor  # (B, 3, H, W) in [0, 1], RGB, not yet normalised
    joints: torch.Tensor  # (B, J, 2) fractions of the crop seen; NaN where missing
    labelled: torch.Tensor  # (B, J) bool: labelled and inside the crop
    depth: torch.Tensor  # (B, J) root-relative, in sides of the crop seen; NaN where missing
    has_depth: torch.Tensor  # (B, J) bool
    change: Change
    source: dict  # the stored labels of the same samples

    def heatmap_px(self, cells):
        """Joints in px of a heat map with `cells` cells a side."""
        return self.joints * cells - 0.5

    def targets(self, cells, sigma):
        """(B, J, cells, cells) Gaussians of deviation `sigma` heat-map px."""
        return gaussian_targets(self.heatmap_px(cells), self.labelled, (cells, cells), sigma)


def sent(raw, device):
    """What `loader` gives, on the device; the host does not wait for it."""
    return {key: value.to(device, non_blocking=True) for key, value in raw.items()}


def assemble(source, change, size):
    """A `Batch` from what `loader` gives and a `Change`, both on the device it is made on. size: px of the network's input."""
    t = changed_fraction(crop_fraction(source["joints2d"], source["center"], source["side"]), change)
    partner = constant(tuple(MPII16.flip), t.device)
    swap = change.flip[:, None]
    t = torch.where(swap[..., None], t[:, partner], t)
    labelled = torch.where(swap, source["labelled"][:, partner], source["labelled"])
    depth = torch.where(swap, source["depth"][:, partner], source["depth"]) / change.scale[:, None]
    inside = labelled & (t >= 0).all(-1) & (t < 1).all(-1)
    return Batch(
        images=sampled_images(source["crop"], source["region"], source["center"], source["side"], change, size),
        joints=t,
        labelled=inside,
        depth=depth,
        has_depth=inside & depth.isfinite(),
        change=change,
        source=source,
    )
