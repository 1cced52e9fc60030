"""Intervals against literal recomputation."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from hpe_study.evaluation.bootstrap import Units
from hpe_study.report.intervals import (
    DRAWS,
    Sample,
    Z,
    combined,
    interval,
    mean_of_rows,
    sample_of_arrays,
    seed_offsets,
)
from hpe_study.study import Run

MPII, FLIC = Run(3, "mpii", "h36m", "h36m"), Run(3, "flic", "h36m", "h36m")


def row(value, half):
    return {"value": value, "low": value - half, "high": value + half}


def test_one_seed_keeps_its_own_interval():
    estimate = mean_of_rows(pd.DataFrame([row(100.0, 5.0)]))
    assert estimate == {"value": 100.0, "low": 95.0, "high": 105.0, "seeds": 1}


def test_several_seeds_add_their_spread_to_that_of_the_people():
    estimate = mean_of_rows(pd.DataFrame([row(90.0, 5.0), row(110.0, 5.0)]))
    between = ((90 - 100) ** 2 + (110 - 100) ** 2) / (2 - 1) / 2
    half = Z * np.sqrt(between + (5.0 / Z) ** 2)
    assert estimate["value"] == 100.0
    assert estimate["high"] - estimate["value"] == pytest.approx(half)


@pytest.mark.parametrize("count", [5, 8])
def test_few_seeds_have_the_interval_of_students_t(count):
    seeds = np.random.default_rng(0).normal(100, 10, count)
    low, high = interval(100 + seed_offsets(seeds))
    half = stats.t.ppf(0.975, count - 1) * seeds.std(ddof=1) / np.sqrt(count)
    assert (high - low) / 2 == pytest.approx(half, rel=0.12)


@pytest.mark.parametrize("count", [4, 6])
def test_few_people_have_the_interval_of_students_t(count):
    """Of people with many alike records each, only how people differ is unsure."""
    people = np.random.default_rng(0).normal(100, 10, count)
    units = Units(np.arange(count), np.arange(count), np.arange(count))
    low, high = sample_of_arrays([people[:, None]], units, "test").interval
    half = stats.t.ppf(0.975, count - 1) * people.std(ddof=1) / np.sqrt(count)
    assert (high - low) / 2 == pytest.approx(half, rel=0.15)


def test_one_seed_knows_nothing_of_seeds():
    assert (seed_offsets(np.array([3.0])) == 0).all()


def test_differences_are_paired(results):
    """A run less itself, 2 mm worse on every joint, differs by 2 mm in every draw."""
    first = results.sample(MPII, "h36m")
    other = Sample(first.value + 2, first.people + 2, first.seeds + 2)
    difference = combined(np.subtract, [other, first])
    assert np.ptp(first.draws) > 1
    np.testing.assert_allclose(difference.draws, 2.0)


def test_a_chance_is_that_of_lying_on_the_other_side():
    people = np.concatenate([np.full(DRAWS // 100, 1.0), np.full(DRAWS - DRAWS // 100, -3.0)])
    assert Sample(-3.0, people, np.array([-3.0])).chance() == pytest.approx(0.02, abs=1e-3)
    assert np.isnan(Sample.exactly(5.0).chance())


def test_no_spread_is_no_interval():
    assert np.isnan(interval(np.full(10, 3.0))).all()
    assert np.isnan(interval([1.0, np.nan])).all()


def test_one_contrast_by_hand(results):
    """MPII − FLIC on H36M from `errors.h5` in a few lines of NumPy; nothing of the package's but the file."""
    import h5py

    with h5py.File(results.study.errors_path) as file:
        people = file["h36m"]
        names = [name.decode() for name in people["runs"]]
        joints, errors = people["mpjpe joints"][()].astype(float), people["mpjpe"][()].astype(float)
        person = people["person"][()]
    means = (errors * joints).sum(1) / joints.sum()
    of = {
        flat: [names.index(f"stage3-{flat}-h36m-h36m-seed{seed}") for seed in (0, 1)]
        for flat in ("mpii", "flic")
    }
    by_hand = means[of["mpii"]].mean() - means[of["flic"]].mean()
    ours = combined(np.subtract, [results.sample(MPII, "h36m"), results.sample(FLIC, "h36m")])
    assert ours.value == pytest.approx(by_hand)
    assert ours.seeds == pytest.approx(means[of["mpii"]] - means[of["flic"]])
    rng, difference = np.random.default_rng(0), (errors[of["mpii"]] - errors[of["flic"]]).mean(0)
    draws = []  # people alone: coarser than the package's, which draws their sequences and moments too
    for _ in range(2000):
        chosen = np.concatenate([np.flatnonzero(person == who) for who in rng.choice(3, 3)])
        draws.append((difference * joints)[chosen].sum() / joints[chosen].sum())
    assert np.mean(draws) == pytest.approx(ours.people.mean(), abs=1.0)
    assert np.std(draws) <= ours.people.std() * 1.1
