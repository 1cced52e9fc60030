"""Raw records in the viewer: their own skeleton beside what preparation makes of it.

Left: the set's own joints. Right: the same person in MPII-16 as a store holds it, with the depth target as
bars.
"""

from functools import cached_property

import numpy as np
import pandas as pd

from hpe_study.boxes import Boxes
from hpe_study.data.preparation import record_to_row
from hpe_study.datasets.base import Records
from hpe_study.datasets.record import UNKNOWN
from hpe_study.errors import StudyError
from hpe_study.skeletons import MPII16
from hpe_study.utils.pictures import read_picture
from hpe_study.viewer.view import BY_OCCLUSION, FILTERS, IN_ORDER, Panel, Pose, View, extent_of

LISTED = 2000  # records that can be chosen from, evenly spread over a larger set
PICTURE = 360  # px of the square shown
MARGIN = 1.5  # side of the square shown over the side of the person's box
REACH = 900.0  # mm: the smallest reach of a scene
BY_MISSING = "most missing joints first"


class RecordPeople:
    """The records of a data set (`open_dataset`), each as a `View`.

    Attributes:
        records: The records.
        rows: (N,) numbers of those that can be chosen.
        total: Number of all records.
        unit: Of the bars.

    Raises:
        StudyError: The set has no record.
    """

    def __init__(self, records: Records, listed: int = LISTED) -> None:
        if len(records) == 0:
            left_out = ", ".join(f"{count} {reason}" for reason, count in records.left_out.items()) or "none"
            raise StudyError(f"{records.name} {records.split}: has no record to show (left out: {left_out})")
        self.records, self.name, self.split = records, records.name, records.split
        self.simulated = bool(records.simulated)
        self.rows = np.unique(np.linspace(0, len(records) - 1, min(len(records), listed)).round().astype(int))
        self.total = len(records)
        self._listed = [records[int(row)] for row in self.rows]
        self.unit = "depth target (box sides)"

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def reach(self) -> float:
        """Half the edge in mm of a cube that holds the first hundred skeletons."""
        joints = np.stack([record.skeleton.root_relative(record.joints3d) for record in self._listed[:100]])
        if not np.isfinite(joints).any():
            return 1000.0
        return float(100 * np.ceil(max(np.nanmax(np.abs(joints)), REACH) / 100))

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per record and one column per entry of `FILTERS`; "" where the set does not say."""
        metas = [record.meta for record in self._listed]
        return pd.DataFrame({key: [str(meta.get(key, "")) for meta in metas] for key in FILTERS})

    @property
    def orders(self) -> tuple[str, ...]:
        """The orders that records can be gone through in."""
        occlusion_known = any((record.occluded != UNKNOWN).any() for record in self._listed)
        return (IN_ORDER, *((BY_OCCLUSION,) if occlusion_known else ()), BY_MISSING)

    def ranked(self, order: str, joint: str) -> np.ndarray:
        """(N,) numbers of all listed records in an order; no order of records depends on the joint."""
        keys = {
            IN_ORDER: lambda record: 0,
            BY_OCCLUSION: lambda record: (record.occluded == 1).sum(),
            BY_MISSING: lambda record: (~record.labelled).sum(),
        }
        return np.argsort([-int(keys[order](record)) for record in self._listed], kind="stable")

    def view(self, number: int) -> View:
        """The `View` of one record: its own skeleton, and MPII-16 as prepared."""
        record = self._listed[number]
        box = Boxes(record.center, np.float64(record.side))
        try:
            image, problem = read_picture(record.image), ""
        except StudyError as error:
            image, problem = None, f" {error}."
        pixels = image if image is not None else np.zeros((2, 2, 3), np.uint8)  # black
        row = record_to_row(record, record.image.parent, (PICTURE, MARGIN), pixels)
        own = _pose(record.skeleton, box, record.joints2d, record.joints3d, record.occluded)
        common = _pose(MPII16, box, row["joints2d"], row["joints3d"], row["occluded"])
        kind = "simulated people, " if self.simulated else ""
        title = f"{self.name} ({kind}{self.split}) · {self.person(number)}"
        head = f", head {record.head_size:.0f} px" if np.isfinite(record.head_size) else ""
        labelled = f"{row['labelled'].sum()} of 16 joints in the image; box {record.side:.0f} px{head}"
        has_depth = np.isfinite(row["depth"]).any()
        depth = () if has_depth else ("no depth labels: nothing to show in space, no depth target",)
        panels = (
            Panel("its own joints", (record.skeleton.name, _counts(record)), own),
            Panel("as prepared", (MPII16.name, labelled, *depth), common, bars=row["depth"]),
        )
        description = f"{title}. {_counts(record)}; {_names(record)}.{problem}"
        picture = row["crop"] if image is not None else None
        extent = extent_of(row["region"], box)
        return View(title, description, picture, extent, panels, self.unit, solid_label="labelled")

    def person(self, number: int) -> str:
        """Record, subject, sequence and so on of one record, and its picture's name."""
        meta = self._listed[number].meta
        known = [f"{key} {meta[key]}" for key in (*FILTERS, "frame") if meta.get(key) not in (None, "")]
        return ", ".join([f"record {self.rows[number]}", *known, self._listed[number].image.name])

    def heatmaps(self, side: int, number: int) -> np.ndarray:
        """Records have no heat maps: always raises `StudyError`."""
        raise StudyError("heat maps belong to runs; these are raw records")


def _pose(skeleton, box, joints2d, joints3d, occluded):
    return Pose(skeleton, box.to_fraction(joints2d), skeleton.root_relative(joints3d), occluded == 1)


def _counts(record):
    labelled, occluded = record.labelled, f"{(record.occluded == 1).sum()} occluded"
    if (record.occluded == UNKNOWN).all():
        occluded = "occlusion not said"
    return f"{labelled.sum()} of {len(labelled)} joints labelled, {occluded}, {(~labelled).sum()} missing"


def _names(record):
    joints = np.array(record.skeleton.joints)
    missing, occluded = joints[~record.labelled], joints[record.occluded == 1]
    return f"missing: {', '.join(missing) or 'none'}; occluded: {', '.join(occluded) or 'none'}"
