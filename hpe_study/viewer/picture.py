"""A `View` as a PNG, drawn without a browser."""

import textwrap
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator

from hpe_study.report.people import STYLES
from hpe_study.report.style import PAIR_COLOURS, RESOLUTION, theme
from hpe_study.skeletons import MPII16
from hpe_study.skeletons.palette import COLOURS, SIDES, colour_of
from hpe_study.utils.files import atomic
from hpe_study.viewer.layout import SHOWN
from hpe_study.viewer.traces import FLOOR_COLOUR, floor_height, scene_bottom, to_scene
from hpe_study.viewer.view import IMAGE_GONE, View, readable

MARKER = 4  # points
LETTERS = 14  # of the title that fit into an inch


def save_png(view: View, path: Path, camera: dict[str, Any], reach: float) -> Path:
    """Write a view to `path`: pictures, skeletons in space, one bar per joint.

    The skeletons are turned as plotly's camera says; `reach` is half the edge of the scenes' cube, in mm.
    """
    count = len(view.panels)
    with theme():
        width = 4.8 * max(count, 1.4)
        figure = plt.figure(figsize=(width, 4.9), layout="constrained")
        top, below = figure.add_gridspec(2, 1, height_ratios=(3, 1))
        places = top.subgridspec(1, 2 * count)
        for number, panel in enumerate(view.panels):
            _draw_picture(figure.add_subplot(places[2 * number]), view, panel)
            axis = figure.add_subplot(places[2 * number + 1], projection="3d")
            _draw_scene(axis, view, panel, reach)
            _turn(axis, camera["eye"])
        _draw_bars(figure.add_subplot(below), view)
        title = textwrap.fill(view.title, round(LETTERS * width))
        figure.suptitle(title, fontsize=9, parse_math=False)
        figure.legend(handles=_legend(view), loc="outside lower center", ncols=6, fontsize=7)
        with atomic(path) as part:
            figure.savefig(part, dpi=RESOLUTION, metadata={"Description": view.description})
        plt.close(figure)
    return path


def _legend(view):
    sides = [Line2D([], [], color=COLOURS[prefix], linewidth=3, label=side) for prefix, side in SIDES.items()]
    kinds = [("predicted", view.solid_label)] + ([("true", "true")] if view.panels[0].dashed else [])
    lines = [Line2D([], [], color="0.4", label=label, **STYLES[kind]) for kind, label in kinds]
    hollow = {"marker": "o", "linestyle": "", "markerfacecolor": "white"}
    return [*sides, *lines, Line2D([], [], color="0.4", label="occluded", **hollow)]


def _styled_poses(panel):
    """(style, pose) of the true pose, where there is one, and of the solid one."""
    return zip(("true", "predicted")[-len(panel.poses) :], panel.poses, strict=True)


def _draw_picture(axis, view, panel):
    if view.picture is None:
        axis.text(0.5, 0.5, IMAGE_GONE, ha="center")
    else:
        x, y, width, height = view.extent
        axis.imshow(view.picture, extent=(x, x + width, y + height, y), interpolation="bilinear")
    for kind, pose in _styled_poses(panel):
        _draw_skeleton(axis, pose, pose.joints_2d, kind)
    axis.set(xlim=SHOWN, ylim=SHOWN[::-1], aspect="equal", xticks=[], yticks=[])
    axis.set_title("\n".join(panel.lines), fontsize=7, loc="left", parse_math=False)


def _draw_scene(axis, view, panel, reach):
    for kind, pose in _styled_poses(panel):
        _draw_skeleton(axis, pose, to_scene(pose.joints_3d), kind)
    bottom = scene_bottom(view, reach)
    corners, height = np.array([[-reach, reach], [-reach, reach]]), np.full((2, 2), floor_height(view))
    axis.plot_surface(corners, corners.T, height, color=FLOOR_COLOUR, alpha=0.3, shade=False, zorder=-1)
    axis.set(xlim=(-reach, reach), ylim=(-reach, reach), zlim=(bottom, bottom + 2 * reach))
    axis.set_xlabel("right (mm)", fontsize=6, labelpad=-8)
    axis.set_ylabel("away (mm)", fontsize=6, labelpad=-8)
    axis.set_zlabel("up (mm)", fontsize=6, labelpad=-8)
    axis.tick_params(labelsize=5, pad=0)
    for scale in (axis.xaxis, axis.yaxis, axis.zaxis):
        scale.set_major_locator(MultipleLocator(500))


def _turn(axis, eye):
    """See a 3D axis from plotly's eye."""
    axis.set_box_aspect((1, 1, 1), zoom=0.95)
    axis.view_init(
        elev=np.degrees(np.arctan2(eye["z"], np.hypot(eye["x"], eye["y"]))),
        azim=np.degrees(np.arctan2(eye["y"], eye["x"])),
    )


def _draw_skeleton(axis, pose, joints, kind):
    for parent, child in pose.skeleton.bones:
        ends = joints[pose.skeleton.indices([parent, child])]
        axis.plot(*ends.T, color=colour_of(child), **STYLES[kind])
    for name, joint, occluded in zip(pose.skeleton.joints, joints, pose.occluded, strict=True):
        colour = colour_of(name)
        face = "white" if occluded else colour
        axis.plot(*joint[:, None], "o", markersize=MARKER, color=colour, markerfacecolor=face)


def _draw_bars(axis, view):
    shown = [(number, panel.bars) for number, panel in enumerate(view.panels) if panel.bars is not None]
    for place, (number, values) in enumerate(shown):
        left = np.arange(16) + 0.8 * (place + 0.5) / len(shown) - 0.4
        axis.bar(left, values, 0.8 / len(shown), color=PAIR_COLOURS[number])
    axis.set_xticks(range(16), [readable(joint) for joint in MPII16.joints], rotation=35, ha="right")
    axis.tick_params(labelsize=7)
    axis.set_ylabel(view.unit, fontsize=8)
