"""A `View` as one plotly figure: picture with skeletons over it, skeletons in space, one bar per joint.

The figure is built whole and wrapped into a widget last, and a move sends the picture as a JPEG: both make it
several times faster than adding traces to a widget, or sending pixels.
"""

import html
from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go

from hpe_study.skeletons import MPII16
from hpe_study.utils.pictures import data_url
from hpe_study.viewer.layout import FONT, changing_layout, legend, make_layout
from hpe_study.viewer.traces import make_traces, trace_values
from hpe_study.viewer.view import View

LINK_CAMERAS = """
const plot = document.getElementById('{plot_id}'), scenes = ['scene', 'scene2'];
let busy = false;
plot.on('plotly_relayout', change => {
  const moved = scenes.find(scene => change[scene + '.camera']);
  if (!moved || busy) return;
  busy = true;
  const other = scenes.find(scene => scene !== moved);
  Plotly.relayout(plot, {[other + '.camera']: change[moved + '.camera']}).then(() => { busy = false; });
});
"""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title></head>
<body style="font-family: {font}; max-width: 1200px; margin: 1em auto">
<h1 style="font-size: 1.2em">{title}</h1><p>{description}</p><p>{legend}</p>
{plot}
</body></html>
"""


def build(view: View, reach: float) -> go.Figure:
    """The whole figure; `reach` is half the edge of the scenes' cube, in mm."""
    return go.Figure(make_traces(view), make_layout(view, reach))


class ViewFigure:
    """The figure as a widget that follows views; `reach` is half the edge of the scenes' cube, in mm."""

    def __init__(self, view: View, reach: float, on_joint: Callable[[int, str], None] | None = None) -> None:
        """Make it; `on_joint` gets the panel's number and the joint's name when a joint or bar is clicked."""
        self.view, self.reach, self._heatmaps = view, reach, {}
        self.widget = go.FigureWidget(build(view, reach))
        for trace in self.widget.data:
            if on_joint and ("joints" in trace.name or "bars" in trace.name):
                trace.on_click(lambda trace, points, _: self._clicked(trace, points, on_joint))
        for own, other in (("scene", "scene2"), ("scene2", "scene")):
            self.widget.layout[own].on_change(
                lambda _, camera, other=other: self._turn(other, camera), "camera"
            )

    def _clicked(self, trace, points, on_joint):
        if points.point_inds:
            names = trace.customdata if trace.customdata is not None else MPII16.joints
            on_joint("AB".index(trace.name[0]), str(names[points.point_inds[0]]))

    def _turn(self, other, camera):
        if self.widget.layout[other].camera != camera:
            self.widget.layout[other].camera = camera

    def show(self, view: View) -> None:
        """Draw another view."""
        self.view, self._heatmaps = view, {}
        values = trace_values(view)
        with self.widget.batch_update():
            for trace in self.widget.data:
                trace.update(values[trace.name], overwrite=False)
            self.widget.layout.update(changing_layout(view, self.reach))

    def rescale(self, reach: float) -> None:
        """Give the scenes another size (half the cube's edge, mm), because other people are shown."""
        self.reach = reach
        span = {"range": [-reach, reach]}
        self.widget.update_scenes(xaxis=span, yaxis=span)

    @property
    def camera(self) -> dict[str, Any]:
        """Where the skeletons are seen from: plotly's camera of the first scene."""
        return self.widget.layout.scene.camera.to_plotly_json()

    def show_heatmap(self, panel: int, picture: np.ndarray) -> None:
        """Lay a heat map, (H, W, 4) uint8 RGBA, over the box of one panel."""
        self._heatmaps[panel] = {"visible": True, "source": data_url(picture)}
        self.widget.layout.images[2 * panel + 1].update(self._heatmaps[panel])

    def html(self) -> str:
        """The figure as it stands, as one page that needs neither kernel nor network."""
        # Built anew: the widget's copy lacks what the browser calls a default.
        figure = build(self.view, self.reach)
        figure.update_scenes(camera=self.camera)
        for panel, image in self._heatmaps.items():
            figure.layout.images[2 * panel + 1].update(image)
        plot = figure.to_html(
            include_plotlyjs=True, full_html=False, post_script=LINK_CAMERAS, config={"displaylogo": False}
        )
        title, description = (html.escape(text) for text in (self.view.title, self.view.description))
        shown = {"description": description, "legend": legend(self.view), "plot": plot}
        return PAGE.format(title=title, font=FONT, **shown)
