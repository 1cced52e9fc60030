"""The layout of the viewer's figure: pictures, scenes, bars, titles and legend."""

import html
from typing import Any

import plotly.graph_objects as go

from hpe_study.report.style import PAIR_COLOURS
from hpe_study.skeletons.palette import COLOURS, SIDES
from hpe_study.utils.pictures import data_url
from hpe_study.viewer.traces import scene_bottom
from hpe_study.viewer.view import IMAGE_GONE, View

HEIGHT = 640  # px
SHOWN = (-0.25, 1.25)  # of the person's box: what the picture's axes cover
BARS_TOP = 0.2  # of the figure's height
COLUMNS = {  # by the number of panels: (picture, scene) of each
    1: (((0.0, 0.4), (0.42, 1.0)),),
    2: (((0.0, 0.2), (0.21, 0.5)), ((0.51, 0.71), (0.72, 1.0))),
}
CAMERA = {
    "eye": {"x": 1.06, "y": -2.1, "z": 0.45},
    "up": {"x": 0, "y": 0, "z": 1},
    "center": {"x": 0, "y": 0, "z": -0.12},
}
FONT = "DejaVu Sans, Verdana, sans-serif"
SIDE_LEGEND = " · ".join(f"<b style='color:{COLOURS[prefix]}'>{side}</b>" for prefix, side in SIDES.items())
_ON_PAPER = {"xref": "paper", "yref": "paper", "showarrow": False}


def make_layout(view: View, reach: float) -> go.Layout:
    """The whole layout.

    Args:
        view: What is shown first.
        reach: Half the edge of the scenes' cube, in mm.
    """
    return go.Layout(
        template="plotly_white",
        font={"family": FONT, "size": 12},
        height=HEIGHT,
        autosize=True,
        margin={"l": 55, "r": 10, "t": 84, "b": 70},
        showlegend=False,
        paper_bgcolor="white",
        bargap=0.25,
        xaxis3={"anchor": "y3", "domain": [0, 1], "tickangle": -35},
        **_scenes(reach),
    ).update(changing_layout(view, reach))


def _scenes(reach):
    axis = {
        "range": [-reach, reach],
        "showbackground": False,
        "gridcolor": "#dddddd",
        "dtick": 500,
        "tickfont": {"size": 9},
    }
    titles = {"x": "right (mm)", "y": "away (mm)", "z": "up (mm)"}
    axes = {
        f"{key}axis": {**axis, "title": {"text": title, "font": {"size": 10}}}
        for key, title in titles.items()
    }
    scene = {"aspectmode": "cube", "camera": CAMERA, "uirevision": "kept", **axes}
    return {"scene": scene, "scene2": scene}


def changing_layout(view: View, reach: float) -> dict[str, Any]:
    """What another view, or one more panel, changes of the layout."""
    layout = {
        "title": {"text": html.escape(view.title, quote=False), "font": {"size": 14}, "x": 0.01, "y": 0.985},
        "yaxis3": {"anchor": "x3", "domain": [0, BARS_TOP], "title": {"text": view.unit}},
    }
    columns, bottom, top = COLUMNS[len(view.panels)], scene_bottom(view, reach), [BARS_TOP + 0.1, 1.0]
    annotations = []
    for number, suffix in enumerate(("", "2")):
        picture, scene = columns[number] if number < len(columns) else ((0, 0.001), (0, 0.001))
        x, y = f"x{number + 1}", f"y{number + 1}"
        axis = {"showgrid": False, "zeroline": False, "visible": False, "constrain": "domain"}
        layout[f"xaxis{number + 1}"] = {**axis, "domain": picture, "anchor": y, "range": SHOWN}
        layout[f"yaxis{number + 1}"] = {
            **axis,
            "domain": top,
            "anchor": x,
            "range": SHOWN[::-1],
            "scaleanchor": x,
        }
        layout[f"scene{suffix}"] = {
            "domain": {"x": scene, "y": top},
            "zaxis": {"range": [bottom, bottom + 2 * reach]},
        }
        place = {"x": picture[0], "y": 1.01, "yanchor": "bottom", "xanchor": "left", "align": "left"}
        annotations.append({"text": _heading(view, number), **place, **_ON_PAPER})
        gone = IMAGE_GONE if number < len(columns) and view.picture is None else ""
        annotations.append({"text": gone, "x": 0.5, "y": -0.15, "xref": x, "yref": y, "showarrow": False})
    place = {"x": 1, "y": 1.085, "xanchor": "right", "yanchor": "bottom"}
    annotations.append({"text": _legend(view), **place, **_ON_PAPER})
    return layout | {"annotations": annotations, "images": _pictures(view), "shapes": _boxes(view)}


def _heading(view, number):
    """A panel's name and notes; nothing for a panel that is not there."""
    if number >= len(view.panels):
        return ""
    panel = view.panels[number]
    first, *others = (html.escape(note, quote=False) for note in panel.notes)
    text = "<br>".join([f"<b>{html.escape(panel.heading, quote=False)}</b> {first}", *others])
    return f"<span style='color:{PAIR_COLOURS[number]}'>{text}</span>"


def _legend(view):
    lines = f"solid: {view.solid_label}, dashed: true, " if view.panels[0].dashed else ""
    return f"{SIDE_LEGEND}   {lines}hollow: occluded"


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
