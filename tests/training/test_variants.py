"""The variants of a training, corrected and published, each in numbers on known input."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from hpe_study.config import AugmentationConfig, StageConfig
from hpe_study.data.augmentation import augment_batch, sample_augmentation
from hpe_study.data.loading import MixedSampler, Samples, loader
from hpe_study.datasets.flic import read_examples
from hpe_study.datasets.label_mapping import label_mapping
from hpe_study.losses import geometric_loss, geometric_loss_in_pixels, heatmap_loss
from hpe_study.skeletons import BONE_GROUPS, FLIC29, MPII16
from hpe_study.training.fit import fit
from hpe_study.training.job import RunData, TrainingJob
from hpe_study.training.trainer import Trainer
from hpe_study.training.variants import (
    BEST,
    LAST,
    FirstOf3D,
    InCropUnits,
    OwnLabels,
    PermutedLabels,
    every_bone,
    every_joint,
    init_checkpoint,
    keyed_by_sample,
    keyed_by_worker,
    labelled_bones,
    labelled_joints,
    variant_for,
)
from tests.training.stick_runs import ON_CPU, run_data, stage

SET_2D, SET_3D, BATCH = 3000, 20_000, 32


def mispaired_share(workers, epochs):
    """Share of the 3D samples that carry another's label, and the largest share of 2D samples that do."""
    mix = MixedSampler((SET_2D, SET_2D), (SET_2D, SET_3D), 0)
    pairing = PermutedLabels(1, SET_3D, BATCH, 0, workers)
    pairs = np.concatenate([pairing.in_training(mix.draw(epoch), epoch) for epoch in range(epochs)])
    other = pairs[:, 1] != pairs[:, 2]
    return 100 * other[pairs[:, 0] == 1].mean(), other[pairs[:, 0] == 0].mean()


@pytest.mark.parametrize(("workers", "percent", "epochs"), [(4, 12.2, 200), (1, 48, 200), (0, 94, 8)])
def test_so_many_labels_go_with_another_picture(workers, percent, epochs):
    share, of_2d = mispaired_share(workers, epochs)
    assert share == pytest.approx(percent, abs=3 if workers < 4 else 2)
    assert of_2d == 0


def test_one_validation_picture_in_n_has_its_own_label():
    indices = np.arange(0, 2929, 10)
    pairs = PermutedLabels(1, SET_3D, BATCH, 0).in_validation(indices)
    assert (pairs[:, 1] == pairs[:, 2]).sum() == 1
    np.testing.assert_array_equal(pairs[:, 2], indices)
    assert (OwnLabels().in_validation(indices)[:, 1] == indices).all()


def test_a_mispaired_sample_is_one_picture_in_anothers_box(stick_stores):
    store = stick_stores["3d", "train"]
    batch = Samples([store]).__getitems__([[0, 3, 8], [0, 5, 5]])
    np.testing.assert_array_equal(batch["crop"], store.crops([3, 5]))
    np.testing.assert_array_equal(batch["region"], store["region"][[3, 5]])
    for key in ("joints2d", "center", "side", "depth"):
        np.testing.assert_array_equal(batch[key], store[key][[8, 5]])
    assert batch["sample"].tolist() == [[0, 8], [0, 5]]


def test_pairing_is_the_same_whenever_it_is_asked():
    drawn = MixedSampler((100, 100), (100, 500), 0).draw(7)
    pairing = PermutedLabels(1, 500, 8, 0)
    np.testing.assert_array_equal(pairing.in_training(drawn, 7), pairing.in_training(drawn, 7))


def test_the_first_n_of_the_3d_set_are_all_that_is_ever_seen():
    counts, lengths = (200, 200), (200, 5000)
    first = np.concatenate([FirstOf3D(counts, lengths, 0).draw(epoch) for epoch in range(20)])
    fresh = np.concatenate([MixedSampler(counts, lengths, 0).draw(epoch) for epoch in range(20)])
    assert len(np.unique(first[first[:, 0] == 1, 1])) == 200
    assert first[first[:, 0] == 1, 1].max() == 199
    assert len(np.unique(fresh[fresh[:, 0] == 1, 1])) > 2500
    np.testing.assert_array_equal(np.unique(first[first[:, 0] == 0, 1]), np.arange(200))


def test_stuck_augmentation_repeats_in_every_worker_and_epoch():
    def drawn(keyed, batch, epoch):
        sample = np.stack([np.zeros(4, int), np.arange(4) + 4 * batch], 1)
        names, epoch = keyed(sample, batch, epoch)
        change = sample_augmentation(AugmentationConfig(), names, np.ones(4, bool), 0, epoch)
        return torch.cat([change.scale, change.angle, change.flip.float()])

    stuck, fresh = keyed_by_worker, keyed_by_sample
    for batch, epoch in ((1, 0), (3, 0), (0, 1), (2, 9)):  # four workers: batches 0 to 3 are each one's first
        assert torch.equal(drawn(stuck, 0, 0), drawn(stuck, batch, epoch))
        assert not torch.equal(drawn(fresh, 0, 0), drawn(fresh, batch, epoch))
    assert not torch.equal(drawn(stuck, 0, 0), drawn(stuck, 4, 0))


def test_a_missing_joint_teaches_an_empty_map_or_nothing():
    """Maps of height 1 where one joint of sixteen is labelled and right: 0 corrected, 15/16 of the maps'
    energy published."""
    labelled = torch.zeros(1, 16, dtype=torch.bool)
    labelled[0, 3] = True
    prediction, target = torch.ones(1, 16, 8, 8), torch.zeros(1, 16, 8, 8)
    target[0, 3] = 1
    assert heatmap_loss(prediction, target, labelled_joints(labelled)) == 0
    assert float(heatmap_loss(prediction, target, every_joint(labelled))) == pytest.approx(15 / 16)


def geometry_batch(labelled):
    """Two samples, the first of the 2D set."""
    joints = torch.rand(2, 16, 2, generator=torch.manual_seed(0))
    return SimpleNamespace(
        labelled=labelled, joints=joints, source={"sample": torch.tensor([[0, 1], [1, 4]])}
    )


def test_missing_joints_enter_the_geometry_at_the_corner():
    labelled = torch.ones(2, 16, dtype=torch.bool)
    labelled[0, MPII16.index("r_wrist")] = False
    batch, depth = geometry_batch(labelled), torch.zeros(2, 16)
    poses, visible = labelled_bones(batch, depth)
    assert visible[0].sum() == 15
    assert not visible[1].any()  # a 3D sample has no geometric loss
    wrong, seen = every_bone(batch, depth)
    assert seen[0].all()
    assert not seen[1].any()
    assert wrong[0, MPII16.index("r_wrist")].tolist() == [0, 0, 0]
    assert geometric_loss(wrong, seen) != geometric_loss(poses, visible)


def test_most_bones_that_the_published_geometry_sees_on_flic_are_not_real(real_data):
    """The audit measured 88 %. Here, with its channels and our guess of its crop: those without two labelled
    ends inside the crop."""
    coords = read_examples(real_data / "flic" / "examples.mat")["coords"][::10]
    bones = np.array(
        [[MPII16.index(joint) for joint in bone] for group in BONE_GROUPS.values() for bone in group]
    )
    way, real = label_mapping("flic", ["all"]), []
    for joints in coords:
        center, side = way.box(SimpleNamespace(joints2d=joints))
        there = (np.abs(way.joints(joints, FLIC29) - center) <= side / 2).all(-1)
        real.append(there[bones].all(-1))
    assert 85 < 100 * (1 - np.mean(real)) < 97


def test_a_variant_is_chosen_once_and_by_default_it_is_the_corrected_one(stick_stores):
    stores = [stick_stores["2d", "train"], stick_stores["3d", "train"]]
    plain = variant_for(stage(), stores)
    assert (type(plain.sampler), type(plain.pairing), plain.augmentation_keys) == (
        MixedSampler,
        OwnLabels,
        keyed_by_sample,
    )
    assert (plain.heatmap_joints, plain.geometry_inputs, plain.geometry_loss, plain.keeps_best) == (
        labelled_joints,
        labelled_bones,
        InCropUnits("drillis_contini"),
        False,
    )
    everything = StageConfig(**(stage(three_d="mpi_inf_3dhp").model_dump() | {"legacy": ["all"]}))
    published = variant_for(everything, stores)
    assert (type(published.sampler), type(published.pairing), published.augmentation_keys) == (
        FirstOf3D,
        PermutedLabels,
        keyed_by_worker,
    )
    assert (published.heatmap_joints, published.geometry_inputs) == (every_joint, every_bone)
    assert published.geometry_loss is geometric_loss_in_pixels
    assert (
        type(variant_for(everything.model_copy(update={"three_d": "h36m"}), stores).pairing) is OwnLabels
    )  # that set pairs rightly


def test_stage_3_starts_from_the_best_validation_score_where_the_published_one_does(stick_stores, tmp_path):
    corrected, published = stage(2, two_d=None), {"legacy": ("stage3_from_best",)}
    assert init_checkpoint(corrected) == LAST
    assert init_checkpoint(corrected.model_copy(update=published)) == BEST
    assert init_checkpoint(stage(2).model_copy(update=published)) == LAST
    data = RunData(None, stick_stores["3d", "train"], None, stick_stores["3d", "test"])
    settings = stage(2, two_d=None, epochs=4, drop_after=(), learning_rate=0.03).model_copy(
        update={"legacy": ("stage3_from_best",)}
    )
    fit(settings, data, tmp_path, runtime=ON_CPU)
    scores = pd.read_csv(tmp_path / "history.csv")["validation_pck_crop"]
    best, last = (torch.load(tmp_path / name, weights_only=True)["model"] for name in (BEST, LAST))
    same = all(torch.equal(best[key], last[key]) for key in last)
    assert same == (scores.iloc[-1] == scores.max())
    fit(stage(2, two_d=None, epochs=1, drop_after=()), data, tmp_path / "plain", runtime=ON_CPU)
    assert not (tmp_path / "plain" / BEST).exists()


def stick_data(stick_stores):
    """A run's data; 16 samples in 2D, 40 in 3D."""
    return RunData(
        *(stick_stores[key] for key in (("2d", "test"), ("3d", "train"), ("2d", "test"), ("3d", "test")))
    )


@pytest.mark.parametrize("switch", ["first_n_3d", "stuck_augmentation"])
def test_a_switch_trains_other_weights_and_the_record_names_it(stick_stores, tmp_path, switch):
    settings = stage(epochs=2, drop_after=(), samples_per_epoch=16)
    records, weights = [], []
    for names in ((), (switch,)):
        folder = tmp_path / str(len(names))
        changed = settings.model_copy(update={"legacy": names})
        records.append(fit(changed, stick_data(stick_stores), folder, runtime=ON_CPU))
        weights.append(torch.load(folder / LAST, weights_only=True)["model"])
    assert [record["parameters"]["legacy"] for record in records] == [[], [switch]]
    assert records[0]["hash"] != records[1]["hash"]
    assert any(not torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


@pytest.mark.parametrize(
    ("switch", "part"),
    [("missing_joints_as_zero", 1), ("missing_joints_in_geometry", 3), ("geometry_in_pixels", 3)],
)
def test_a_missing_joint_changes_that_loss_and_no_other(stick_stores, tmp_path, switch, part):
    data, losses = stick_data(stick_stores), []
    raw = next(iter(loader(data.train, np.array([[0, 0], [0, 1], [1, 0]]), 3)))
    raw["labelled"][0, MPII16.index("r_ankle")] = False
    for names in ((), (switch,)):
        changed = stage().model_copy(update={"legacy": names})
        trainer = Trainer(TrainingJob(changed, data, tmp_path, runtime=ON_CPU))
        trainer.model.eval()
        batch = augment_batch(*trainer._to_device({key: value.clone() for key, value in raw.items()}, 0), 64)
        with torch.no_grad():
            loss, values = trainer.objective(trainer.model(batch.images), batch)
        losses.append([float(value) for value in (loss, *values.values())])
    different = {number for number, (off, on) in enumerate(zip(*losses, strict=True)) if abs(off - on) > 1e-7}
    assert different == {0, part}  # the total, and the loss that the switch is about


@pytest.mark.parametrize(("two_d", "store"), [("stick2d", 1), (None, 0)])
def test_a_share_of_the_3d_data_is_the_same_images_every_epoch_at_equal_updates(stick_stores, two_d, store):
    stores = run_data(stick_stores).train[-(store + 1) :]
    half = stage(two_d=two_d).model_copy(update={"share_3d": 0.5})
    draws = np.concatenate([variant_for(half, stores).sampler.draw(epoch) for epoch in range(3)])
    whole = np.concatenate(
        [variant_for(stage(two_d=two_d), stores).sampler.draw(epoch) for epoch in range(3)]
    )
    assert len(draws) == len(whole)
    images = draws[draws[:, 0] == store, 1]
    assert len(np.unique(images)) == len(stores[store]) // 2
    assert np.unique(np.bincount(images)).tolist() == [0, len(images) // 20]
    if store:
        assert len(np.unique(draws[draws[:, 0] == 0, 1])) == len(stores[0])
