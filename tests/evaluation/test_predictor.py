"""The one forward pass: arrays, batches and images agree; a checkpoint that is none is refused in one line."""

import os

import numpy as np
import pytest
import torch

from hpe_study.config import NetworkConfig
from hpe_study.data.augmentation import augment_batch, identity_augmentation
from hpe_study.data.loading import loader
from hpe_study.errors import StudyError
from hpe_study.evaluation import predictor as module
from hpe_study.evaluation.predictor import Predictor, load_run_model
from hpe_study.models import build_model

NETWORK = NetworkConfig(model="narrow18", width=8, pretrained=False, input_size=64, flip_test=True)


@pytest.fixture(scope="module")
def predictor():
    torch.manual_seed(0)
    return Predictor(build_model("narrow18", width=8), NETWORK, "cpu", "fp32")


def test_batches_arrays_and_images_agree(predictor, stick_stores, monkeypatch):
    store = stick_stores["3d", "test"]
    rows = np.array([3, 1, 2])
    predicted = predictor.arrays(store, rows)
    assert predicted.joints.shape == (3, 16, 2)
    assert len(predictor.arrays(store)) == len(store)
    monkeypatch.setattr(module, "BATCH", 2)
    batches = list(predictor(store, rows))
    assert [len(batch.joints) for batch in batches] == [2, 1]
    assert torch.cat([batch.sample for batch in batches]).tolist() == [[0, 3], [0, 1], [0, 2]]
    np.testing.assert_allclose(torch.cat([b.joints for b in batches]), predicted.joints, atol=1e-5)
    raw = next(iter(loader([store], np.array([[0, 1]]), 1)))
    of_image = predictor.on_images(augment_batch(raw, identity_augmentation(1), 64).images)
    np.testing.assert_allclose(of_image.joints[0], predicted.joints[1], atol=1e-5)
    np.testing.assert_allclose(of_image.depth[0], predicted.depth[1], atol=1e-4)


def test_heat_maps_are_those_that_are_decoded(predictor, stick_stores):
    plain = Predictor(predictor.model, NETWORK, "cpu", "fp32", flip=False)
    store = stick_stores["3d", "test"]
    maps = plain.heatmaps(store, 2)
    assert maps.shape == (16, 16, 16)
    np.testing.assert_allclose(maps.max((1, 2)), plain.arrays(store, np.array([2])).score[0], atol=1e-5)


# ---------------------------------------------------------------- checkpoints


def checkpoint(**network):
    state = build_model("narrow18", width=8).state_dict()
    preprocessing = {"order": "RGB", "divisor": 255.0, "mean": (0.5,) * 3, "std": (0.2,) * 3}
    settings = NETWORK.model_dump(mode="json") | network
    return {"model": state, "network": settings, "preprocessing": preprocessing}


def test_a_run_s_checkpoint_is_its_network(tmp_path):
    torch.save(checkpoint(), tmp_path / "checkpoint.pt")
    model, network = load_run_model(tmp_path)
    assert network == NETWORK
    assert sum(weights.numel() for weights in model.parameters()) > 0
    with pytest.raises(StudyError, match=r"checkpoint.pt: not there"):
        load_run_model(tmp_path / "elsewhere")


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04"])
def test_what_is_no_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(StudyError, match=r"checkpoint\.pt: not a checkpoint"):
        load_run_model(tmp_path)


@pytest.mark.parametrize(
    ("change", "key"),
    [({"x": 1}, r"network\.x"), ({"width": 10**5}, "width"), ({"input_size": "big"}, r"network\.input_size")],
)
def test_a_checkpoint_of_another_network_names_the_key(tmp_path, change, key):
    torch.save(checkpoint(**change), tmp_path / "checkpoint.pt")
    with pytest.raises(StudyError, match=key):
        load_run_model(tmp_path)


def test_a_checkpoint_without_settings_is_refused(tmp_path):
    torch.save({"model": checkpoint()["model"]}, tmp_path / "checkpoint.pt")
    with pytest.raises(StudyError, match=r"checkpoint\.pt: not a checkpoint of this study \(network: "):
        load_run_model(tmp_path)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_a_pipe_and_a_device_are_refused_at_once(tmp_path, make):
    make(tmp_path / "checkpoint.pt")
    with pytest.raises(StudyError, match="is a pipe, socket or device"):
        load_run_model(tmp_path)
