"""The two pictures: how many times faster, and what grows with what."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter, NullFormatter

from hpe_study.report.style import RESOLUTION, SCHEME_COLOURS, theme
from hpe_study.utils.files import atomic

COLOURS = {"bf16": SCHEME_COLOURS["2d"], "fp32": SCHEME_COLOURS["fusion"], "": "#555555"}
PANELS = {
    "Preparing: seconds by images": ["preparing"],
    "Store: MB by images": ["store"],
    "Training: seconds an epoch by images": ["epoch"],
    "Peak memory: MB by images": ["memory of preparing", "memory of training"],
    "Training: images a second by batch size": ["batch"],
    "Planning the graph: seconds by trainings": ["planning"],
}
PLANNED_WITHIN = 60  # s


def ratios(table, path):
    """A bar a row of `results.csv`: the median ratio, the range of the paired ratios, its target as a line
    across it, the ratio at the machine's peak as a diamond."""
    with theme():
        figure, axes = plt.subplots(figsize=(9, 1 + 0.4 * len(table)))
        for place, row in enumerate(table.iloc[::-1].itertuples()):
            axes.barh(place, row.ratio - 1, left=1, height=0.6, color=COLOURS[row.precision])
            axes.hlines(place, row.ratio_low, row.ratio_high, color="black", linewidth=1)
            if np.isfinite(row.target):
                axes.vlines(row.target, place - 0.42, place + 0.42, color="#D55E00", linewidth=2.5)
            if np.isfinite(row.ratio_at_peak):
                axes.plot(
                    row.ratio_at_peak,
                    place,
                    "D",
                    color="black",
                    markerfacecolor="white",
                    markersize=6,
                    zorder=3,
                )
            end = np.nanmax([row.ratio_high, row.target, row.ratio_at_peak])
            axes.text(end * 1.09, place, f"{row.ratio:.3g} ×", va="center", fontsize=8)
        labels = [
            f"{row.benchmark}{f', {row.precision}' if row.precision else ''}"
            for row in table.iloc[::-1].itertuples()
        ]
        axes.set_yticks(range(len(labels)), labels)
        _log(axes.xaxis, axes.set_xscale)
        axes.set_xticks([1, 2, 3, 5, 10, 20, 50])
        axes.set_xlim(min(0.9, table["ratio_low"].min() * 0.9), table["ratio_high"].max() * 1.7)
        axes.set_xlabel(
            "literal twin's cost / ours, one thread\nblack: range of the pairs; orange: target;\n"
            "diamond: our arithmetic at the rate of a large matrix product"
        )
        axes.set_title(f"{table['machine'].iloc[-1]}; simulated people", fontsize=9)
        _save(figure, path)


def growth(table, path):
    """A panel a quantity of `growth.csv`: measured cost against size, both logarithmic."""
    with theme():
        figure, panels = plt.subplots(2, 3, figsize=(11, 6))
        for axes, (title, quantities) in zip(panels.flat, PANELS.items(), strict=True):
            rows = table[table["quantity"].isin(quantities)].sort_values("size")
            axes.set_title(title, fontsize=9)
            if rows.empty:
                continue
            offsets = (6,) if len(quantities) == 1 else (-14, 6)  # the higher line's numbers above it
            for quantity, colour, offset in zip(
                quantities, (SCHEME_COLOURS["fusion"], SCHEME_COLOURS["3d"]), offsets, strict=False
            ):
                line = rows[rows["quantity"] == quantity]
                axes.plot(line["size"], line["value"], "o-", color=colour, label=quantity)
                for row in line.itertuples():
                    words = {
                        "textcoords": "offset points",
                        "xytext": (0, offset),
                        "ha": "center",
                        "fontsize": 8,
                    }
                    axes.annotate(
                        f"{row.value:,.0f}" if row.value >= 100 else f"{row.value:.3g}",
                        (row.size, row.value),
                        **words,
                    )
            _log(axes.xaxis, axes.set_xscale)
            _log(axes.yaxis, axes.set_yscale)
            axes.set_xticks(sorted(set(rows["size"])))
            axes.set_ylim(rows["value"].min() / 3, rows["value"].max() * 3)
            if len(quantities) > 1:
                axes.legend(loc="lower right", fontsize=8)
            if "planning" in quantities:
                axes.axhline(PLANNED_WITHIN, color="#D55E00")
                axes.set_ylim(rows["value"].min() / 3, max(rows["value"].max(), PLANNED_WITHIN) * 2)
        figure.suptitle(f"Cost against size; {table['machine'].iloc[-1]}; simulated people", fontsize=10)
        _save(figure, path)


def _log(axis, set_scale):
    set_scale("log")
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _save(figure, path):
    with atomic(path) as part:
        figure.savefig(part, format="png", dpi=RESOLUTION)
    plt.close(figure)
