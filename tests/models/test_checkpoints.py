import dataclasses
import pickle

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from hpe_study.errors import StudyError
from hpe_study.models import build_model, load_weights, model_from_checkpoint
from hpe_study.models.checkpoints import depth_from_keys
from hpe_study.models.heads import IMAGENET_RGB, ORIGINAL_BGR


class OriginalNetwork(nn.Module):
    """The original implementation's network as its description has it, in plain torch and torchvision, keys
    included."""

    def __init__(self, depth):
        super().__init__()
        resnet = getattr(torchvision.models, f"resnet{depth}")(weights=None)
        for name in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"):
            setattr(self, name, getattr(resnet, name))
        layers = []
        for channels in (resnet.fc.in_features, 256, 256):
            layers += [
                nn.ConvTranspose2d(channels, 256, 4, 2, 1, bias=False),
                nn.BatchNorm2d(256),
                nn.ReLU(inplace=True),
            ]
        self.deconv_layers = nn.Sequential(*layers)
        self.hm, self.depth = nn.Conv2d(256, 16, 1), nn.Conv2d(256, 16, 1)
        for module in self.modules():  # statistics that a trained network would have
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.0)
                nn.init.uniform_(module.running_var, 0.5, 2.0)
                nn.init.normal_(module.running_mean, std=0.2)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.deconv_layers(self.layer4(self.layer3(self.layer2(self.layer1(x)))))
        return self.hm(x), self.depth(x)


@pytest.mark.parametrize(("depth", "prefix"), [(50, "module."), (18, "")])
def test_original_checkpoints_give_the_original_outputs(tmp_path, depth, prefix):
    torch.manual_seed(0)
    original = OriginalNetwork(depth).eval()
    state = {
        prefix + key: value
        for key, value in original.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    torch.save(
        {"epoch": 60, "state_dict": state, "optimizer": {"state": {}, "param_groups": []}},
        tmp_path / "model_last.pth",
    )
    model = load_weights(build_model(f"resnet{depth}"), tmp_path / "model_last.pth").eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        heatmap, depth_maps = original(images)
        maps = model(images)
    assert heatmap.std() > 1e-3
    torch.testing.assert_close(maps["heatmap"], heatmap, atol=1e-5, rtol=0)
    torch.testing.assert_close(maps["depth"], depth_maps, atol=1e-5, rtol=0)
    assert model.preprocessing == ORIGINAL_BGR
    assert model.weights_source == str(tmp_path / "model_last.pth")
    loaded = model_from_checkpoint(tmp_path / "model_last.pth").eval()
    torch.testing.assert_close(loaded(images)["heatmap"], heatmap, atol=1e-5, rtol=0)


@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152])
def test_depth_is_inferred_from_the_keys(depth):
    with torch.device("meta"):
        state = getattr(torchvision.models, f"resnet{depth}")(weights=None).state_dict()
    assert depth_from_keys(state) == depth
    assert depth_from_keys({f"module.{key}": value for key, value in state.items()}) == depth
    assert depth_from_keys({"fc.weight": None}) is None


@pytest.mark.parametrize("kind", ["torchvision", "timm"])
def test_imagenet_checkpoints_fill_the_backbone(tmp_path, kind):
    torch.manual_seed(1)
    state = torchvision.models.resnet18(weights=None).state_dict()
    path = tmp_path / ("model.safetensors" if kind == "timm" else "resnet18.pth")
    save_file(state, path) if kind == "timm" else torch.save(state, path)
    model = build_model("resnet18")
    head = model.heatmap_head.weight.clone()
    load_weights(model, path)
    torch.testing.assert_close(model.backbone.layer4[1].conv2.weight, state["layer4.1.conv2.weight"])
    torch.testing.assert_close(model.heatmap_head.weight, head)
    assert model.preprocessing == IMAGENET_RGB


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet18", {}),
        ("resnet34", {"deconv_channels": 32, "skips": True}),
        ("narrow18", {"width": 8}),
        ("hourglass2", {"features": 16, "joints": 4}),
    ],
)
def test_our_checkpoints_come_back(tmp_path, name, options):
    model = build_model(name, **options).eval()
    preprocessing = dataclasses.asdict(ORIGINAL_BGR)
    torch.save(
        {"model": model.state_dict(), "epoch": 3, "preprocessing": preprocessing}, tmp_path / "checkpoint.pt"
    )
    again = model_from_checkpoint(tmp_path / "checkpoint.pt").eval()
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(again(images)["depth"], model(images)["depth"], atol=0, rtol=0)
    assert again.preprocessing == ORIGINAL_BGR


def save(folder, content):
    torch.save(content, folder / "checkpoint.pt")
    return folder / "checkpoint.pt"


def test_weights_of_another_network_are_refused_by_their_keys(tmp_path):
    model = build_model("narrow18")
    with pytest.raises(
        StudyError,
        match=(
            r"checkpoint.pt: weights of another network.*missing: backbone\.conv1\.weight, .* and \d+"
            r" more.*stem.weight"
        ),
    ):
        load_weights(model, save(tmp_path, {"model": {"stem.weight": torch.zeros(1)}}))
    with pytest.raises(
        StudyError, match=r"another network; of another shape: .*\(8, 64, 3, 3\) instead of \(16, 64, 3, 3\)"
    ):
        load_weights(model, save(tmp_path, {"model": build_model("narrow18", width=8).state_dict()}))
    original = OriginalNetwork(18).state_dict()
    with pytest.raises(StudyError, match=r"keys are those of a ResNet-18"):
        load_weights(build_model("resnet50"), save(tmp_path, {"state_dict": original}))
    with pytest.raises(StudyError, match="no pose network"):
        model_from_checkpoint(save(tmp_path, torchvision.models.resnet18(weights=None).state_dict()))


def test_files_that_are_no_checkpoints_are_refused(tmp_path):
    model = build_model("narrow18", width=4)
    with pytest.raises(StudyError, match="no such file"):
        load_weights(model, tmp_path / "absent.pt")
    for content in (b"", b"a text, not weights\n", b"PK\x03\x04 broken"):
        (tmp_path / "broken.pt").write_bytes(content)
        with pytest.raises(StudyError, match="broken.pt: not a checkpoint"):
            load_weights(model, tmp_path / "broken.pt")
    (tmp_path / "broken.safetensors").write_bytes(b"12345678901234567890")
    with pytest.raises(StudyError, match="safetensors"):
        load_weights(model, tmp_path / "broken.safetensors")
    with pytest.raises(StudyError, match="holds list"):
        load_weights(model, save(tmp_path, [1, 2]))
    with pytest.raises(StudyError, match="holds no weights.*epoch"):
        load_weights(model, save(tmp_path, {"epoch": 1}))


class Attack:
    def __reduce__(self):
        return (open, ("owned", "w"))


def test_code_in_a_file_does_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "checkpoint.pt").write_bytes(pickle.dumps({"model": Attack()}, protocol=2))
    with pytest.raises(StudyError, match="holds weights only"):
        load_weights(build_model("narrow18", width=4), tmp_path / "checkpoint.pt")
    torch.save({"model": Attack()}, tmp_path / "zipped.pt")
    with pytest.raises(StudyError, match="holds weights only"):
        load_weights(build_model("narrow18", width=4), tmp_path / "zipped.pt")
    assert not (tmp_path / "owned").exists()
