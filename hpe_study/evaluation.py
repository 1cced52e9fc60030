"""Weights → predictions → scores. Predictions are joints in the person's box and depth in its sides; scores are functions of those and of
the labels, so everything can be scored again without a GPU.

Files that `evaluate` writes into a run's folder:
    predictions.h5   per test set: joints (N, 16, 2) fractions of the person's box, depth (N, 16) in its sides, score (N, 16) the heat map's
                     height; the canonical bone lengths that scale the skeletons (attribute, mm); the key of the store
    metrics.csv      a row per test set, protocol, scorer (the model or a baseline) and metric, with its 95 % interval
"""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import torch
from tqdm.auto import tqdm

from hpe_study import devices, streams
from hpe_study.baselines import best_constant_pose, true_2d_mean_depth
from hpe_study.batches import assemble, crop_fraction, loader, no_change, to_box
from hpe_study.errors import StudyError
from hpe_study.files import atomic
from hpe_study.metrics import crop_pck, decode, flip_test, joint_errors, pckh, read_depth
from hpe_study.models import build_model, load_weights
from hpe_study.params import Network
from hpe_study.protocols import scaled_to_bones
from hpe_study.skeletons import MPII16

BATCH = 64
FIT_LIMIT = 20_000  # training poses that a constant pose is fitted on; more change it by less than a millimetre
RESAMPLES = 1000
HEAD_FACTOR = 0.75  # MPII's head size over |head_top − upper_neck|, measured on its validation labels


# ---------------------------------------------------------------- predictions


def read_outputs(outputs, network):
    """Network outputs → (B, 16, 2) joints in fractions of the crop seen, (B, 16) depth in its sides, (B, 16) scores; on the device."""
    cells = outputs["heatmap"].shape[-1]
    joints, score = decode(outputs["heatmap"], network.decode)
    depth = read_depth(outputs["depth"], joints) * network.depth_unit
    return (joints + 0.5) / cells, depth, score


@torch.inference_mode()
def predictions(model, store, indices, network, device, precision, flip, workers=0):
    """Yield (joints (B, 16, 2) box fractions, depth (B, 16) box sides, score (B, 16), sample (B, 2)) over `indices` of a store, in order."""
    model.eval()
    pairs = np.stack([np.zeros_like(indices), indices], 1)
    for raw in loader([store], pairs, BATCH, workers):
        batch = assemble(raw, no_change(len(raw["sample"])), network.input_size, device)
        images = model.preprocessing(batch.images).contiguous(memory_format=torch.channels_last)
        with devices.autocast(device, precision):
            outputs = flip_test(model, images) if flip else model(images)
        joints, depth, score = read_outputs({key: outputs[key].float() for key in ("heatmap", "depth")}, network)
        yield *to_box(joints, depth, batch.change), score, raw["sample"]


# ---------------------------------------------------------------- truth and scale


def mean_bone_lengths(store):
    """(15,) mm: mean length of each MPII-16 bone over a store's 3D labels; NaN where the set lacks the bone."""
    return bone_lengths(store["joints3d"]).pipe_mean() if False else _nan_mean(bone_lengths(store["joints3d"]))


def bone_lengths(joints):
    """(N, 16, 3) → (N, 15) lengths of `MPII16.bones` in the joints' unit."""
    parents, children = np.array(MPII16.bone_indices).T
    return np.linalg.norm(joints[:, children] - joints[:, parents], axis=-1)


def _nan_mean(values):
    known = ~np.isnan(values)
    count = known.sum(0)
    return np.where(count > 0, np.where(known, values, 0).sum(0) / np.maximum(count, 1), np.nan)
