"""The ledger: verdicts follow from the data and from nothing else."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hpe_study.config import PAPER_3D
from hpe_study.report import ledger as book
from hpe_study.report.contrasts import BELOW, CONTRADICTS, OPEN, SUPPORTS, Contrast, Missing
from hpe_study.report.evidence import Ours, Printed
from hpe_study.report.ledger import FAILS, HOLDS, UNKNOWN, chance_of, holm, verdict
from hpe_study.report.results import Results
from hpe_study.study.person_errors import PersonErrors, write_errors


def contrast(says, chance=0.01):
    return Contrast("", -1.0, -2.0, -0.5, BELOW, says=says, chance=chance)


def test_one_contradiction_is_enough_and_one_open_part_leaves_it_open():
    supports, against, unsure = contrast(SUPPORTS), contrast(CONTRADICTS), contrast(OPEN)
    assert verdict([supports, supports]) == HOLDS
    assert verdict([supports, against, Missing("", "")]) == FAILS
    assert verdict([supports, unsure]) == UNKNOWN
    assert verdict([]) == UNKNOWN


def test_the_weakest_part_bears_a_claim_and_any_may_break_it():
    assert chance_of([contrast(SUPPORTS, 0.01), contrast(SUPPORTS, 0.03)]) == 0.03
    assert chance_of([contrast(CONTRADICTS, 0.01), contrast(SUPPORTS, 0.001)]) == 0.02
    assert chance_of([contrast(OPEN, 0.4), contrast(SUPPORTS, 0.001)]) == 1.0
    assert np.isnan(chance_of([Missing("", "")]))


def test_holm_by_hand():
    """Four tests: 0.01·4, 0.02·3, 0.03·2 (no less than the one before), 0.5·1; what was no test is left out."""
    adjusted = holm([0.02, 0.5, np.nan, 0.01, 0.03])
    assert adjusted[:2] + adjusted[3:] == pytest.approx([0.06, 0.5, 0.04, 0.06])
    assert np.isnan(adjusted[2])


def entry(ledger, beginning):
    return next(one for one in ledger.entries if one.claim.statement.startswith(beginning))


def test_the_printed_numbers_bear_out_most_of_what_the_paper_says(ledger):
    told = pd.Series({one.claim.statement: verdict(one.printed) for one in ledger.entries})
    failing = told[told == FAILS].index
    assert {text[:20] for text in failing} == {
        "It takes less time a",  # at an equal or better error: 119 mm against 112
        "But no doubling beat",  # LSP ×2 beats MPII after MPI-INF-3DHP
        "Varied 3D data impro",  # LSP ×2 is worse after either varied set
        "Stage 3 improves the",
    }


def test_verdicts_of_the_fabricated_order(ledger):
    """MPII's noise is the least, FLIC's the most; 3D-only epochs take three times as long."""
    ours = {one.claim.statement[:24]: one for one in ledger.entries}
    assert ours["The reproduction matches"].verdict == UNKNOWN  # simulated people
    assert {part.says for part in entry(ledger, "The larger the 2D set").ours} <= {SUPPORTS, OPEN}
    assert entry(ledger, "2D pre-training takes less").verdict == HOLDS
    assert entry(ledger, "LSP + H36M generalises best").ours[0].value > 0


def test_the_verdict_flips_with_the_data(results, ledger):
    """Without errors of people the ledger reads runs.csv; there MPII's numbers and FLIC's are exchanged."""
    swapped = Results(results.study)
    swapped._people = PersonErrors()
    names = swapped.runs["run"]
    swapped.runs["run"] = (
        names.str.replace("-mpii-", "-none-").str.replace("-flic-", "-mpii-").str.replace("-none-", "-flic-")
    )
    before = entry(ledger, "The larger the 2D set").ours
    after = entry(book.build(swapped), "The larger the 2D set").ours
    assert all(part.value < 0 for part in before)
    assert any(part.value > 0 for part in after)
    assert not after[0].paired
    assert "not paired" in str(after[0])


def test_contrasts_from_published_errors_are_those_from_the_predictions(results, ledger, tmp_path):
    """Errors of a claim's runs are written anew from predictions and labels, and it comes out the same."""
    beginning = "2D pre-training beats"
    claim = next(claim for claim in book.CLAIMS if claim.statement.startswith(beginning))
    runs = {run for part in claim.parts for pair in part.pairs for term in pair for run in term.runs}
    study = results.study
    folders = {run.name: study.run_folder(run) for run in study.runs if replace(run, seed=0) in runs}
    assert len(folders) == 2 * len(runs)
    write_errors(tmp_path / "errors.h5", folders, {name: study.labels_path(name) for name in study.sets})
    anew = Results(study)
    anew._people = PersonErrors(tmp_path / "errors.h5")
    for one, other in zip(entry(ledger, beginning).ours, book.contrasts_of(claim, Ours(anew)), strict=True):
        assert one.paired
        assert other.paired
        assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))


def test_sizes_out_of_order_cannot_tell(results, monkeypatch):
    ours = Ours(results)
    monkeypatch.setattr(ours, "sizes", dict.fromkeys(ours.sizes, 500))
    claim = next(claim for claim in book.CLAIMS if claim.statement.startswith("2D pre-training takes"))
    (part,) = book.contrasts_of(claim, ours)
    assert part.says == OPEN
    assert "Occlusion-Person 500" in part.takes


def test_a_capped_epoch_is_not_the_size_of_its_set(results):
    """The larger 3D sets' own schedule takes as many images an epoch from each of them."""
    capped = Results(results.study)
    capped.runs = capped.runs.assign(images_seen=np.where(capped.runs["scheme"] == "3d", 100, np.nan))
    held = {name: results.study.profile.source(name).simulate.train for name in PAPER_3D}
    assert {name: Ours(capped).sizes[name] for name in held} == held


def test_missing_runs_cannot_tell_and_are_named(without):
    parts = entry(book.build(without("stage3-flic-x2")), "But no doubling").ours
    assert sum(isinstance(part, Missing) for part in parts) == 3
    assert str(parts[1]).endswith("not run: stage3-flic-x2-h36m-h36m on h36m")


def test_the_ledger_says_how_far_its_verdicts_go(ledger, results):
    assert any("2 seeds" in note for note in ledger.notes)
    alone = Results(results.study)
    alone.runs = alone.runs[alone.runs["seed"] == 0].assign(legacy="crop_pck")
    alone.history = alone.history[alone.history["seed"] == 0]
    told = book.build(alone)
    assert any("One seed" in note for note in told.notes)
    assert any("turned on: crop_pck" in note for note in told.notes)


def test_a_claim_on_one_seed_is_not_judged_by_holm_beside_claims_on_two(results):
    fewer, doubled = Results(results.study), results.runs["epoch_scale"] == 2
    fewer.runs = fewer.runs[~doubled | (fewer.runs["seed"] == 0)]
    claim = entry(book.build(fewer), "Doubling epochs")
    assert (claim.seeds, claim.holm_verdict) == (1, UNKNOWN)
    assert claim.holm_takes


def test_the_ledger_is_saved_and_says_simulated(ledger, tmp_path):
    ledger.save(tmp_path)
    claims = pd.read_csv(tmp_path / "claims.csv")
    contrasts = pd.read_csv(tmp_path / "contrasts.csv")
    assert len(claims) == len(book.CLAIMS)
    assert claims["ours: simulated"].all()
    assert {"published: verdict", "ours: verdict", "ours: Holm verdict"} < set(claims)
    assert contrasts["claim"].nunique() == len(book.CLAIMS)
    undecided, told = claims["ours: Holm verdict"] == UNKNOWN, claims["ours: verdict"] != UNKNOWN
    assert claims.loc[undecided, "ours: what it would take after Holm"].notna().all()
    assert claims.loc[told, "ours: what it would take"].isna().all()
    assert claims.loc[~undecided, "ours: what it would take after Holm"].isna().all()
    assert "simulated" in ledger.heading
    assert f"Of {len(book.CLAIMS)} claims, on simulated people" in ledger.sentence().data


def test_printed_contrasts_have_no_spread():
    claim = next(claim for claim in book.CLAIMS if claim.statement.startswith("2D pre-training beats"))
    for part in book.contrasts_of(claim, Printed()):
        assert part.low == part.value == part.high
        assert part.says == SUPPORTS
