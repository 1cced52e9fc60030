"""The picture of the claims' contrasts."""

import textwrap

import matplotlib.pyplot as plt
from matplotlib.lines import Line2D

from hpe_study.report import style
from hpe_study.report.contrasts import CONTRADICTS, OPEN, SUPPORTS, Contrast
from hpe_study.report.picture import Picture

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
            figsize=(10, 1.8 + 0.24 * sum(counts)),
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
    return Picture("claims", figure, alt, caption)


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
        yticklabels=[textwrap.shorten(words, 90) for words, _ in parts],
        ylim=(len(parts) - 0.5, -0.5),
        xlim=(left, right),
    )
    axis.set_xlabel(UNITS[unit])
    axis.tick_params(axis="y", labelsize=7)
    axis.grid(axis="y", visible=False)
