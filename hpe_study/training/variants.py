"""What a training does with its data: the corrected behaviour and the published one (`published_defects`).

`variant_for` chooses one of each pair once per run. All are functions of (seed, epoch, sample), so a resumed
run equals an unbroken one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hpe_study.config import StageConfig
from hpe_study.data.augmentation import Batch
from hpe_study.data.loading import MixedSampler
from hpe_study.data.store import Store
from hpe_study.losses import geometric_loss, geometric_loss_in_pixels
from hpe_study.published_defects import defect
from hpe_study.utils import distributed, rng

LOADER_WORKERS = 4  # of the published code
LAST, BEST = "checkpoint.pt", "best.pt"


class FirstOf3D(MixedSampler):
    """Draws only the first N samples of the 3D set, N the size of the 2D set (published: `first_n_3d`)."""

    def pool(self, store: int) -> np.ndarray:
        """Indices of a store that may be drawn."""
        return np.arange(min(self.lengths[0], self.lengths[1])) if store == 1 else super().pool(store)


class OwnLabels:
    """Every picture with its own label."""

    def in_training(self, drawn: np.ndarray, epoch: int) -> np.ndarray:
        """(N, 2): (store, index) of the epoch's samples, as drawn."""
        return drawn

    def in_validation(self, indices: np.ndarray) -> np.ndarray:
        """(N, 2): (0, index) of the test samples that the curves are drawn on."""
        return np.stack([np.zeros_like(indices), indices], 1)


@dataclass(frozen=True)
class PermutedLabels:
    """Pictures by position, labels by a permuted index (published: `mispaired_images`).

    1. A loader worker that reads sample 0 permutes the label indices of its own copy of the data set.
    2. From then until the epoch ends, that worker pairs a picture with the label and crop box of another
       sample. Batches are dealt to the workers in turn. Without workers the only copy stays permuted for all
       later epochs.
    3. In validation the label indices are every tenth, those of the pictures 0, 1, 2, …

    Outside the stored square of its own person a picture is black here.
    """

    store: int
    length: int
    batch_size: int
    seed: int
    workers: int = LOADER_WORKERS

    def in_training(self, drawn: np.ndarray, epoch: int) -> np.ndarray:
        """(N, 3): (store, picture, label) of the epoch's samples in the order they are seen."""
        random = rng.generator("mispairing", self.seed, epoch)
        of_store = np.flatnonzero(drawn[:, 0] == self.store)
        permutation = random.permutation(self.length)
        first = random.choice(of_store)  # where sample 0 falls in the epoch's shuffle
        worker = np.arange(len(drawn)) // self.batch_size % max(self.workers, 1)
        permuted = (worker == worker[first]) & (np.arange(len(drawn)) >= first)
        if self.workers == 0 and epoch > 0:
            permuted[:] = True
        permuted &= drawn[:, 0] == self.store
        labels = np.where(permuted, permutation[drawn[:, 1] % self.length], drawn[:, 1])
        return np.column_stack([drawn, labels])

    def in_validation(self, indices: np.ndarray) -> np.ndarray:
        """(N, 3): (0, picture, label); one picture in N has its own label."""
        return np.stack([np.zeros_like(indices), np.arange(len(indices)), indices], 1)


def keyed_by_sample(
    sample: np.ndarray, batch: int, epoch: int, repeat: np.ndarray | int = 0
) -> tuple[np.ndarray, int]:
    """A fresh augmentation for each sample, in each epoch, and each time it occurs in an epoch.

    Args:
        sample: (B, 2) store, index.
        batch: its number in the epoch.
        epoch: from 0.
        repeat: (B,) number of earlier occurrences of the sample in the epoch.

    Returns:
        The names (B,) and the epoch that random numbers are drawn for.
    """
    return np.int64(repeat) << 48 | sample[:, 0].astype(np.int64) << 40 | sample[:, 1], epoch


def keyed_by_worker(
    sample: np.ndarray, batch: int, epoch: int, repeat: np.ndarray | int = 0
) -> tuple[np.ndarray, int]:
    """The k-th sample of every worker is augmented alike in every epoch (published: `stuck_augmentation`)."""
    whole, before = len(sample) * distributed.size(), len(sample) * distributed.rank()
    return batch // LOADER_WORKERS * whole + before + np.arange(len(sample)), 0


def labelled_joints(labelled: Tensor) -> Tensor:
    """The labelled joints inside the crop, (B, 16) bool; the others have no loss."""
    return labelled


def every_joint(labelled: Tensor) -> Tensor:
    """All joints: a missing one has an empty map as its target (published: `missing_joints_as_zero`)."""
    return torch.ones_like(labelled)


def labelled_bones(batch: Batch, depth: Tensor) -> tuple[Tensor, Tensor]:
    """The labelled joints of the 2D set's samples: (B, 16, 3) in crop units, and (B, 16) those that count.

    The depth (B, 16) is predicted at the joints, in crop units.
    """
    visible = batch.labelled & _of_2d_set(batch)
    return torch.cat([torch.where(visible[..., None], batch.joints, 0.5), depth[..., None]], -1), visible


def every_bone(batch: Batch, depth: Tensor) -> tuple[Tensor, Tensor]:
    """As `labelled_bones`, a missing joint at (0, 0) as if seen (published: `missing_joints_in_geometry`)."""
    joints = torch.where(batch.labelled[..., None], batch.joints, 0.0)
    return torch.cat([joints, depth[..., None]], -1), _of_2d_set(batch).expand_as(batch.labelled)


@dataclass(frozen=True)
class InCropUnits:
    """`losses.geometric_loss`, whatever the size of the heat map (published: `geometry_in_pixels`)."""

    canonical: str

    def __call__(self, joints: Tensor, visible: Tensor, cells: int) -> Tensor:
        """The loss of joints (B, 16, 3) in crop units where visible (B, 16)."""
        return geometric_loss(joints, visible, canonical=self.canonical)


def _of_2d_set(batch):
    """(B, 1) bool: samples of the first store, which is the 2D set's wherever there is one."""
    return batch.source["sample"][:, :1] == 0


def init_checkpoint(parent: StageConfig) -> str:
    """Name of the file, in a parent run's folder, that its children start from.

    The last epoch's weights; in the published 3D-only scheme (`stage3_from_best`) those with the best
    validation 2D score.
    """
    best = "stage3_from_best" in parent.legacy and parent.stage == 2 and parent.scheme == "3d"
    return BEST if best else LAST


@dataclass(frozen=True)
class TrainingVariant:
    """What was chosen for one run."""

    sampler: MixedSampler  # the samples of an epoch
    pairing: OwnLabels | PermutedLabels  # the label of each picture
    augmentation_keys: Callable[..., tuple[np.ndarray, int]]  # `keyed_by_sample` or `keyed_by_worker`
    heatmap_joints: Callable[[Tensor], Tensor]  # labelled (B, 16) → the joints that the heat-map loss counts
    # (batch, depth) → joints and mask for the geometric loss
    geometry_inputs: Callable[[Batch, Tensor], tuple[Tensor, Tensor]]
    # (joints, mask, cells of a heat map's side) → the geometric loss
    geometry_loss: Callable[[Tensor, Tensor, int], Tensor]
    keeps_best: bool  # whether the best epoch's weights are kept beside the last


def variant_for(stage: StageConfig, stores: Sequence[Store]) -> TrainingVariant:
    """Choose the variant of a run."""
    fusion, legacy = stage.scheme == "fusion", stage.legacy
    lengths = tuple(len(store) for store in stores)
    sampler = FirstOf3D if fusion and "first_n_3d" in legacy else MixedSampler
    count = stage.training.samples_per_epoch or lengths[0]
    pairing = OwnLabels()
    if stage.three_d in defect("mispaired_images").sets and "mispaired_images" in legacy:
        pairing = PermutedLabels(len(stores) - 1, lengths[-1], stage.training.batch_size, stage.seed)
    return TrainingVariant(
        sampler=sampler(tuple(count for _ in stores), lengths, stage.seed, _shares(stage, lengths)),
        pairing=pairing,
        augmentation_keys=keyed_by_worker if "stuck_augmentation" in legacy else keyed_by_sample,
        heatmap_joints=every_joint if "missing_joints_as_zero" in legacy else labelled_joints,
        geometry_inputs=every_bone if "missing_joints_in_geometry" in legacy else labelled_bones,
        geometry_loss=geometric_loss_in_pixels
        if "geometry_in_pixels" in legacy
        else InCropUnits(stage.canonical_bones),
        keeps_best="stage3_from_best" in legacy and stage.stage == 2 and stage.scheme == "3d",
    )


def _shares(stage, lengths):
    """{store: a fixed draw of its images} where a share is used; counts stay, so updates are equal."""
    shares = {"2d": ("share",), "3d": ("share of 3D",), "fusion": ("share", "share of 3D")}[stage.scheme]
    values, drawn = {"share": stage.share_2d, "share of 3D": stage.share_3d}, {}
    for store, (stream, length) in enumerate(zip(shares, lengths, strict=True)):
        if values[stream] < 1:
            keep = max(1, round(length * values[stream]))
            drawn[store] = np.sort(rng.generator(stream, stage.seed).permutation(length)[:keep])
    return drawn
