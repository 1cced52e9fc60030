"""What the arithmetic of a network amounts to, and how fast this machine does arithmetic at most: a large
matrix product, measured.

A data sheet's peak is never reached; the matrix product is the most that a convolution can be expected to
come to.
"""

import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from hpe_study.models import build_model

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def flop_of_training(name, size):
    """Floating-point operations of one image in a training step: forward and backward, a multiplication and
    an addition being two."""
    return _flop(name, size, lambda outputs: (outputs["heatmap"].sum() + outputs["depth"].sum()).backward())


def flop_of_prediction(name, size):
    """The same of one image's forward pass."""
    return _flop(name, size, lambda outputs: None)


def _flop(name, size, after):
    with torch.device("meta"):  # nothing is computed, only counted
        model, image = build_model(name), torch.randn(2, 3, size, size)
    with FlopCounterMode(display=False) as counter:
        after(model(image))
    return counter.get_total_flops() / len(image)


def matrix_rate(size, device, precision="bf16", rounds=20, clock=time.perf_counter):
    """Operations a second of a (size, size) matrix product of random numbers: the median of `rounds`. clock:
    of wall or of CPU time."""
    a, b = (torch.randn(size, size, device=device, dtype=DTYPES[precision]) for _ in range(2))
    seconds = []
    for _ in range(rounds):
        _wait(device)
        start = clock()
        a @ b
        _wait(device)
        seconds.append(clock() - start)
    return 2 * size**3 / sorted(seconds)[rounds // 2]


def _wait(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)
