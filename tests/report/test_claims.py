"""The claims as data: each names runs of the paper's tables or of Table 4."""

import pytest

from hpe_study.report.claims import CLAIMS
from hpe_study.study.runs import paper_table, table4

GRID = {
    run
    for last in (*(r for t in (1, 2, 3) for r in paper_table(t)), *table4("mpii", "h36m"))
    for run in last.lineage
}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.statement[:40])
def test_a_claim_names_runs_that_are_made_and_what_bears_it_out(claim):
    assert claim.parts
    for part in claim.parts:
        assert part.inside or part.size
        assert bool(part.pairs) != bool(part.jump)
        assert {run for pair in part.pairs for term in pair for run in term.runs} <= GRID


def test_claims_speak_of_all_their_cells():
    by_start = {claim.statement[:30]: claim for claim in CLAIMS}
    larger = by_start["The larger the 2D set, the bet"]
    assert sum(len(part.pairs) for part in larger.parts) == 18  # nine cells, two steps
    assert len(by_start["But no doubling beats MPII on "].parts) == 6
    assert len(by_start["All nine cells of FLIC improve"].parts) == 9
    assert all(len(part.pairs) == 1 for part in by_start["Varied 3D data improve general"].parts)
    assert len(by_start["Varied 3D data improve general"].parts) == 6  # a mean hides cells of another sign
    assert len(by_start["Training on the synthetic set "].parts) == 6
