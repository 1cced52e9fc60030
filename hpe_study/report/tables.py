"""Tables 1 to 5: functions of `runs.csv` (`records.read_runs`) and of the published numbers, and of nothing
else.

Tables 1 to 3 are the paper's, so every row stands there whether it was run or not; Tables 4 and 5 are our
own.
"""

import numpy as np

from hpe_study.config import PAPER_2D, PAPER_3D, SETS_2D, SETS_3D
from hpe_study.evaluation.protocols import find_protocol
from hpe_study.evaluation.scoring import PROTOCOL
from hpe_study.report.intervals import mean_of_rows
from hpe_study.report.pckh import pckh_notes, pckh_title
from hpe_study.report.results import (
    BASELINES,
    MODEL,
    defects,
    is_simulated,
    legacy_of,
    named,
    rows_of,
    seeds_of,
)
from hpe_study.report.style import SETS, set_title
from hpe_study.report.table import ABSENT, MARKS, NOT_RUN, OURS, PUBLISHED, Cell, Column, Table
from hpe_study.study import Run
from hpe_study.study import runs as grid
from hpe_study.study.published import PCKH_NOTE, published
from hpe_study.study.runs import LEVEL_SET

ON_TEST = "MPJPE (mm) on the test set of"
PUBLISHED_SCORES = {  # column of the published csv → group, title
    "s1_pckh": ("stage 1", "PCKh as printed (%)"),
    "s2_pckh": ("stage 2", "PCKh as printed (%)"),
    "s2_mpjpe": ("stage 2", "MPJPE (mm)"),
    "s3_pckh": ("stage 3", "PCKh as printed (%)"),
    "s3_mpjpe": ("stage 3", "MPJPE (mm)"),
    **{f"test_{name}": (ON_TEST, set_title(name)) for name in PAPER_3D},
}
TESTS = {name: Column(OURS, ON_TEST, set_title(name)) for name in SETS_3D}

FEW = 10  # groups; a bootstrap over fewer gives too narrow an interval
HEADLESS = (
    "Occlusion-Person labels neither upper neck nor head top. A model that learnt 3D from it alone is scored"
    " on them wherever the test set has them; the baselines fitted on it give none and are scored on the"
    " other joints."
)
SIZED = {
    "canonical": "skeletons sized by the 3D training set's bones",
    "fixed": "every skeleton sized alike",
    "camera": "sized by the camera",
}


def table1(runs, absent=()):
    """2D pre-training, then both: each 2D set × each 3D set. Scores of stages 1 and 2 are on their own test
    set, all of it."""
    title = "Table 1. 2D pre-training, then 2D and 3D together"
    table = _table("table1", title, ("2D set", "3D set"), (1, 2, 3), published("table1"), runs)
    printed = {}
    for row in published("table1").to_dict("records"):
        if _is_reference(row):
            table.add(
                (set_title(row["train_2d"]), f"{set_title(row['train_3d'])}, {row['note']}"),
                _published_cells(table, row),
            )
        else:
            printed[row["train_2d"], row["train_3d"]] = row
    made = grid.table1(*_sets_of(runs))
    for run in made:
        cells = _our_cells(runs, run, absent) | _published_cells(
            table, printed.get((run.two_d, run.target), {})
        )
        table.add((set_title(run.two_d), set_title(run.target)), cells)
    _add_baselines(table, runs, _by_target(made))
    return table


def table2(runs, absent=()):
    """3D only: no 2D set and no stage 1; each 3D set in stage 2 × each in stage 3."""
    table = _table(
        "table2",
        "Table 2. 3D only",
        ("3D set, stage 2", "3D set, stage 3"),
        (2, 3),
        published("table2"),
        runs,
    )
    printed = {
        Run(3, None, row["stage2_3d"], row["stage3_3d"]): row
        for row in published("table2").to_dict("records")
    }
    made = dict.fromkeys((*printed, *grid.table2(_sets_of(runs)[1])))
    for run in made:
        cells = _our_cells(runs, run, absent) | _published_cells(table, printed.get(run, {}))
        table.add((set_title(run.three_d), set_title(run.target)), cells)
    _add_baselines(table, runs, _by_target(made))
    return table


def table3(runs, absent=()):
    """Sizes of the 2D sets evened out by epochs; H36M in stage 2, each 3D set in stage 3."""
    labels = ("2D set", "epochs", "3D set, stage 2", "3D set, stage 3")
    table = _table(
        "table3", "Table 3. Epochs scaled to the size of the 2D set", labels, (), published("table3"), runs
    )
    printed = {
        Run(3, row["train_2d"], row["stage2_3d"], row["stage3_3d"], LEVEL_SET[row["train_2d"]]): row
        for row in published("table3").to_dict("records")
    }
    made = dict.fromkeys((*printed, *grid.table3(*_sets_of(runs))))
    for run in made:
        names = (set_title(run.two_d), f"×{run.epoch_scale}", set_title(run.three_d), set_title(run.target))
        table.add(names, _our_cells(runs, run, absent) | _published_cells(table, printed.get(run, {})))
    _add_baselines(table, runs, _by_target(made))
    return table


def _sets_of(runs):
    """The 2D and the 3D sets that have rows: the paper's, and those that runs learnt from besides."""
    learnt = set(runs["two_d"]) | set(runs["three_d"]) | set(runs["target"])
    return tuple(
        (*paper, *(name for name in sets if name in learnt and name not in paper))
        for paper, sets in ((PAPER_2D, SETS_2D), (PAPER_3D, SETS_3D))
    )


def _by_target(runs):
    return sorted(runs, key=lambda run: SETS_3D.index(run.target))


# ---------------------------------------------------------------- columns and cells


def _table(name, title, labels, stages, printed, runs):
    """An empty table with the columns of ours (PCKh, the crop's score and MPJPE a stage, then the tests),
    then the published ones."""
    ours = []
    for stage in stages:
        ours += [
            Column(OURS, f"stage {stage}", pckh_title(runs), "higher"),
            Column(OURS, f"stage {stage}", "crop PCK (%)", "higher"),
        ]
        ours += [Column(OURS, f"stage {stage}", "MPJPE (mm)")] if stage > 1 else []
    theirs = [
        Column(PUBLISHED, *PUBLISHED_SCORES[key], "higher" if "pckh" in key else "lower", 2)
        for key in printed
        if key in PUBLISHED_SCORES
    ]
    table = Table(name, title, labels, (*ours, *TESTS.values(), *theirs), is_simulated(runs))
    table.notes += notes_of(runs)
    if stages:
        own = (
            "Stage columns: the stage's own test set (stage 1: the 2D set; stages 2 and 3: the 3D set that it"
            " learnt from)."
        )
        table.notes += [own, PCKH_NOTE, *pckh_notes(runs)]
    return table


def notes_of(runs):
    """What every table says below it: seeds, interval, marks."""
    names = (
        runs.loc[runs["metric"] == "mpjpe", "protocol"].unique()
        if (runs["metric"] == "mpjpe").any()
        else [PROTOCOL]
    )
    rules = " and ".join(
        f"“{found.name}” ({found.title}; {SIZED[found.scale]})" for found in map(find_protocol, names)
    )
    simulated = (
        "Simulated: our runs learnt from and were scored on simulated people; published numbers are of the"
        " real data sets."
    )
    return [
        *([simulated] if is_simulated(runs) else []),
        *defects(legacy_of(runs)),
        (
            f"Ours: mean of n = {len(seeds_of(runs))} seed{'s' * (len(seeds_of(runs)) != 1)}; below it the 95"
            f" % interval ({_resampled(runs)}). 3D scores: protocol {rules}."
        ),
        (
            "† does not beat the best constant pose; ‡ does not beat the true 2D joints with the training"
            " set's mean depth. Bold: best model of the column. Baselines are fitted on the 3D set named in"
            " their row."
        ),
        *([HEADLESS] if (runs[["three_d", "target"]] == "occlusion_person").any(axis=None) else []),
    ]


def _resampled(runs):
    """What an interval is over, in words: which groups, how many of each test set, and what it does not
    know."""
    found = runs[runs["scorer"] == MODEL].groupby("test_set")["groups"].max().astype(int)
    counts = {name: found[name] for name in SETS if name in found}
    told = ", ".join(f"{set_title(name)} {count}" for name, count in counts.items())
    few = [set_title(name) for name, count in counts.items() if count < FEW]
    narrow = f"; so few groups make the intervals of {' and '.join(few)} too narrow" if few else ""
    seeds = (
        "and over seeds"
        if len(seeds_of(runs)) > 1
        else "one seed, so it knows nothing of how trainings differ"
    )
    return f"bootstrap over the test set's sequences, images where it names none: {told}{narrow}; {seeds}"


def _our_cells(runs, run, absent):
    """The cells of a row's runs: those of each stage on its own test set, those of the last on every 3D test
    set. absent: data sets."""
    cells = {TESTS[name]: score_cell(runs, run, name) for name in SETS_3D}
    for member in run.lineage:
        name = member.trained_3d or member.two_d
        for metric, title in (("pckh", pckh_title(runs)), ("pck_crop", "crop PCK (%)")):
            cells[Column(OURS, f"stage {member.stage}", title, "higher")] = score_cell(
                runs, member, name, metric
            )
        if member.stage > 1:
            cells[Column(OURS, f"stage {member.stage}", "MPJPE (mm)")] = score_cell(runs, member, name)
    lacking = [
        column
        for column in cells
        if run.sets & set(absent) or column in {TESTS[name] for name in absent if name in TESTS}
    ]
    return cells | {column: Cell(words=ABSENT) for column in lacking if np.isnan(cells[column].value)}


def score_cell(runs, run, test_set, metric="mpjpe"):
    """The cell of a `study.Run` on a test set, over all its seeds."""
    cell = cell_of(
        rows_of(runs, run, test_set, metric),
        {name: rows_of(runs, run, test_set, metric, name) for name in BASELINES},
    )
    return cell or Cell(words=NOT_RUN if len(named(runs, run)) == 0 else "–")


def cell_of(rows, baselines=()):
    """The cell of rows that differ in their seed alone, marked where it does not beat its baselines ({scorer:
    rows}); None without rows."""
    estimate = mean_of_rows(rows)
    if estimate is None:
        return None
    beaten = {name: mean_of_rows(baselines[name]) for name in baselines}
    marks = "".join(
        MARKS[name] for name, other in beaten.items() if other and not estimate.value < other.value
    )
    return Cell(estimate.value, estimate.low, estimate.high, estimate.seeds, marks)


def _is_reference(row):
    return isinstance(row.get("note"), str) and "2017" in row["note"]


def _published_cells(table, row):
    """The published cells of one row of a published csv. A misprint keeps its printed value, with a mark and
    a note."""
    cells = {}
    for key, place in PUBLISHED_SCORES.items():
        if key not in row:
            continue
        odd = isinstance(row.get("note"), str) and row["note"].startswith(f"{key} ")
        column = Column(PUBLISHED, *place, "higher" if "pckh" in key else "lower", 2)
        cells[column] = Cell(row[key], marks="*" if odd else "", competes=not odd and not _is_reference(row))
        if odd:
            said = row["note"].removeprefix(f"{key} ")
            table.notes.append(
                f"* {', '.join(place)}: {said}. Kept as printed; it does not count for the best."
            )
    return cells


def _add_baselines(table, runs, models):
    """A row a baseline and training set, taken from the first model that was run on that set."""
    for deep in SETS_3D:
        run = next((run for run in models if run.trained_3d == deep and len(named(runs, run))), None)
        if run is None:
            continue
        for scorer in BASELINES:
            cells = {TESTS[name]: _baseline_cell(runs, run, name, scorer) for name in SETS_3D}
            for stage in (
                stage for stage in (2, 3) if Column(OURS, f"stage {stage}", "MPJPE (mm)") in table.columns
            ):
                cells[Column(OURS, f"stage {stage}", "MPJPE (mm)")] = cells[TESTS[deep]]
            table.add(
                (f"baseline: {scorer}", *[""] * (len(table.labels) - 2), f"fitted on {set_title(deep)}"),
                cells,
            )


def _baseline_cell(runs, run, test_set, scorer):
    rows = rows_of(runs, run, test_set, "mpjpe", scorer).head(
        1
    )  # fitted on the training set: the same for every seed
    estimate = mean_of_rows(rows)
    return (
        Cell(estimate.value, estimate.low, estimate.high, 0, competes=False) if estimate else Cell(words="–")
    )


# ---------------------------------------------------------------- our own two studies

ARMS = {  # of Table 4, in reading order: `arm` → what the row says
    "none": "no pre-training, 3D only",
    "2d pre-training": "2D pre-training, then 3D only",
    "mixing": "2D and 3D mixed from the start",
    "both": "2D pre-training, then mixed",
}
STAGE_3 = {None: "… and stage 3 with the geometric loss", 0.0: "… and stage 3 without it"}
BUDGETS = {"images": "equal images seen", "time": "equal training time"}
COST = (Column(OURS, "cost", "images seen", None, 0), Column(OURS, "cost", "minutes", None, 2))


def table4(runs):
    """A fair comparison: what is pre-training worth, what mixing, at equal images seen and again at equal
    training time.

    In domain is the test set of the 3D set that all arms learnt from; every other 3D test set is out of
    domain.
    """
    arms = runs[runs["budget"].isin(BUDGETS)]
    flat = next(iter(arms["two_d"].dropna()), PAPER_2D[0])
    deep = next(iter(arms["three_d"].dropna()), PAPER_3D[0])
    domains = {name: "in domain" if name == deep else "out of domain" for name in SETS_3D}
    tests = {name: Column(OURS, f"{domains[name]}: MPJPE (mm)", set_title(name)) for name in _tested(arms)}
    columns = (*sorted(tests.values(), key=lambda column: column.group), *COST)
    table = Table(
        "table4",
        "Table 4. Pre-training and mixing at equal cost",
        ("budget", "scheme"),
        columns,
        is_simulated(runs),
    )
    sets = (
        f"2D set: {set_title(flat)}; 3D set: {set_title(deep)}, the same λ and the same 3D data in every row."
    )
    table.notes += [*notes_of(runs), f"{sets} Bold is the best of both budgets together."]
    starts = dict(zip(ARMS, ((None, None), (None, flat), (flat, None), (flat, flat)), strict=True))
    for budget, spent in BUDGETS.items():
        for arm, (mixed, start) in starts.items():
            run = Run(2, mixed, deep, start=start, budget=budget)
            table.add((spent, ARMS[arm]), _study_cells(runs, run, tests))
    for weight, title in STAGE_3.items():
        run = Run(3, flat, deep, deep, budget="images", geometry_weight=weight)
        table.add((f"{BUDGETS['images']}, and a stage more", title), _study_cells(runs, run, tests))
    _add_study_baselines(table, runs, Run(2, flat, deep, budget="images"), tests)
    return table


def table5(runs):
    """Size: backbone × share of the largest 2D set at equal updates."""
    chosen = runs[runs["backbone"].notna() & (runs["stage"] == 2)]
    tests = {name: Column(OURS, ON_TEST, set_title(name)) for name in _tested(chosen)}
    flat = next(iter(chosen["two_d"].dropna()), PAPER_2D[0])
    pckh = Column(OURS, f"{pckh_title(runs)} on the test set of", set_title(flat), "higher")
    title = "Table 5. Size of the network and of the 2D set, at equal updates"
    table = Table(
        "table5", title, ("backbone", "2D images"), (pckh, *tests.values(), *COST), is_simulated(runs)
    )
    table.notes += [*notes_of(runs), *pckh_notes(runs[runs["test_set"] == flat])]
    cells = (
        chosen.drop_duplicates(["backbone", "share"])
        .sort_values("share")
        .sort_values("backbone", key=_size_of, kind="stable")
    )
    for row in cells.to_dict("records"):
        run = Run(2, row["two_d"], row["three_d"], backbone=row["backbone"], share=row["share"])
        made = _study_cells(runs, run, tests) | {pckh: score_cell(runs, run, row["two_d"], "pckh")}
        table.add((row["backbone"], f"{int(row['images_2d']):,} ({row['share']:.0%})"), made)
    if chosen.empty:
        table.add(("any", "any share"), {column: Cell(words=NOT_RUN) for column in table.columns})
    else:
        _add_study_baselines(table, runs, run, tests)
    return table


def _tested(runs):
    """The 3D test sets that there are scores on; all where there are none."""
    return [name for name in SETS_3D if name in set(runs["test_set"])] or SETS_3D


def _size_of(backbones):
    """Backbones by the number in their name (resnet18 … resnet101, narrow18:8 …), so that they stand from
    small to large."""
    return backbones.astype(str).str.extract(r"(\d+)\D*$")[0].astype(float)


def _study_cells(runs, run, tests):
    """Test scores of one run over its seeds, and what it cost with its ancestors."""
    cells = {column: score_cell(runs, run, name) for name, column in tests.items()}
    line = [named(runs, member).drop_duplicates("run") for member in run.lineage]
    if any(len(member) == 0 for member in line):
        return cells | {column: Cell(words=NOT_RUN) for column in COST}
    images, minutes = (
        sum(member["images_seen"].mean() for member in line),
        line[-1]["seconds_line"].mean() / 60,
    )
    return cells | {COST[0]: Cell(images, seeds=len(line[-1])), COST[1]: Cell(minutes, seeds=len(line[-1]))}


def _add_study_baselines(table, runs, run, tests):
    for scorer in BASELINES:
        table.add(
            (f"baseline: {scorer}", ""),
            {column: _baseline_cell(runs, run, name, scorer) for name, column in tests.items()},
        )
