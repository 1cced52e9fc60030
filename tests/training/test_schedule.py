"""The learning rate of a step and the epochs after which it drops."""

import math

import pytest

from hpe_study.config import TrainingConfig
from hpe_study.training.schedule import drop_epochs, learning_rate

CONFIG = TrainingConfig(epochs=6, learning_rate=0.1, warmup_steps=4, drop_after=(2, 5), drop_factor=0.5)


def test_it_warms_up_and_drops():
    rates = [learning_rate(CONFIG, step // 3, step) for step in range(18)]
    assert rates == pytest.approx([0.025, 0.05, 0.075, *[0.1] * 3, *[0.05] * 9, *[0.025] * 3])


def test_without_a_warm_up_it_is_whole_at_once():
    assert learning_rate(TrainingConfig(learning_rate=0.1), 0, 0) == 0.1


def test_half_a_cosine_falls_from_the_whole_rate_towards_nothing():
    cosine = TrainingConfig(epochs=4, learning_rate=0.1, decay="cosine", warmup_steps=2)
    rates = [learning_rate(cosine, epoch, 3 * epoch) for epoch in range(4)]
    assert rates == pytest.approx([0.05, 0.1 * (2 + math.sqrt(2)) / 4, 0.05, 0.1 * (2 - math.sqrt(2)) / 4])


def test_drops_are_found_in_a_history():
    at_the_end = [learning_rate(CONFIG, epoch, 3 * (epoch + 1)) for epoch in range(6)]
    assert drop_epochs(at_the_end).tolist() == [2, 5]
    assert drop_epochs([0.01, 0.02, 0.02]).tolist() == []
    assert drop_epochs([]).tolist() == []
