"""Five real people of MPII's validation split through the whole front of the study: reader → store → batch →
overlay picture."""

import json
import shutil
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from hpe_study.config import AugmentationConfig
from hpe_study.data.augmentation import (
    augment_batch,
    identity_augmentation,
    sample_augmentation,
    undo_augmentation,
)
from hpe_study.data.loading import loader
from hpe_study.data.preparation import prepare
from hpe_study.data.store import Store
from hpe_study.data.store_key import StoreSettings
from hpe_study.heatmaps import decode
from hpe_study.report.people import joints_over
from hpe_study.skeletons import MPII16
from hpe_study.utils.pictures import read_picture

OUTPUT = Path(__file__).resolve().parents[1] / "output"  # not tracked: pictures of real people stay here


@pytest.fixture(scope="module")
def store(real_data, tmp_path_factory):
    """The five people that come with their pictures, laid out as the data set is, and prepared."""
    root = tmp_path_factory.mktemp("real")
    (root / "mpii" / "annot").mkdir(parents=True)
    shutil.copy(real_data / "mpii" / "valid_first5.json", root / "mpii" / "annot" / "valid.json")
    (root / "mpii" / "images").symlink_to(real_data / "mpii" / "images")
    return Store(prepare(StoreSettings("mpii", "test", 256), root, root / "mpii-test.h5", progress=False))


def batch_of(store, change):
    raw = next(iter(loader([store], np.stack([np.zeros(5, int), np.arange(5)], 1), 5)))
    return augment_batch(raw, change, 256)


def test_labels_are_the_json_s_own(store, real_data):
    labels = json.loads((real_data / "mpii" / "valid_first5.json").read_text())
    assert len(store) == 5
    assert not store.simulated
    for i, person in enumerate(labels):
        seen = np.array(person["joints_vis"], bool)
        expected = np.array(person["joints"])[seen] - 1  # 1-based in the file
        np.testing.assert_allclose(store["joints2d"][i][seen], expected, atol=1e-3)
        assert np.isnan(store["joints2d"][i][~seen]).all()
        assert (store["labelled"][i] == seen).all()


def test_the_picture_survives_the_way(store):
    """What a batch shows around each joint is what the original picture shows there."""
    batch, compared = batch_of(store, identity_augmentation(5)), 0
    for i in range(5):
        original = read_picture(Path(store.path.parent) / store["image"][i])
        for joint in np.flatnonzero(batch.labelled[i].numpy()):
            x, y = store["joints2d"][i][joint]
            reach = store["side"][i] * 8 / 256  # what 8 px of the input cover
            u, v = (batch.joints[i, joint] * 256).long().tolist()
            beyond = min(x, y) < reach or x + reach >= original.shape[1] or y + reach >= original.shape[0]
            if beyond or min(u, v) < 8 or max(u, v) > 247:
                continue  # black beyond the picture
            there = (
                original[int(y - reach) : int(y + reach) + 2, int(x - reach) : int(x + reach) + 2]
                .reshape(-1, 3)
                .mean(0)
                / 255
            )
            here = batch.images[i, :, v - 8 : v + 9, u - 8 : u + 9].flatten(1).mean(1).numpy()
            np.testing.assert_allclose(here, there, atol=0.06)
            compared += 1
    assert compared > 30


@pytest.mark.parametrize("changed", [False, True])
def test_joints_come_back_through_the_heat_maps(store, changed):
    settings = AugmentationConfig(rotation_limit=30, rotation_share=1.0, flip=0.5)
    change = (
        sample_augmentation(settings, np.arange(5), np.ones(5, bool), 0, 0)
        if changed
        else identity_augmentation(5)
    )
    batch = batch_of(store, change)
    cells, _ = decode(batch.targets(64, 2.0), "quarter")
    t, _ = undo_augmentation((cells + 0.5) / 64, torch.zeros(5, 16), batch.augmentation)
    px = (t.numpy() - 0.5) * store["side"][:, None, None] + store["center"][:, None]
    inside = torch.where(
        batch.augmentation.flip[:, None], batch.labelled[:, MPII16.flip], batch.labelled
    ).numpy()
    cell = store["side"][:, None] / 64 * batch.augmentation.scale.numpy()[:, None]
    error = np.linalg.norm(px - store["joints2d"], axis=-1) / cell
    assert error[inside].max() < 0.75  # heat-map cells


def test_overlay(store):
    """Draws tests/output/real_mpii.png: above as a network sees them in validation, below as one sees them in
    training."""
    OUTPUT.mkdir(exist_ok=True)
    settings = AugmentationConfig(rotation_limit=30, rotation_share=1.0, flip=1.0)
    rows = [
        batch_of(store, identity_augmentation(5)),
        batch_of(store, sample_augmentation(settings, np.arange(5), np.ones(5, bool), 0, 0)),
    ]
    figure, axes = plt.subplots(2, 5, figsize=(15, 6.2), layout="constrained")
    for axis_row, batch in zip(axes, rows, strict=True):
        for axis, image, joints, labelled in zip(
            axis_row, batch.images, batch.joints, batch.labelled, strict=True
        ):
            axis.imshow(image.permute(1, 2, 0).numpy())
            joints_over(axis, np.where(labelled[:, None], joints.numpy() * 256 - 0.5, np.nan), "predicted")
            axis.set(xlim=(-0.5, 255.5), ylim=(255.5, -0.5), xticks=[], yticks=[])
    figure.suptitle(
        "MPII validation, five real people: as validated (above) and as augmented, all mirrored (below)"
    )
    figure.savefig(OUTPUT / "real_mpii.png", dpi=80)
    plt.close(figure)
    assert (OUTPUT / "real_mpii.png").stat().st_size > 50_000
