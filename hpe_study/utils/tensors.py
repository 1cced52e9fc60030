"""Tensors: constants that stay on a device, a precision to compute in, and a digest."""

import hashlib

import torch

_uploaded = {}  # (values, device, dtype) → tensor; a plain dict, which a compiled step reads its tensors from


def cached_tensor(
    values: tuple, device: torch.device | str, dtype: torch.dtype | None = None
) -> torch.Tensor:
    """A nested tuple as a tensor on `device`, uploaded once: an upload in every step would stall the GPU."""
    key = (values, device, dtype)
    if key not in _uploaded:
        with torch.inference_mode(False):  # training could not use a tensor of inference mode
            _uploaded[key] = torch.tensor(values, device=device, dtype=dtype)
    return _uploaded[key]


def at_least_float32(tensor: torch.Tensor) -> torch.Tensor:
    """Half precisions as float32; float64 stays (gradient checks)."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def digest_of_tensors(tensors: dict[str, torch.Tensor]) -> str:
    """SHA-256 (hex) over the names and values of tensors on the CPU."""
    sha = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        sha.update(name.encode())
        sha.update(tensor.contiguous().flatten().view(torch.uint8).numpy())
    return sha.hexdigest()
