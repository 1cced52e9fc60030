"""What training costs."""

import numpy as np
import pytest

from hpe_study.report import figures, timing
from hpe_study.report.table import OURS
from hpe_study.study import Run
from tests.report.fabricated import EPOCHS, seconds_of


def test_totals_are_sums_over_the_line(results):
    table = timing.timing_table(results.runs)
    minutes = {column.source: column for column in table.columns if column.title == "minutes"}
    row = table.rows.index(("MPI-INF-3DHP", "2D pre-training", "all", "total"))
    extra = sum(0.1 * (epoch % 3) for epoch in range(1, EPOCHS + 1))
    assert table.cell(row, minutes[OURS]).value == pytest.approx(
        3 * (EPOCHS * seconds_of(Run(1, "lsp")) + extra) / 60
    )
    assert table.cell(row, minutes["published"]).value == pytest.approx(337.7)


def test_the_pareto_front_holds_undominated_runs():
    minutes, errors = np.array([1.0, 2.0, 3.0, 4.0, 1.0]), np.array([90.0, 95.0, 60.0, 60.0, 99.0])
    assert timing.pareto_front(minutes, errors) == [0, 2]


def test_total_draws_match_the_histories(results):
    run = timing.LAST_RUN["best_occlusion_person", "3d_only"]
    total, draws = timing.total_draws(results.history, run, results.seeds)
    rows = results.history[
        results.history["run"].isin(
            [f"{member.name[:-1]}{seed}" for member in run.lineage for seed in (0, 1)]
        )
    ]
    assert total == pytest.approx(rows["seconds"].sum() / 2 / 60)
    assert abs(draws.mean() - total) < 0.02 * total


def test_the_table_and_the_plot_keep_their_own_pages(results, tmp_path):
    """Both are called timing; the plot's page to turn by hand must not replace the table's."""
    timing.timing_table(results.runs).save(tmp_path)
    figures.timing(results).save(tmp_path)
    assert "<table" in (tmp_path / "timing.html").read_text()
    assert "plotly" in (tmp_path / "timing-interactive.html").read_text()


def test_a_run_that_is_lacking_has_no_total(without):
    partial = without("stage3-only3d-mpi_inf_3dhp-occlusion_person")
    assert (
        timing.total_draws(
            partial.history, timing.LAST_RUN["best_occlusion_person", "3d_only"], partial.seeds
        )
        is None
    )
    assert "not run" in timing.timing_table(partial.runs).html()
