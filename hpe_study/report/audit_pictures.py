"""Two defects that one sees at a glance: the crop, and the picture with another's label."""

import matplotlib.pyplot as plt
import numpy as np

from hpe_study.data.store import Store
from hpe_study.report import style
from hpe_study.report.people import crop_with_joints
from hpe_study.report.picture import Picture
from hpe_study.study import Study
from hpe_study.study.audit import ALL, NONE
from hpe_study.study.steps import open_store
from hpe_study.training.trainer import VALIDATION_SHARE
from hpe_study.training.variants import PermutedLabels

COUNT = 4  # people per row


def crops(study: Study, name: str) -> Picture:
    """People of a set as the corrected reader cuts them (above) and as the published code did (below)."""
    variants = {"corrected": study.with_legacy(NONE), "published": study.with_legacy(ALL)}
    title, shares = f"Crops of {style.set_title(name)}: what the network is shown", []
    with style.theme():
        figure, axes = plt.subplots(2, COUNT, figsize=(2.4 * COUNT, 5.4))
        for row, (code, variant) in zip(axes, variants.items(), strict=True):
            store = open_store(variant, name, "test")
            for axis, index in zip(row, np.linspace(0, len(store) - 1, COUNT).astype(int), strict=True):
                crop_with_joints(axis, store, index, {"true": _fractions(store, index)})
            shares.append(f"{code}: {100 * inside(store):.0f} % of labels inside")
            row[0].set_ylabel(shares[-1])
        style.headline(figure, title, study.simulated)
    alt = style.titled(f"{title}. {'; '.join(shares)}", study.simulated) + "."
    return Picture(
        f"audit_crops_{name}",
        figure,
        alt,
        "Above: the corrected crop; below: the published code's. Lines: the labels.",
    )


def pairs(study: Study, name: str = "mpi_inf_3dhp") -> Picture:
    """Validation pictures with their own labels, and with those that the published code put to them."""
    store = open_store(study.with_legacy(NONE), name, "test")
    indices = np.arange(0, len(store), VALIDATION_SHARE)
    paired = PermutedLabels(0, len(store), 1, 0).in_validation(indices)
    own = np.mean(paired[:, 1] == paired[:, 2])
    title = f"Pictures and labels of {style.set_title(name)} in validation"
    with style.theme():
        figure, axes = plt.subplots(2, COUNT, figsize=(2.4 * COUNT, 5.4))
        # from the second on: the first has its own label
        for column, (_, picture, label) in enumerate(
            paired[np.linspace(1, len(indices) - 1, COUNT).astype(int)]
        ):
            crop_with_joints(axes[0, column], store, label, {"true": _fractions(store, label)})
            crop_with_joints(axes[1, column], store, picture, {"true": _fractions(store, label)})
        axes[0, 0].set_ylabel("its own label")
        axes[1, 0].set_ylabel("as validated")
        style.headline(figure, title, study.simulated)
    alt = (
        style.titled(
            f"{title}. As the published code validates, {100 * own:.0f} % have their own label",
            study.simulated,
        )
        + "."
    )
    return Picture(
        "audit_pairs",
        figure,
        alt,
        "Above: each label on its own picture; below: the same label on the picture it was put to.",
    )


def inside(store: Store) -> float:
    """Share of a store's labels that lie in their crop."""
    t = store.boxes.to_fraction(store["joints2d"])
    return ((t >= 0) & (t < 1)).all(-1)[store["labelled"]].mean()


def _fractions(store, index):
    return store.boxes[index].to_fraction(store["joints2d"][index])
