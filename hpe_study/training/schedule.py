"""The learning rate: what it is in a step, and after which epochs it drops."""

import math
from collections.abc import Sequence

import numpy as np

from hpe_study.config import TrainingConfig


def learning_rate(config: TrainingConfig, epoch: int, step: int) -> float:
    """Linear warm-up, then constant, times `drop_factor` after each epoch of `drop_after`, or half a cosine.

    The epoch counts whole epochs before this step, `step` the steps before it in all epochs.
    """
    warm_up = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    if config.decay == "cosine":
        return config.learning_rate * warm_up * (1 + math.cos(math.pi * epoch / config.epochs)) / 2
    drops = sum(epoch >= drop for drop in config.drop_after)
    return config.learning_rate * config.drop_factor**drops * warm_up


def drop_epochs(rates: Sequence[float]) -> np.ndarray:
    """The epochs after which the learning rate drops (to be marked half an epoch later)."""
    rates = np.asarray(rates, float)
    return 1 + np.flatnonzero(rates[1:] < rates[:-1])
