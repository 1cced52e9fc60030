"""Weights from files: our own checkpoints, the original implementation's, and ImageNet's from torchvision or
timm.

A file is read as tensors and plain containers only (`weights_only`), so it cannot run code. Which kind it is
    shows in its keys:
    ours       {"model": state, …}, optionally "preprocessing": the fields of a `Preprocessing`
    original   {"state_dict": state} or the state itself: conv1, bn1, layer1..4, deconv_layers.{0,1,3,4,6,7},
               hm, depth, each with or without a leading "module."; that network saw BGR images divided by 256
    ImageNet   conv1, bn1, layer1..4, fc: the backbone is loaded, the rest keeps its weights
"""

import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from hpe_study.errors import StudyError
from hpe_study.models.normalization import IMAGENET_RGB, ORIGINAL_BGR, Preprocessing
from hpe_study.models.registry import build_model

SHOWN = 4  # keys named in a message
_DEPTHS = {
    ((2, 2, 2, 2), False): 18,
    ((3, 4, 6, 3), False): 34,
    ((3, 4, 6, 3), True): 50,
    ((3, 4, 23, 3), True): 101,
    ((3, 8, 36, 3), True): 152,
}


def load_weights(model, path):
    """Load a file's weights into `model` and return it.

    Sets `model.weights_source` to the path and `model.preprocessing` to what the weights were trained with.
    Raises `StudyError` naming the file when it is absent, no checkpoint, or of another network (with the
    first keys that do not fit); the model is then as before.
    """
    checkpoint = read_checkpoint(path)
    state = _state(checkpoint, path)
    kind = _kind(state)
    if kind == "imagenet":
        # The head of 1000 classes has no place here.
        ours = {f"backbone.{key}": value for key, value in state.items() if not key.startswith("fc.")}
        required = {key for key in model.state_dict() if key.startswith("backbone.")}
    else:
        ours = {_our_key(key): value for key, value in state.items()} if kind == "original" else state
        required = set(model.state_dict())
    _check_fit(model.state_dict(), ours, required, path)
    model.load_state_dict(ours, strict=False)  # `_check_fit` was stricter
    model.weights_source = str(path)
    model.preprocessing = ORIGINAL_BGR if kind == "original" else IMAGENET_RGB
    if isinstance(checkpoint.get("preprocessing"), dict):
        stated = checkpoint["preprocessing"]
        model.preprocessing = Preprocessing(
            stated["order"], stated["divisor"], tuple(stated["mean"]), tuple(stated["std"])
        )
    return model


def read_state(path):
    """The file's state: key → tensor, "module." prefixes taken off. Raises `StudyError` as `load_weights`
    does."""
    return _state(read_checkpoint(path), path)


def depth_from_keys(state):
    """18, 34, 50, 101 or 152: the ResNet whose blocks the keys name; None where they name none of them."""
    blocks = {
        match.groups()
        for match in (re.search(r"layer([1-4])\.(\d+)\.conv1\.weight$", key) for key in state)
        if match
    }
    counts = tuple(sum(layer == str(number) for layer, _ in blocks) for number in range(1, 5))
    return _DEPTHS.get((counts, any(re.search(r"layer1\.0\.conv3\.weight$", key) for key in state)))


def describe(state, path):
    """(name, options) for `build_model`: the network that a state belongs to. Raises `StudyError` where the
    keys tell none."""
    stacks = {match[1] for match in (re.match(r"stacks\.(\d+)\.", key) for key in state) if match}
    if stacks and "stem.0.weight" in state:
        heads = state["stacks.0.heatmap_head.weight"]
        return f"hourglass{len(stacks)}", {"joints": heads.shape[0], "features": heads.shape[1]}
    depth, kind = depth_from_keys(state), _kind(state)
    if depth is None or kind == "imagenet":
        raise StudyError(f"{path}: no pose network of this study has its keys ({_first(state)})")
    if kind == "original":
        return f"resnet{depth}", {"joints": state["hm.weight"].shape[0]} if "hm.weight" in state else {}
    joints, channels = state["heatmap_head.weight"].shape[:2]
    options = {
        "joints": joints,
        "deconv_channels": channels,
        "skips": "upsamplings.0.lateral.weight" in state,
    }
    if "upsamplings.2.conv.weight" in state:
        return f"resnet{depth}", options
    return "narrow18", options | {"width": state["backbone.layer1.0.conv1.weight"].shape[0]}


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a file of weights. Raises `StudyError` naming it when it is absent or holds anything else."""
    path = Path(path)
    if not path.is_file():
        raise StudyError(f"{path}: no such file")
    try:
        if path.suffix == ".safetensors":
            return {"state_dict": load_file(path)}
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise StudyError(f"{path}: not readable as a safetensors file ({error})") from error
    except Exception as error:  # what a foreign file makes the unpickler raise cannot be listed
        reason = str(error).strip().split("\n")[0][:160]
        raise StudyError(
            f"{path}: not a checkpoint that holds weights only ({type(error).__name__}: {reason})"
        ) from error
    if not isinstance(checkpoint, dict):
        raise StudyError(
            f"{path}: not a checkpoint: it holds {type(checkpoint).__name__}, not a dictionary of weights"
        )
    return checkpoint


def _state(checkpoint, path):
    state = next(
        (checkpoint[key] for key in ("model", "state_dict") if isinstance(checkpoint.get(key), dict)),
        checkpoint,
    )
    weights = {
        str(key).removeprefix("module."): value
        for key, value in state.items()
        if isinstance(value, torch.Tensor)
    }
    if not weights:
        raise StudyError(
            f"{path}: not a checkpoint: it holds no weights (keys: {_first(checkpoint) or 'none'})"
        )
    return weights


def _kind(state):
    if any(key.startswith("deconv_layers.") for key in state):
        return "original"
    return "imagenet" if "conv1.weight" in state and "layer1.0.conv1.weight" in state else "ours"


def _our_key(key):
    """The original implementation's name of a weight in our words."""
    first, _, rest = key.partition(".")
    if first == "deconv_layers":
        number, _, rest = rest.partition(".")
        return f"upsamplings.{int(number) // 3}.{'norm' if int(number) % 3 else 'conv'}.{rest}"
    heads = {"hm": "heatmap_head", "depth": "depth_head"}
    return f"{heads[first]}.{rest}" if first in heads else f"backbone.{key}"


def _check_fit(wanted, given, required, path):
    # Old checkpoints lack batch norm's counter of batches; nothing is computed from it.
    missing = [
        key
        for key in wanted
        if key in required and key not in given and not key.endswith("num_batches_tracked")
    ]
    unknown = [key for key in given if key not in wanted]
    shapes = [
        f"{key} {tuple(given[key].shape)} instead of {tuple(wanted[key].shape)}"
        for key in wanted
        if key in given and given[key].shape != wanted[key].shape
    ]
    faults = [
        f"{what}: {_first(keys)}"
        for what, keys in (
            ("missing", missing),
            ("not of this network", unknown),
            ("of another shape", shapes),
        )
        if keys
    ]
    if faults:
        depth = depth_from_keys(given)
        theirs = (
            f" (its keys are those of a ResNet-{depth})" if depth and depth != depth_from_keys(wanted) else ""
        )
        raise StudyError(f"{path}: weights of another network{theirs}; {'; '.join(faults)}")


def _first(keys):
    keys = [str(key) for key in keys]
    return ", ".join(keys[:SHOWN]) + (f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else "")


def model_from_checkpoint(path):
    """The network that a checkpoint holds, told from its keys, with its weights loaded. Raises `StudyError`
    as `load_weights` does."""
    name, options = describe(read_state(path), path)
    return load_weights(build_model(name, **options), path)
