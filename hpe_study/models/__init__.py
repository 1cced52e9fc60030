"""The networks: images in, 16 joints with depth out."""

from typing import Any

from hpe_study.models.networks import build_model, check_network, network_names, parse_network

__all__ = [
    "build_model", "check_network", "load_weights", "model_from_checkpoint", "network_names", "parse_network",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """`load_weights` and `model_from_checkpoint`, which import torch only when they are asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from hpe_study.models import checkpoints

    return getattr(checkpoints, name)
