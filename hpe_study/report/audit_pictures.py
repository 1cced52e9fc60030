"""Two defects that one sees at a glance: the crop, and the picture with another's label."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from hpe_study.data.store import Store
from hpe_study.report import style
from hpe_study.report.people import crop_with_joints
from hpe_study.study import Study
from hpe_study.study.audit import ALL, NONE
from hpe_study.study.steps import open_store
from hpe_study.training.trainer import VALIDATION_SHARE
from hpe_study.training.variants import PermutedLabels
from hpe_study.utils.files import atomic

COUNT = 4  # people per row


@dataclass
class Picture:
    """A finished figure for a notebook; `alt` says what is to be seen, for those who do not see it."""

    name: str
    figure: plt.Figure
    alt: str

    def save(self, folder: Path) -> "Picture":
        """Write `<name>.png` into a folder; returns the picture."""
        with atomic(Path(folder) / f"{self.name}.png") as part:
            part.write_bytes(self.png())
        return self

    def png(self) -> bytes:
        """The PNG with `alt` in it; closes the figure, which a notebook would show a second time."""
        stream, metadata = io.BytesIO(), {"Description": self.alt, "Software": None}
        with style.theme():
            self.figure.savefig(stream, format="png", dpi=style.RESOLUTION, metadata=metadata)
        plt.close(self.figure)
        return stream.getvalue()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"image/png": base64.b64encode(self.png()).decode(), "text/plain": self.alt}


def crops(study: Study, name: str) -> Picture:
    """People of a set as the corrected reader cuts them (above) and as the published code did (below)."""
    title, labels, rows = f"Crops of {style.set_title(name)}: what the network is shown", [], []
    for code, defects in (("corrected", NONE), ("published", ALL)):
        store = open_store(study.with_legacy(defects), name, "test")
        labels.append(f"{code}: {100 * inside(store):.0f} % of labels inside")
        people = np.linspace(0, len(store) - 1, COUNT).astype(int)
        rows.append([(store, index, index) for index in people])
    text = f"{title}. {'; '.join(labels)}"
    return _picture(study, f"audit_crops_{name}", rows, labels, (title, text))


def pairs(study: Study) -> Picture:
    """Validation pictures with their own labels (above), and with those that the published code gives."""
    store = open_store(study.with_legacy(NONE), "mpi_inf_3dhp", "test")
    indices = np.arange(0, len(store), VALIDATION_SHARE)
    paired = PermutedLabels(0, len(store), 1, 0).in_validation(indices)
    # from the second on: the first has its own label
    chosen = paired[np.linspace(1, len(indices) - 1, COUNT).astype(int)]
    rows = [[(store, label, label) for *_, label in chosen]]
    rows.append([(store, picture, label) for _, picture, label in chosen])
    title = f"Pictures and labels of {style.set_title('mpi_inf_3dhp')} in validation"
    own = 100 * np.mean(paired[:, 1] == paired[:, 2])
    text = f"{title}. As the published code validates, {own:.0f} % have their own label"
    return _picture(study, "audit_pairs", rows, ("its own label", "as validated"), (title, text))


def _picture(study, name, rows, labels, texts):
    """Rows of (store, picture's index, label's index), each with a label; texts: title, description."""
    with style.theme():
        figure, axes = plt.subplots(2, COUNT, figsize=(2.4 * COUNT, 5.4))
        for places, row, label in zip(axes, rows, labels, strict=True):
            for axis, (store, picture, index) in zip(places, row, strict=True):
                joints = store.boxes[index].to_fraction(store["joints2d"][index])
                crop_with_joints(axis, store, picture, {"true": joints})
            places[0].set_ylabel(label)
        figure.suptitle(style.titled(texts[0], study.simulated), fontweight="bold")
    return Picture(name, figure, style.titled(texts[1], study.simulated) + ".")


def inside(store: Store) -> float:
    """Share of a store's labels that lie in their crop."""
    t = store.boxes.to_fraction(store["joints2d"])
    return ((t >= 0) & (t < 1)).all(-1)[store["labelled"]].mean()
