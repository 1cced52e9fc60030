"""A small panel over the run records: choose tests, metric, schemes and seeds; table and plot follow."""

from collections.abc import Sequence

import ipywidgets as widgets
import pandas as pd
import plotly.graph_objects as go

MODEL = "model"
BARS = 40  # more rows are in the table alone
ROW_PX = 22
SCHEMES = {"2d": "2D alone", "fusion": "2D + 3D", "3d": "3D alone"}
SHOWN = ["run", "seed", "value", "low", "high", "n", "images_seen", "seconds"]


class Explorer(widgets.VBox):
    """Scores of all runs of a study, to filter.

    Attributes:
        selection: the rows of the records that are shown, best first.
        query: the same choice as a query string: `runs.query(explorer.query)`.
    """

    def __init__(self, runs: pd.DataFrame) -> None:
        """Make the panel.

        Args:
            runs: run records, one row per run, test set, protocol, scorer and metric (`Results.runs`).
        """
        self.runs = runs[runs.scorer == MODEL]
        self.test_set = widgets.Dropdown(options=_values(self.runs.test_set), description="test set")
        self.metric = widgets.Dropdown(description="metric")
        self.protocol = widgets.Dropdown(description="protocol")
        present = _values(self.runs.scheme)
        self.scheme = _several("schemes", [(SCHEMES.get(name, name), name) for name in present])
        self.stage = _several("stages", _values(self.runs.stage))
        self.two_d = _several("2D set", ["none", *_values(self.runs.two_d.dropna())])
        self.seed = _several("seeds", _values(self.runs.seed))
        self.text = widgets.Text(description="query", layout=widgets.Layout(width="98%"), disabled=True)
        self.plot, self.table = go.FigureWidget(), widgets.HTML()
        menus = [self.test_set, self.metric, self.protocol]
        filters = [self.scheme, self.stage, self.two_d, self.seed]
        super().__init__([widgets.HBox(menus), widgets.HBox(filters), self.text, self.plot, self.table])
        self.test_set.observe(self._new_test_set, "value")
        for control in (self.metric, self.protocol, *filters):
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
        falling = self.metric.value in ("mpjpe", "pa_mpjpe", "n_mpjpe")
        return self.runs.query(self.query).sort_values("value", ascending=falling)

    def _new_test_set(self, _=None):
        rows = self.runs[self.runs.test_set == self.test_set.value]
        with self.hold_sync():
            _refill(self.metric, _values(rows.metric))
            _refill(self.protocol, _values(rows.protocol))
        self._update()

    def _update(self, _=None):
        rows = self.selection
        self.text.value = self.query
        if rows.empty:
            self.plot.data, self.table.value = [], "No run fits this choice."
            return
        unit = rows.unit.iloc[0]
        self.table.value = rows[[column for column in SHOWN if column in rows]].round(1).to_html(index=False)
        self._draw(rows.head(BARS), unit)

    def _draw(self, rows, unit):
        error = {"array": rows.high - rows.value, "arrayminus": rows.value - rows.low}
        with self.plot.batch_update():
            self.plot.data = []
            self.plot.add_scatter(x=rows.value, y=rows.run, error_x=error, mode="markers", showlegend=False)
            self.plot.update_layout(
                height=120 + ROW_PX * len(rows),
                margin={"l": 10, "r": 10, "t": 30, "b": 40},
                xaxis_title=f"{self.metric.value} on {self.test_set.value} ({unit}), 95 % interval",
                yaxis={"autorange": "reversed", "automargin": True},
            )


def _values(column: pd.Series) -> list:
    return sorted(column.unique().tolist())


def _several(description: str, options: Sequence) -> widgets.SelectMultiple:
    return widgets.SelectMultiple(options=options, description=description, rows=4)


def _refill(menu: widgets.Dropdown, options: list) -> None:
    """New options; the old choice is kept where it is still one."""
    kept = menu.value if menu.value in options else options[0]
    menu.options, menu.value = options, kept
