"""The one forward pass: arrays, batches and images agree; a checkpoint that is none is refused in one line."""

import copy
import os

import numpy as np
import pytest
import torch

from hpe_study.config import NetworkConfig
from hpe_study.data.augmentation import augment_batch, identity_augmentation
from hpe_study.data.loading import loader
from hpe_study.errors import StudyError
from hpe_study.evaluation import predictor as module
from hpe_study.evaluation.predictor import Predictor, fuse_for_inference, load_run_model
from hpe_study.models import build_model
from hpe_study.utils.devices import autocast

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


CPU = torch.device("cpu")


def trained(name):
    """A network as a training leaves it: nothing at its start value."""
    torch.manual_seed(0)
    model = build_model(name)
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(part.weight, 0.5, 2)
            torch.nn.init.normal_(part.bias, 0, 0.1)
    return model


def count(model, kind):
    return sum(isinstance(part, kind) for part in model.modules())


def maps(model, images, precision="fp32"):
    with torch.inference_mode(), autocast(CPU, precision):
        return {key: model(images.clone())[key].float() for key in ("heatmap", "depth")}


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "narrow18", "hourglass1"])
def test_it_gives_the_same_maps(name):
    model = trained(name)
    images, before = (
        torch.randn(2, 3, 64, 64),
        {key: value.clone() for key, value in model.state_dict().items()},
    )
    made = fuse_for_inference(model, CPU)
    ours, plain = maps(made, images), maps(copy.deepcopy(model).eval(), images)
    for key in plain:
        torch.testing.assert_close(
            ours[key], plain[key], rtol=1e-4, atol=1e-4 * plain[key].abs().max().item()
        )
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    # of a pre-activated block, the first batch norm follows no convolution
    assert (count(made, torch.nn.BatchNorm2d) > 0) == name.startswith("hourglass")
    assert model.training


@pytest.mark.parametrize("name", ["resnet50", "narrow18"])
def test_in_half_precision_it_is_no_further_from_the_truth(name):
    model, images = trained(name), torch.randn(4, 3, 64, 64).contiguous(memory_format=torch.channels_last)
    truth = maps(model.eval().double(), images.double())
    model = model.float()
    ours, plain = maps(fuse_for_inference(model, CPU, "bf16"), images, "bf16"), maps(model, images, "bf16")
    for key, values in truth.items():
        error, other = ((found[key] - values).norm() / values.norm() for found in (ours, plain))
        assert error < 1.1 * other < 0.1
