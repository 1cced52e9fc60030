"""Ready to predict: the same maps as the network as it was trained, in either precision."""

import copy

import pytest
import torch

from hpe_study.models import build_model
from hpe_study.models.inference import fuse_for_inference
from hpe_study.utils.devices import autocast

CPU = torch.device("cpu")


def trained(name):
    """A network as a training leaves it: nothing at its start value."""
    torch.manual_seed(0)
    model = build_model(name)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 2)
            torch.nn.init.normal_(module.bias, 0, 0.1)
    return model


def count(model, kind):
    return sum(isinstance(module, kind) for module in model.modules())


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
