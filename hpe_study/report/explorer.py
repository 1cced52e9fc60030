"""A small panel over the run records: choose tests, metric, schemes and seeds; table and plot follow."""

from collections.abc import Sequence

import ipywidgets as widgets
import pandas as pd
import plotly.graph_objects as go

from hpe_study.evaluation.scoring import PROTOCOL
from hpe_study.report.breakdown import known_parts, score_parts
from hpe_study.report.cell_width import CellWidth
from hpe_study.report.results import MODEL, Results
from hpe_study.report.style import UNITS, set_title

BARS = 40  # more rows are in the table alone
COMPARED = 6  # runs side by side, part by part
ROW_PX = 22
CLASS = "hpe-explorer"
WHOLE = "whole test set"
FIRST = ("mpjpe", "pckh", "pck_crop")  # of the metrics, in the menu
LOWER = ("mpjpe", "pa_mpjpe", "n_mpjpe", "exchanged")  # metrics that are better when lower
SCHEMES = {"2d": "2D alone", "fusion": "2D + 3D", "3d": "3D alone"}
SHOWN = ["run", "seed", "value", "low", "high", "n", "images_seen", "seconds"]


class Explorer(widgets.VBox):
    """Scores of all runs of a study, to filter, and to split by joint, action or camera.

    Attributes:
        selection: the rows of the records that are shown, best first.
        query: the same choice as a query string: `runs.query(explorer.query)`.
        parts: the best runs' scores part by part, one column per run.
    """

    def __init__(self, results: Results) -> None:
        """Make the panel."""
        self.results, self.runs = results, results.runs[results.runs.scorer == MODEL]
        self._refilling = False
        sets = [(set_title(name), name) for name in _values(self.runs.test_set)]
        self.test_set = widgets.Dropdown(options=sets, description="test set")
        self.metric = widgets.Dropdown(description="metric")
        self.protocol = widgets.Dropdown(description="protocol")
        self.split = widgets.Dropdown(description="shown")
        present = _values(self.runs.scheme)
        self.scheme = _several("schemes", [(SCHEMES.get(name, name), name) for name in present])
        self.stage = _several("stages", _values(self.runs.stage))
        self.two_d = _several("2D set", ["none", *_values(self.runs.two_d.dropna())])
        self.seed = _several("seeds", _values(self.runs.seed))
        self.text = widgets.Text(description="query", layout=widgets.Layout(width="98%"), disabled=True)
        self.plot, self.table = go.FigureWidget(), widgets.HTML()
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
        falling = self.metric.value in LOWER
        return self.runs.query(self.query).sort_values("value", ascending=falling)

    @property
    def parts(self) -> pd.DataFrame:
        """The best runs' scores by what is chosen under "shown", and how many records count; may be empty."""
        what, found = (self.test_set.value, self.metric.value, self.split.value), {}
        for run in self.selection["run"] if self.protocol.value == PROTOCOL else ():
            if (part := score_parts(self.results, run, *what)) is not None:
                found[run] = part
            if len(found) == COMPARED:
                break
        parts = pd.DataFrame({run: part["value"] for run, part in found.items()})
        return parts.assign(records=part["records"]) if found else parts

    def _new_test_set(self, _=None):
        rows = self.runs[self.runs.test_set == self.test_set.value]
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
        rows = self.selection
        self.text.value = self.query
        if rows.empty:
            self.plot.data, self.table.value = [], "No run fits this choice."
        elif self.split.value == WHOLE:
            shown = rows[[column for column in SHOWN if column in rows]]
            self.table.value = shown.round(1).to_html(index=False)
            best = rows.head(BARS)
            error = {"array": best.high - best.value, "arrayminus": best.value - best.low}
            whole = go.Scatter(x=best.value, y=best.run, error_x=error, mode="markers", showlegend=False)
            self._draw([whole], len(best), rows.unit.iloc[0], ", 95 % interval")
        else:
            self._show_parts(self.parts, rows.unit.iloc[0])

    def _show_parts(self, parts, unit):
        if parts.empty:
            what = f"{self.metric.value} per {self.split.value}"
            self.plot.data, self.table.value = [], f"Of these runs, {what} is not known."
            return
        self.table.value = parts.round(1).to_html()
        runs = parts.columns.drop("records")
        dots = [go.Scatter(x=parts[run], y=parts.index, mode="markers", name=run) for run in runs]
        self._draw(dots, len(parts) + len(runs), unit, f" per {self.split.value}")

    def _draw(self, traces, rows, unit, addition):
        metric = UNITS.get(self.metric.value, f"{self.metric.value} ({unit})")
        with self.plot.batch_update():
            self.plot.data = []
            self.plot.add_traces(traces)
            self.plot.update_layout(
                height=120 + ROW_PX * rows,
                margin={"l": 10, "r": 10, "t": 30, "b": 40},
                xaxis_title=f"{metric} on {set_title(self.test_set.value)}{addition}",
                yaxis={"autorange": "reversed", "automargin": True},
                legend={"orientation": "h", "yanchor": "bottom", "y": 1},
            )


def _values(column: pd.Series) -> list:
    return sorted(column.unique().tolist())


def _several(description: str, options: Sequence) -> widgets.SelectMultiple:
    return widgets.SelectMultiple(options=options, description=description, rows=4)


def _refill(menu: widgets.Dropdown, options: list) -> None:
    """New options; the old choice is kept where it is still one."""
    values = [option[1] if isinstance(option, tuple) else option for option in options]  # (title, value)
    kept = menu.value if menu.value in values else values[0]
    menu.options, menu.value = options, kept
