"""The networks of the study, one registered function each. `docs/add_a_backbone.md` shows how to add one.

torch and timm are imported where a network is built: a parameter file, which needs only the names and what
each network can be asked for, is checked at once.

    resnet18, 34, 50, 101, 152   the study's: a ResNet, three deconvolutions, two 1×1 heads
    narrow18                     for small pictures on a CPU: ResNet-18 of 1, 2, 4, 8 × `width` channels, a
                                 stem of stride 2 without max-pool, two deconvolutions, lateral 1×1 skips
    narrow18_volumetric          the same with a volume of scores per joint (integral regression)
    efficientnet_lite0           small, with ImageNet weights from a package (the extra `imagenet`)
    hourglass1, 2, 4, 8          as many stacked hourglasses of `features` channels
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from hpe_study.errors import StudyError

if TYPE_CHECKING:
    from hpe_study.models.heads import PoseNetwork
    from hpe_study.models.pose_resnet import PoseResNet, VolumetricResNet

JOINTS = (1, 256)
DECONVOLUTIONS = {"deconv_channels": (1, 1024), "skips": (False, True)}
_NETWORKS: dict[str, NetworkEntry] = {}


@dataclass(frozen=True)
class NetworkEntry:
    """A registered network."""

    # (joints, **options) → the network; takes `pretrained` too where `imagenet` is set
    build: Callable[..., PoseNetwork]
    input_multiple: int  # px; the sides of an input picture must be multiples of it
    options: Mapping[str, tuple[int, int]]  # the smallest and largest value of each option
    imagenet: bool  # whether there are ImageNet weights for the backbone


def register(
    name: str, *, input_multiple: int, options: Mapping[str, tuple[int, int]] = MappingProxyType({}),
    imagenet: bool = False,
) -> Callable:  # fmt: skip
    """Decorate the function that builds the network `name`. The arguments are those of `NetworkEntry`."""
    if not re.fullmatch("[a-z0-9_]+", name) or name in _NETWORKS:
        raise ValueError(f"{name!r} is taken, or holds more than lower-case letters, digits and _")

    def add(build):
        _NETWORKS[name] = NetworkEntry(build, input_multiple, options, imagenet)
        return build

    return add


def network_names() -> tuple[str, ...]:
    """The names of all networks."""
    return tuple(_NETWORKS)


def parse_network(text: str) -> tuple[str, dict[str, int]]:
    """Split Table 5's short form: "narrow18:24" is `narrow18` with `width` 24; `StudyError` for another."""
    match = re.fullmatch(r"([a-z0-9_]+)(?::([0-9]{1,4}))?", text)
    if not match:
        raise StudyError(f'{text!r} is not the name of a network, or "name:width" as in "narrow18:24"')
    return match[1], {"width": int(match[2])} if match[2] else {}


def check_network(name: str, input_size: int | None = None, **options: int | None) -> NetworkEntry:
    """Find a network and check what is asked of it, without building it.

    An input size of None is not checked, an option of None stands for the default. `StudyError` names what is
    impossible and what is allowed.
    """
    if name not in _NETWORKS:
        raise StudyError(f"model {name!r} is not one of {', '.join(_NETWORKS)}")
    entry = _NETWORKS[name]
    for option, value in options.items():
        if value is None:
            continue
        if option not in entry.options:
            allowed = f"its options are {', '.join(entry.options)}" if entry.options else "it has no options"
            raise StudyError(f"model {name} has no option {option!r}; {allowed}")
        _check_range(f"{option} of model {name}", value, entry.options[option])
    if input_size is not None and (input_size <= 0 or input_size % entry.input_multiple):
        raise StudyError(f"input_size {input_size} must be a multiple of {entry.input_multiple} for {name}")
    return entry


def build_model(name: str, pretrained: bool = False, joints: int = 16, **options: int | None) -> PoseNetwork:
    """Build a network by name, ready to train; its weights come from torch's global random state.

    Args:
        name: one of `network_names`.
        pretrained: start the backbone from ImageNet. Where its weights cannot be had, one line says so and
            they stay random.
        joints: number of joints.
        **options: the network's own; None stands for the default.

    Raises:
        StudyError: for an unknown name or option, or a value out of range.
    """
    entry = check_network(name, **options)
    _check_range("joints", joints, JOINTS)
    chosen = {option: value for option, value in options.items() if value is not None}
    if entry.imagenet:
        return entry.build(joints, pretrained=pretrained, **chosen)
    if pretrained:
        print(f"{name}: there are no ImageNet weights for this network; training starts from random weights")
    return entry.build(joints, **chosen)


def _check_range(what, value, limits):
    low, high = limits
    if not isinstance(value, int) or not low <= value <= high:
        raise StudyError(f"{what} must be a whole number from {low:d} to {high:d} (it is {value!r})")


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
