"""The scores of an epoch, counted chunk by chunk: what `metrics` says of all at once, in memory that does not
grow with their number."""

import tracemalloc

import numpy as np
import pytest
import torch

from hpe_study.evaluation import metric_accumulator
from hpe_study.evaluation.metric_accumulator import MetricAccumulator
from hpe_study.evaluation.scoring import head_sizes, poses_of
from hpe_study.metrics import CROP_PCK_JOINTS, CROP_PCK_THRESHOLD, joint_errors, mpjpe, pckh
from hpe_study.skeletons.bone_lengths import mean_bone_lengths, scale_to_bones


@pytest.fixture
def stores(stick_stores):
    return [stick_stores["2d", "train"], stick_stores["3d", "train"]]


def filled(stores, times=1):
    """`MetricAccumulator` of predictions near the truth, in batches of 8, and (joints, depth, sample) of all of them."""
    random = torch.Generator().manual_seed(0)
    sample = np.array(
        [(number, row) for number, store in enumerate(stores) for row in range(len(store))] * times
    )
    scores = MetricAccumulator(stores, len(sample))
    truth = torch.from_numpy(
        np.concatenate([store.boxes.to_fraction(store["joints2d"]) for store in stores])
    ).repeat(times, 1, 1)
    joints = torch.nan_to_num(truth, nan=0.5) + 0.03 * torch.randn(truth.shape, generator=random)
    depth = 0.1 * torch.randn(truth.shape[:2], generator=random)
    for start in range(0, len(sample), 8):
        part = slice(start, start + 8)
        scores.add(joints[part], depth[part], torch.from_numpy(sample[part]))
    return scores, joints.numpy(), depth.numpy(), truth.numpy()


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_chunks_add_up_to_the_scores_of_all_at_once(stores, chunk, monkeypatch):
    monkeypatch.setattr(metric_accumulator, "CHUNK", chunk)
    scores, joints, depth, truth = filled(stores)
    bones = mean_bone_lengths(stores[1]["joints3d"])
    found = scores.summary(bones)
    labelled, joints3d = (
        np.concatenate([store[key] for store in stores]) for key in ("labelled", "joints3d")
    )
    heads = np.concatenate([head_sizes(store) / store["side"] for store in stores])
    assert found["pckh"] == pytest.approx(pckh(joints, truth, heads, labelled))
    columns = list(CROP_PCK_JOINTS)
    errors = joint_errors(joints, truth, labelled)[:, columns]
    of_images = [np.mean(row[row == row] <= CROP_PCK_THRESHOLD) for row in errors if (row == row).any()]
    assert found["pck_crop"] == pytest.approx(100 * np.mean(of_images))
    poses = scale_to_bones(poses_of(joints, depth), bones)
    assert found["mpjpe"] == pytest.approx(mpjpe(poses, joints3d, root=6))
    assert 0 < found["pckh"] < 100
    assert 0 < found["pck_crop"] < 100


def test_nothing_to_score_is_nan(stores):
    scores, *_ = filled(stores[:1])
    assert np.isnan(scores.summary(None)["mpjpe"])
    assert np.isnan(list(MetricAccumulator(stores, 0).summary(None).values())).all()


def test_memory_is_that_of_a_chunk(stores, monkeypatch):
    monkeypatch.setattr(metric_accumulator, "CHUNK", 64)
    peaks = []
    for times in (5, 50):
        scores, *_ = filled(stores, times)
        tracemalloc.start()
        scores.summary(mean_bone_lengths(stores[1]["joints3d"]))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] + 50_000
