"""Networks by name: what each can be asked for, and how it is built.

Nothing here imports torch, so that a parameter file is checked at once.
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

JOINTS = (1, 256)
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
    name: str,
    *,
    input_multiple: int,
    options: Mapping[str, tuple[int, int]] = MappingProxyType({}),
    imagenet: bool = False,
) -> Callable:
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
        **options: the network's own, see `hpe_study.models.networks`; None stands for the default.

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
