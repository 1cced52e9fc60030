"""Figures of scores, curves and costs: functions of the run records (`results.Results`). People are drawn in
`portraits`."""

import textwrap

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from hpe_study.config import PAPER_3D, SETS_3D
from hpe_study.report import interactive, style
from hpe_study.report.contrasts import CONTRADICTS, OPEN, SUPPORTS, Contrast
from hpe_study.report.intervals import mean_of_rows
from hpe_study.report.picture import Picture
from hpe_study.report.results import BASELINES, named, rows_of
from hpe_study.report.timing import cost_and_error, label, pareto_front
from hpe_study.study import Run
from hpe_study.study.runs import LEVEL_SET, paper_table
from hpe_study.training.schedule import drop_epochs

CURVES = interactive.SCORES
BASELINE_STYLES = dict(zip(BASELINES, ((0, (4, 2)), (0, (1, 1.5))), strict=True))
ABOVE_GRID = 0.8  # of lines behind the marks
NEAR = (0.03, 0.05)  # of the range in x and y: marks so near share their label
UNITS = {
    "mm": "difference of MPJPE (mm)",
    "%": "relative difference of MPJPE (%)",
    "min": "difference of training time (minutes)",
}
SAYS_COLOURS = {SUPPORTS: "#009E73", CONTRADICTS: "#D55E00", OPEN: "#777777"}


def _absent(axis, words="not run"):
    axis.text(
        0.5, 0.5, words, transform=axis.transAxes, ha="center", va="center", color="0.5", style="italic"
    )


# ---------------------------------------------------------------- scores


def scores(results, rows, name, title):
    """MPJPE of a table's rows on the three 3D test sets: seeds as dots, their mean with its 95 % interval,
    the baselines as lines.

    rows: [(label, `study.Run`)], top to bottom.
    """
    with style.theme():
        height = 1.5 + 0.32 * len(rows)
        figure, axes = plt.subplots(1, len(SETS_3D), figsize=(11, height), sharey=True)
        for axis, test_set in zip(axes, SETS_3D, strict=True):
            _scores_on(axis, results.runs, rows, test_set)
        axes[0].set_yticks(range(len(rows)), [words for words, _ in rows])
        axes[0].set_ylim(len(rows) - 0.5, -0.5)
        lines = [
            Line2D([], [], color="0.4", linestyle=dashes, label=words)
            for words, dashes in BASELINE_STYLES.items()
        ]
        seeds = f"{len(results.seeds)} seed{'s' * (len(results.seeds) != 1)}"
        dots = [
            Line2D([], [], color="0.3", marker=".", linestyle="", label="a seed"),
            Line2D(
                [], [], color="0.3", marker="|", markersize=9, label=f"mean of n = {seeds}, 95 % interval"
            ),
        ]
        figure.legend(handles=[*dots, *lines], loc="outside lower center", ncols=4)
        style.headline(figure, title, results.simulated)
    found = [
        (words, mean_of_rows(rows_of(results.runs, run, run.target or run.three_d))) for words, run in rows
    ]
    told = (
        "; ".join(f"{words} {estimate.value:.0f} mm" for words, estimate in found if estimate)
        or "no row was run"
    )
    alt = style.titled(f"{title}. MPJPE on the row's own 3D set: {told}", results.simulated) + "."
    caption = (
        "MPJPE, lower is better; colour: the 3D set of the row's last stage. Upright lines: the baselines"
        " fitted on the panel's own training split."
    )
    return Picture(
        name,
        figure,
        alt,
        caption,
        interactive.scores(results.runs, rows, style.titled(title, results.simulated)),
    )


def _scores_on(axis, runs, rows, test_set):
    fitted_here = {}
    for place, (_, run) in enumerate(rows):
        found = rows_of(runs, run, test_set)
        estimate = mean_of_rows(found)
        if estimate is None:
            axis.text(
                0.02,
                place,
                "not run",
                transform=axis.get_yaxis_transform(),
                va="center",
                color="0.5",
                style="italic",
                fontsize=8,
            )
            continue
        colour = style.SET_COLOURS[run.trained_3d]
        if np.isfinite(estimate.low):
            axis.plot(
                [estimate.low, estimate.high],
                [place, place],
                color=colour,
                linewidth=2,
                solid_capstyle="round",
            )
        axis.plot(estimate.value, place, "|", color=colour, markersize=11, markeredgewidth=2.5)
        axis.plot(
            found["value"],
            np.full(len(found), place),
            ".",
            color=colour,
            markersize=7,
            markeredgecolor="white",
            markeredgewidth=0.5,
        )
        if run.trained_3d == test_set:
            fitted_here |= {
                scorer: rows_of(runs, run, test_set, scorer=scorer)["value"] for scorer in BASELINES
            }
    for scorer, values in fitted_here.items():
        if len(values):
            axis.axvline(values.iloc[0], color="0.4", linestyle=BASELINE_STYLES[scorer], zorder=ABOVE_GRID)
    axis.set(title=f"tested on {style.set_title(test_set)}", xlabel="MPJPE (mm)")
    axis.grid(axis="x", visible=False)


def table_rows(table):
    """[(label, last run)] of one of the paper's tables, 1 to 3."""
    return [(label(run), run) for run in paper_table(table)]


# ---------------------------------------------------------------- curves


def figure3(results):
    """The six stage-2 curves: PCKh and MPJPE, training and validation, of LSP, LSP at doubled epochs and
    MPII; drops of the rate marked."""
    columns = {
        "LSP": Run(2, "lsp", PAPER_3D[0]),
        "LSP ×2": Run(2, "lsp", PAPER_3D[0], epoch_scale=2),
        "MPII": Run(2, "mpii", PAPER_3D[0]),
    }
    title = f"Figure 3. Learning in stage 2, with {style.set_title(PAPER_3D[0])}"
    told = []
    with style.theme():
        figure, axes = plt.subplots(len(CURVES), len(columns), figsize=(11, 5.6), sharex="col", sharey="row")
        for column, (words, run) in enumerate(columns.items()):
            history = named(results.history, run)
            for axis, key in zip(axes[:, column], CURVES, strict=True):
                _curve(axis, history, key, style.SET_COLOURS[run.two_d])
                axis.set_ylabel(CURVES[key] if column == 0 else "")
            axes[0, column].set_title(words)
            _epochs(axes[-1, column])
            told.append(f"{words}: {_told(history)}")
        _legend_of_curves(figure)
        style.headline(figure, title, results.simulated)
    alt = style.titled(f"{title}. {'; '.join(told)}", results.simulated) + "."
    return Picture(
        "figure3",
        figure,
        alt,
        "One line a seed. Dotted: the learning rate drops. Training scores are those of augmented images as"
        " they pass.",
        interactive.curves(results, columns, style.titled(title, results.simulated)),
    )


def _epochs(axis):
    axis.set_xlabel("epoch")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def _curve(axis, history, key, colour):
    if history.empty or history[key].notna().sum() == 0:
        _absent(axis)
        return
    for _, epochs in history.groupby("run"):
        axis.plot(epochs["epoch"], epochs[key], color=colour, linewidth=1.6)
        known = epochs[epochs[f"validation_{key}"].notna()]
        axis.plot(
            known["epoch"],
            known[f"validation_{key}"],
            color=colour,
            linestyle="--",
            marker="o",
            markersize=3.5,
            linewidth=1.2,
        )
    first = history[history["run"] == history["run"].iloc[0]].sort_values("epoch")
    for drop in drop_epochs(first["learning_rate"]):
        axis.axvline(drop + 0.5, color="0.3", linestyle=":", linewidth=1.2, zorder=0)


def _legend_of_curves(figure):
    lines = [
        Line2D([], [], color="0.3", label="training"),
        Line2D([], [], color="0.3", linestyle="--", marker="o", markersize=3.5, label="validation"),
        Line2D([], [], color="0.3", linestyle=":", label="learning rate drops"),
    ]
    figure.legend(handles=lines, loc="outside lower center", ncols=3)


def _told(history):
    if history.empty:
        return "not run"
    ends = history.sort_values("epoch").groupby("run")
    return f"validation MPJPE from {_mean(ends, 'first'):.0f} to {_mean(ends, 'last'):.0f} mm"


def _mean(groups, which):
    return getattr(groups["validation_mpjpe"], which)().mean()


STAGES = {  # column of the overview → which runs, and the data set that gives a line its colour
    "stage 1": ("2d", 1, "two_d"),
    "2D + 3D, stage 2": ("fusion", 2, "two_d"),
    "2D + 3D, stage 3": ("fusion", 3, "two_d"),
    "3D only, stage 2": ("3d", 2, "three_d"),
    "3D only, stage 3": ("3d", 3, "target"),
}


def training_curves(results):
    """Loss, PCKh and MPJPE over the epochs of every run, a column a kind of stage; solid training, dashed
    validation."""
    keys = ("loss", *CURVES)
    with style.theme():
        figure, axes = plt.subplots(len(keys), len(STAGES), figsize=(13, 7.5), sharey="row", sharex="col")
        for column, (title, (scheme, stage, colouring)) in enumerate(STAGES.items()):
            history = results.history[
                (results.history["scheme"] == scheme) & (results.history["stage"] == stage)
            ]
            for axis, key in zip(axes[:, column], keys, strict=True):
                _all_curves(axis, history, key, colouring)
                axis.set_ylabel({"loss": "loss", **CURVES}[key] if column == 0 else "")
            axes[0, column].set_title(title)
            _epochs(axes[-1, column])
        shown = [
            name
            for name in style.SETS
            if name in set(results.history[["two_d", "three_d", "target"]].stack())
        ]
        handles = [
            Line2D([], [], color=style.SET_COLOURS[name], label=style.set_title(name)) for name in shown
        ]
        dashes = [
            Line2D([], [], color="0.3", label="training"),
            Line2D([], [], color="0.3", linestyle="--", marker=".", label="validation"),
        ]
        figure.legend(handles=[*handles, *dashes], loc="outside lower center", ncols=8)
        count = results.history["run"].nunique()
        title = f"Training curves of all {count} runs"
        style.headline(figure, title, results.simulated)
    alt = (
        style.titled(
            f"Loss, PCKh and MPJPE by epoch of {count} runs, in columns by stage and scheme",
            results.simulated,
        )
        + "."
    )
    caption = (
        "Colour: the 2D set of a pre-trained run, the 3D set that a 3D-only run learns from in that stage."
        " MPJPE has no meaning in stage 1."
    )
    turnable = interactive.all_curves(results.history, STAGES, style.titled(title, results.simulated))
    return Picture("training_curves", figure, alt, caption, turnable)


def _all_curves(axis, history, key, colouring):
    shown = history[history[key].notna()]
    if shown.empty:
        _absent(axis, "not run" if history.empty else "no such score")
        return
    for _, epochs in shown.groupby("run"):
        colour = style.SET_COLOURS[epochs[colouring].iloc[0]]
        axis.plot(epochs["epoch"], epochs[key], color=colour, alpha=0.7, linewidth=1)
        if f"validation_{key}" in epochs:
            known = epochs[epochs[f"validation_{key}"].notna()]
            axis.plot(
                known["epoch"],
                known[f"validation_{key}"],
                color=colour,
                alpha=0.7,
                linewidth=1,
                linestyle="--",
                marker=".",
                markersize=4,
            )


# ---------------------------------------------------------------- cost and claims


def timing(results):
    """MPJPE on each 3D test set against minutes of training (all stages of the scheme), with the Pareto
    front."""
    table = cost_and_error(results.runs)
    with style.theme():
        figure, axes = plt.subplots(1, len(SETS_3D), figsize=(12, 5.6), sharex=True)
        for axis, test_set in zip(axes, SETS_3D, strict=True):
            _cost(axis, table[table["test_set"] == test_set])
            axis.set(title=f"tested on {style.set_title(test_set)}", ylabel="")
            axis.set_xlabel("training time, all stages (minutes)")
        axes[0].set_ylabel("MPJPE (mm)")
        colours = [
            Line2D(
                [],
                [],
                color=style.SCHEME_COLOURS[key],
                marker="o",
                linestyle="",
                label=style.SCHEME_TITLES[key],
            )
            for key in ("fusion", "3d")
        ]
        shapes = [
            Line2D(
                [], [], color="0.4", marker=style.SET_MARKERS[key], linestyle="", label=style.set_title(key)
            )
            for key in LEVEL_SET
        ]
        front = Line2D([], [], color="0.2", drawstyle="steps-post", label="Pareto front")
        figure.legend(handles=[*colours, *shapes, front], loc="outside lower center", ncols=6)
        style.headline(figure, "What an error costs", results.simulated)
    best = [
        f"{row.test_set}: {row.label} {row.mpjpe:.0f} mm after {row.minutes:.1f} minutes"
        for row in _lowest(table)
    ]
    alt = (
        style.titled(
            f"MPJPE against training time of {table['label'].nunique()} schemes. Lowest error on"
            f" {'; on '.join(best)}",
            results.simulated,
        )
        + "."
    )
    caption = (
        "Each mark is a scheme (mean over seeds) with all its stages; filled: tested on the set of its last"
        " stage. Bottom left is best."
    )
    return Picture("timing", figure, alt, caption, interactive.cost(table, results.simulated))


def _lowest(table):
    return table.loc[table.groupby("test_set")["mpjpe"].idxmin()].itertuples()


def _cost(axis, table):
    if table.empty:
        _absent(axis)
        return
    for row in table.itertuples():
        colour = style.SCHEME_COLOURS[row.scheme]
        face = colour if row.target == row.test_set else "white"
        axis.plot(
            row.minutes,
            row.mpjpe,
            style.SET_MARKERS.get(row.two_d, "o"),
            color=colour,
            markerfacecolor=face,
            markersize=7,
        )
    minutes, errors = table["minutes"].to_numpy(), table["mpjpe"].to_numpy()
    front = pareto_front(minutes, errors)
    axis.step(minutes[front], errors[front], where="post", color="0.2", linewidth=1.2, zorder=ABOVE_GRID)
    for group in together(minutes, errors, front):
        numbers, place = (
            ", ".join(str(front.index(i) + 1) for i in group),
            (minutes[group[-1]], errors[group[-1]]),
        )
        axis.annotate(
            numbers, place, xytext=(-7, -4), textcoords="offset points", fontsize=8, ha="right", va="top"
        )
    axis.set(ylim=(0.8 * errors.min(), 1.05 * errors.max()), xlim=(0, 1.1 * minutes.max()))
    # names of marks that lie close together would cover each other, so they stand below, by number
    names = [f"{number}  {table['label'].iloc[i]}: {errors[i]:.0f} mm" for number, i in enumerate(front, 1)]
    axis.text(0, -0.2, "\n".join(names), transform=axis.transAxes, fontsize=8, va="top", linespacing=1.4)


def together(minutes, errors, front):
    """The front's indices, neighbours that lie too near for labels of their own in one list."""
    ranges, groups = (max(np.ptp(minutes), 1e-9), max(np.ptp(errors), 1e-9)), []
    for i in front:
        near = groups and all(
            abs(x[i] - x[groups[-1][-1]]) < share * reach
            for x, share, reach in zip((minutes, errors), NEAR, ranges, strict=True)
        )
        groups[-1].append(i) if near else groups.append([i])
    return groups


def claims(ledger):
    """The contrasts behind the verdicts on our runs, a panel a unit: value and 95 % interval, coloured by
    what they say."""
    parts = [
        (f"{entry.number}. {part.title}", part)
        for entry in ledger.entries
        for part in entry.ours
        if isinstance(part, Contrast)
    ]
    units = [unit for unit in UNITS if any(part.unit == unit for _, part in parts)]
    with style.theme():
        counts = [sum(part.unit == unit for _, part in parts) for unit in units]
        figure, axes = plt.subplots(
            max(len(units), 1),
            1,
            figsize=(10, 1.8 + 0.38 * sum(counts)),
            height_ratios=[count + 1 for count in counts] or None,
            squeeze=False,
        )
        for axis, unit in zip(axes[:, 0], units, strict=False):
            _contrasts(axis, [(words, part) for words, part in parts if part.unit == unit], unit)
        if not units:
            _absent(axes[0, 0], "no contrast could be drawn from these runs")
        handles = [
            Line2D([], [], color=colour, marker="o", label=f"{word} the claim" if word != OPEN else OPEN)
            for word, colour in SAYS_COLOURS.items()
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=3)
        style.headline(figure, "Contrasts behind the verdicts", ledger.simulated)
    told = "; ".join(f"claim {entry.number} {entry.verdict}" for entry in ledger.entries)
    alt = style.titled(f"Contrasts with 95 % intervals. {told}", ledger.simulated) + "."
    caption = f"Number: the claim. Shaded: the range that bears the claim out. {' '.join(ledger.notes[:1])}"
    turnable = interactive.contrasts(
        parts, UNITS, SAYS_COLOURS, style.titled("Contrasts behind the verdicts", ledger.simulated)
    )
    return Picture("claims", figure, alt, caption, turnable)


def _contrasts(axis, parts, unit):
    for place, (_, part) in enumerate(parts):
        colour = SAYS_COLOURS[part.says]
        axis.plot([part.low, part.high], [place, place], color=colour, linewidth=2, solid_capstyle="round")
        axis.plot(part.value, place, "o", color=colour, markersize=5)
    left, right = min(axis.get_xlim()[0], -0.05), max(axis.get_xlim()[1], 0.05)
    left, right = (
        left - 0.02 * (right - left),
        right + 0.02 * (right - left),
    )  # so that the frame cuts no mark
    for place, (_, part) in enumerate(parts):
        low, high = max(part.inside[0], left), min(part.inside[1], right)
        axis.barh(place, high - low, left=low, height=0.8, color="#009E73", alpha=0.08, zorder=0)
    axis.axvline(0, color="0.3", linewidth=1)
    axis.set(
        yticks=range(len(parts)),
        yticklabels=[textwrap.fill(words, 58) for words, _ in parts],
        ylim=(len(parts) - 0.5, -0.5),
        xlim=(left, right),
    )
    axis.set_xlabel(UNITS[unit])
    axis.tick_params(axis="y", labelsize=8)
    axis.grid(axis="y", visible=False)
