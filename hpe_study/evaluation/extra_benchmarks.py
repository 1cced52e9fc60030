"""Data sets that no table is scored on and that have a protocol of their own: their labels, so that its
oracle floor can be told.

Labels alone: no crop is cut and nothing is prepared. Where a profile's people are simulated, a small stand-in
is made beside its own.
"""

import numpy as np

from hpe_study.boxes import Boxes
from hpe_study.data.preparation import record_to_row
from hpe_study.datasets import open_dataset
from hpe_study.datasets.base import MissingSetError
from hpe_study.skeletons.bone_lengths import mean_bone_lengths
from simulated_people import StandInSpec, make

EXTRA_BENCHMARKS = {  # name → reader's name, its options, the protocols meant for any set's labels and for these
    "3dpw": ("3dpw", {}, ("study", "published", "3dpw")),
    "h36m_full": ("h36m", {"layout": "full"}, ("study", "published", "h36m-s9s11")),
}
PEOPLE = 2000  # of a split, evenly spread over it
SIMULATED, SIZE = 48, 64  # people a split of a stand-in, px


class Labels:
    """The labels of some records, as a store holds them (`store`); pictures are not looked at."""

    def __init__(self, records):
        numbers = np.unique(np.linspace(0, len(records) - 1, min(PEOPLE, len(records))).astype(int))
        picture = np.zeros((1, 1, 3), np.uint8)
        rows = [record_to_row(records[number], records.root, (2, 1.0), picture) for number in numbers]
        self._arrays = {key: np.stack([row[key] for row in rows]) for key in rows[0] if key != "crop"}
        self.path, self.own_skeleton = records.root / records.info.name, records.skeleton
        self.attrs, self.simulated = {"name": records.info.name}, bool(records.simulated)

    def __getitem__(self, key):
        return self._arrays[key]

    @property
    def boxes(self) -> Boxes:
        """The boxes of all its people."""
        return Boxes(self["center"], self["side"])


def labels_and_bones(study, name):
    """(`Labels` of the test split, {"bones", "bones_universal"}: canonical lengths (15,) mm of the training
    split); None where the set is not at hand. name: of `EXTRA_BENCHMARKS`."""
    reader, options, _ = EXTRA_BENCHMARKS[name]
    root = study.raw
    if study.simulated:
        root = study.home / "data" / "simulated" / f"beyond-{name}"  # a folder a layout
        make(StandInSpec(reader, SIMULATED, SIMULATED, size=SIZE, options=options), root, progress=False)
    try:
        train, test = (Labels(open_dataset(reader, root, split, **options)) for split in ("train", "test"))
    except MissingSetError:
        return None
    bones = mean_bone_lengths(train["joints3d"])
    return test, {"bones": bones, "bones_universal": np.full_like(bones, np.nan)}
