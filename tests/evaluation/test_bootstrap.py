"""Means against a literal twin, intervals that cover and that respect groups."""

import numpy as np
import pytest

from hpe_study.evaluation.bootstrap import estimate


def test_estimate_equals_its_literal_twin():
    random = np.random.default_rng(0)
    values = random.normal(100, 20, (30, 4))
    values[random.random(values.shape) < 0.3] = np.nan
    values[7] = np.nan
    interval = estimate(values, np.array([f"g{i % 6}" for i in range(30)]))
    total = count = samples = 0
    for row in values:
        samples += any(v == v for v in row)
        for v in row:
            if v == v:
                total, count = total + v, count + 1
    assert interval["value"] == pytest.approx(total / count)
    assert interval["n"] == samples
    assert interval["groups"] == 6
    assert interval["low"] < interval["value"] < interval["high"]
    assert interval == estimate(values, np.array([f"g{i % 6}" for i in range(30)]))


def test_intervals_take_groups_seriously():
    """Frames of one sequence repeat each other: the interval by sequence is wider than the one by frame."""
    random = np.random.default_rng(0)
    values = (random.normal(100, 20, (10, 1, 1)) + random.normal(0, 1, (10, 20, 1))).reshape(200, 1)
    by_frame = estimate(values, np.arange(200).astype(str))
    by_sequence = estimate(values, np.repeat(np.arange(10), 20).astype(str))
    width = lambda row: row["high"] - row["low"]  # noqa: E731
    assert width(by_sequence) > 3 * width(by_frame)
    alone = estimate(values, np.full(200, "one"))
    assert np.isnan(alone["low"])


def test_intervals_cover_the_truth():
    random, hits = np.random.default_rng(1), 0
    for _ in range(200):
        interval = estimate(random.normal(50, 10, (40, 1)), np.arange(40).astype(str))
        hits += interval["low"] <= 50 <= interval["high"]
    assert 0.88 < hits / 200 < 0.99
