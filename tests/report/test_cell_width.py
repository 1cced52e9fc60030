"""A figure is measured anew once it is drawn, and where its cell changes its width (seen in tests/browser)."""

import plotly.graph_objects as go
import pytest

from hpe_study.report.cell_width import DRAWN, CellWidth


@pytest.fixture
def measured(monkeypatch):
    """A figure's watcher, and a list that grows with each time it is measured."""
    figure, times = go.FigureWidget(layout={"autosize": True}), []
    watcher = CellWidth(figure)
    figure.layout.on_change(lambda _, autosize: times.append(autosize), "autosize")
    return watcher, times


def test_another_width_measures_the_figure(measured):
    watcher, times = measured
    watcher.width = 700
    assert times == [False, True]
    watcher.width = 700
    assert len(times) == 2


def test_the_first_drawing_measures_it_once(measured):
    watcher, times = measured
    watcher._figure.notify_change({"name": DRAWN, "type": "change", "old": None, "new": {}, "owner": watcher})
    watcher._figure.notify_change({"name": DRAWN, "type": "change", "old": {}, "new": {}, "owner": watcher})
    assert times == [False, True]
