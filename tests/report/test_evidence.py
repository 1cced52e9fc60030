"""Printed numbers, run records, and the one rule that looks at curves: placebo cuts must give nothing."""

import numpy as np
import pandas as pd
import pytest

from hpe_study.report.contrasts import AT_DROP, BELOW, MINUTES, OPEN, OWN, SUPPORTS, judge
from hpe_study.report.evidence import AFTER, Ours, Printed, jump_at_drop
from hpe_study.report.intervals import DRAWS, Sample
from hpe_study.report.results import Results
from hpe_study.study import Run
from hpe_study.study.person_errors import PersonErrors
from hpe_study.study.runs import LAST_RUN

MPII = Run(3, "mpii", "h36m", "h36m")


def test_printed_numbers_are_the_papers():
    printed = Printed()
    assert printed.sample(MPII, "h36m", [0]).value == pytest.approx(64.49)
    assert printed.sample(MPII.parent, OWN, [0]).value == pytest.approx(63.54)
    run = LAST_RUN["best_occlusion_person", "2d_pretraining"]
    assert printed.sample(run, MINUTES, [0]).value == pytest.approx(740)
    misprinted = Run(3, "flic", "occlusion_person", "occlusion_person")
    assert printed.sample(misprinted, OWN, [0]) is None
    assert printed.jump(("mpjpe",)) is None
    once, twice = (printed.sample(Run(2, "lsp", "h36m", None, scale), AT_DROP, [0]) for scale in (1, 2))
    assert (once.value, twice.value) == (60, 55)


def test_our_numbers_are_those_of_the_records(results):
    ours = Ours(results)
    assert ours.seeds(MPII) == {0, 1}
    assert ours.seeds(Run(3, "mpii", "h36m", "h36m", 3)) == set()
    rows = results.of(MPII, "h36m")
    assert ours.sample(MPII, "h36m", [0, 1]).value == pytest.approx(rows["value"].mean(), abs=0.05)
    assert ours.sample(MPII, OWN, [0]).value == pytest.approx(rows["value"].iloc[0], abs=0.05)
    minutes = ours.sample(MPII, MINUTES, [0, 1])
    assert minutes.value == pytest.approx(rows["seconds_line"].mean() / 60, rel=0.2)


def test_without_errors_of_people_intervals_come_from_the_table_and_say_so(results):
    alone = Results(results.study)
    alone._people = PersonErrors()
    sample = Ours(alone).sample(MPII, "h36m", [0, 1])
    assert not sample.paired
    assert sample.value == pytest.approx(results.of(MPII, "h36m")["value"].mean())
    assert MPII.name in alone.unpaired
    assert results.unpaired == []


# ---------------------------------------------------------------- curves


def curve(values, drop, validate_every=1):
    epochs = np.arange(1, len(values) + 1)
    values = np.where(epochs % validate_every == 0, values, np.nan)
    rates = np.where(epochs <= drop, 1e-3, 1e-4)
    return pd.DataFrame({"epoch": epochs, "learning_rate": rates, "mpjpe": values})


SHAPES = {
    "power law": lambda epoch: 300 * epoch**-0.45,
    "to a floor": lambda epoch: 90 + 200 * np.exp(-epoch / 3),
    "slow": lambda epoch: 260 - 40 * np.log(epoch),
    "flat": lambda epoch: np.full(len(epoch), 120.0),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cut", [6, 7, 8, 9])
def test_a_convex_curve_without_a_drop_gives_next_to_nothing(shape, cut):
    """The rule before this one gave up to +38 mm here."""
    values = SHAPES[shape](np.arange(1.0, 13))
    assert abs(jump_at_drop(curve(values, cut), ("mpjpe",))) < 4.0


def test_a_jump_is_found_and_has_its_size():
    epoch = np.arange(1.0, 13)
    values = 300 * epoch**-0.45 * np.where(epoch > 9, 0.9, 1.0)
    assert jump_at_drop(curve(values, 9), ("mpjpe",)) == pytest.approx(-10, abs=0.1)
    assert jump_at_drop(curve(values, 9), ("mpjpe",), early=AFTER) == pytest.approx(0, abs=0.1)
    sparse = curve(values, 9, validate_every=2)
    assert jump_at_drop(sparse, ("mpjpe",)) == pytest.approx(-10, abs=0.1)


def test_of_two_columns_the_difference_counts_where_both_are_known():
    epoch = np.arange(1.0, 25)
    training = 300 * epoch**-0.45 * np.where(epoch > 18, 0.9, 1.0)
    curves = curve(training, 18).assign(validation=curve(300 * epoch**-0.45, 18, validate_every=2)["mpjpe"])
    assert jump_at_drop(curves, ("mpjpe", "validation")) == pytest.approx(-10, abs=0.1)
    training[18] *= 5  # an epoch that was not validated
    assert jump_at_drop(curves.assign(mpjpe=training), ("mpjpe", "validation")) == pytest.approx(-10, abs=0.1)


def test_too_few_values_tell_nothing():
    assert jump_at_drop(curve(np.linspace(200, 100, 6), 3), ("mpjpe",)) is None
    assert jump_at_drop(curve(np.linspace(200, 100, 12), 12), ("mpjpe",)) is None


def test_the_fabricated_jump_is_seen_and_its_placebo_is_not(results):
    """Over all stage-2 runs: -20 % or so at the drop, nothing two epochs before."""
    ours = Ours(results)
    at_drop, placebo = ours.jump(("mpjpe",)), ours.jump(("mpjpe",), placebo=True)
    assert judge(at_drop, BELOW)[0] == SUPPORTS
    assert at_drop.value < -10
    assert abs(placebo.value) < 3


@pytest.mark.parametrize("seed", range(3))
def test_noisy_placebo_cuts_support_no_claim(seed):
    """30 noisy convex curves, cut where nothing happens: the interval holds 0."""
    rng = np.random.default_rng(seed)
    epoch = np.arange(1.0, 13)
    jumps = []
    for _ in range(30):
        values = (rng.uniform(200, 300) * epoch ** -rng.uniform(0.2, 0.5)) * np.exp(rng.normal(0, 0.02, 12))
        jumps.append(jump_at_drop(curve(values, 9), ("mpjpe",), early=AFTER))
    jumps = np.array(jumps)
    draws = jumps[rng.integers(30, size=(DRAWS, 30))].mean(1)
    assert judge(Sample(jumps.mean(), draws, jumps[:1]), BELOW)[0] == OPEN
