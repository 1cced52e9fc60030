"""Intervals against literal recomputation."""

import numpy as np
import pandas as pd
import pytest

from hpe_study.report.intervals import Z, interval, mean_draws, mean_of_rows


def row(value, half):
    return {"value": value, "low": value - half, "high": value + half}


def test_one_seed_keeps_its_own_interval():
    estimate = mean_of_rows(pd.DataFrame([row(100.0, 5.0)]))
    assert (estimate.value, estimate.low, estimate.high, estimate.seeds) == (100.0, 95.0, 105.0, 1)


def test_several_seeds_add_their_spread_to_that_of_the_sequences():
    estimate = mean_of_rows(pd.DataFrame([row(90.0, 5.0), row(110.0, 5.0)]))
    between = ((90 - 100) ** 2 + (110 - 100) ** 2) / (2 - 1) / 2
    half = Z * np.sqrt(between + (5.0 / Z) ** 2)
    assert estimate.value == 100.0
    assert estimate.high - estimate.value == pytest.approx(half)


def test_no_rows_give_nothing():
    assert mean_of_rows(pd.DataFrame(columns=["value", "low", "high"])) is None


def test_draws_average_joints_samples_and_seeds():
    values = np.array([[1.0, np.nan], [3.0, 5.0], [7.0, 9.0]])
    value, draws = mean_draws([values, values + 10], np.array(["a", "a", "b"]), "set")
    assert value == pytest.approx((1 + 3 + 5 + 7 + 9) / 5 + 5)
    possible = {(1 + 3 + 5) / 3, (7 + 9) / 2, 5.0}  # both groups, or one of them twice
    assert {round(draw, 6) for draw in draws} <= {
        round(place + seed, 6) for place in possible for seed in (5 - 5 * 2**0.5, 5.0, 5 + 5 * 2**0.5)
    }


@pytest.mark.parametrize("count", [2, 3, 5])
def test_few_seeds_keep_their_whole_spread(count):
    """Drawing n seeds from n has (n − 1)/n of their variance: at two seeds half. As in `mean_of_rows`, none
    of it may get lost."""
    seeds = np.linspace(0, 30, count)
    _, draws = mean_draws(
        [np.full((4, 1), 100 + seed) for seed in seeds], np.array(list("abcd")), "set", 40_000
    )
    assert draws.var() == pytest.approx(seeds.var(ddof=1) / count, rel=0.05)


def test_differences_are_paired():
    """Two runs that differ by 2 mm on every joint differ by 2 mm in every draw, however far apart the
    sequences are."""
    values = np.random.default_rng(0).normal(100, 50, (40, 16))
    groups = np.repeat(np.arange(8).astype(str), 5)
    (_, first), (_, second) = mean_draws([values], groups, "set"), mean_draws([values + 2], groups, "set")
    assert np.ptp(first) > 5
    np.testing.assert_allclose(second - first, 2.0)


def test_no_spread_is_no_interval():
    assert np.isnan(interval(np.full(10, 3.0))).all()
    assert np.isnan(interval([1.0, np.nan])).all()
