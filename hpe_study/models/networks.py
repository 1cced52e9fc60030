"""The networks of the study, one registered function each. `docs/add_a_backbone.md` shows how to add one.

torch and timm are imported where a network is built: checking a parameter file needs only the names.

    resnet18, 34, 50, 101, 152   the study's: a ResNet, three deconvolutions, two 1×1 heads
    narrow18                     for small pictures on a CPU: ResNet-18 of 1, 2, 4, 8 × `width` channels, a
                                 stem of stride 2 without max-pool, two deconvolutions, lateral 1×1 skips
    narrow18_volumetric          the same with a volume of scores per joint (integral regression)
    efficientnet_lite0           small, with ImageNet weights from a package (the extra `imagenet`)
    hourglass1, 2, 4, 8          as many stacked hourglasses of `features` channels
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hpe_study.models.registry import register

if TYPE_CHECKING:
    from hpe_study.models.pose_resnet import PoseResNet, VolumetricResNet

DECONVOLUTIONS = {"deconv_channels": (1, 1024), "skips": (False, True)}


def _register_resnet(name):
    @register(name, input_multiple=32, options=DECONVOLUTIONS, imagenet=True)
    def resnet(joints, pretrained, deconv_channels=256, skips=False):
        from hpe_study.models.pose_resnet import pose_network

        return pose_network(name, joints, pretrained, deconv_channels, skips, weights="tv_in1k")


for _depth in (18, 34, 50, 101, 152):
    _register_resnet(f"resnet{_depth}")


@register("narrow18", input_multiple=16, options={"width": (1, 512), **DECONVOLUTIONS})
def narrow18(joints: int, width: int = 16, deconv_channels: int = 64, skips: bool = True) -> PoseResNet:
    """ResNet-18 without max-pool, 1, 2, 4, 8 × `width` channels."""
    from hpe_study.models.pose_resnet import PoseResNet, narrow_backbone

    return PoseResNet(narrow_backbone(width), joints, 2, deconv_channels, skips)


@register("narrow18_volumetric", input_multiple=16, options={"width": (1, 512), **DECONVOLUTIONS})
def narrow18_volumetric(
    joints: int, width: int = 16, deconv_channels: int = 64, skips: bool = True
) -> VolumetricResNet:
    """`narrow18` with a volume of scores per joint."""
    from hpe_study.models.pose_resnet import VolumetricResNet, narrow_backbone

    return VolumetricResNet(narrow_backbone(width), joints, 2, deconv_channels, skips)


@register("efficientnet_lite0", input_multiple=16, options=DECONVOLUTIONS, imagenet=True)
def efficientnet_lite0(
    joints: int, pretrained: bool, deconv_channels: int = 64, skips: bool = True
) -> PoseResNet:
    """EfficientNet-Lite0 (of Tan & Le 2019) as far as its maps of 1/16 of the picture."""
    from hpe_study.models import pose_resnet

    return pose_resnet.efficientnet_lite0(joints, pretrained, deconv_channels, skips)


def _register_hourglass(stacks):
    @register(f"hourglass{stacks}", input_multiple=64, options={"features": (4, 1024)})
    def hourglass(joints, features=256):
        from hpe_study.models.hourglass import StackedHourglass

        return StackedHourglass(stacks, joints, features)


for _stacks in (1, 2, 4, 8):
    _register_hourglass(_stacks)
