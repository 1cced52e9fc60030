"""Weights → predictions → scores. Predictions are joints in the person's box and depth in its sides; scores
are functions of those and of the labels, so everything can be scored again without a GPU.

Files that `evaluate` writes into a run's folder:
    predictions.h5   a group per test set: joints (N, 16, 2) fractions of the person's box, depth (N, 16)
                     root-relative in its sides, score (N, 16) the heat map's height; attributes: key of the
                     store. At the top: bones, the canonical lengths (15,) mm of `MPII16.bones` that give the
                     skeletons their size (mean of the 3D training set; NaN where it lacks the bone);
                     bones_universal, the same of MPI-INF-3DHP's univ_annot3, NaN for other training sets
    metrics.csv      a row per test set, scorer (the model or a baseline) and metric, with its 95 % interval
"""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import torch

from hpe_study.config import NetworkConfig
from hpe_study.data.augmentation import assemble, identity_augmentation, sent, undo_augmentation
from hpe_study.data.loading import loader, out_of_memory
from hpe_study.errors import StudyError
from hpe_study.evaluation.protocol_scores import ROOT
from hpe_study.evaluation.scoring import (
    fit_baselines,
    poses_of,
    rows_for_set,
    universal_bone_lengths,
    values_2d,
)
from hpe_study.metrics import joint_errors
from hpe_study.models import build_model, load_weights
from hpe_study.models.inference import fuse_for_inference
from hpe_study.skeletons import MPII16
from hpe_study.skeletons.bone_lengths import mean_bone_lengths, scale_to_bones
from hpe_study.utils import devices, distributed
from hpe_study.utils.arrays import nan_mean
from hpe_study.utils.files import atomic
from hpe_study.utils.progress import progress_bar

BATCH = 64
CHUNK = 4096  # samples scored at a time
TRUTH = (
    "joints2d",
    "labelled",
    "center",
    "side",
    "head_size",
    "joints3d",
)  # what `Scores` reads of the stores


@torch.inference_mode()
def predictions(model, store, samples, network, device, precision, flip, workers=0):
    """Yield (joints (B, 16, 2) box fractions, depth (B, 16) box sides, score (B, 16), sample (B, 2)) over
    `samples` of a store, in
    order: indices (N,), or (N, 2 | 3) as `loading.Samples` are addressed."""
    model = fuse_for_inference(model, torch.device(device), precision)
    pairs = samples if samples.ndim == 2 else np.stack([np.zeros_like(samples), samples], 1)
    for raw in loader([store], pairs, BATCH, workers):
        batch = assemble(
            sent(raw, device), identity_augmentation(len(raw["sample"])).to(device), network.input_size
        )
        images = model.preprocessing(batch.images).contiguous(memory_format=torch.channels_last)
        with devices.autocast(device, precision):
            outputs = model.flip_test(images) if flip else model(images)
        joints, depth, score = model.decode(outputs, network.decode, network.depth_unit)
        yield *undo_augmentation(joints, depth, batch.change), score, raw["sample"]


class Scores:
    """Predictions gathered over an epoch (and from all processes that train together), in the person's box,
    and their scores; one transfer from the device at the end.

    stores: what the samples are of; count: how many samples come at most. They are written into arrays made
    for them all: thousands of small tensors that stay, made between large ones that go, would leave the
    memory in pieces.
    """

    def __init__(self, stores, count):
        self.stores, self.count, self.filled, self.arrays = stores, count, 0, None

    def add(self, joints, depth, sample):
        """joints (B, 16, 2), depth (B, 16), sample (B, 2): (store, index)."""
        batch = (joints, depth, sample)
        if self.arrays is None:
            self.arrays = [values.new_empty((self.count, *values.shape[1:])) for values in batch]
        for array, values in zip(self.arrays, batch, strict=True):
            array[self.filled : self.filled + len(values)] = values
        self.filled += len(joints)

    def summary(self, bones):
        """{"pckh", "pck_crop"} in percent over the labelled samples, {"mpjpe"} in mm over those with 3D
        labels; NaN where there are none.

        bones: (15,) mm, the lengths that size the predicted skeletons, or None. Scored some thousands at a
        time, so that an epoch of a million samples needs no more memory than one of ten thousand.
        """
        totals = dict.fromkeys(("pckh", "pck_crop", "mpjpe"), np.zeros(2))  # sum, count
        for joints, depth, sample in self._chunks():
            truth = {key: self._gather(key, sample) for key in TRUTH}
            hits = values_2d(joints, truth)
            arrays = {"pckh": hits["pckh"], "pck_crop": nan_mean(hits["pck_crop"], axis=1)}
            if bones is not None:
                arrays["mpjpe"] = joint_errors(
                    scale_to_bones(poses_of(joints, depth), bones), truth["joints3d"], root=ROOT
                )
            for name, values in arrays.items():
                known = ~np.isnan(values)
                totals[name] = totals[name] + [values[known].sum(), known.sum()]
        return {name: float(total / count) if count else np.nan for name, (total, count) in totals.items()}

    def _chunks(self):
        """(joints, depth, sample) as NumPy arrays of up to `CHUNK` samples, of all processes in their
        order."""
        own = [tuple(array[: self.filled].cpu().numpy() for array in self.arrays)] if self.filled else []
        for arrays in distributed.gather(own):
            for start in range(0, len(arrays[0]), CHUNK):
                yield tuple(values[start : start + CHUNK] for values in arrays)

    def _gather(self, key, sample):
        values = np.empty((len(sample), *self.stores[0][key].shape[1:]), self.stores[0][key].dtype)
        for number, store in enumerate(self.stores):
            rows = sample[:, 0] == number
            values[rows] = store[key][sample[rows, 1]]
        return values


def load_run_model(folder):
    """(model, `config.NetworkConfig`) of a finished run's folder. Raises `StudyError` where it has no whole
    checkpoint."""
    path = Path(folder) / "checkpoint.pt"
    if not path.exists():
        raise StudyError(f"{path}: not there; this run has not finished training")
    network = NetworkConfig(**torch.load(path, map_location="cpu", weights_only=True)["network"])
    model = build_model(
        network.model, pretrained=False, **({"width": network.width} if network.width else {})
    )
    return load_weights(model, path), network


def evaluate(folder, stores, train_3d, device="auto", progress=True, legacy=()):
    """Predict and score a finished run on its test stores (a dict name → `Store`); returns the rows of
    `metrics.csv` (a data frame).

    train_3d: the run's 3D training store, which sizes the skeletons and that the baselines are fitted on;
    None after stage 1.
    legacy: a `legacy:` list; some of its switches change how scores are made.
    """
    folder = Path(folder)
    model, network = load_run_model(folder)
    device = devices.pick_device(device)
    precision = devices.pick_precision(network.precision, device)
    model = model.to(device, memory_format=torch.channels_last)
    bones = (
        mean_bone_lengths(train_3d["joints3d"])
        if train_3d is not None
        else np.full(len(MPII16.bones), np.nan)
    )
    fitted = fit_baselines(train_3d, bones) if train_3d is not None else None
    universal = universal_bone_lengths(train_3d) if train_3d is not None else bones
    rows = []
    with atomic(folder / "predictions.h5") as part, h5py.File(part, "w") as file:
        file.attrs["skeleton"] = MPII16.name
        file.attrs["units"] = (
            "joints: fractions of the person's box (0–1, x right, y down); depth: root-relative, in its"
            " sides; bones: mm"
        )
        file["bones"] = bones
        file["bones_universal"] = universal
        for name, store in progress_bar(
            stores.items(), desc=f"evaluate {folder.name}", unit="set", disable=not progress
        ):
            try:
                found = list(
                    predictions(
                        model, store, np.arange(len(store)), network, device, precision, network.flip_test
                    )
                )
            except torch.OutOfMemoryError as error:
                advice = (
                    f"scoring takes {BATCH} images at a time; lower input_size (it is {network.input_size})"
                )
                raise out_of_memory(error, device, advice) from error
            joints, depth, score, _ = (torch.cat(parts).cpu().numpy() for parts in zip(*found, strict=True))
            group = file.create_group(name)
            group.attrs["key"], group.attrs["simulated"] = store.attrs["key"], store.simulated
            group["joints"], group["depth"], group["score"] = joints, depth, score
            rows += [
                {"test_set": name, **row} for row in rows_for_set(joints, depth, store, bones, fitted, legacy)
            ]
    table = pd.DataFrame(rows)
    with atomic(folder / "metrics.csv") as part:
        table.to_csv(part, index=False)
    return table
