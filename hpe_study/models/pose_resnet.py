"""The networks: images in, 16 heat maps and 16 depth maps at a quarter of their size out.

    build_model("resnet50")     the study's: timm's ResNet-18/34/50/101/152, three deconvolutions (256
                                channels, kernel 4), 1×1 heads
    build_model("narrow18")     for small pictures on a CPU: ResNet-18 of 1, 2, 4, 8 × `width` channels, a
                                stem of stride 2 without max-pool, two deconvolutions of 64 channels, lateral
                                1×1 skips
    build_model("hourglass8")   stacked hourglass of 1, 2, 4 or 8 stacks, see `hpe_study.models.hourglass`

Every model: forward(images (B, 3, H, W), normalised by `model.preprocessing`) → {"heatmap": (B, 16, H/4,
W/4), "depth": same}; H and W multiples of `model.divisor`. Heat maps are linear (no sigmoid); depth is in
units of `depth_unit` crop sides, root-relative. `model.weights_source` is "random", "imagenet" or the path
that weights were loaded from.
"""

import timm
import torch
from timm.models.resnet import BasicBlock, ResNet
from torch import nn

from hpe_study.errors import StudyError
from hpe_study.models.checkpoints import describe, load_weights, read_state
from hpe_study.models.heads import HeatmapHead
from hpe_study.models.hourglass import StackedHourglass
from hpe_study.models.normalization import Preprocessing, check_size

__all__ = ["NAMES", "PoseResNet", "Preprocessing", "build_model", "load_weights", "model_from_checkpoint"]

RESNETS = tuple(f"resnet{depth}" for depth in (18, 34, 50, 101, 152))
HOURGLASSES = tuple(f"hourglass{stacks}" for stacks in (1, 2, 4, 8))
NAMES = (*RESNETS, "narrow18", *HOURGLASSES)


class Upsampling(nn.Module):
    """Deconvolution of kernel 4 to twice the size, batch norm, an optional lateral 1×1 connection, ReLU."""

    def __init__(self, channels, out_channels, lateral_channels=None):
        super().__init__()
        self.conv = nn.ConvTranspose2d(channels, out_channels, 4, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        self.lateral = nn.Conv2d(lateral_channels, out_channels, 1) if lateral_channels else None
        nn.init.normal_(self.conv.weight, std=0.001)  # as Simple Baselines (Xiao et al. 2018)

    def forward(self, x, skip):
        x = self.norm(self.conv(x))
        if self.lateral is not None:
            x = x + self.lateral(skip)
        return torch.relu_(x)


class PoseResNet(HeatmapHead):
    """A timm ResNet, `deconvs` upsamplings and two 1×1 heads (Simple Baselines, Xiao et al. 2018, with a
    second head for depth)."""

    def __init__(self, backbone, joints=16, deconvs=3, deconv_channels=256, skips=False):
        super().__init__()
        self.backbone = backbone
        # Deepest first: the map that upsampling starts from, then the ones it meets on its way up.
        channels = [stage["num_chs"] for stage in backbone.feature_info[:0:-1]]
        inputs = [channels[0], *[deconv_channels] * (deconvs - 1)]
        laterals = channels[1 : deconvs + 1] if skips else [None] * deconvs
        self.upsamplings = nn.ModuleList(
            Upsampling(c, deconv_channels, lateral) for c, lateral in zip(inputs, laterals, strict=True)
        )
        self.add_head(deconv_channels, joints, std=0.001)  # as Simple Baselines
        self.divisor = 4 * 2**deconvs  # the deepest map is a whole number of cells wide

    def forward(self, images):
        check_size(images, self.divisor)
        net = self.backbone
        x = net.maxpool(net.act1(net.bn1(net.conv1(images))))
        levels = []
        for layer in (net.layer1, net.layer2, net.layer3, net.layer4):
            x = layer(x)
            levels.append(x)
        for upsampling, skip in zip(self.upsamplings, reversed(levels[:-1]), strict=False):
            x = upsampling(x, skip)
        return self.head(x)


def build_model(name, pretrained=False, joints=16, **options):
    """A network by name (`NAMES`), ready to train; its parameters come from torch's global random state.

    pretrained: start the backbone from ImageNet (torchvision's weights, through timm). Where they cannot be
    had one line says so and the weights stay random. options: "resnet…": deconv_channels=256, skips=False;
    "narrow18": width=16, deconv_channels=64, skips=True; "hourglass…": features=256. Raises `StudyError` for
    an unknown name or option.
    """
    if name not in NAMES:
        raise StudyError(f"model {name!r} is not one of {', '.join(NAMES)}")
    try:
        if name in RESNETS:
            model = _resnet(name, pretrained, joints, **options)
        elif name == "narrow18":
            model = _narrow18(joints, **options)
        else:
            model = StackedHourglass(int(name.removeprefix("hourglass")), joints, **options)
    except TypeError as error:
        raise StudyError(f"model {name}: an option does not fit ({error})") from error
    if pretrained and model.weights_source == "random" and name not in RESNETS:
        print(f"{name}: there are no ImageNet weights for this network; training starts from random weights")
    return model


def _resnet(name, pretrained, joints, deconv_channels=256, skips=False):
    backbone = _imagenet_backbone(name) if pretrained else None
    model = PoseResNet(
        backbone or timm.create_model(name, num_classes=0, global_pool=""),
        joints,
        deconv_channels=deconv_channels,
        skips=skips,
    )
    model.weights_source = "imagenet" if backbone else "random"
    return model


def _imagenet_backbone(name):
    """torchvision's ImageNet weights in timm's network, or None after one line that says why not."""
    try:
        # From torchvision's own server: where there is no network it fails at once; the hub's client would
        # try for 45 s first.
        overlay = {"hf_hub_id": None}
        return timm.create_model(
            f"{name}.tv_in1k", pretrained=True, pretrained_cfg_overlay=overlay, num_classes=0, global_pool=""
        )
    except (
        Exception
    ) as error:  # whatever keeps a download away: no network, no space; the study goes on without
        reason = str(error).strip().split("\n")[0][:120]
        print(
            f"{name}: ImageNet weights cannot be had ({type(error).__name__}: {reason}); training starts from"
            " random weights"
        )
        return None


def _narrow18(joints, width=16, deconv_channels=64, skips=True):
    channels = tuple(width * factor for factor in (1, 2, 4, 8))
    backbone = ResNet(BasicBlock, [2, 2, 2, 2], channels=channels, num_classes=0, global_pool="")
    backbone.maxpool = nn.Identity()
    return PoseResNet(backbone, joints, deconvs=2, deconv_channels=deconv_channels, skips=skips)


def model_from_checkpoint(path):
    """The network that a checkpoint holds, told from its keys, with its weights loaded. Raises `StudyError`
    as `load_weights` does."""
    name, options = describe(read_state(path), path)
    return load_weights(build_model(name, **options), path)
