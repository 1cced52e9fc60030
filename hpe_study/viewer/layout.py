"""The layout of the viewer's figure: pictures, scenes, bars, titles and legend."""

import html
from typing import Any

import plotly.graph_objects as go

from hpe_study.skeletons.palette import COLOURS, SIDES
from hpe_study.utils.pictures import data_url
from hpe_study.viewer.traces import PANEL_COLOURS, scene_bottom
from hpe_study.viewer.view import IMAGE_GONE, View

SHOWN = (-0.25, 1.25)  # of the person's box: what the picture's axes cover
HEIGHT, SECOND = 640, 300  # px of the figure, and so much more for a second panel
MARGIN = {"l": 10, "r": 10, "t": 26, "b": 75}  # px
BARS = 110  # px: the height of the bars
GAP = 44  # px between rows: the next row's heading
PICTURE, SCENE = (0.0, 0.4), (0.41, 1.0)  # of the figure's width
GREY, LINES = "#7a7a7a", "rgba(128, 128, 128, 0.35)"  # seen on a white page and on a dark one
CLEAR = "rgba(0, 0, 0, 0)"
CAMERA = {
    "eye": {"x": 1.11, "y": -2.2, "z": 0.47}, "up": {"x": 0, "y": 0, "z": 1},
    "center": {"x": 0, "y": 0, "z": -0.12},
}  # fmt: skip
FONT = "DejaVu Sans, Verdana, sans-serif"
SIDE_LEGEND = " · ".join(f"<b style='color:{COLOURS[prefix]}'>{side}</b>" for prefix, side in SIDES.items())
_ON_PAPER = {"xref": "paper", "yref": "paper", "showarrow": False}


def make_layout(view: View, reach: float) -> go.Layout:
    """The whole layout; `reach` is half the edge of the scenes' cube, in mm."""
    look = {"template": "plotly_white", "font": {"family": FONT, "size": 12, "color": GREY}, "bargap": 0.25}
    look |= {"autosize": True, "margin": MARGIN, "showlegend": False}
    look |= {"paper_bgcolor": CLEAR, "plot_bgcolor": CLEAR}
    look["xaxis3"] = {"anchor": "y3", "domain": [0, 1], "tickangle": -35, "automargin": True}
    return go.Layout(**look, **_scenes(reach)).update(changing_layout(view, reach))


def _scenes(reach):
    axis = {"range": [-reach, reach], "showbackground": False, "gridcolor": LINES, "dtick": 500}
    axis["tickfont"] = {"size": 9}
    titles = {"x": "right (mm)", "y": "away (mm)", "z": "up (mm)"}
    named = {key: {"title": {"text": text, "font": {"size": 10}}} for key, text in titles.items()}
    axes = {f"{key}axis": axis | title for key, title in named.items()}
    scene = {"aspectmode": "cube", "camera": CAMERA, "uirevision": "kept", "bgcolor": CLEAR, **axes}
    return {"scene": scene, "scene2": scene}


def changing_layout(view: View, reach: float) -> dict[str, Any]:
    """What another view, or one more panel, changes of the layout."""
    count = len(view.panels)
    height = HEIGHT + SECOND * (count - 1)
    rows, bars = _rows(count, height - MARGIN["t"] - MARGIN["b"])
    bar_axis = {"anchor": "x3", "domain": bars, "automargin": True, "gridcolor": LINES}
    bar_axis["title"] = {"text": view.unit, "font": {"size": 10}}
    layout = {"height": height, "yaxis3": bar_axis}
    bottom, annotations = scene_bottom(view, reach), []
    for number, suffix in enumerate(("", "2")):
        here = number < count
        picture, scene, row = (PICTURE, SCENE, rows[number]) if here else ((0, 0.001),) * 3
        x, y = f"x{number + 1}", f"y{number + 1}"
        axis = {"showgrid": False, "zeroline": False, "visible": False, "constrain": "domain"}
        layout[f"xaxis{number + 1}"] = {**axis, "domain": picture, "anchor": y, "range": SHOWN}
        vertical = {"scaleanchor": x, "constraintoward": "top", "range": SHOWN[::-1]}
        layout[f"yaxis{number + 1}"] = {**axis, **vertical, "domain": row, "anchor": x}
        layout[f"scene{suffix}"] = {
            "domain": {"x": scene, "y": row},
            "zaxis": {"range": [bottom, bottom + 2 * reach]},
        }
        place = {"x": 0, "y": row[1], "yanchor": "bottom", "xanchor": "left", "align": "left"}
        annotations.append({"text": _heading(view, number), **place, **_ON_PAPER})
        gone = IMAGE_GONE if here and view.picture is None else ""
        annotations.append({"text": gone, "x": 0.5, "y": -0.15, "xref": x, "yref": y, "showarrow": False})
    return layout | {"annotations": annotations, "images": _pictures(view), "shapes": _boxes(view)}


def _rows(count, height):
    """(bottom, top) of each panel's row, the first on top, and of the bars below; fractions of the height."""
    each = (height - BARS - GAP * count) / count
    tops = [height - number * (each + GAP) for number in range(count)]
    return [((top - each) / height, top / height) for top in tops], (0, BARS / height)


def _heading(view, number):
    """A panel's name and notes; nothing for a panel that is not there."""
    if number >= len(view.panels):
        return ""
    panel = view.panels[number]
    notes = html.escape(" · ".join(panel.notes), quote=False)
    text = f"<b>{html.escape(panel.heading, quote=False)}</b> {notes}"
    return f"<span style='color:{PANEL_COLOURS[number]}'>{text}</span>"


def legend(view: View) -> str:
    """What colours and lines mean, as HTML."""
    lines = f"solid: {view.solid_label}, dashed: true, " if view.panels[0].dashed else ""
    return f"{SIDE_LEGEND} &nbsp; {lines}hollow: occluded"


def _pictures(view):
    """The person's picture behind each panel's joints, and a place for a heat map over it."""
    x, y, width, height = view.extent
    shown = view.picture is not None
    source = {"source": data_url(view.picture)} if shown else {}
    images = []
    for number in (1, 2):
        axes = {"xref": f"x{number}", "yref": f"y{number}", "sizing": "stretch", "layer": "below"}
        place = {"x": x, "y": y, "sizex": width, "sizey": height}
        images.append({**axes, **source, **place, "visible": shown and number <= len(view.panels)})
        images.append({**axes, "x": 0, "y": 0, "sizex": 1, "sizey": 1, "visible": False})
    return images


def _boxes(view):
    """The outline of the person's box in each picture."""
    outline = {"type": "rect", "x0": 0, "y0": 0, "x1": 1, "y1": 1, "line": {"color": "#888888", "width": 1}}
    return [
        {**outline, "xref": f"x{number}", "yref": f"y{number}", "visible": number <= len(view.panels)}
        for number in (1, 2)
    ]
