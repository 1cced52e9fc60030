"""The traces of the viewer's figure: what they look like, and the values that a view gives them.

The order of the traces never changes; a move of the slider only changes their values. Predicted poses are
solid, true ones dashed, occluded joints hollow; the sides have the colours of `skeletons.palette`.
"""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from hpe_study.skeletons import MPII16
from hpe_study.skeletons.palette import COLOURS, SIDES, colour_of
from hpe_study.viewer.view import Pose, View, readable

PANEL_COLOURS = ("#7f7f7f", "#A6589A")  # seen on a white page and on a dark one
FLOOR_COLOUR = "#a0a0a0"
FLOOR_REACH = 20_000.0  # mm, half the floor's edge; the scene cuts it at its own edges
BELOW = 40.0  # mm that the scene shows below the floor at least, so that the marks of the feet are whole

Values = dict[str, Any]


# ---------------------------------------------------------------- values


def trace_values(view: View) -> dict[str, Values]:
    """What a view changes of each trace, by the trace's name."""
    values = {}
    for panel, letter in zip((*view.panels, None)[:2], "AB", strict=True):
        for kind in ("true", "predicted"):
            pose = panel and (panel.dashed if kind == "true" else panel.solid)
            label = "true" if kind == "true" else view.solid_label
            values |= _pose_values(pose, label, f"{letter} {kind}")
        # Also of a panel that is not there: plotly's redrawing fails where a surface loses its points.
        values[f"{letter} floor"] = _floor(floor_height(view))
        bars = panel is not None and panel.bars is not None
        values[f"{letter} bars"] = {
            "y": panel.bars if bars else [],
            "x": [readable(joint) for joint in MPII16.joints] if bars else [],
        }
    return values


def _pose_values(pose, label, name):
    if pose is None:
        nothing = {"x": [], "y": []}
        lines = {f"{name} {side}": nothing for side in SIDES.values()}
        in_space = {f"{name} {part} in space": {**nothing, "z": []} for part in ("bones", "joints")}
        return {**lines, f"{name} joints": nothing, **in_space}
    values = {}
    for prefix, side in SIDES.items():
        x, y = bone_lines_2d(pose, prefix)
        values[f"{name} {side}"] = {"x": x, "y": y}
    joints = pose.skeleton.joints
    colours = [colour_of(joint) for joint in joints]
    symbols = np.where(pose.occluded, "circle-open", "circle").tolist()
    common = {
        "text": [f"{readable(joint)}, {label}" for joint in joints],
        "customdata": list(joints),
        "marker": {"color": colours, "symbol": symbols},
    }
    values[f"{name} joints"] = {"x": pose.joints_2d[:, 0], "y": pose.joints_2d[:, 1], **common}
    x, y, z, line_colours = bone_lines_3d(pose)
    values[f"{name} bones in space"] = {"x": x, "y": y, "z": z, "line": {"color": line_colours}}
    x, y, z = to_scene(pose.joints_3d).T
    values[f"{name} joints in space"] = {"x": x, "y": y, "z": z, **common}
    return values


def bone_lines_2d(pose: Pose, prefix: str) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates x and y of the bones of one side over the picture, NaN between bones.

    The side is that of joints that begin with `prefix`: "r_", "l_", or "" for the middle.
    """
    bones = [bone for bone in pose.skeleton.bones if colour_of(bone[1]) == COLOURS[prefix]]
    ends = [pose.skeleton.indices(bone) for bone in bones]
    return _with_gaps(pose.joints_2d[ends] if bones else np.empty((0, 2, 2)))


def bone_lines_3d(pose: Pose) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Coordinates x, y, z of all bones in the scene's axes, NaN between bones, and a colour for each."""
    ends = to_scene(pose.joints_3d)[np.array(pose.skeleton.bone_indices)]
    return (*_with_gaps(ends), [colour_of(child) for _, child in pose.skeleton.bones for _ in range(3)])


def _with_gaps(ends):
    """(B, 2, D) ends of bones → D arrays (3·B,) with NaN after every second value."""
    gapped = np.full((len(ends), 3, ends.shape[2]), np.nan)
    gapped[:, :2] = ends
    return tuple(gapped.reshape(-1, ends.shape[2]).T)


def to_scene(joints: np.ndarray) -> np.ndarray:
    """Camera frame (x right, y down, z away) → the scene's axes: x right, y away, z up."""
    return np.stack([joints[..., 0], joints[..., 2], -joints[..., 1]], -1)


def _lowest_joints(view):
    """Heights in mm of the lowest joint of each pose that has 3D joints."""
    heights = (pose.joints_3d[:, 1] for pose in view.poses)
    return [-np.nanmax(values) for values in heights if np.isfinite(values).any()]


def floor_height(view: View) -> float:
    """Height of the floor in mm: the lowest joint, of the true pose if there is one; 0 without 3D joints."""
    return float(next(iter(_lowest_joints(view)), 0.0))


def scene_bottom(view: View, reach: float) -> float:
    """Where the scenes end below, in mm: below the floor, and below a pose that goes through it.

    A pose lowers it by half a scene at most (`reach`), so that the true skeleton stays in sight.
    """
    floor = floor_height(view)
    return float(max(min([floor, *_lowest_joints(view)]), floor - reach) - BELOW)


def _floor(height):
    edge = FLOOR_REACH
    return {"x": [-edge, edge, edge, -edge], "y": [-edge, -edge, edge, edge], "z": [height - BELOW / 2] * 4}


# ---------------------------------------------------------------- traces


def make_traces(view: View) -> list[go.Scatter | go.Scatter3d | go.Mesh3d | go.Bar]:
    """All traces of the figure, with the values of a view."""
    values = trace_values(view)
    traces = [trace for number in (0, 1) for trace in _panel_traces(number)]
    for trace in traces:
        trace.update(values[trace.name])
    return traces


def _panel_traces(number):
    """The traces of one panel, without values."""
    letter, scene = "AB"[number], {"scene": ("scene", "scene2")[number]}
    traces = []
    for kind in ("true", "predicted"):
        traces += _pose_traces(f"{letter} {kind}", kind == "true", number, scene)
    triangles = {"i": [0, 0], "j": [1, 2], "k": [2, 3]}
    look = {"color": FLOOR_COLOUR, "opacity": 0.3, "lighting": {"ambient": 1, "diffuse": 0}}
    traces.append(go.Mesh3d(name=f"{letter} floor", hoverinfo="skip", **triangles, **look, **scene))
    bars = {
        "marker": {"color": PANEL_COLOURS[number]},
        "hovertemplate": f"{letter}, %{{x}}: %{{y:.3~g}}<extra></extra>",
    }
    return [*traces, go.Bar(name=f"{letter} bars", xaxis="x3", yaxis="y3", **bars)]


def _pose_traces(name, dashed, number, scene):
    axes = {"xaxis": f"x{number + 1}", "yaxis": f"y{number + 1}"}
    dash = "dash" if dashed else "solid"
    bones, marks = {"mode": "lines", "hoverinfo": "skip"}, {"mode": "markers"}
    line = {"width": 1.5 if dashed else 3, "dash": dash}
    lines = [
        go.Scatter(name=f"{name} {SIDES[prefix]}", line=line | {"color": colour}, **bones, **axes)
        for prefix, colour in COLOURS.items()
    ]
    marker, text = {"size": 6 if dashed else 8, "line": {"width": 1}}, "%{text}<extra></extra>"
    joints = go.Scatter(name=f"{name} joints", marker=marker, hovertemplate=text, **marks, **axes)
    line = {"width": 3 if dashed else 7, "dash": dash}
    bones_in_space = go.Scatter3d(name=f"{name} bones in space", line=line, **bones, **scene)
    marker = {"size": 2.5 if dashed else 4}
    text = "%{text}<br>right %{x:.0f} mm, away %{y:.0f} mm, up %{z:.0f} mm<extra></extra>"
    look = {"marker": marker, "hovertemplate": text, **marks, **scene}
    return [*lines, joints, bones_in_space, go.Scatter3d(name=f"{name} joints in space", **look)]
