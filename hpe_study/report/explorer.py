"""A small panel over the run records: choose tests, metric, schemes and seeds; table and plot follow."""

from collections.abc import Sequence

import ipywidgets as widgets
import pandas as pd
import plotly.graph_objects as go

from hpe_study.evaluation.scoring import PROTOCOL
from hpe_study.report.breakdown import known_parts, score_parts
from hpe_study.report.cell_width import CellWidth
from hpe_study.report.results import MODEL, Results
from hpe_study.report.style import UNITS, run_title, set_title

BARS = 40  # more rows are in the table alone
COMPARED = 6  # conditions side by side, part by part
ROW_PX = 22
CLASS = "hpe-explorer"
WHOLE = "whole test set"
FIRST = ("mpjpe", "pckh", "pck_crop")  # of the metrics, in the menu
LOWER = ("mpjpe", "pa_mpjpe", "n_mpjpe", "exchanged")  # metrics that are better when lower
SCHEMES = {"2d": "2D alone", "fusion": "2D + 3D", "3d": "3D alone"}
LAYOUT = {
    "margin": {"l": 10, "r": 10, "t": 30, "b": 40},
    "yaxis": {"autorange": "reversed", "automargin": True},
    "legend": {"orientation": "h", "yanchor": "bottom", "y": 1},
}


class Explorer(widgets.VBox):
    """Scores of all runs of a study, to filter, and to split by joint, action or camera.

    Runs that differ in their seed alone are one condition: shown is the mean over the chosen seeds.

    Attributes:
        selection: the rows of the records that are chosen, best first.
        query: the same choice as a query string: `runs.query(explorer.query)`.
        conditions: one row per condition, best first: what is shown.
        parts: the best conditions' scores part by part, one column per condition.
    """

    def __init__(self, results: Results) -> None:
        """Make the panel."""
        runs = results.runs[results.runs.scorer == MODEL]
        titles = {name: run_title(name) for name in runs.run.unique()}
        self.results, self.runs = results, runs.assign(condition=runs.run.map(titles))
        self._rows, self._known_parts, self._refilling = self.runs, {}, False
        sets = [(set_title(name), name) for name in _values(self.runs.test_set)]
        self.test_set = widgets.Dropdown(options=sets, description="test set")
        self.metric = widgets.Dropdown(description="metric")
        self.protocol = widgets.Dropdown(description="protocol")
        self.split = widgets.Dropdown(description="shown")
        present, sets_2d = _values(self.runs.scheme), _values(self.runs.two_d.dropna())
        self.scheme = _several("schemes", [(SCHEMES.get(name, name), name) for name in present])
        self.stage = _several("stages", _values(self.runs.stage))
        self.two_d = _several("2D set", [("none", "none"), *((set_title(name), name) for name in sets_2d)])
        self.seed = _several("seeds", _values(self.runs.seed))
        self.text = widgets.Text(description="query", layout=widgets.Layout(width="98%"), disabled=True)
        dots = [go.Scatter(mode="markers", visible=False) for _ in range(COMPARED)]
        self.plot, self.table = go.FigureWidget(dots, LAYOUT), widgets.HTML()
        menus = [self.test_set, self.metric, self.protocol, self.split]
        filters = [self.scheme, self.stage, self.two_d, self.seed]
        rows = [widgets.HBox(row, layout={"flex_flow": "row wrap"}) for row in (menus, filters)]
        super().__init__([*rows, self.text, self.plot, self.table, CellWidth(self.plot)])
        self.add_class(CLASS)
        self.test_set.observe(self._new_test_set, "value")
        for control in (self.metric, self.protocol, self.split, *filters):
            control.observe(self._update, "value")
        self._new_test_set()

    @property
    def query(self) -> str:
        """The choice as a string for `DataFrame.query`, to paste into a cell."""
        fixed = {"test_set": self.test_set, "metric": self.metric, "protocol": self.protocol}
        parts = [f"{column} == {control.value!r}" for column, control in fixed.items()]
        parts += [f"scorer == {MODEL!r}"]
        parts += [
            f"{column} in {list(control.value)!r}"
            for column, control in (("scheme", self.scheme), ("stage", self.stage), ("seed", self.seed))
            if control.value
        ]
        if chosen := [name for name in self.two_d.value if name != "none"]:
            parts.append(f"two_d in {chosen!r}" + (" or two_d.isna()" if "none" in self.two_d.value else ""))
        elif self.two_d.value:
            parts.append("two_d.isna()")
        return " and ".join(f"({part})" if " or " in part else part for part in parts)

    @property
    def selection(self) -> pd.DataFrame:
        """The chosen rows, best first."""
        return self._rows.query(self.query).sort_values("value", ascending=self._rising)

    @property
    def conditions(self) -> pd.DataFrame:
        """One row per condition, best first: what the table shows, and the runs behind it.

        low and high are the range of the seeds; where all have one seed, the 95 % interval over people.
        """
        groups = self.selection.groupby("condition", sort=False)
        costs = {"n": ("n", "first"), "images": ("images_line", "first"), "runs": ("run", list)}
        values = {"value": ("value", "mean"), "low": ("value", "min"), "high": ("value", "max")}
        found = groups.agg(**values, seeds=("seed", "nunique"), **costs)
        if (found["seeds"] <= 1).all():
            found[["low", "high"]] = groups[["low", "high"]].first()
        return found.astype({"images": "Int64"}).sort_values("value", ascending=self._rising)

    @property
    def parts(self) -> pd.DataFrame:
        """The best conditions' scores by what is chosen under "shown", and how many records count.

        Empty where nothing is known. Each is the mean over those chosen seeds whose errors of people, or per
        joint predictions, are at hand.
        """
        found = {}
        for title, runs in self.conditions["runs"].items() if self.protocol.value == PROTOCOL else ():
            if known := [part for run in runs if (part := self._part(run)) is not None]:
                seeds = f" ({len(known)} of {len(runs)} seeds)" if len(known) < len(runs) else ""
                found[title + seeds] = sum(part["value"] for part in known) / len(known)
                records = known[0]["records"]
            if len(found) == COMPARED:
                break
        return pd.DataFrame(found).assign(records=records) if found else pd.DataFrame()

    @property
    def _rising(self):
        return self.metric.value in LOWER

    def _part(self, run):
        key = (run, self.test_set.value, self.metric.value, self.split.value)
        if key not in self._known_parts:
            self._known_parts[key] = score_parts(self.results, *key)
        return self._known_parts[key]

    def _new_test_set(self, _=None):
        self._rows = rows = self.runs[self.runs.test_set == self.test_set.value]
        splits = [(f"per {part}", part) for part in known_parts(self.results, self.test_set.value)]
        self._refilling = True
        with self.hold_sync():
            _refill(self.metric, sorted(_values(rows.metric), key=lambda name: name not in FIRST))
            _refill(self.protocol, _values(rows.protocol))
            _refill(self.split, [(WHOLE, WHOLE), *splits])
        self._refilling = False
        self._update()

    def _update(self, _=None):
        if self._refilling:
            return
        self.text.value = self.query
        conditions = self.conditions
        if conditions.empty:
            self._say("No run fits this choice.")
        elif self.split.value == WHOLE:
            best, several = conditions.head(BARS), conditions["seeds"].max() > 1
            dots = {"x": best["value"].to_numpy(), "y": list(best.index), "showlegend": False}
            ends = {"array": best["high"] - best["value"], "arrayminus": best["value"] - best["low"]}
            dots["error_x"] = {key: values.to_numpy() for key, values in ends.items()}
            self._draw([dots], len(best), ", mean and range of the seeds" if several else ", 95 % interval")
            shown = conditions.drop(columns="runs")
            shown["run"] = [runs[0].rpartition("-seed")[0] for runs in conditions["runs"]]
            self.table.value = _html(shown)
        elif (parts := self.parts).empty:
            self._say(f"Of these runs, {self.metric.value} per {self.split.value} is not known.")
        else:
            titles = parts.columns.drop("records")
            dots = [
                {"x": parts[title].to_numpy(), "y": list(parts.index), "name": title, "showlegend": True}
                for title in titles
            ]
            self._draw(dots, len(parts) + len(titles), f" per {self.split.value}")
            self.table.value = _html(parts)

    def _say(self, text):
        self._draw([], 0, "")
        self.table.value = text

    def _draw(self, dots, rows, addition):
        """Give the figure its dots in one message, so that the browser draws it once."""
        unit = self._rows.loc[self._rows["metric"] == self.metric.value, "unit"].iloc[0]
        metric = UNITS.get(self.metric.value, f"{self.metric.value} ({unit})")
        with self.plot.batch_update():
            for place, trace in enumerate(self.plot.data):
                shown = place < len(dots)
                trace.update({"error_x": {"array": None, "arrayminus": None}, **dots[place]} if shown else {})
                trace.visible = shown
            title = f"{metric} on {set_title(self.test_set.value)}{addition}"
            self.plot.update_layout(height=120 + ROW_PX * rows, xaxis_title_text=title)


def _html(table: pd.DataFrame) -> str:
    table = table.rename_axis(index=None)
    return table.to_html(float_format="{:.1f}".format, border=0)


def _values(column: pd.Series) -> list:
    return sorted(column.unique().tolist())


def _several(description: str, options: Sequence) -> widgets.SelectMultiple:
    return widgets.SelectMultiple(options=options, description=description, rows=4)


def _refill(menu: widgets.Dropdown, options: list) -> None:
    """New options; the old choice is kept where it is still one."""
    values = [option[1] if isinstance(option, tuple) else option for option in options]  # (title, value)
    kept = menu.value if menu.value in values else values[0]
    menu.options, menu.value = options, kept
