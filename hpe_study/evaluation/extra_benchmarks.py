"""Labels of data sets that no table is scored on, for the oracle floors of their own protocols.

Labels alone: no crop is cut and nothing is prepared. Where a profile's people are simulated, a small stand-in
is made beside its own.
"""

from typing import Any

import numpy as np

from hpe_study.boxes import Boxes
from hpe_study.data.preparation import record_to_row
from hpe_study.datasets import open_dataset
from hpe_study.datasets.base import MissingSetError, Records
from hpe_study.evaluation.prediction_file import CanonicalBones
from hpe_study.skeletons.bone_lengths import mean_bone_lengths
from simulated_people import StandInSpec, make

# name → reader's name, its options, the protocols meant for these labels
EXTRA_BENCHMARKS = {
    "3dpw": ("3dpw", {}, ("study", "published", "3dpw")),
    "h36m_full": ("h36m", {"layout": "full"}, ("study", "published", "h36m-s9s11")),
}
PEOPLE = 2000  # of a split, evenly spread over it
SIMULATED, SIZE = 48, 64  # people a split of a stand-in, px


class Labels:
    """The labels of some records, as a store holds them (`data.store`); pictures are not looked at."""

    def __init__(self, records: Records) -> None:
        """Read up to `PEOPLE` of a data set's records, evenly spread."""
        numbers = np.unique(np.linspace(0, len(records) - 1, min(PEOPLE, len(records))).astype(int))
        picture = np.zeros((1, 1, 3), np.uint8)
        rows = [record_to_row(records[number], records.root, (2, 1.0), picture) for number in numbers]
        self._arrays = {key: np.stack([row[key] for row in rows]) for key in rows[0] if key != "crop"}
        self.path, self.own_skeleton = records.root / records.info.name, records.skeleton
        self.attrs, self.simulated = {"name": records.info.name}, bool(records.simulated)

    def __getitem__(self, key: str) -> np.ndarray:
        """A whole label array."""
        return self._arrays[key]

    @property
    def boxes(self) -> Boxes:
        """The boxes of all its people."""
        return Boxes(self["center"], self["side"])


def labels_and_bones(study: Any, name: str) -> tuple[Labels, CanonicalBones] | None:
    """The labels of a set's test split, and its training split's bones; None where it is not at hand."""
    reader, options, _ = EXTRA_BENCHMARKS[name]
    root = study.raw
    if study.simulated:
        root = study.home / "data" / "simulated" / f"beyond-{name}"  # a folder a layout
        make(StandInSpec(reader, SIMULATED, SIMULATED, size=SIZE, options=options), root, progress=False)
    try:
        train, test = (Labels(open_dataset(reader, root, split, **options)) for split in ("train", "test"))
    except MissingSetError:
        return None
    return test, CanonicalBones(mean_bone_lengths(train["joints3d"]), CanonicalBones.unknown().universal)
