"""What training costs: minutes per epoch and stage, totals per scheme beside the paper's four, and error
against training time."""

import numpy as np
import pandas as pd

from hpe_study.config import SETS_3D
from hpe_study.report.intervals import DRAWS
from hpe_study.report.results import defects, is_simulated, legacy_of, named, rows_of, seeds_of
from hpe_study.report.style import SCHEME_TITLES, set_title
from hpe_study.report.table import NOT_RUN, OURS, PUBLISHED, Cell, Column, Table
from hpe_study.study import Run
from hpe_study.study.published import published, total_minutes
from hpe_study.study.runs import paper_table
from hpe_study.utils.rng import generator

LAST_RUN = {  # of the paper's four totals: the run whose line cost them
    ("best_occlusion_person", "2d_pretraining"): Run(3, "mpii", "occlusion_person", "occlusion_person"),
    ("best_occlusion_person", "3d_only"): Run(3, None, "mpi_inf_3dhp", "occlusion_person"),
    ("best_mpi_inf_3dhp", "2d_pretraining"): Run(3, "lsp", "h36m", "h36m"),
    ("best_mpi_inf_3dhp", "3d_only"): Run(3, None, "occlusion_person", "mpi_inf_3dhp"),
}
SCHEMES = {"2d_pretraining": "2D pre-training", "3d_only": "3D only"}


def schemes():
    """Every last run of Tables 1 to 3, each once: what a plot of error against time shows."""
    return list(dict.fromkeys(run for table in (1, 2, 3) for run in paper_table(table)))


def label(run):
    """A scheme in a few words: `LSP ×2 → H36M → Occlusion-Person`."""
    scale = f" ×{run.epoch_scale}" if run.epoch_scale != 1 else ""
    first = set_title(run.two_d) + scale if run.two_d else "3D only"
    sets = [run.three_d] if run.three_d == run.target else [run.three_d, run.target]
    return " → ".join([first, *(set_title(name) for name in sets if name)])


def timing_table(runs):
    """The paper's four comparisons, stage by stage: minutes per epoch, epochs, totals; ours and theirs in
    columns of their own."""
    ours = (
        Column(OURS, "", "minutes per epoch", None, 3),
        Column(OURS, "", "epochs", None, 0),
        Column(OURS, "", "minutes", None, 2),
    )
    theirs = tuple(
        Column(PUBLISHED, column.group, column.title, None, digits)
        for column, digits in zip(ours, (2, 0, 1), strict=True)
    )
    table = Table(
        "timing",
        "Training time",
        ("best scheme for", "scheme", "stage", "data"),
        (*ours, *theirs),
        is_simulated(runs),
    )
    devices = ", ".join(sorted(runs["device"].astype(str).unique()))
    table.notes += [
        *defects(legacy_of(runs)),
        (
            f"Ours: training alone, without validation and preparation, on {devices}; mean over n ="
            f" {len(seeds_of(runs))} seed(s). Epochs and images per epoch are this profile's."
        ),
    ]
    for (comparison, scheme), stages in published("timing").groupby(["comparison", "scheme"], sort=False):
        target, run = set_title(comparison.removeprefix("best_")), LAST_RUN[comparison, scheme]
        for printed, member in zip(stages.to_dict("records"), run.lineage, strict=True):
            values = (
                printed["minutes_per_epoch"],
                printed["epochs"],
                printed["minutes_per_epoch"] * printed["epochs"],
            )
            cells = _own_cells(runs, member, ours) | {
                column: Cell(value) for column, value in zip(theirs, values, strict=True)
            }
            table.add((target, SCHEMES[scheme], str(member.stage), printed["data"]), cells)
        total = _own_cells(runs, run, ours[2:], whole_line=True) | {
            theirs[2]: Cell(total_minutes()[comparison, scheme])
        }
        table.add((target, SCHEMES[scheme], "all", "total"), total)
    return table


def _own_cells(runs, run, columns, whole_line=False):
    made = named(runs, run).drop_duplicates("run")
    if made.empty:
        return {column: Cell(words=NOT_RUN) for column in columns}
    if whole_line:
        return {columns[0]: Cell(made["seconds_line"].mean() / 60, seeds=len(made))}
    values = (made["seconds_per_epoch"].mean() / 60, made["epochs"].mean(), made["seconds"].mean() / 60)
    return {column: Cell(value, seeds=len(made)) for column, value in zip(columns, values, strict=True)}


def cost_and_error(runs):
    """One row a scheme and 3D test set: run, scheme, label, two_d, test_set, minutes (with ancestors), mpjpe
    (mm): means over seeds."""
    lines = []
    for run in schemes():
        for test_set in SETS_3D:
            rows = rows_of(runs, run, test_set)
            if len(rows):
                known = {
                    "label": label(run),
                    "scheme": run.scheme,
                    "two_d": run.two_d or "",
                    "target": run.target,
                    "test_set": test_set,
                }
                lines.append(
                    known
                    | {
                        "minutes": rows["seconds_line"].mean() / 60,
                        "mpjpe": rows["value"].mean(),
                        "seeds": len(rows),
                    }
                )
    columns = ["label", "scheme", "two_d", "target", "test_set", "minutes", "mpjpe", "seeds"]
    return pd.DataFrame(lines, columns=columns).assign(
        scheme_title=lambda table: table["scheme"].map(SCHEME_TITLES)
    )


def pareto_front(minutes, errors):
    """Indices of the schemes that no other beats in both time and error, cheapest first."""
    order = np.lexsort((errors, minutes))
    best, front = np.inf, []
    for i in order:
        if errors[i] < best:
            best = errors[i]
            front.append(int(i))
    return front


def total_draws(history, run, seeds):
    """(minutes, draws) of a scheme's training time; epochs of a stage are resampled with their stage. None
    where a stage was not run."""
    random = generator(f"seconds of {run.name}", 0)
    total, drawn = 0.0, 0.0
    for member in run.lineage:
        seconds = named(history, member)["seconds"].to_numpy(float) / len(seeds) / 60
        if len(seconds) == 0:
            return None
        total += seconds.sum()
        drawn = drawn + seconds[random.integers(len(seconds), size=(DRAWS, len(seconds)))].sum(1)
    return total, drawn
