"""Figures 1 and 2: people, with what the runs see in them. Read from predictions and labels; pictures too
where the store is at hand."""

import matplotlib.pyplot as plt
import numpy as np
import plotly.graph_objects as go
from matplotlib.lines import Line2D
from plotly.subplots import make_subplots

from hpe_study.config import PAPER_2D, PAPER_3D
from hpe_study.report import people, style
from hpe_study.report.picture import Picture
from hpe_study.report.timing import label
from hpe_study.skeletons import BONE_GROUPS, MPII16
from hpe_study.skeletons.palette import COLOURS, IN_WORDS, colour_of
from hpe_study.study import Run

H36M, OCCLUSION = PAPER_3D[0], PAPER_3D[2]
CLIPS = 60.0  # mm: limbs whose middle lines come closer than this run through each other
LIMBS = tuple(
    MPII16.indices(bone) for bone in (*BONE_GROUPS["arms"], *BONE_GROUPS["legs"], ("pelvis", "thorax"))
)
HIDDEN = {
    "marker": "o",
    "markerfacecolor": "none",
    "markeredgecolor": "#F0E442",
    "markersize": 8,
    "markeredgewidth": 1.5,
}
POINTS = 9  # along a limb
TURNED = 3  # people of Figure 1 that can be turned by hand
ROOT = MPII16.index(MPII16.root)


def clearance(poses):
    """(N,) mm: the smallest distance between the middle lines of two limbs (or a limb and the trunk) that
    share no joint.

    poses: (N, 16, 3) mm. Distances are taken between `POINTS` points on each; NaN joints are left out.
    """
    steps = np.linspace(0, 1, POINTS)[:, None]
    lines = np.stack([poses[:, [start]] * (1 - steps) + poses[:, [end]] * steps for start, end in LIMBS], 1)
    apart = [(i, j) for i in range(len(LIMBS)) for j in range(i) if not set(LIMBS[i]) & set(LIMBS[j])]
    distances = [
        np.linalg.norm(lines[:, i, :, None] - lines[:, j, None], axis=-1).reshape(len(poses), -1)
        for i, j in apart
    ]
    smallest = np.concatenate(distances, 1)
    return np.where(np.isnan(smallest), np.inf, smallest).min(1)


def figure1(results, count=5):
    """Predictions on occluded people where limbs clip: a pre-trained and a 3D-only run on the same people of
    the occlusion test set."""
    title = "Figure 1. Hidden joints, and limbs that run through each other"
    test_set, (fusion, only) = _occlusion_runs(results)
    if fusion is None:
        return _nothing("figure1", title, results, "no pre-trained run with predictions of a 3D test set")
    labels, first = results.labels(test_set), results.prediction(fusion.name, test_set)
    hidden, clear = (labels["occluded"] > 0).sum(1), clearance(first.poses)
    order = np.lexsort(
        (clear, -hidden, clear >= CLIPS, hidden == 0)
    )  # hidden joints first, then clipping, then the most hidden
    chosen = order[:count]
    runs = [run for run in (fusion, only) if run]
    with style.theme():
        figure = plt.figure(figsize=(2.5 * count, 5.0 * len(runs)))
        for row, run in enumerate(runs):
            prediction = results.prediction(run.name, test_set)
            distances = clearance(prediction.poses)
            for column, person in enumerate(chosen):
                axis = figure.add_subplot(2 * len(runs), count, 2 * row * count + column + 1)
                _overlay(axis, results, test_set, person, known_joints(labels, prediction.joints[person]))
                axis.set_title(_found(labels, person, distances[person]), fontsize=8, fontweight="normal")
                if column == 0:
                    axis.set_ylabel(label(run), fontweight="bold")
                axis = figure.add_subplot(
                    2 * len(runs), count, (2 * row + 1) * count + column + 1, projection="3d"
                )
                pose = known_joints(labels, prediction.poses[person])
                people.wireframes(axis, {"true": _truth(labels, person), "predicted": pose}, turn=90.0)
        _legend(figure, circles=True)
        style.headline(figure, f"{title}, {style.set_title(test_set)}", results.simulated)
    told = hidden > 0 if hidden.any() else np.full(len(hidden), True)
    who = (
        "test people with hidden joints"
        if hidden.any()
        else "test people (this set does not say which joints are hidden)"
    )
    true = clearance(labels["joints3d"].astype(np.float64))
    counts = (
        f"{(told & (clear < CLIPS)).sum()} as {label(fusion)} sees them, {(told & (true < CLIPS)).sum()} in"
        " truth"
    )
    counted = f"Of {told.sum()} {who}, limbs come closer than {CLIPS:.0f} mm in {counts}"
    seen = (
        f"{len(chosen)} people, image and skeleton from the side, as seen by"
        f" {' and '.join(map(label, runs))}. {counted}"
    )
    caption = (
        f"{counted}; shown are those with the most hidden joints. Predicted solid, true dashed;"
        f" {IN_WORDS['r_']}: the person's right. To turn by hand: figure1-interactive.html, which your own run"
        " makes."
    )
    grid = [[(run, person) for person in chosen[:TURNED]] for run in runs]
    turnable = _turnable(results, grid, test_set, style.titled(title, results.simulated))
    return Picture("figure1", figure, style.titled(seen, results.simulated) + ".", caption, turnable)


def known_joints(labels, joints):
    """(16, D) joints without those that a test set labels for nobody: a model that learnt from such a set
    alone never saw them."""
    unknown = np.isnan(labels["joints2d"]).any(-1).all(0)
    return np.where(unknown[:, None], np.nan, joints)


def _found(labels, person, distance):
    hidden = (labels["occluded"][person] > 0).sum()
    return f"{f'{hidden} joints hidden, ' if hidden else ''}limbs {distance:.0f} mm apart"


def _occlusion_runs(results):
    """The test set and (pre-trained run, 3D-only run) that Figure 1 shows: of the occlusion set where there
    is one, else of another."""
    seed = results.seeds[0]
    for test_set in (OCCLUSION, *PAPER_3D[:2]):
        fusion = [Run(3, flat, test_set, test_set, seed=seed) for flat in PAPER_2D]
        only = [Run(3, None, first, test_set, seed=seed) for first in (test_set, *PAPER_3D)]
        found = [
            next((run for run in runs if results.prediction(run.name, test_set)), None)
            for runs in (fusion, only)
        ]
        if found[0]:
            return test_set, found
    return None, (None, None)


def figure2(results):
    """One H36M image as the LSP- and FLIC-pretrained models see it: 2D overlay, 3D skeleton from two sides;
    also to turn by hand."""
    title = "Figure 2. One image after pre-training on different 2D sets"
    runs = _pretrained_runs(results)
    if not runs:
        return _nothing(
            "figure2", title, results, f"no pre-trained run with predictions of {style.set_title(H36M)}"
        )
    labels = results.labels(H36M)
    errors = np.stack([results.errors(run.name, H36M) for run in runs])
    person = int(np.argsort(errors.mean(0))[errors.shape[1] // 2])
    with style.theme():
        figure = plt.figure(figsize=(10, 3.5 * len(runs)))
        for row, run in enumerate(runs):
            prediction = results.prediction(run.name, H36M)
            axis = figure.add_subplot(len(runs), 3, 3 * row + 1)
            _overlay(axis, results, H36M, person, prediction.joints[person], circles=False)
            axis.set_title(f"{label(run)}: {errors[row, person]:.0f} mm")
            for column, turn in ((2, 0.0), (3, 90.0)):
                axis = figure.add_subplot(len(runs), 3, 3 * row + column, projection="3d")
                people.wireframes(
                    axis, {"true": _truth(labels, person), "predicted": prediction.poses[person]}, turn
                )
        _legend(figure)
        style.headline(figure, f"{title}, {style.set_title(H36M)}", results.simulated)
    told = ", ".join(f"{label(run)} {error[person]:.0f} mm" for run, error in zip(runs, errors, strict=True))
    seen = (
        f"Person {person} of the test set: predicted and true joints over the image and in 3D. MPJPE: {told}"
    )
    caption = (
        f"The person of the middle mean error. Predicted solid, true dashed; {IN_WORDS['r_']}: the person's"
        " right. To turn by hand: figure2-interactive.html, which your own run makes."
    )
    turnable = _turnable(
        results, [[(run, person) for run in runs]], H36M, style.titled(title, results.simulated)
    )
    return Picture("figure2", figure, style.titled(seen, results.simulated) + ".", caption, turnable)


def _pretrained_runs(results, count=2):
    runs = [Run(3, flat, H36M, H36M, seed=results.seeds[0]) for flat in ("lsp", "flic", "mpii")]
    return [run for run in runs if results.prediction(run.name, H36M)][:count]


def _truth(labels, person):
    pose = labels["joints3d"][person]
    return pose - pose[ROOT]


def _overlay(axis, results, test_set, person, joints, circles=True):
    """True and predicted joints over the person's crop; over a plain ground where the pictures are not at
    hand."""
    labels, pictures = results.labels(test_set), results.pictures(test_set)
    true = labels.boxes[person].to_fraction(labels["joints2d"][person])
    if pictures is not None:
        people.crop_with_joints(axis, pictures, person, {"true": true, "predicted": joints})
        left, right = axis.get_xlim()
        bottom, top = axis.get_ylim()
        true = np.array([left, top]) + true * [right - left, bottom - top]
    else:
        axis.set(xlim=(0, 1), ylim=(1, 0), xticks=[], yticks=[], aspect="equal", facecolor="0.92")
        people.joints_over(axis, true, "true")
        people.joints_over(axis, joints, "predicted")
    axis.grid(False)
    if circles:
        axis.plot(*true[labels["occluded"][person] > 0].T, linestyle="", **HIDDEN)


def _legend(figure, circles=False):
    lines = [
        Line2D([], [], color="0.4", label=f"{kind} joints", **people.STYLES[kind])
        for kind in ("predicted", "true")
    ]
    sides = {"r_": "right side", "l_": "left side", "": "trunk and head"}
    lines += [
        Line2D([], [], color=colour, linewidth=3, label=sides[side]) for side, colour in COLOURS.items()
    ]
    if circles:
        lines.append(Line2D([], [], **HIDDEN, linestyle="", label="hidden joint (true place)"))
    figure.legend(handles=lines, loc="outside lower center", ncols=len(lines))


def _turnable(results, grid, test_set, title):
    """Skeletons, true and predicted, as a plotly figure to turn by hand: y up, equal scales, mm. grid: rows
    of (run, person)."""
    rows, columns, labels = len(grid), len(grid[0]), results.labels(test_set)
    titles = [f"{label(run)}, person {person}" for scenes in grid for run, person in scenes]
    specs = [[{"type": "scene"}] * columns] * rows
    figure = make_subplots(
        rows, columns, specs=specs, subplot_titles=titles, horizontal_spacing=0.02, vertical_spacing=0.06
    )
    for number, (run, person) in enumerate(scene for scenes in grid for scene in scenes):
        predicted = known_joints(labels, results.prediction(run.name, test_set).poses[person])
        for kind, pose in (("predicted", predicted), ("true", _truth(labels, person))):
            for parent, child in MPII16.bone_indices:
                in_legend = number == 0 and child == 1
                bone = _bone(
                    pose[[parent, child]], MPII16.joints[parent], MPII16.joints[child], kind, in_legend
                )
                figure.add_trace(bone, number // columns + 1, number % columns + 1)
    camera = {"eye": {"x": 0.5, "y": -3.0, "z": 0.5}}  # from in front, a little to the side and above
    titles = {
        "xaxis_title": "right (mm)",
        "yaxis_title": "away from the camera (mm)",
        "zaxis_title": "up (mm)",
    }
    figure.update_scenes(aspectmode="data", camera=camera, **titles)
    return figure.update_layout(title=title, template="plotly_white", height=140 + 500 * rows)


def _bone(ends, parent, child, kind, in_legend):
    line = {
        "color": colour_of(child),
        "width": 7 if kind == "predicted" else 4,
        "dash": "solid" if kind == "predicted" else "dash",
    }
    x, y, z = ends.T
    hover = [f"{kind} {joint}" for joint in (parent, child)]
    marker = {"size": 3, "color": colour_of(child)}
    places = {"x": x, "y": z, "z": -y}
    return go.Scatter3d(
        **places,
        mode="lines+markers",
        line=line,
        marker=marker,
        text=hover,
        hoverinfo="text",
        name=kind,
        legendgroup=kind,
        showlegend=in_legend,
    )


def _nothing(name, title, results, why):
    with style.theme():
        figure, axis = plt.subplots(figsize=(8, 2))
        axis.text(0.5, 0.5, f"not run: {why}", ha="center", va="center", color="0.4", style="italic")
        axis.set_axis_off()
        style.headline(figure, title, results.simulated)
    return Picture(name, figure, f"{style.titled(title, results.simulated)}: not run, {why}.", "Not run.")
