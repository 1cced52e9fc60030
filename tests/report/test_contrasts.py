"""The one rule of the ledger and the audit: what a number with its spread says about a range."""

import numpy as np
import pytest

from hpe_study.report.contrasts import (
    ABOVE,
    BELOW,
    CONTRADICTS,
    OPEN,
    SUPPORTS,
    Evidence,
    Missing,
    Part,
    Term,
    judge,
    size_of,
    what_it_takes,
)
from hpe_study.report.intervals import DRAWS, Sample
from hpe_study.study import Run

MPII, LSP, FLIC = (Run(3, name, "h36m", "h36m") for name in ("mpii", "lsp", "flic"))


def around(value, spread=1.0, seeds=(0.0,), key=0):
    people = value + spread * np.random.default_rng(key).standard_normal(DRAWS)
    return Sample(float(value), people, value + np.array(seeds))


def test_an_interval_says_what_it_lies_in():
    assert judge(around(-4), BELOW)[0] == SUPPORTS
    assert judge(around(-1), BELOW)[0] == OPEN
    assert judge(around(4), BELOW)[0] == CONTRADICTS
    assert judge(around(4), ABOVE)[0] == SUPPORTS
    assert judge(around(-5), (-5.0, 5.0))[0] == OPEN
    assert judge(around(0), (-5.0, 5.0))[0] == SUPPORTS
    assert judge(around(-9), (-5.0, 5.0))[0] == CONTRADICTS


def test_the_chance_agrees_with_the_interval():
    for value in np.linspace(-3, 3, 25):
        sample = around(value)
        low, high = sample.interval
        assert (judge(sample, BELOW)[0] == OPEN) == (low <= 0 <= high)
        assert (judge(sample, BELOW)[1] < 0.05) == (judge(sample, BELOW)[0] != OPEN)


def test_a_number_without_spread_is_open_unless_it_is_exact():
    assert judge(Sample.exactly(-3), BELOW)[0] == OPEN
    assert judge(Sample.exactly(-3), BELOW, exact=True)[0] == SUPPORTS


def test_a_larger_effect_is_said_and_vetoes_nothing():
    assert size_of(around(-2, 0.5), (-5.0, 5.0)) == "within"
    assert size_of(around(-30), (-5.0, 5.0)) == "larger"
    assert size_of(around(-5), (-5.0, 5.0)) == "can't tell"


def test_what_it_takes_is_enough_and_no_less():
    """Ten seeds' worth: with that many the interval of Student's t is just narrower than the effect."""
    sample = around(-1.0, 0.01, seeds=(-1.5, 1.5, -1.0, 1.0, 0.0))
    more = int(what_it_takes(sample).split()[0])
    spread = sample.seeds.std(ddof=1)

    def half(seeds):
        from scipy import stats

        return stats.t.ppf(0.975, seeds - 1) * spread / np.sqrt(seeds)

    assert half(more) < 1.0 < half(more - 1)
    people = what_it_takes(around(-1.0, 1.0))
    assert float(people.split()[0]) == pytest.approx(1.96**2, rel=0.1)
    assert "next to nothing" in what_it_takes(around(-0.001, 1.0))
    assert what_it_takes(Sample.exactly(-3)).startswith("more seeds")


class Known(Evidence):
    """Runs of known errors, each with a spread of its own."""

    errors = {MPII: 60.0, LSP: 70.0, FLIC: 90.0}

    def seeds(self, run):
        return {0, 1, 2} if run in self.errors else set()

    def sample(self, run, on, seeds):
        return around(self.errors[run], 0.5, np.linspace(-1, 1, len(seeds)), key=int(self.errors[run]))


def part(first, second, **options):
    return Part("{first} − {second}", ((Term(first, "h36m"), Term(second, "h36m")),), **options)


def test_a_part_is_the_difference_of_its_sides():
    contrast = Known().contrast(part((MPII,), (LSP,)))
    assert contrast.value == pytest.approx(-10)
    assert (contrast.says, contrast.seeds, contrast.unit) == (SUPPORTS, 3, "mm")
    assert contrast.title == "MPII → H36M − LSP → H36M"
    relative = Known().contrast(part((MPII,), (LSP,), size=(-5.0, 5.0)))
    assert (relative.says, relative.size) == (SUPPORTS, "larger")
    assert relative.percent == pytest.approx(100 * (60 - 70) / 70)


def test_the_best_of_several_is_chosen_in_every_draw():
    contrast = Known().contrast(part((FLIC, LSP, MPII), (FLIC,)))
    assert contrast.title.startswith("MPII → H36M")
    assert contrast.value == pytest.approx(-30)


def test_what_was_not_run_is_named():
    other = Run(3, "mpii", "mpi_inf_3dhp", "mpi_inf_3dhp")
    missing = Known().contrast(part((other,), (MPII,)))
    assert isinstance(missing, Missing)
    assert missing.takes == "not run: stage3-mpii-mpi_inf_3dhp-mpi_inf_3dhp on h36m"


class Curves(Evidence):
    """Curves whose jump and whose placebo are given."""

    def __init__(self, jump, placebo):
        self.jumps = {False: jump, True: placebo}

    def jump(self, columns, placebo=False):
        return self.jumps[placebo]


@pytest.mark.parametrize(
    ("jump", "placebo", "says"),
    [(-10.0, 0.0, SUPPORTS), (-10.0, -9.0, OPEN), (10.0, 0.0, CONTRADICTS), (10.0, 9.0, OPEN)],
)
def test_what_a_placebo_cut_shows_too_is_no_effect_of_the_drop(jump, placebo, says):
    part = Part("training MPJPE", (), BELOW, jump=("mpjpe",), unit="%")
    assert Curves(around(jump, 1.0), around(placebo, 1.0)).contrast(part).says == says


def test_a_jump_without_a_placebo_is_not_judged():
    part = Part("training MPJPE", (), BELOW, jump=("mpjpe",), unit="%")
    assert isinstance(Curves(around(-10.0, 1.0), None).contrast(part), Missing)
