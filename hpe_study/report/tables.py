"""Tables 1 to 5: functions of `runs.csv` (`records.read_runs`) and of the published numbers, and of nothing else.

Tables 4 and 5 read two columns each that only their runs have, see `table4` and `table5`.
"""

from hpe_study.params import SETS_2D, SETS_3D
from hpe_study.protocols import protocol
from hpe_study.report.intervals import mean_of_rows
from hpe_study.report.published import PCKH_NOTE, published
from hpe_study.report.results import BASELINES, MODEL, is_simulated, named, rows_of, scored, seeds_of
from hpe_study.report.style import set_title
from hpe_study.report.table import MARKS, NOT_RUN, OURS, PUBLISHED, Cell, Column, Table
from hpe_study.scoring import PROTOCOL
from hpe_study.study import LEVEL_SET, Run

ON_TEST = "MPJPE (mm) on the test set of"
PUBLISHED_SCORES = {  # column of the published csv → group, title
    "s1_pckh": ("stage 1", "PCKh as printed (%)"),
    "s2_pckh": ("stage 2", "PCKh as printed (%)"),
    "s2_mpjpe": ("stage 2", "MPJPE (mm)"),
    "s3_pckh": ("stage 3", "PCKh as printed (%)"),
    "s3_mpjpe": ("stage 3", "MPJPE (mm)"),
    **{f"test_{name}": (ON_TEST, set_title(name)) for name in SETS_3D},
}
TESTS = {name: Column(OURS, ON_TEST, set_title(name)) for name in SETS_3D}


def table1(runs):
    """2D pre-training, then both: each 2D set × each 3D set. Scores of stages 1 and 2 are on their own test set, all of it."""
    title = "Table 1. 2D pre-training, then 2D and 3D together"
    table = _table("table1", title, ("2D set", "3D set"), (1, 2, 3), published("table1"), runs)
    printed = {}
    for row in published("table1").to_dict("records"):
        if _is_reference(row):
            table.add((set_title(row["train_2d"]), f"{set_title(row['train_3d'])}, {row['note']}"), _published_cells(table, row))
        else:
            printed[row["train_2d"], row["train_3d"]] = row
    for flat in SETS_2D:
        for deep in SETS_3D:
            cells = _our_cells(runs, Run(3, flat, deep, deep)) | _published_cells(table, printed[flat, deep])
            table.add((set_title(flat), set_title(deep)), cells)
    _add_baselines(table, runs, [Run(3, flat, deep, deep) for deep in SETS_3D for flat in SETS_2D])
    return table


def table2(runs):
    """3D only: no 2D set and no stage 1; each 3D set in stage 2 × each in stage 3."""
    table = _table("table2", "Table 2. 3D only", ("3D set, stage 2", "3D set, stage 3"), (2, 3), published("table2"), runs)
    for row in published("table2").to_dict("records"):
        first, last = row["stage2_3d"], row["stage3_3d"]
        table.add((set_title(first), set_title(last)), _our_cells(runs, Run(3, None, first, last)) | _published_cells(table, row))
    _add_baselines(table, runs, [Run(3, None, first, last) for last in SETS_3D for first in SETS_3D])
    return table


def table3(runs):
    """Sizes of the 2D sets evened out by epochs; H36M in stage 2, each 3D set in stage 3."""
    labels = ("2D set", "epochs", "3D set, stage 2", "3D set, stage 3")
    table = _table("table3", "Table 3. Epochs scaled to the size of the 2D set", labels, (), published("table3"), runs)
    made = []
    for row in published("table3").to_dict("records"):
        run = Run(3, row["train_2d"], row["stage2_3d"], row["stage3_3d"], LEVEL_SET[row["train_2d"]])
        made.append(run)
        names = (set_title(run.two_d), f"×{run.epoch_scale}", set_title(run.three_d), set_title(run.target))
        table.add(names, _our_cells(runs, run) | _published_cells(table, row))
    _add_baselines(table, runs, sorted(made, key=lambda run: SETS_3D.index(run.target)))
    return table


# ---------------------------------------------------------------- columns and cells


def _table(name, title, labels, stages, printed, runs):
    """An empty table with the columns of ours (PCKh, the crop's score and MPJPE a stage, then the tests), then the published ones."""
    ours = []
    for stage in stages:
        ours += [Column(OURS, f"stage {stage}", "PCKh@0.5 (%)", "higher"), Column(OURS, f"stage {stage}", "crop PCK (%)", "higher")]
        ours += [Column(OURS, f"stage {stage}", "MPJPE (mm)")] if stage > 1 else []
    theirs = [
        Column(PUBLISHED, *PUBLISHED_SCORES[key], "higher" if "pckh" in key else "lower", 2) for key in printed if key in PUBLISHED_SCORES
    ]
    table = Table(name, title, labels, (*ours, *TESTS.values(), *theirs), is_simulated(runs))
    table.notes += notes_of(runs)
    if stages:
        own = "Stage columns: the stage's own test set (stage 1: the 2D set; stages 2 and 3: the 3D set that it learnt from)."
        table.notes += [own, PCKH_NOTE]
    return table


def notes_of(runs):
    """What every table says below it: seeds, interval, marks."""
    count, found = len(seeds_of(runs)), protocol(PROTOCOL)
    spread = ", and the spread between seeds" if count > 1 else ""
    simulated = "Simulated: our runs learnt from and were scored on simulated people; published numbers are of the real data sets."
    return [
        *([simulated] if is_simulated(runs) else []),
        f"Ours: mean of n = {count} seed{'s' * (count != 1)}; below it the 95 % interval (bootstrap over the test set's sequences{spread}). "
        f"3D scores: protocol “{found.name}” ({found.title}; skeletons sized by the 3D training set's bones).",
        "† does not beat the best constant pose; ‡ does not beat the true 2D joints with the training set's mean depth. "
        "Bold: best model of the column. Baselines are fitted on the 3D set named in their row.",
    ]


def _our_cells(runs, run):
    """The cells of a row's runs: those of each stage on its own test set, those of the last on every 3D test set."""
    cells = {TESTS[name]: score_cell(runs, run, name) for name in SETS_3D}
    for member in run.line:
        name = member.trained_3d or member.two_d
        for metric, title in (("pckh", "PCKh@0.5 (%)"), ("pck_crop", "crop PCK (%)")):
            cells[Column(OURS, f"stage {member.stage}", title, "higher")] = score_cell(runs, member, name, metric)
        if member.stage > 1:
            cells[Column(OURS, f"stage {member.stage}", "MPJPE (mm)")] = score_cell(runs, member, name)
    return cells


def score_cell(runs, run, test_set, metric="mpjpe"):
    """The cell of a `study.Run` on a test set, over all its seeds."""
    cell = cell_of(rows_of(runs, run, test_set, metric), {name: rows_of(runs, run, test_set, metric, name) for name in BASELINES})
    return cell or Cell(words=NOT_RUN if len(named(runs, run)) == 0 else "–")


def cell_of(rows, baselines=()):
    """The cell of rows that differ in their seed alone, marked where it does not beat its baselines ({scorer: rows}); None without rows."""
    estimate = mean_of_rows(rows)
    if estimate is None:
        return None
    beaten = {name: mean_of_rows(baselines[name]) for name in baselines}
    marks = "".join(MARKS[name] for name, other in beaten.items() if other and not estimate.value < other.value)
    return Cell(estimate.value, estimate.low, estimate.high, estimate.seeds, marks)


def _is_reference(row):
    return isinstance(row.get("note"), str) and "2017" in row["note"]


def _published_cells(table, row):
    """The published cells of one row of a published csv. A misprint keeps its printed value, with a mark and a note."""
    cells = {}
    for key, place in PUBLISHED_SCORES.items():
        if key not in row:
            continue
        odd = isinstance(row.get("note"), str) and row["note"].startswith(f"{key} ")
        column = Column(PUBLISHED, *place, "higher" if "pckh" in key else "lower", 2)
        cells[column] = Cell(row[key], marks="*" if odd else "", competes=not odd and not _is_reference(row))
        if odd:
            said = row["note"].removeprefix(f"{key} ")
            table.notes.append(f"* {', '.join(place)}: {said}. Kept as printed; it does not count for the best.")
    return cells


def _add_baselines(table, runs, models):
    """A row a baseline and training set, taken from the first model that was run on that set."""
    for deep in SETS_3D:
        run = next((run for run in models if run.trained_3d == deep and len(named(runs, run))), None)
        if run is None:
            continue
        for scorer in BASELINES:
            cells = {TESTS[name]: _baseline_cell(runs, run, name, scorer) for name in SETS_3D}
            for stage in (stage for stage in (2, 3) if Column(OURS, f"stage {stage}", "MPJPE (mm)") in table.columns):
                cells[Column(OURS, f"stage {stage}", "MPJPE (mm)")] = cells[TESTS[deep]]
            table.add((f"baseline: {scorer}", *[""] * (len(table.labels) - 2), f"fitted on {set_title(deep)}"), cells)


def _baseline_cell(runs, run, test_set, scorer):
    rows = rows_of(runs, run, test_set, "mpjpe", scorer).head(1)  # fitted on the training set: the same for every seed
    estimate = mean_of_rows(rows)
    return Cell(estimate.value, estimate.low, estimate.high, 0, competes=False) if estimate else Cell(words="–")


# ---------------------------------------------------------------- our own two studies

ARMS = {  # of Table 4, in reading order: the value in `arm` → what the row says
    "none": "no pre-training, 3D only",
    "2d pre-training": "2D pre-training, then 3D only",
    "mixing": "2D and 3D mixed from the start",
    "both": "2D pre-training, then mixed",
    "both+stage 3 with geometry": "… and stage 3 with the geometric loss",
    "both+stage 3 without": "… and stage 3 without it",
}
BUDGETS = {"images": "equal images seen", "time": "equal training time"}


def table4(runs):
    """A fair comparison: what is pre-training worth, what mixing, at equal images seen and again at equal training time.

    Reads three columns of `runs.csv` besides the usual ones, filled for an arm's last run and empty for all others:
    arm: one of `ARMS`; budget: "images", "time", or both words where one run serves both; images_line: images seen by the run and its
    ancestors. In domain is the test set of the 3D set that the arm learnt from; every other 3D test set is out of domain.
    """
    arms = _with(runs, "arm", "budget", "images_line")
    chosen = arms.dropna(subset=["arm"])
    trained = set(chosen["target"].fillna(chosen["three_d"]).dropna()) or {SETS_3D[0]}
    domains = {name: "in domain" if name in trained else "out of domain" for name in SETS_3D}
    columns = {name: Column(OURS, f"{domain}: MPJPE (mm)", set_title(name)) for name, domain in domains.items()}
    ordered = sorted(columns.values(), key=lambda column: column.group)
    cost = (Column(OURS, "cost", "images seen", None, 0), Column(OURS, "cost", "minutes", None))
    table = Table("table4", "Table 4. Pre-training and mixing at equal cost", ("budget", "scheme"), (*ordered, *cost), is_simulated(runs))
    table.notes += [*notes_of(runs), "Same λ and the same 3D data in every row. Bold is the best of both budgets together."]
    for budget, spent in BUDGETS.items():
        for arm, title in ARMS.items():
            rows = arms[(arms["arm"] == arm) & arms["budget"].fillna("").str.split().map(lambda words, budget=budget: budget in words)]
            table.add((spent, title), _cells_of(rows, columns) | _cost_cells(rows, cost))
    for scorer in BASELINES:
        table.add(("", f"baseline: {scorer}"), _cells_of(chosen, columns, scorer))
    return table


def table5(runs):
    """Size: backbone × number of 2D images at equal updates.

    Reads two columns of `runs.csv` besides the usual ones, filled for a cell's last run and empty for all others: backbone (a name) and
    images_2d (how many images of the largest 2D set it learnt from).
    """
    cells = _with(runs, "backbone", "images_2d", "images_line")
    chosen = cells.dropna(subset=["backbone", "images_2d"])
    columns = {name: Column(OURS, ON_TEST, set_title(name)) for name in SETS_3D}
    flat = {name: Column(OURS, "PCKh@0.5 (%) on", set_title(name), "higher") for name in SETS_2D if name in set(chosen["test_set"])}
    cost = (Column(OURS, "cost", "images seen", None, 0), Column(OURS, "cost", "minutes", None))
    title = "Table 5. Size of the network and of the 2D set at equal updates"
    table = Table("table5", title, ("backbone", "2D images"), (*flat.values(), *columns.values(), *cost), is_simulated(runs))
    table.notes += notes_of(runs)
    for backbone in chosen["backbone"].drop_duplicates():
        for images in sorted(chosen.loc[chosen["backbone"] == backbone, "images_2d"].unique()):
            rows = chosen[(chosen["backbone"] == backbone) & (chosen["images_2d"] == images)]
            made = _cells_of(rows, columns) | _cells_of(rows, flat, metric="pckh") | _cost_cells(rows, cost)
            table.add((str(backbone), f"{int(images):,}"), made)
    if chosen.empty:
        table.add(("all", "¼, ½, 1 of the largest set"), {column: Cell(words=NOT_RUN) for column in table.columns})
    for scorer in BASELINES if len(chosen) else ():
        table.add((f"baseline: {scorer}", ""), _cells_of(chosen, columns, scorer))
    return table


def _with(runs, *columns):
    return runs.assign(**{column: float("nan") for column in columns if column not in runs})


def _cells_of(rows, columns, scorer=MODEL, metric="mpjpe"):
    """Cells of rows that belong to one table row: {column: Cell}, by test set."""
    cells = {}
    for test_set, column in columns.items():
        if scorer == MODEL:
            cell = cell_of(scored(rows, test_set, metric), {name: scored(rows, test_set, metric, name) for name in BASELINES})
            cells[column] = cell or Cell(words=NOT_RUN if rows.empty else "–")
        else:
            estimate = mean_of_rows(scored(rows, test_set, metric, scorer).head(1))
            cells[column] = Cell(estimate.value, estimate.low, estimate.high, competes=False) if estimate else Cell(words="–")
    return cells


def _cost_cells(rows, columns):
    """Images seen and minutes of a row's runs with their ancestors: means over seeds."""
    runs = rows.drop_duplicates("run")
    if runs.empty:
        return {column: Cell(words=NOT_RUN) for column in columns}
    images, minutes = runs["images_line"].mean(), runs["seconds_line"].mean() / 60
    return {column: Cell(value, seeds=len(runs)) for column, value in zip(columns, (images, minutes), strict=True)}
