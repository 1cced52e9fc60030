"""A `View` as one plotly figure: picture with skeletons over it, skeletons in space, a bar a joint; twice
where two are compared.

The figure is built whole and wrapped into a widget last, and a move sends the picture as a JPEG: both make it
several times faster than adding traces to a widget, or sending pixels. Predicted solid, true dashed; occluded
hollow; the sides have the colours of `skeletons.palette`.
"""

import base64

import cv2
import numpy as np
import plotly.graph_objects as go

from hpe_study.skeletons import MPII16
from hpe_study.skeletons.palette import COLOURS, SIDES, colour_of
from hpe_study.viewer.view import IMAGE_GONE

HEIGHT = 640  # px
SHOWN = (-0.25, 1.25)  # of the person's box: what the picture's axes cover
HALF_COLOURS = ("#444444", "#A6589A")  # of the bars and names of A and B
FLOOR = {
    "color": "#e3e3e3",
    "half": 20_000.0,
}  # a square of so many mm either way; the scene cuts it at its own edges
BELOW = 40.0  # mm: what the scene shows below the floor at least, so that the marks of the feet are whole
CAMERA = {
    "eye": {"x": 1.06, "y": -2.1, "z": 0.45},
    "up": {"x": 0, "y": 0, "z": 1},
    "center": {"x": 0, "y": 0, "z": -0.12},
}
FONT = "DejaVu Sans, Verdana, sans-serif"
JPEG_QUALITY = 85
BARS_TOP = 0.2  # of the figure's height
COLUMNS = {
    1: (((0.0, 0.4), (0.42, 1.0)),),
    2: (((0.0, 0.2), (0.21, 0.5)), ((0.51, 0.71), (0.72, 1.0))),
}  # picture and scene of each half
SIDE_LEGEND = (
    f"<b style='color:{COLOURS['r_']}'>right</b> · <b style='color:{COLOURS['l_']}'>left</b> · <b"
    f" style='color:{COLOURS['']}'>middle</b>"
)
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


# ---------------------------------------------------------------- values of the traces


def flat_lines(pose, side):
    """x, y of the bones of one side ("r_", "l_" or "" for the middle) over the picture; NaN between bones."""
    bones = [bone for bone in pose.skeleton.bones if COLOURS[side] == colour_of(bone[1])]
    places = (
        pose.flat[[[pose.skeleton.index(joint) for joint in bone] for bone in bones]]
        if bones
        else np.empty((0, 2, 2))
    )
    return _gapped(places)


def deep_lines(pose):
    """x, y, z of all bones in the scene's axes, and a colour for every end; NaN between bones."""
    places = in_scene(pose.deep)[np.array(pose.skeleton.bone_indices)]
    return (*_gapped(places), [colour_of(child) for _, child in pose.skeleton.bones for _ in range(3)])


def _gapped(places):
    """(B, 2, D) ends of bones → D arrays (3·B,) with NaN after every second value."""
    gapped = np.full((len(places), 3, places.shape[2]), np.nan)
    gapped[:, :2] = places
    return tuple(gapped.reshape(-1, places.shape[2]).T)


def in_scene(joints):
    """Camera frame (x right, y down, z away) → the scene's axes: x right, y away, z up."""
    return np.stack([joints[..., 0], joints[..., 2], -joints[..., 1]], -1)


def moving(view):
    """{trace name: what a move changes of it}."""
    values = {}
    for half, letter in zip((*view.halves, None)[:2], "AB", strict=False):
        for kind in ("true", "predicted"):
            pose = half and (half.dashed if kind == "true" else half.solid)
            values |= _moving_pose(pose, f"{letter} {kind}", "true" if kind == "true" else view.solid)
        shown = half is not None and half.bars is not None
        values[f"{letter} floor"] = _floor(
            floor_of(view)
        )  # also of a half that is not there: plotly stumbles over a surface that vanishes
        values[f"{letter} bars"] = {
            "y": half.bars if shown else [],
            "x": _words(MPII16.joints) if shown else [],
        }
    return values


def _moving_pose(pose, name, kind):
    if pose is None:
        empty = {"x": [], "y": []}
        deep = {**empty, "z": []}
        return {f"{name} {SIDES[side]}": empty for side in COLOURS} | {
            f"{name} joints": empty,
            f"{name} bones in space": deep,
            f"{name} joints in space": deep,
        }
    values = {}
    for side in COLOURS:
        x, y = flat_lines(pose, side)
        values[f"{name} {SIDES[side]}"] = {"x": x, "y": y}
    colours, symbols = (
        [colour_of(joint) for joint in pose.skeleton.joints],
        np.where(pose.hollow, "circle-open", "circle").tolist(),
    )
    common = {
        "text": [f"{joint}, {kind}" for joint in _words(pose.skeleton.joints)],
        "customdata": list(pose.skeleton.joints),
    }
    values[f"{name} joints"] = {
        "x": pose.flat[:, 0],
        "y": pose.flat[:, 1],
        "marker": {"color": colours, "symbol": symbols},
        **common,
    }
    x, y, z, line_colours = deep_lines(pose)
    values[f"{name} bones in space"] = {"x": x, "y": y, "z": z, "line": {"color": line_colours}}
    x, y, z = in_scene(pose.deep).T
    values[f"{name} joints in space"] = {
        "x": x,
        "y": y,
        "z": z,
        "marker": {"color": colours, "symbol": symbols},
        **common,
    }
    return values


def _words(joints):
    return [joint.replace("_", " ") for joint in joints]


def floor_of(view):
    """Height of the floor in mm: under the lowest joint, of the true skeleton where there is one; 0 where
    nobody has 3D joints."""
    poses = [pose for half in view.halves for pose in (half.dashed, half.solid) if pose is not None]
    lows = [-np.nanmax(pose.deep[:, 1]) for pose in poses if np.isfinite(pose.deep[:, 1]).any()]
    return float(lows[0]) if lows else 0.0


def bottom_of(view, reach):
    """mm: where the scenes end below. Below the floor, and below whoever goes through it (by half a scene at
    most)."""
    poses = [pose for half in view.halves for pose in (half.dashed, half.solid) if pose is not None]
    lows = [-np.nanmax(pose.deep[:, 1]) for pose in poses if np.isfinite(pose.deep[:, 1]).any()]
    floor = floor_of(view)
    return float(max(min([floor, *lows]), floor - reach) - BELOW)


def _floor(height):
    """The floor's two triangles."""
    edge = FLOOR["half"]
    return {"x": [-edge, edge, edge, -edge], "y": [-edge, -edge, edge, edge], "z": [height - BELOW / 2] * 4}


def source_of(picture):
    """A picture (H, W, 3) uint8 as JPEG, or (H, W, 4) as PNG, for a figure's `source=`."""
    kind, options = (
        (".png", []) if picture.shape[2] == 4 else (".jpg", [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    )
    order = cv2.COLOR_RGBA2BGRA if picture.shape[2] == 4 else cv2.COLOR_RGB2BGR
    data = cv2.imencode(kind, cv2.cvtColor(picture, order), options)[1]
    return f"data:image/{'png' if kind == '.png' else 'jpeg'};base64,{base64.b64encode(data).decode()}"


def thumbnail(image, longest):
    """The picture (H, W, 3) with its longer side at most `longest` px."""
    factor = longest / max(image.shape[:2])
    if factor >= 1:
        return image
    return cv2.resize(
        image, [max(round(length * factor), 1) for length in image.shape[1::-1]], interpolation=cv2.INTER_AREA
    )


# ---------------------------------------------------------------- the figure


def build(view, reach):
    """The whole figure (`go.Figure`). reach: mm, half the edge of the scenes' cube."""
    values = moving(view)
    traces = []
    for number, letter in enumerate("AB"):
        axes = {"xaxis": f"x{number + 1}", "yaxis": f"y{number + 1}"}
        scene = {"scene": "scene" if number == 0 else "scene2"}
        for kind in ("true", "predicted"):
            name, dashed = f"{letter} {kind}", kind == "true"
            lines = {"width": 1.5 if dashed else 3, "dash": "dash" if dashed else "solid"}
            for side, shade in COLOURS.items():
                traces.append(
                    go.Scatter(
                        name=f"{name} {SIDES[side]}",
                        mode="lines",
                        line={**lines, "color": shade},
                        hoverinfo="skip",
                        **axes,
                    )
                )
            hover = {"hovertemplate": "%{text}<extra></extra>"}
            traces.append(
                go.Scatter(
                    name=f"{name} joints",
                    mode="markers",
                    marker={"size": 6 if dashed else 8, "line": {"width": 1}},
                    **hover,
                    **axes,
                )
            )
            bones = {"width": 3 if dashed else 7, "dash": "dash" if dashed else "solid"}
            traces.append(
                go.Scatter3d(
                    name=f"{name} bones in space", mode="lines", line=bones, hoverinfo="skip", **scene
                )
            )
            hover = {
                "hovertemplate": (
                    "%{text}<br>right %{x:.0f} mm, away %{y:.0f} mm, up %{z:.0f} mm<extra></extra>"
                )
            }
            traces.append(
                go.Scatter3d(
                    name=f"{name} joints in space",
                    mode="markers",
                    marker={"size": 2.5 if dashed else 4},
                    **hover,
                    **scene,
                )
            )
        flat = {
            "color": FLOOR["color"],
            "i": [0, 0],
            "j": [1, 2],
            "k": [2, 3],
            "opacity": 0.6,
            "lighting": {"ambient": 1, "diffuse": 0},
        }
        traces.append(go.Mesh3d(name=f"{letter} floor", hoverinfo="skip", **flat, **scene))
        bars = {"marker": {"color": HALF_COLOURS[number]}, "hovertemplate": "%{x}: %{y:.3~g}<extra></extra>"}
        traces.append(go.Bar(name=f"{letter} bars", xaxis="x3", yaxis="y3", **bars))
    for trace in traces:
        trace.update(values[trace.name])
    return go.Figure(traces, _layout(view, reach))


def _layout(view, reach):
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
        **_scene_layout(reach),
    ).update(_moving_layout(view, reach))


def _scene_layout(reach):
    axis = {
        "range": [-reach, reach],
        "showbackground": False,
        "gridcolor": "#dddddd",
        "dtick": 500,
        "tickfont": {"size": 9},
    }
    words = zip("xyz", ("right (mm)", "away (mm)", "up (mm)"), strict=True)
    axes = {f"{key}axis": {**axis, "title": {"text": text, "font": {"size": 10}}} for key, text in words}
    scene = {"aspectmode": "cube", "camera": CAMERA, "uirevision": "kept", **axes}
    return {"scene": scene, "scene2": scene}


def _moving_layout(view, reach):
    """What a move, or showing one half more, changes of the layout."""
    lines = f"solid: {view.solid}, dashed: true, " if view.halves[0].dashed else ""
    columns, bottom = COLUMNS[len(view.halves)], bottom_of(view, reach)
    layout, annotations = {"title": {"text": view.title, "font": {"size": 14}, "x": 0.01, "y": 0.985}}, []
    for number, suffix in enumerate(("", "2")):
        there = number < len(columns)
        flat, deep = columns[number] if there else ((0, 0.001), (0, 0.001))
        top = [BARS_TOP + 0.1, 1.0]
        axis = {"showgrid": False, "zeroline": False, "visible": False, "constrain": "domain"}
        layout[f"xaxis{number + 1}"] = {**axis, "domain": flat, "anchor": f"y{number + 1}", "range": SHOWN}
        layout[f"yaxis{number + 1}"] = {
            **axis,
            "domain": top,
            "anchor": f"x{number + 1}",
            "range": SHOWN[::-1],
            "scaleanchor": f"x{number + 1}",
        }
        layout[f"scene{suffix}"] = {
            "domain": {"x": deep, "y": top},
            "zaxis": {"range": [bottom, bottom + 2 * reach]},
        }
        text = (
            f"<span style='color:{HALF_COLOURS[number]}'>{view.halves[number].title}</span>" if there else ""
        )
        annotations.append(
            {
                "text": text,
                "x": flat[0],
                "y": 1.01,
                "yanchor": "bottom",
                "xanchor": "left",
                "align": "left",
                **_ON_PAPER,
            }
        )
        gone = IMAGE_GONE if there and view.picture is None else ""
        annotations.append(
            {
                "text": gone,
                "x": 0.5,
                "y": -0.15,
                "xref": f"x{number + 1}",
                "yref": f"y{number + 1}",
                "showarrow": False,
            }
        )
    annotations.append(
        {
            "text": f"{SIDE_LEGEND}   {lines}hollow: occluded",
            "x": 1,
            "y": 1.085,
            "xanchor": "right",
            "yanchor": "bottom",
            **_ON_PAPER,
        }
    )
    layout["yaxis3"] = {"anchor": "x3", "domain": [0, BARS_TOP], "title": {"text": view.unit}}
    return layout | {"annotations": annotations, "images": _pictures(view), "shapes": _boxes(view)}


_ON_PAPER = {"xref": "paper", "yref": "paper", "showarrow": False}


def _pictures(view):
    """The person's picture behind each half's joints, and place for a heat map over it."""
    x, y, width, height = view.extent
    shown = view.picture is not None
    picture = {"source": source_of(view.picture)} if shown else {}
    images = []
    for number in (1, 2):
        place = {"xref": f"x{number}", "yref": f"y{number}", "sizing": "stretch"}
        visible = shown and number <= len(view.halves)
        images.append(
            {
                **place,
                **picture,
                "x": x,
                "y": y,
                "sizex": width,
                "sizey": height,
                "layer": "below",
                "visible": visible,
            }
        )
        images.append({**place, "x": 0, "y": 0, "sizex": 1, "sizey": 1, "layer": "below", "visible": False})
    return images


def _boxes(view):
    """The person's box."""
    outline = {"type": "rect", "x0": 0, "y0": 0, "x1": 1, "y1": 1, "line": {"color": "#888888", "width": 1}}
    return [
        {**outline, "xref": f"x{number}", "yref": f"y{number}", "visible": number <= len(view.halves)}
        for number in (1, 2)
    ]


class ViewFigure:
    """The figure as a widget that follows views. `widget` is what is displayed; `on_joint(half, joint name)`
    is called on a click."""

    def __init__(self, view, reach, on_joint=None):
        self.view, self.reach, self._heat = view, reach, {}
        self.widget = go.FigureWidget(build(view, reach))
        self.widget.observe(
            self._fit_cell, "_js2py_traceDeltas"
        )  # the browser's word that it has drawn the figure
        for trace in self.widget.data:
            if on_joint and ("joints" in trace.name or "bars" in trace.name):
                trace.on_click(lambda trace, points, _: self._clicked(trace, points, on_joint))
        for ours, other in (("scene", "scene2"), ("scene2", "scene")):
            self.widget.layout[ours].on_change(
                lambda _, camera, other=other: self._turn(other, camera), "camera"
            )

    def _fit_cell(self, _):
        """Once: the first drawing happens before the cell's width is known, so have it measured again."""
        self.widget.unobserve(self._fit_cell, "_js2py_traceDeltas")
        self.widget.layout.autosize = False
        self.widget.layout.autosize = True

    def _clicked(self, trace, points, on_joint):
        if points.point_inds:
            names = trace.customdata if trace.customdata is not None else MPII16.joints
            on_joint("AB".index(trace.name[0]), str(names[points.point_inds[0]]))

    def _turn(self, other, camera):
        if self.widget.layout[other].camera != camera:
            self.widget.layout[other].camera = camera

    def show(self, view):
        """Draw another view."""
        self.view, self._heat = view, {}
        values = moving(view)
        with self.widget.batch_update():
            for trace in self.widget.data:
                trace.update(values[trace.name], overwrite=False)
            self.widget.layout.update(_moving_layout(view, self.reach))

    def rescale(self, reach):
        """Give the scenes another size (mm, half the cube's edge): other people are shown from now on."""
        self.reach = reach
        span = {"range": [-reach, reach]}
        self.widget.update_scenes(xaxis=span, yaxis=span)

    @property
    def camera(self):
        """Where the skeletons are seen from: plotly's camera of the first scene."""
        return self.widget.layout.scene.camera.to_plotly_json()

    def heat(self, half, picture):
        """Lay a heat map (H, W, 4) uint8 RGBA over the box of one half; None takes it away."""
        self._heat[half] = {"visible": picture is not None} | (
            {"source": source_of(picture)} if picture is not None else {}
        )
        self.widget.layout.images[2 * half + 1].update(self._heat[half])

    def html(self):
        """The figure as it stands, as one page that needs neither kernel nor network."""
        figure = build(
            self.view, self.reach
        )  # anew: the widget's own copy lacks what the browser calls a default
        figure.update_scenes(camera=self.camera)
        for half, image in self._heat.items():
            figure.layout.images[2 * half + 1].update(image)
        return figure.to_html(
            include_plotlyjs=True, full_html=True, post_script=LINK_CAMERAS, config={"displaylogo": False}
        )
