"""Drawing people: joints over a crop, skeletons in space. True dashed, predicted solid; the colours of the
sides are `skeletons.palette`'s."""

import numpy as np

from hpe_study.skeletons import MPII16
from hpe_study.skeletons.palette import colour_of

STYLES = {
    "true": {"linestyle": (0, (2, 1)), "linewidth": 1.4, "alpha": 0.9},
    "predicted": {"linestyle": "-", "linewidth": 2.0},
}


def crop_with_joints(axis, store, index, joints):
    """A stored crop cut to the person's box, with skeletons over it.

    joints: {"true" | "predicted": (16, 2) fractions of the person's box}; NaN joints and their bones are not
    drawn.
    """
    image = store.crops([index])[0]
    left, top, side = store["region"][index]
    low = (
        (store["center"][index] - store["side"][index] / 2 + 0.5 - (left, top)) / side * len(image)
    )  # the box in px of the stored square
    extent = store["side"][index] / side * len(image)
    axis.imshow(image, extent=(0, len(image), len(image), 0), interpolation="bilinear")
    for kind, places in joints.items():
        joints_over(axis, low + places * extent, kind)
    axis.set(xlim=(low[0], low[0] + extent), ylim=(low[1] + extent, low[1]), xticks=[], yticks=[])


def joints_over(axis, px, kind):
    """A skeleton, (16, 2) in the axis' own coordinates, as "true" or "predicted"; NaN joints and their bones
    are not drawn."""
    for parent, child in MPII16.bone_indices:
        axis.plot(
            *px[[parent, child]].T,
            color=colour_of(MPII16.joints[child]),
            solid_capstyle="round",
            **STYLES[kind],
        )
    axis.plot(*px.T, ".", color="white" if kind == "true" else "black", markersize=3)


def wireframes(axis, poses, turn=0.0):
    """Skeletons in space on a 3D axis: equal scales, y up, seen by the camera and turned by `turn` degrees
    about the vertical.

    poses: {"true" | "predicted": (16, 3) mm, root-relative, camera frame}.
    """
    for kind, pose in poses.items():
        x, y, z = pose[:, 0], -pose[:, 1], pose[:, 2]
        for parent, child in MPII16.bone_indices:
            ends = [parent, child]
            axis.plot(x[ends], z[ends], y[ends], color=colour_of(MPII16.joints[child]), **STYLES[kind])
    reach = np.nanmax([np.nanmax(np.abs(pose)) for pose in poses.values()])
    axis.set(
        xlim=(-reach, reach),
        ylim=(-reach, reach),
        zlim=(-reach, reach),
        xticklabels=[],
        yticklabels=[],
        zticklabels=[],
    )
    axis.set_box_aspect((1, 1, 1), zoom=1.25)
    axis.view_init(elev=8, azim=-90 + turn)
    axis.set_title(f"{'side' if turn else 'front'} view, box {2 * reach / 1000:.1f} m", fontsize=8, y=-0.05)
