"""Drawing people, true dashed, predicted solid: joints over a crop, skeletons in space."""

from collections.abc import Sequence
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np

from hpe_study.data.store import Store
from hpe_study.evaluation.prediction_file import Predictions
from hpe_study.evaluation.scoring import poses_of
from hpe_study.report.results import Results
from hpe_study.skeletons import MPII16
from hpe_study.skeletons.bone_lengths import scale_to_bones
from hpe_study.skeletons.palette import colour_of

STYLES = {
    "true": {"linestyle": (0, (2, 1)), "linewidth": 1.4, "alpha": 0.9},
    "predicted": {"linestyle": "-", "linewidth": 2.0},
}
HIDDEN = {"markerfacecolor": "none", "markeredgecolor": "#F0E442", "markersize": 8, "markeredgewidth": 1.5}


def overlay(axis: plt.Axes, results: Results, test_set: str, person: int, joints: np.ndarray) -> None:
    """True and predicted joints (16, 2), in box fractions, over a test person's box, hidden ones circled."""
    labels = results.labels(test_set)
    true = labels.boxes[person].to_fraction(labels["joints2d"][person])
    joints = np.where(np.isnan(labels["joints2d"]).any(-1).all(0)[:, None], np.nan, joints)
    box_with_joints(axis, results.picture(test_set, person), {"true": true, "predicted": joints})
    axis.grid(False)
    axis.plot(*true[labels["occluded"][person] > 0].T, "o", **HIDDEN)


def box_with_joints(axis: plt.Axes, picture: np.ndarray | None, joints: dict[str, np.ndarray]) -> None:
    """A person's box with skeletons over it; the ground is plain without a picture.

    Joints are {"true" | "predicted": (16, 2) fractions of the box}; NaN ones are not drawn.
    """
    if picture is not None:
        axis.imshow(picture, extent=(0, 1, 1, 0), interpolation="bilinear")
    for kind, places in joints.items():
        joints_over(axis, places, kind)
    axis.set(xlim=(0, 1), ylim=(1, 0), xticks=[], yticks=[], aspect="equal", facecolor="0.92")


def joints_over(axis: plt.Axes, px: np.ndarray, kind: Literal["true", "predicted"]) -> None:
    """Draw a skeleton, (16, 2) in the axis' own coordinates; NaN joints and their bones are left out."""
    look = STYLES[kind] | {"solid_capstyle": "round"}
    for parent, child in MPII16.bone_indices:
        axis.plot(*px[[parent, child]].T, color=colour_of(MPII16.joints[child]), **look)
    axis.plot(*px.T, ".", color="white" if kind == "true" else "black", markersize=3)


def wireframes(axis: plt.Axes, poses: dict[str, np.ndarray], turn: float = 0.0) -> None:
    """Skeletons in space on a 3D axis: equal scales, y up, turned by degrees about the vertical.

    Poses are {"true" | "predicted": (16, 3) mm, root-relative, camera frame}.
    """
    for kind, pose in poses.items():
        x, y, z = pose[:, 0], -pose[:, 1], pose[:, 2]
        for parent, child in MPII16.bone_indices:
            ends = [parent, child]
            axis.plot(x[ends], z[ends], y[ends], color=colour_of(MPII16.joints[child]), **STYLES[kind])
    reach = np.nanmax([np.nanmax(np.abs(pose)) for pose in poses.values()])
    axis.set(**{f"{key}lim": (-reach, reach) for key in "xyz"}, **{f"{key}ticklabels": [] for key in "xyz"})
    axis.set_box_aspect((1, 1, 1), zoom=1.25)
    axis.view_init(elev=8, azim=-90 + turn)
    axis.set_title(f"{'side' if turn else 'front'} view, box {2 * reach / 1000:.1f} m", fontsize=8, y=-0.05)


def draw_people(
    store: Store,
    people: Sequence[int],
    predicted: Predictions,
    bones: np.ndarray | None = None,
    titles: Sequence[str] = (),
) -> plt.Figure:
    """People of a store side by side: the picture with true and predicted joints, below it both skeletons.

    `predicted` is of all its people; `bones` (15,) mm size the skeletons, of which none are drawn without.
    """
    with_depth, count = bones is not None, len(people)
    figure = plt.figure(figsize=(2.3 * count, 4.9 if with_depth else 2.6), layout="constrained")
    for column, index in enumerate(people):
        title = titles[column] if len(titles) else ""
        axis = figure.add_subplot(1 + with_depth, count, column + 1, title=title)
        true = store.boxes[index].to_fraction(store["joints2d"][index])
        box_with_joints(axis, store.boxed(index), {"true": true, "predicted": predicted.joints[index]})
        if with_depth:
            axis = figure.add_subplot(2, count, count + column + 1, projection="3d")
            pose = poses_of(predicted.joints[[index]], predicted.depth[[index]])
            truth = store["joints3d"][index] - store["joints3d"][index][MPII16.index(MPII16.root)]
            predicted_pose = scale_to_bones(pose, np.array(bones, float))[0]
            wireframes(axis, {"true": truth, "predicted": predicted_pose}, turn=90)
    return figure
