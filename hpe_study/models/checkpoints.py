"""Weights from files: our own checkpoints, the original implementation's, ImageNet's of torchvision or timm.

A file is read as tensors and plain containers only (`weights_only`), so it cannot run code, and nothing that
it says is believed unchecked. Its kind shows in its keys:

    ours       {"model": state, …}, optionally "network": fields of a `NetworkConfig`, "preprocessing": fields
               of a `Preprocessing`, "identity": digest of the weights and of what they depend on
    original   {"state_dict": state} or the state itself: conv1, bn1, layer1..4, deconv_layers.{0,1,3,4,6,7},
               hm, depth, each with or without a leading "module."; that network saw BGR images divided by 256
    ImageNet   conv1, bn1, layer1..4, fc: the backbone is loaded, the rest keeps its weights
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import torch
from safetensors.torch import load_file
from torch import Tensor

from hpe_study.errors import StudyError, brief
from hpe_study.models.heads import IMAGENET_RGB, ORIGINAL_BGR, PoseNetwork, Preprocessing
from hpe_study.models.networks import build_model
from hpe_study.utils.files import require_regular_file

Network = TypeVar("Network", bound=PoseNetwork)
SHOWN = 4  # keys named in a message
PLAIN_LISTS = (list, tuple)
ZIP = b"PK\x03\x04"  # how torch.save's files of today begin
_DEPTHS = {
    ((2, 2, 2, 2), False): 18, ((3, 4, 6, 3), False): 34, ((3, 4, 6, 3), True): 50,
    ((3, 4, 23, 3), True): 101, ((3, 8, 36, 3), True): 152,
}  # fmt: skip


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds."""

    path: Path
    weights: dict[str, Tensor]  # by key, "module." taken off; each a plain, whole, finite tensor
    preprocessing: Preprocessing  # what the weights were trained with
    # fields of a `NetworkConfig` as they stand in the file, plain values; None where it has none
    network: dict[str, str | int | float | bool | None] | None
    identity: str | None  # digest of the weights and of what they depend on; None where the file has none

    @property
    def kind(self) -> Literal["ours", "original", "imagenet"]:
        """Whose checkpoint it is."""
        return _kind(self.weights)


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read a weights file; `StudyError` names it where it is absent, damaged or no checkpoint."""
    path = require_regular_file(path)
    content = _content(path)
    if not isinstance(content, dict):
        raise StudyError(f"{path}: not a checkpoint: it holds {type(content).__name__}, not weights by name")
    content = _plain_dict(content)
    states = (_plain_dict(content.get(key)) for key in ("model", "state_dict"))
    state = next((state for state in states if state is not None), content)
    weights = {
        key.removeprefix("module."): _checked_tensor(key, value, path)
        for key, value in state.items()
        if isinstance(key, str) and isinstance(value, Tensor)
    }
    if not weights:
        raise StudyError(f"{path}: not a checkpoint: it holds no weights (keys: {_first(content) or 'none'})")
    preprocessing = _preprocessing(content, _kind(weights), path)
    identity = content.get("identity") if isinstance(content.get("identity"), str) else None
    return Checkpoint(path, weights, preprocessing, _network(content, path), identity)


def load_weights(model: Network, path: str | Path) -> Network:
    """Load a file's weights into `model` and return it.

    Sets `model.weights_source` to the path and `model.preprocessing` to what the weights were trained with.
    Raises `StudyError` where the file is absent, no checkpoint, or of another network (with the first keys
    that do not fit); the model is then as before.
    """
    checkpoint = read_checkpoint(path)
    weights = _fitting_weights(model, checkpoint)
    model.load_state_dict(weights, strict=False)  # `_fitting_weights` was stricter
    model.weights_source = str(path)
    model.preprocessing = checkpoint.preprocessing
    return model


def model_from_checkpoint(path: str | Path) -> PoseNetwork:
    """The network that a checkpoint names, or else its keys and shapes imply, with its weights loaded.

    Raises `StudyError` as `load_weights`, and if neither identifies the network.
    """
    checkpoint = read_checkpoint(path)
    stated = checkpoint.network
    try:
        if stated is None:
            name, options = describe(checkpoint.weights)
        else:
            name, options = str(stated.get("model")), {"width": stated.get("width")}
        # Without memory first: a small file must not ask for a network of gigabytes.
        with torch.device("meta"):
            blueprint = build_model(name, **options)
    except StudyError as error:
        raise StudyError(f"{path}: {error}") from error
    if checkpoint.kind == "imagenet":
        raise StudyError(f"{path}: ImageNet weights are of a backbone alone, not of a pose network")
    _fitting_weights(blueprint, checkpoint)
    return load_weights(build_model(name, **options), path)


def depth_from_keys(keys: Iterable[str]) -> int | None:
    """18, 34, 50, 101 or 152: the ResNet's depth inferred from the block names; None if unknown."""
    keys = list(keys)
    matches = (re.search(r"layer([1-4])\.(\d+)\.conv1\.weight$", key) for key in keys)
    blocks = {match.groups() for match in matches if match}
    counts = tuple(sum(layer == str(number) for layer, _ in blocks) for number in range(1, 5))
    return _DEPTHS.get((counts, any(re.search(r"layer1\.0\.conv3\.weight$", key) for key in keys)))


def describe(weights: dict[str, Tensor]) -> tuple[str, dict[str, int]]:
    """(name, options) for `build_model`, inferred from weights; `StudyError` where they fit no network."""
    stacks = {match[1] for match in (re.match(r"stacks\.(\d+)\.", key) for key in weights) if match}
    if stacks and "stem.0.weight" in weights:
        joints, features = _shape(weights, "stacks.0.heatmap_head.weight")[:2]
        return f"hourglass{len(stacks)}", {"joints": joints, "features": features}
    depth = depth_from_keys(weights)
    if depth is None:
        raise StudyError(f"no pose network of this study has its keys ({_first(weights)})")
    if any(key.startswith("deconv_layers.") for key in weights):
        return f"resnet{depth}", {"joints": _shape(weights, "hm.weight")[0]}
    joints, channels = _shape(weights, "heatmap_head.weight")[:2]
    skips = "upsamplings.0.lateral.weight" in weights
    options = {"joints": joints, "deconv_channels": channels, "skips": skips}
    if "upsamplings.2.conv.weight" in weights:
        return f"resnet{depth}", options
    return "narrow18", options | {"width": _shape(weights, "backbone.layer1.0.conv1.weight")[0]}


def _shape(weights, key):
    if key not in weights or weights[key].ndim != 4:
        raise StudyError(f"no pose network of this study: {key} is missing or is not a convolution weight")
    return weights[key].shape


def _content(path):
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with open(path, "rb") as file:
            zipped = file.read(len(ZIP)) == ZIP
        # Mapped, not read: sizes that the file only claims are then bounded by the file.
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except Exception as error:  # what a foreign file makes the readers raise cannot be listed
        safe = path.suffix == ".safetensors"
        kind = "a safetensors file" if safe else "a checkpoint that holds weights only"
        raise StudyError(f"{path}: not {kind} ({type(error).__name__}: {brief(error, 160)})") from error


def _plain_dict(value):
    """A copy without what a file can hang on a subclass of dict; None where it is no dictionary."""
    return dict(dict.items(value)) if isinstance(value, dict) else None


def _checked_tensor(key, value, path):
    value = Tensor.detach(value)
    faults = {
        "sparse or quantized": value.layout != torch.strided or value.is_quantized,
        "without values": value.device.type != "cpu",
        "complex": value.is_complex(),
    }
    # what is expanded has fewer values in the file than it claims
    if not any(faults.values()):
        stored = value.untyped_storage().nbytes()
        faults["larger than what is stored of it"] = stored < value.numel() * value.element_size()
    if not any(faults.values()):
        faults["not finite"] = not bool(torch.isfinite(value.float()).all())  # as the network holds it
    if fault := next((fault for fault, there in faults.items() if there), None):
        raise StudyError(f"{path}: not a whole checkpoint: {brief(key, 100)} is {fault}")
    return value


def _network(content, path):
    network = _plain_dict(content.get("network"))
    for key, value in (network or {}).items():
        if not isinstance(key, str) or not (value is None or type(value) in (str, int, float, bool)):
            reason = "its network settings are not plain text or numbers"
            raise StudyError(f"{path}: not a whole checkpoint: {reason}")
    return network


def _kind(weights):
    if any(key.startswith("deconv_layers.") for key in weights):
        return "original"
    return "imagenet" if {"conv1.weight", "layer1.0.conv1.weight"} <= weights.keys() else "ours"


def _preprocessing(content, kind, path):
    stated = _plain_dict(content.get("preprocessing"))
    if stated is None:
        return ORIGINAL_BGR if kind == "original" else IMAGENET_RGB
    try:
        order, divisor, mean, std = (stated[key] for key in ("order", "divisor", "mean", "std"))
        if not (type(order) is str and type(mean) in PLAIN_LISTS and type(std) in PLAIN_LISTS):
            raise TypeError("not a text and two lists")
        if not all(type(number) in (int, float) for number in (divisor, *mean, *std)):
            raise TypeError("not numbers")
        return Preprocessing(order, divisor, tuple(mean), tuple(std))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        reason = f"does not say order, divisor, mean and std ({type(error).__name__}: {brief(error)})"
        raise StudyError(f"{path}: not a whole checkpoint: its preprocessing {reason}") from error


def _fitting_weights(model, checkpoint):
    """The weights under the model's own keys. Raises `StudyError` where they do not fit."""
    wanted, given = model.state_dict(), checkpoint.weights
    required = set(wanted)
    if checkpoint.kind == "imagenet":
        # The head of 1000 classes has no place here.
        given = {f"backbone.{key}": value for key, value in given.items() if not key.startswith("fc.")}
        required = {key for key in wanted if key.startswith("backbone.")}
    elif checkpoint.kind == "original":
        given = {_our_key(key): value for key, value in given.items()}
    # Old checkpoints lack batch norm's counter of batches; nothing is computed from it.
    required = {key for key in required if not key.endswith("num_batches_tracked")}
    both = [key for key in wanted if key in given]
    shapes = {key: (tuple(given[key].shape), tuple(wanted[key].shape)) for key in both}
    floating = {key: (given[key].is_floating_point(), wanted[key].is_floating_point()) for key in both}
    faults = {
        "missing": [key for key in wanted if key in required and key not in given],
        "not of this network": [key for key in given if key not in wanted],
        "of another shape": [f"{key} {a} instead of {b}" for key, (a, b) in shapes.items() if a != b],
        "of another type": [f"{key} {given[key].dtype}" for key, (a, b) in floating.items() if a != b],
    }
    if any(faults.values()):
        depth = depth_from_keys(given)
        theirs = f" (its keys are those of a ResNet-{depth})" if depth != depth_from_keys(wanted) else ""
        named = "; ".join(f"{fault}: {_first(keys)}" for fault, keys in faults.items() if keys)
        raise StudyError(f"{checkpoint.path}: weights of another network{theirs if depth else ''}; {named}")
    return given


def _our_key(key):
    """Our name of a weight of the original implementation."""
    if match := re.fullmatch(r"deconv_layers\.(\d)\.(\w+)", key):
        number = int(match[1])
        return f"upsamplings.{number // 3}.{'norm' if number % 3 else 'conv'}.{match[2]}"
    first, _, rest = key.partition(".")
    heads = {"hm": "heatmap_head", "depth": "depth_head"}
    return f"{heads[first]}.{rest}" if first in heads else f"backbone.{key}"


def _first(keys):
    keys = [brief(key, 100) for key in keys if isinstance(key, str)]
    return ", ".join(keys[:SHOWN]) + (f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else "")
