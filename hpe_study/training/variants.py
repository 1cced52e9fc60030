"""What a training does with its data: the corrected way, and beside it the published code's
(`hpe_study.published_defects`).

`recipe_of` chooses one of each pair when a run is set up; the steps of a training then ask no further.
Everything is a function of (seed, epoch, sample), so a resumed run equals an unbroken one, whichever way was
chosen.
"""

from dataclasses import dataclass

import numpy as np
import torch

from hpe_study.data.sampling import MixedSampler
from hpe_study.published_defects import switch
from hpe_study.utils import distributed, rng

LOADER_WORKERS = 4  # of the published code
LAST, BEST = "checkpoint.pt", "best.pt"


# ---------------------------------------------------------------- which 3D samples an epoch may draw


class FirstOf3D(MixedSampler):
    """Only the first N samples of the 3D set are ever drawn, N the number of the 2D set's (published:
    `first_n_3d`)."""

    def pool(self, store):
        return np.arange(min(self.lengths[0], self.lengths[1])) if store == 1 else super().pool(store)


# ---------------------------------------------------------------- which label goes with which picture


class OwnLabels:
    """Every picture with its own label."""

    def in_training(self, drawn, epoch):
        """(N, 2): (store, index) of the epoch's samples, as drawn."""
        return drawn

    def in_validation(self, indices):
        """(N, 2): (0, index) of the test samples that the curves are drawn on."""
        return np.stack([np.zeros_like(indices), indices], 1)


@dataclass(frozen=True)
class PermutedLabels:
    """Pictures by position, labels by a permuted index (published: `mispaired_images`).

    The published data set permutes its labels' indices when its sample 0 is asked for, in the copy that the
    asking loader worker holds: from there to the end of the epoch that worker reads the picture of one sample
    and the label, crop box included, of another. Batches are dealt to the workers in turn. Without workers
    the one copy stays permuted for all later epochs. In validation the labels' indices are every tenth, the
    pictures' 0, 1, 2, … Beyond the stored square of its own person a picture is black here.

    store: number of the 3D store; length: its samples; batch_size: of the loader.
    """

    store: int
    length: int
    batch_size: int
    seed: int
    workers: int = LOADER_WORKERS

    def in_training(self, drawn, epoch):
        """(N, 3): (store, picture, label) of the epoch's samples in the order they are seen."""
        random = rng.generator("mispairing", self.seed, epoch)
        places = np.flatnonzero(drawn[:, 0] == self.store)
        permutation = random.permutation(self.length)
        first = random.choice(places)  # where sample 0 falls in the epoch's shuffle
        reader = np.arange(len(drawn)) // self.batch_size % max(self.workers, 1)
        permuted = (reader == reader[first]) & (np.arange(len(drawn)) >= first)
        if self.workers == 0 and epoch > 0:
            permuted[:] = True
        permuted &= drawn[:, 0] == self.store
        return np.column_stack(
            [drawn, np.where(permuted, permutation[drawn[:, 1] % self.length], drawn[:, 1])]
        )

    def in_validation(self, indices):
        """(N, 3): (0, picture, label); one picture in N has its own label."""
        return np.stack([np.zeros_like(indices), np.arange(len(indices)), indices], 1)


# ---------------------------------------------------------------- what the augmentation's random numbers
# depend on


class KeyedBySample:
    """A sample's own augmentation, a fresh one in each epoch, and in an epoch each time that it comes."""

    def keys(self, sample, batch, epoch, repeat=0):
        """(names (B,), epoch) that the random numbers are drawn for. sample: (B, 2) store, index; batch: its
        number in the epoch;
        repeat: (B,) how often the sample came before in the epoch."""
        return np.int64(repeat) << 48 | sample[:, 0].astype(np.int64) << 40 | sample[:, 1], epoch


class KeyedByWorker:
    """A worker's k-th sample is changed like the k-th of every other worker and epoch (published:
    `stuck_augmentation`)."""

    def keys(self, sample, batch, epoch, repeat=0):
        whole, before = len(sample) * distributed.size(), len(sample) * distributed.rank()
        return batch // LOADER_WORKERS * whole + before + np.arange(len(sample)), 0


# ---------------------------------------------------------------- which joints teach the heat maps


def labelled_joints(labelled):
    """The labelled joints inside the crop; the others teach nothing. labelled: (B, 16) bool."""
    return labelled


def every_joint(labelled):
    """All of them: one that is missing or outside the crop has an empty map as its target (published:
    `missing_joints_as_zero`)."""
    return torch.ones_like(labelled)


# ---------------------------------------------------------------- which joints the geometric loss sees


def labelled_bones(batch, depth):
    """((B, 16, 3) crop units, (B, 16) bool visible): the 2D set's samples, labelled joints. depth: (B, 16),
    read at the joints."""
    visible = batch.labelled & of_2d_set(batch)
    return torch.cat([torch.where(visible[..., None], batch.joints, 0.5), depth[..., None]], -1), visible


def every_bone(batch, depth):
    """As `labelled_bones`, a missing joint standing at (0, 0) as if it were seen (published:
    `missing_joints_in_geometry`)."""
    places = torch.where(batch.labelled[..., None], batch.joints, 0.0)
    return torch.cat([places, depth[..., None]], -1), of_2d_set(batch).expand_as(batch.labelled)


def of_2d_set(batch):
    """(B, 1) bool: samples of the first store, which is the 2D set's wherever there is one."""
    return batch.source["sample"][:, :1] == 0


# ---------------------------------------------------------------- which weights the next stage starts from


def init_checkpoint(run, legacy):
    """File of a run's folder that its children start from: the last epoch's weights; in the published 3D-only
    scheme (`stage3_from_best`) those with the best validation 2D score."""
    return BEST if "stage3_from_best" in legacy and run.stage == 2 and run.scheme == "3d" else LAST


# ---------------------------------------------------------------- all together


@dataclass(frozen=True)
class Recipe:
    """The ways chosen for one run."""

    mix: MixedSampler
    pairing: object
    augmentation: object
    targets: object
    geometry: object
    keeps_best: bool


def recipe_of(stage, stores, counts, chosen=None):
    """The `Recipe` of a `config.StageConfig`.

    stores: the training stores, 2D first; counts: samples of each an epoch; chosen: indices of the first
    store that may be drawn, or None.
    """
    fusion, legacy = stage.scheme == "fusion", stage.legacy
    mix = FirstOf3D if fusion and "first_n_3d" in legacy else MixedSampler
    pairing = OwnLabels()
    if stage.three_d in switch("mispaired_images").sets and "mispaired_images" in legacy:
        pairing = PermutedLabels(len(stores) - 1, len(stores[-1]), stage.training.batch_size, stage.seed)
    return Recipe(
        mix=mix(tuple(counts), tuple(len(store) for store in stores), stage.seed, chosen),
        pairing=pairing,
        augmentation=KeyedByWorker() if "stuck_augmentation" in legacy else KeyedBySample(),
        targets=every_joint if "missing_joints_as_zero" in legacy else labelled_joints,
        geometry=every_bone if "missing_joints_in_geometry" in legacy else labelled_bones,
        keeps_best="stage3_from_best" in legacy and stage.stage == 2 and stage.scheme == "3d",
    )
