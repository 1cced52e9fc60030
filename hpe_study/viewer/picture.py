"""A `View` as a PNG, drawn without a browser."""

import textwrap

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MultipleLocator

from hpe_study.report.people import STYLES
from hpe_study.report.style import RESOLUTION, theme
from hpe_study.skeletons import MPII16
from hpe_study.skeletons.palette import COLOURS, SIDES, colour_of
from hpe_study.utils.files import atomic
from hpe_study.viewer.figure import FLOOR, HALF_COLOURS, SHOWN, bottom_of, floor_of, in_scene
from hpe_study.viewer.view import IMAGE_GONE

MARKER = 4  # points
LETTERS = 14  # of the title that fit into an inch


def save_png(view, path, camera, reach):
    """Write a view to `path`: pictures, skeletons turned as the plotly `camera` is, a bar a joint. reach: mm,
    half the cube's edge."""
    count = len(view.halves)
    with theme():
        width = 4.8 * max(count, 1.4)
        figure = plt.figure(figsize=(width, 4.9), layout="constrained")
        top, below = figure.add_gridspec(2, 1, height_ratios=(3, 1))
        places = top.subgridspec(1, 2 * count)
        for number, half in enumerate(view.halves):
            _draw_picture(figure.add_subplot(places[2 * number]), view, half)
            _draw_space(
                figure.add_subplot(places[2 * number + 1], projection="3d"), view, half, camera, reach
            )
        _draw_bars(figure.add_subplot(below), view)
        figure.suptitle(textwrap.fill(view.title, round(LETTERS * width)), fontsize=9)
        figure.legend(handles=_legend(view), loc="outside lower center", ncols=6, fontsize=7)
        with atomic(path) as part:
            figure.savefig(part, dpi=RESOLUTION, metadata={"Description": view.words})
        plt.close(figure)
    return path


def _legend(view):
    lines = [Line2D([], [], color=shade, linewidth=3, label=SIDES[side]) for side, shade in COLOURS.items()]
    kinds = [("predicted", view.solid)] + ([("true", "true")] if view.halves[0].dashed else [])
    lines += [Line2D([], [], color="0.4", label=words, **STYLES[kind]) for kind, words in kinds]
    return [
        *lines,
        Line2D([], [], color="0.4", marker="o", linestyle="", markerfacecolor="white", label="occluded"),
    ]


def _poses(half):
    return [
        (kind, pose) for kind, pose in (("true", half.dashed), ("predicted", half.solid)) if pose is not None
    ]


def _draw_picture(axis, view, half):
    if view.picture is None:
        axis.text(0.5, 0.5, IMAGE_GONE, ha="center")
    else:
        x, y, width, height = view.extent
        axis.imshow(view.picture, extent=(x, x + width, y + height, y), interpolation="bilinear")
    for kind, pose in _poses(half):
        _draw_lines(axis, pose, pose.flat, kind)
    axis.set(xlim=SHOWN, ylim=SHOWN[::-1], aspect="equal", xticks=[], yticks=[])
    axis.set_title(
        half.title.replace("<b>", "").replace("</b>", "").replace("<br>", "\n"), fontsize=7, loc="left"
    )


def _draw_space(axis, view, half, camera, reach):
    for kind, pose in _poses(half):
        _draw_lines(axis, pose, in_scene(pose.deep), kind)
    bottom, eye = bottom_of(view, reach), camera["eye"]
    corners = np.array([[-reach, reach], [-reach, reach]])
    axis.plot_surface(
        corners,
        corners.T,
        np.full((2, 2), floor_of(view)),
        color=FLOOR["color"],
        alpha=0.6,
        shade=False,
        zorder=-1,
    )
    axis.set(xlim=(-reach, reach), ylim=(-reach, reach), zlim=(bottom, bottom + 2 * reach))
    for set_label, words in (
        (axis.set_xlabel, "right (mm)"),
        (axis.set_ylabel, "away (mm)"),
        (axis.set_zlabel, "up (mm)"),
    ):
        set_label(words, fontsize=6, labelpad=-8)
    axis.tick_params(labelsize=5, pad=0)
    for scale in (axis.xaxis, axis.yaxis, axis.zaxis):
        scale.set_major_locator(MultipleLocator(500))
    axis.set_box_aspect((1, 1, 1), zoom=0.95)
    axis.view_init(
        elev=np.degrees(np.arctan2(eye["z"], np.hypot(eye["x"], eye["y"]))),
        azim=np.degrees(np.arctan2(eye["y"], eye["x"])),
    )


def _draw_lines(axis, pose, places, kind):
    for parent, child in pose.skeleton.bones:
        axis.plot(*places[pose.skeleton.indices([parent, child])].T, color=colour_of(child), **STYLES[kind])
    for joint, place, hidden in zip(pose.skeleton.joints, places, pose.hollow, strict=True):
        face = "white" if hidden else colour_of(joint)
        axis.plot(*place[:, None], "o", markersize=MARKER, color=colour_of(joint), markerfacecolor=face)


def _draw_bars(axis, view):
    shown = [(number, half.bars) for number, half in enumerate(view.halves) if half.bars is not None]
    for place, (number, values) in enumerate(shown):
        axis.bar(
            np.arange(16) + 0.8 * (place + 0.5) / len(shown) - 0.4,
            values,
            0.8 / len(shown),
            color=HALF_COLOURS[number],
        )
    axis.set_xticks(range(16), [joint.replace("_", " ") for joint in MPII16.joints], rotation=35, ha="right")
    axis.tick_params(labelsize=7)
    axis.set_ylabel(view.unit, fontsize=8)
