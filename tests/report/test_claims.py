"""The ledger: verdicts follow from the data and from nothing else."""

import numpy as np
import pytest

from hpe_study.report import claims
from hpe_study.report.contrasts import (
    BELOW,
    CONTRADICTS,
    FAILS,
    HOLDS,
    OPEN,
    SUPPORTS,
    UNKNOWN,
    Contrast,
    Missing,
    Ours,
    Printed,
    verdict,
)
from hpe_study.report.results import Results
from hpe_study.study import Run


def contrast(low, high, inside=BELOW):
    return Contrast("", (low + high) / 2, low, high, inside)


def test_an_interval_says_what_it_lies_in():
    assert contrast(-3, -1).says == SUPPORTS
    assert contrast(-3, 1).says == OPEN
    assert contrast(1, 3).says == CONTRADICTS
    assert contrast(-8, -4, (-5, 0)).says == OPEN
    assert contrast(-8, -6, (-5, 0)).says == CONTRADICTS
    assert contrast(np.nan, np.nan).says == OPEN


def test_one_contradiction_is_enough_and_one_open_part_leaves_it_open():
    assert verdict([contrast(-3, -1), contrast(-3, -1)]) == HOLDS
    assert verdict([contrast(-3, -1), contrast(1, 3), Missing("", "")]) == FAILS
    assert verdict([contrast(-3, -1), Missing("", "")]) == UNKNOWN
    assert verdict([]) == UNKNOWN


def test_twelve_claims_with_their_published_evidence(ledger):
    assert [entry.number for entry in ledger.entries] == list(range(1, 13))
    assert [entry.published_verdict for entry in ledger.entries] == [HOLDS] * 11 + [UNKNOWN]


def test_published_contrasts_are_differences_of_printed_numbers():
    world = Printed()
    part = world.difference("", [(Run(3, "mpii", "h36m", "h36m"), Run(3, "lsp", "h36m", "h36m"), "h36m")])
    assert part.value == pytest.approx(64.49 - 73.63)
    assert world.minutes("best_occlusion_person", "2d_pretraining")[0] == pytest.approx(740)


def test_our_contrast_is_the_difference_of_means(results):
    part = Ours(results).difference(
        "", [(Run(3, "mpii", "h36m", "h36m"), Run(3, "flic", "h36m", "h36m"), "h36m")]
    )
    runs = results.runs.query("test_set == 'h36m' and scorer == 'model' and metric == 'mpjpe'")
    means = [
        runs[runs["run"].str.startswith(f"stage3-{name}-h36m-h36m-seed")]["value"].mean()
        for name in ("mpii", "flic")
    ]
    assert part.value == pytest.approx(means[0] - means[1], abs=0.05)  # errors of people in half precision
    assert part.low < part.value < part.high
    assert part.paired


def test_verdicts_of_the_fabricated_order(ledger):
    told = {entry.number: entry.verdict for entry in ledger.entries}
    assert told[1] == UNKNOWN  # simulated people: no published number to compare with
    assert told[2] == HOLDS  # MPII's noise is the least, FLIC's the most
    assert told[3] == FAILS  # what learnt from MPI-INF-3DHP is better on it
    assert told[4] == HOLDS
    assert told[7] == HOLDS  # 3D-only epochs take three times as long
    assert told[12] == HOLDS


def test_the_verdict_flips_with_the_data(results):
    """Without predictions the ledger reads runs.csv; there MPII's numbers and FLIC's are exchanged."""
    swapped = Results(results.study)
    swapped._people = None
    told = {entry.number: entry.verdict for entry in claims.ledger(swapped).entries}
    assert told[2] == HOLDS
    values = swapped.runs["value"].copy()
    for seed in (0, 1):
        for deep in ("h36m", "mpi_inf_3dhp", "occlusion_person"):
            first, second = (
                swapped.runs["run"] == f"stage3-{name}-{deep}-{deep}-seed{seed}" for name in ("mpii", "flic")
            )
            values[first], values[second] = (
                swapped.runs.loc[second, "value"].to_numpy(),
                swapped.runs.loc[first, "value"].to_numpy(),
            )
    swapped.runs["value"] = values
    entries = {entry.number: entry for entry in claims.ledger(swapped).entries}
    assert entries[2].verdict == FAILS
    assert not entries[2].ours[0].paired
    assert "not paired" in str(entries[2].ours[0])


def test_equal_sizes_cannot_tell_whether_larger_is_better(results, monkeypatch):
    world = Ours(results)
    monkeypatch.setattr(world, "sizes", dict.fromkeys(world.sizes, 500))
    (part,) = claims.larger_2d_is_better(world)
    assert verdict([part]) == UNKNOWN
    assert "500" in part.why


def test_missing_runs_cannot_tell_and_are_named(without):
    parts = claims.doubling_does_not_reach_mpii(Ours(without("stage3-flic-x2")))
    assert [part.says for part in parts] == [SUPPORTS, OPEN]
    assert verdict(parts) == UNKNOWN
    assert "not run: stage3-flic-x2-h36m-h36m on h36m" in str(parts[1])


def test_the_best_of_half_a_table_is_no_best(without):
    world = Ours(without("stage3-mpii", "stage3-lsp"))
    assert verdict(claims.pretraining_beats_3d_only(world)) == UNKNOWN
    assert "MPII → H36M" in str(claims.pretraining_beats_3d_only(world)[0])
    assert verdict(claims.target_last_larger_first(Ours(without("stage3-only3d-h36m-h36m")))) == UNKNOWN


def test_a_relative_difference_divides_draw_by_draw():
    """The other's own spread is part of a percentage: 10 % of whatever it is in each draw has no spread."""

    class Known(Printed):
        def score(self, run, test_set):
            draws = np.linspace(80, 120, 101)
            return (100.0, draws, True) if run.two_d == "mpii" else (90.0, 0.9 * draws, True)

        def bounds(self, value, draws):
            return draws.min(), draws.max()

    part = Known().difference(
        "", [(Run(3, "lsp", "h36m", "h36m"), Run(3, "mpii", "h36m", "h36m"), "h36m")], relative=True
    )
    assert (part.value, part.low, part.high) == pytest.approx((-10, -10, -10))


def test_time_is_compared_where_the_3d_sets_stand_in_the_papers_order(results, monkeypatch):
    """3D-only is slow in the paper because its 3D sets are large; a profile that caps them cannot bear on the
    claim."""
    world = Ours(results)
    assert verdict(claims.pretraining_is_faster(world)) == HOLDS
    monkeypatch.setattr(world, "sizes", dict.fromkeys(world.sizes, 500))
    (part,) = claims.pretraining_is_faster(world)
    assert part.says == OPEN
    assert "Occlusion-Person 500" in part.why


def test_the_ledger_says_how_far_its_verdicts_go(ledger, results):
    assert any("2 seeds" in note for note in ledger.notes)
    assert any("chosen on the same test" in note for note in ledger.notes)
    alone = Results(results.study)
    alone.runs = alone.runs[alone.runs["seed"] == 0].assign(legacy="crop_pck")
    told = claims.ledger(alone)
    assert any("one seed" in note for note in told.notes)
    assert "turned on: crop_pck" in told.html()


def test_no_drop_of_the_rate_cannot_tell(results):
    constant = Results(results.study)
    constant.history = constant.history.assign(learning_rate=1e-3)
    assert verdict(claims.jump_at_the_drop(Ours(constant))) == UNKNOWN


def test_the_ledger_is_saved_and_says_simulated(ledger, tmp_path):
    ledger.save(tmp_path)
    assert "simulated" in (tmp_path / "claims.html").read_text()
    lines = (tmp_path / "claims.csv").read_text().splitlines()
    assert len(lines) == 13
    assert "published: verdict" in lines[0]
    assert "ours: verdict" in lines[0]
