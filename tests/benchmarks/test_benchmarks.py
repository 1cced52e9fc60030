"""The twins do the same work as the study's code, number for number: else no ratio means anything. A quick
run fills its tables."""

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks import gpu, growth
from benchmarks.__main__ import main
from benchmarks.comparison import (
    fusion_ours,
    loss_inputs,
    predict,
    read_and_assemble,
    twin_batches,
    twin_model,
)
from benchmarks.material import QUICK, Material, pairs_of
from benchmarks.table import merge
from benchmarks.timing import COLUMNS, Row, measured
from benchmarks.twins import depth_twin, fusion_twin, geometric_twin, heatmap_twin, validation_twin
from hpe_study.data.augmentation import augment_batch, identity_augmentation
from hpe_study.data.loading import loader
from hpe_study.errors import StudyError
from hpe_study.losses import geometric_loss

SIZE = QUICK.deep_size
GFLOP = (
    43.2  # an image in training: ResNet-50 with three deconvolutions and two heads at 256 px, by arithmetic
)


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    return Material(tmp_path_factory.mktemp("benchmarks"), QUICK)


@pytest.fixture(scope="module")
def pairs():
    return pairs_of(QUICK.batch, QUICK.people[0])


def test_the_losses_and_their_gradients_are_the_same():
    maps, sample = loss_inputs(6, 16)
    gradients = []
    for loss in (fusion_ours(maps, sample), fusion_twin(maps, sample, 0.1, 0.01)[0]):
        gradients.append(torch.autograd.grad(loss, list(maps.values())))
        gradients[-1] = [loss.detach(), *gradients[-1]]
    for ours, twin in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, twin, atol=1e-5, rtol=1e-4)


def test_the_twins_whole_maps_equal_its_single_joints():
    maps, sample = loss_inputs(6, 16)
    _, flat, deep, _ = fusion_twin(maps, sample, 0.1, 0.01)
    assert flat.item() == pytest.approx(
        heatmap_twin(maps["heatmap"], sample["target"], sample["labelled"]).item(), abs=1e-5
    )
    assert deep.item() == pytest.approx(
        depth_twin(maps["depth"], sample["joints"], sample["depth"], sample["has_depth"]).item(), abs=1e-5
    )


def test_the_geometric_loss_is_the_same():
    pose, visible = torch.rand(12, 16, 3), torch.rand(12, 16) < 0.8
    assert geometric_loss(pose, visible).item() == pytest.approx(
        geometric_twin(pose, visible).item(), abs=1e-5
    )


@pytest.mark.parametrize("encoding", ["jpeg", "raw"])
def test_the_loaders_give_the_same_sample(material, pairs, encoding):
    batch, targets = next(read_and_assemble(material.data(SIZE, encoding).train, pairs, QUICK.batch, SIZE))
    twin = next(twin_batches(material, SIZE, pairs))
    assert (batch.labelled == twin["labelled"]).all()
    assert (batch.has_depth == twin["has_depth"]).all()
    assert batch.has_depth.any()
    seen = batch.labelled
    torch.testing.assert_close(batch.heatmap_px(SIZE // 4)[seen], twin["joints"][seen], atol=1e-3, rtol=0)
    torch.testing.assert_close(
        batch.depth[batch.has_depth], twin["depth"][batch.has_depth], atol=1e-5, rtol=1e-5
    )
    torch.testing.assert_close(targets, twin["target"], atol=1e-3, rtol=0)
    images = (batch.images - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor(
        [0.229, 0.224, 0.225]
    )[:, None, None]
    assert (
        images - twin["image"]
    ).abs().mean() < 0.15  # of a deviation: a stored crop is a little softer than its picture


def test_a_step_has_the_same_losses(material, pairs, tmp_path):
    trainer = material.trainer(QUICK.deep, SIZE, "fp32", tmp_path)
    raw = next(iter(loader(trainer.data.train, pairs, QUICK.batch)))
    batch = augment_batch(*trainer._to_device(raw, 0), SIZE)
    twin = next(twin_batches(material, SIZE, pairs))
    outputs = trainer.model(trainer.model.preprocessing(batch.images))
    loss, values = trainer.objective(outputs, batch)
    ours = torch.stack([loss, *values.values()])
    theirs = torch.stack(fusion_twin(outputs, twin, 0.1, 0.01))
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
    assert (ours > 0).all()


def test_validation_finds_the_same_joints(material, tmp_path):
    trainer = material.trainer(QUICK.deep, SIZE, "fp32", tmp_path)
    store = trainer.data.validation
    raw = next(iter(loader([store], pairs_of(len(store), len(store), 1), len(store))))
    images = trainer.model.preprocessing(augment_batch(raw, identity_augmentation(len(store)), SIZE).images)
    predictions = predict(trainer.model, store, trainer.stage.network, "fp32")
    twin = validation_twin(trainer.model, images)
    np.testing.assert_allclose(
        (np.stack([pose for pose, _ in twin]) + 0.5) / (SIZE // 4), predictions.joints, atol=1e-4
    )
    np.testing.assert_allclose(np.stack([value for _, value in twin]), predictions.depth, atol=1e-4)


def test_the_twin_trains_channels_first_in_single_precision():
    model, optimizer = twin_model(QUICK.deep)
    weight = next(
        parameter for parameter in model.parameters() if parameter.ndim == 4 and parameter.shape[1] > 1
    )
    assert weight.is_contiguous()
    assert weight.dtype == torch.float32
    assert not optimizer.defaults["fused"]


def test_a_ratio_is_the_median_of_pairs():
    (row,) = measured(
        Row("sleepless", lambda: sum(range(300_000)), {"": lambda: sum(range(30_000))}, {"": 2}, 5)
    )
    assert row["met"]
    assert row["ratio_low"] <= row["ratio"] <= row["ratio_high"]
    assert row["ratio"] > 3


def test_a_row_is_renewed_alone(tmp_path):
    path = tmp_path / "t.csv"
    merge(
        path, [{"benchmark": name, "precision": "", "ours": 1} for name in "ab"], ("benchmark", "precision")
    )
    table = merge(path, [{"benchmark": "a", "precision": "", "ours": 2}], ("benchmark", "precision"))
    assert dict(zip(table["benchmark"], table["ours"], strict=True)) == {"b": 1, "a": 2}


def test_a_quick_run_writes_every_row_and_column(tmp_path):
    main(["twin", "--quick", "--out", str(tmp_path)])
    table = pd.read_csv(tmp_path / "results.csv")
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 3 + 4 + 2 + 3 * 2
    needed = [
        column
        for column in COLUMNS
        if column not in ("precision", "target", "met", "share_of_peak", "ratio_at_peak")
    ]
    assert table[needed].notna().all().all()
    networks = table[table["share_of_peak"].notna()]
    assert len(networks) == 3 * 2  # step, epoch, validation in both precisions
    assert networks["ratio_at_peak"].to_numpy() == pytest.approx(
        networks["ratio"] / networks["share_of_peak"] * 100, rel=0.5
    )
    assert (table["threads"] == 1).all()
    assert (
        table["target"].count() == len(table) - 4
    )  # the loaders with augmentation, the losses with heat maps, bytes streamed
    assert (tmp_path / "results.png").stat().st_size > 10_000


def test_growth_measures_every_quantity(tmp_path):
    main(["growth", "--quick", "--out", str(tmp_path)])
    table = pd.read_csv(tmp_path / "growth.csv")
    assert set(table["quantity"]) == {
        "preparing",
        "store",
        "epoch",
        "memory of preparing",
        "memory of training",
        "batch",
        "planning",
    }
    assert (table["value"] > 0).all()
    assert table.set_index("quantity").loc["planning", "size"] == 45
    assert sorted(table.loc[table["quantity"] == "store", "size"]) == list(growth.IMAGES["quick"])
    assert (tmp_path / "growth.png").stat().st_size > 10_000


def test_rendering_measures_records_and_pictures(tmp_path):
    main(["rendering", "--quick", "--out", str(tmp_path)])
    table = pd.read_csv(tmp_path / "rendering.csv").set_index("set")
    assert list(table.index) == ["mpii", "flic"]
    assert (table["records"] == 10).all()
    assert table.loc["mpii", "pictures"] < 10 == table.loc["flic", "pictures"]
    assert np.allclose(table["records_a_second"] * table["seconds"], 10, rtol=1e-3)


def test_a_gpus_rows_are_made_on_a_cpu_too(tmp_path):
    main(["gpu", "--quick", "--out", str(tmp_path)])
    table = pd.read_csv(tmp_path / "gpu.csv", keep_default_na=False)
    rows = table.groupby("quantity")["value"].first()
    assert set(rows.index) - {"GPU busy"} == {
        *(
            "GFLOP of training",
            "bf16 peak",
            "training",
            "share of the bf16 peak",
            "memory",
            "rendering",
            "scoring",
            "sharing",
            "training streamed",
        )
    }
    assert (rows > 0).all()
    expected = 100 * rows["training"] * rows["GFLOP of training"] / 1000 / rows["bf16 peak"]
    assert rows["share of the bf16 peak"] == pytest.approx(expected, rel=1e-3)


def test_the_published_networks_work_is_known():
    assert gpu.flop_of_training("resnet50", 256) == pytest.approx(GFLOP * 1e9, rel=0.01)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_without_a_gpu_it_says_so(tmp_path):
    with pytest.raises(StudyError, match="sees no GPU"):
        main(["gpu", "--out", str(tmp_path)])
