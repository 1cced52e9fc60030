"""The paired difference between two sets of parameters, as a table, a figure and a sentence."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown
from matplotlib.figure import Figure

from hpe_study.evaluation.bootstrap import estimate
from hpe_study.metrics import UNITS
from hpe_study.report.style import PAIR_COLOURS, theme, titled
from hpe_study.skeletons import MPII16
from hpe_study.study import Study
from hpe_study.study.compare import Changes, PairedErrors, paired_errors

TITLES = {"pa_mpjpe": "PA-MPJPE", "pck150": "PCK at 150 mm"}
COLUMNS = ["metric", "unit", "A", "B", "B − A", "low", "high", "people", "seeds"]


def compare(
    study: Study, run: str, a: Changes, b: Changes, seeds: Sequence[int] = (0,), device: str = "auto"
) -> "Comparison":
    """Compare a run with two sets of parameters; see `study.compare.paired_errors`."""
    return Comparison(paired_errors(study, run, a, b, seeds, device))


class Comparison:
    """Two sets of parameters, A and B, on the same test people."""

    def __init__(self, errors: PairedErrors) -> None:
        self.errors = errors

    @property
    def table(self) -> pd.DataFrame:
        """One row per metric: both means, the paired difference and its 95 % interval over test people."""
        rows = []
        for metric, (a, b) in self.errors.values.items():
            difference = estimate(b - a, self.errors.units)
            interval = (difference["value"], difference["low"], difference["high"], difference["n"])
            rows.append((metric, UNITS[metric], np.nanmean(a), np.nanmean(b), *interval, self.errors.seeds))
        return pd.DataFrame(rows, columns=COLUMNS)

    def figure(self) -> Figure:
        """MPJPE of A and B per joint, and the paired difference with its 95 % interval."""
        joints = [index for index, joint in enumerate(MPII16.joints) if joint != MPII16.root]
        title = (
            f"A and B on {self.errors.test_set}: n = {len(self.errors.values['mpjpe'][0])},"
            f" {self.errors.seeds} seed(s), bars: 95 % interval"
        )
        with theme():
            figure, (above, below) = plt.subplots(2, 1, figsize=(8.5, 5), sharex=True)
            self._draw_errors(above, joints)
            self._draw_difference(below, joints)
            names = [MPII16.joints[joint].replace("_", " ") for joint in joints]
            below.set_xticks(range(len(joints)), names, rotation=35, ha="right")
            figure.suptitle(titled(title, self.errors.simulated))
        return figure

    def _draw_errors(self, axis, joints):
        styles = zip("AB", "oD", PAIR_COLOURS, self.errors.parameters, strict=True)
        for values, (letter, marker, colour, changes) in zip(
            self.errors.values["mpjpe"], styles, strict=True
        ):
            label = f"{letter}: {_text_of(changes)}"
            axis.plot(np.nanmean(values, 0)[joints], marker, color=colour, label=label)
        axis.set(ylabel="mean error (mm)", ylim=(0, None))
        axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)

    def _draw_difference(self, axis, joints):
        a, b = self.errors.values["mpjpe"]
        estimates = [estimate((b - a)[:, [joint]], self.errors.units) for joint in joints]
        value, low, high = (np.array([one[key] for one in estimates]) for key in ("value", "low", "high"))
        bars = [value - low, high - value]
        axis.errorbar(range(len(joints)), value, bars, fmt="s", color="#333333", capsize=3)
        axis.axhline(0, color="0.5", linewidth=1)
        axis.set(ylabel="B − A (mm)")

    def sentence(self) -> Markdown:
        """The difference in MPJPE in words, and the other metrics' differences beside it."""
        row, *others = (row for _, row in self.table.iterrows())
        if row["low"] <= 0 <= row["high"]:
            verdict = "makes no difference that these people can show"
        else:
            verdict = f"{'lowers' if row['B − A'] < 0 else 'raises'} the error"
        beside = "; ".join(
            f"{TITLES[row['metric']]} {row['B − A']:+.1f} {row['unit']}"
            f" [{row['low']:+.1f}, {row['high']:+.1f}]"
            for row in others
        )
        people = "simulated people" if self.errors.simulated else "real people"
        return Markdown(
            f"B {verdict}: MPJPE {row['A']:.0f} → {row['B']:.0f} mm, paired difference {row['B − A']:+.1f} mm"
            f" [{row['low']:+.1f}, {row['high']:+.1f}] over {row['people']} {people}; {beside}. The"
            f" intervals cover the choice of test people, not that of the seed ({self.errors.seeds} here):"
            " training again with another seed moves these numbers, too."
        )


def _text_of(changes):
    parts = [
        f"{key}.{name} = {value}"
        for key, change in changes.items()
        for name, value in (change.items() if isinstance(change, dict) else [("", change)])
    ]
    return ", ".join(parts) or "the profile as it is"
