"""The random change of a batch: exact geometry, labels and picture together, numbers that follow the sample."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from hpe_study.config import AugmentationConfig
from hpe_study.data.augmentation import (
    augment_batch,
    augmented_fraction,
    identity_augmentation,
    original_fraction,
    sample_augmentation,
    undo_augmentation,
)
from hpe_study.data.loading import MixedSampler, loader, repeats
from hpe_study.skeletons import MPII16
from hpe_study.training.variants import keyed_by_sample
from hpe_study.utils import rng
from tests.stick_people import stick_store

WILD = AugmentationConfig(
    scale_sd=0.25,
    rotation_sd=15,
    rotation_limit=30,
    rotation_share=1.0,
    rotate_3d=True,
    shift=0.1,
    flip=0.5,
    colour=0.2,
)


def change_of(count, seed=0, settings=WILD):
    return sample_augmentation(settings, np.arange(count), np.ones(count, bool), seed, 0)


def test_random_numbers_follow_the_sample_not_the_batch():
    whole = rng.uniform("augmentation", 5, 2, np.arange(100), 8)
    np.testing.assert_array_equal(whole[40:60], rng.uniform("augmentation", 5, 2, np.arange(40, 60), 8))
    assert not np.array_equal(whole, rng.uniform("augmentation", 5, 3, np.arange(100), 8))
    assert not np.array_equal(whole, rng.uniform("other", 5, 2, np.arange(100), 8))
    many = rng.uniform("augmentation", 0, 0, np.arange(20000), 4)
    np.testing.assert_allclose(many.mean(0), 0.5, atol=0.01)
    np.testing.assert_allclose(many.std(0), 12**-0.5, atol=0.01)
    assert np.abs(np.corrcoef(many.T) - np.eye(4)).max() < 0.03


def test_changes_keep_within_their_limits():
    change = change_of(4000)
    assert change.scale.min() >= 0.75
    assert change.scale.max() <= 1.25
    assert change.angle.abs().max() <= np.deg2rad(30) + 1e-6
    assert 0.45 < change.flip.float().mean() < 0.55
    still = sample_augmentation(WILD, np.arange(100), np.zeros(100, bool), 0, 0)
    assert (still.angle == 0).all()


def test_occluders_hide_their_share_of_the_samples():
    settings = WILD.model_copy(update={"occlusion": 0.4, "colour": 0.0})
    change = change_of(4000, settings=settings)
    left, top, right, bottom = change.occluder.T
    hidden = right > left
    assert 0.37 < hidden.float().mean() < 0.43
    for low, high in ((left, right), (top, bottom)):
        assert ((high - low)[hidden] >= 0.2 - 1e-6).all()
        assert ((high - low)[hidden] <= 0.5 + 1e-6).all()
    assert (change_of(100).occluder == 0).all()
    torch.testing.assert_close(change_of(4000).scale, change.scale)  # the other changes are as before


def test_an_occluder_has_one_colour_and_nothing_outside_it_changes(tmp_path):
    store = stick_store(tmp_path, 8, in_memory=True)
    raw = next(iter(loader([store], np.stack([np.zeros(8, int), np.arange(8)], 1), 8)))
    change = change_of(8, settings=WILD.model_copy(update={"occlusion": 1.0}))
    seen = augment_batch(raw, change, 32)
    plain = augment_batch(raw, replace(change, occluder=torch.zeros(8, 4)), 32)
    cells = (torch.arange(32) + 0.5) / 32
    for i, (left, top, right, bottom) in enumerate(change.occluder):
        inside = ((cells >= top) & (cells < bottom))[:, None] & (cells >= left) & (cells < right)
        colour = change.occluder_colour[i][:, None, None].expand(3, 32, 32)
        torch.testing.assert_close(seen.images[i], torch.where(inside, colour, plain.images[i]))
    assert torch.equal(seen.labelled, plain.labelled)  # a hidden joint is still to be found


def test_the_defaults_are_the_published_draws():
    """Rotation of SD 30° cut at ±60° on 60 % of samples, scale of SD 0.25 cut at ±0.25, a flip half the time."""
    change = change_of(40_000, settings=AugmentationConfig())
    turned = np.rad2deg(change.angle[change.angle != 0].numpy())
    assert len(turned) / 40_000 == pytest.approx(0.6, abs=0.01)
    inside = np.abs(turned) < 59.99
    assert inside.mean() == pytest.approx(0.9545, abs=0.005)
    assert np.abs(turned).max() == pytest.approx(60, abs=1e-3)
    assert (np.abs(turned) < 30).mean() == pytest.approx(0.6827, abs=0.01)
    assert ((change.scale > 0.7501) & (change.scale < 1.2499)).double().mean() == pytest.approx(
        0.6827, abs=0.01
    )
    assert change.flip.double().mean() == pytest.approx(0.5, abs=0.01)


def test_a_change_is_undone_exactly():
    change = change_of(64)
    t = torch.rand(64, 16, 2)
    torch.testing.assert_close(original_fraction(augmented_fraction(t, change), change), t, atol=1e-5, rtol=0)


def test_a_change_equals_its_literal_twin():
    """One joint after the other, by the words: shift and scale the crop, turn, mirror."""
    change, t = change_of(20), torch.rand(20, 3, 2)
    for i in range(20):
        for j in range(3):
            x = (float(t[i, j, 0]) - 0.5 - float(change.shift[i, 0])) / float(change.scale[i])
            y = (float(t[i, j, 1]) - 0.5 - float(change.shift[i, 1])) / float(change.scale[i])
            a = float(change.angle[i])
            x, y = x * np.cos(a) - y * np.sin(a) + 0.5, x * np.sin(a) + y * np.cos(a) + 0.5
            expected = (1 - x, y) if change.flip[i] else (x, y)
            assert augmented_fraction(t, change)[i, j].tolist() == pytest.approx(expected, abs=1e-5)


def test_labels_and_picture_change_together(tmp_path):
    """A bright dot painted at a joint is found where the changed label says, whatever the change."""
    store = stick_store(tmp_path, 30, in_memory=True)
    raw = next(iter(loader([store], np.stack([np.zeros(30, int), np.arange(30)], 1), 30)))
    size = raw["crop"].shape[1]
    region = raw["region"].numpy()
    wrist = MPII16.index("r_wrist")
    px = raw["joints2d"][:, wrist].numpy()
    place = (px + 0.5 - region[:, :2]) / region[:, 2:] * size - 0.5
    grid = np.arange(size)
    distance = (grid[None, None, :] - place[:, 0, None, None]) ** 2 + (
        grid[None, :, None] - place[:, 1, None, None]
    ) ** 2
    raw["crop"] = torch.from_numpy(
        np.repeat((255 * np.exp(-distance / 8))[..., None], 3, -1).astype(np.uint8)
    )
    settings = WILD.model_copy(update={"colour": 0.0})
    batch = augment_batch(raw, change_of(30, settings=settings), 64)
    partner = MPII16.flip[wrist]
    joint = torch.where(batch.augmentation.flip[:, None], batch.joints[:, partner], batch.joints[:, wrist])
    light = batch.images.mean(1)
    cells = (torch.arange(64) + 0.5) / 64
    total = light.sum((1, 2))
    centers = torch.stack([(light.sum(1) * cells).sum(1) / total, (light.sum(2) * cells).sum(1) / total], 1)
    well_inside = ((joint > 0.1) & (joint < 0.9)).all(-1)
    assert well_inside.sum() > 15
    assert (centers - joint)[well_inside].abs().max() * 64 < 0.35  # px of the input


def test_predictions_come_back_to_the_box(stick_stores):
    """Truth in the changed crop, read back: the labels of the store, left and right in their places, and its
    depth."""
    store = stick_stores["3d", "train"]
    raw = next(iter(loader([store], np.stack([np.zeros(40, int), np.arange(40)], 1), 40)))
    plain, changed = augment_batch(raw, identity_augmentation(40), 64), augment_batch(raw, change_of(40), 64)
    joints, depth = undo_augmentation(changed.joints, changed.depth, changed.augmentation)
    torch.testing.assert_close(joints, plain.joints, atol=1e-5, rtol=0)
    torch.testing.assert_close(depth, plain.depth, atol=1e-5, rtol=0)


def test_joints_outside_the_crop_ask_for_nothing(stick_stores):
    store = stick_stores["3d", "train"]
    raw = next(iter(loader([store], np.stack([np.zeros(8, int), np.arange(8)], 1), 8)))
    raw["joints2d"][0, 3] = -500.0
    raw["joints2d"][1, 4], raw["labelled"][1, 4] = torch.nan, False
    batch = augment_batch(raw, identity_augmentation(8), 64)
    assert not batch.labelled[0, 3]
    assert not batch.labelled[1, 4]
    assert not batch.has_depth[0, 3]
    targets = batch.targets(16, 1.0)
    assert targets.isfinite().all()
    assert targets[0, 3].max() == 0


def test_a_sample_that_comes_again_is_changed_anew():
    """A count above the store's length goes through it again: the pictures are the same, their changes are
    not."""
    pairs = MixedSampler((40, 10), (12, 30), seed=0).draw(3)
    times = repeats(pairs)
    seen = Counter()
    for pair, time in zip(map(tuple, pairs), times, strict=True):
        assert time == seen[pair]
        seen[pair] += 1
    assert max(seen.values()) == 4
    names, epoch = keyed_by_sample(pairs, 0, 3, times)
    assert len(set(names)) == len(names)
    change = sample_augmentation(
        AugmentationConfig(scale_limit=1), names, np.full(len(names), True), 0, epoch
    )
    assert len(set(change.scale.tolist())) > 45
    first, _ = keyed_by_sample(pairs[times == 0], 0, 3)
    assert first.tolist() == names[times == 0].tolist()  # who comes once is changed as ever
    np.testing.assert_array_equal(
        repeats(np.array([[1, 5, 2], [1, 6, 2], [0, 5, 2]])), [0, 1, 0]
    )  # the label names the sample
