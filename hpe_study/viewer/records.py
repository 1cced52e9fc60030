"""Raw records of any data set or stand-in as a source of the viewer: their own skeleton beside what
preparation makes of it.

Left: the set's own joints. Right: the same person in MPII-16 as a store holds it, with the depth target as
bars.
"""

from functools import cached_property

import numpy as np
import pandas as pd

from hpe_study.boxes import Boxes
from hpe_study.data.store import read_image, record_to_row
from hpe_study.datasets.record import UNKNOWN
from hpe_study.errors import StudyError
from hpe_study.skeletons import MPII16
from hpe_study.viewer.runs import BY_OCCLUSION, FILTERS, IN_ORDER
from hpe_study.viewer.view import Half, Pose, View, extent_of, rooted

LISTED = 2000  # records that can be chosen from, evenly spread over a larger set
PICTURE = 360  # px of the square shown
MARGIN = 1.5  # side of the square shown over the side of the person's box
BY_MISSING = "most missing joints first"


class RecordPeople:
    """The records of a data set (`open_dataset`), each as a `View`. Raises `StudyError` where there is
    none."""

    def __init__(self, records, listed=LISTED):
        if len(records) == 0:
            left_out = ", ".join(f"{count} {reason}" for reason, count in records.left_out.items()) or "none"
            raise StudyError(f"{records.name} {records.split}: has no record to show (left out: {left_out})")
        self.records, self.name, self.split, self.simulated = (
            records,
            records.name,
            records.split,
            bool(records.simulated),
        )
        self.rows = np.unique(np.linspace(0, len(records) - 1, min(len(records), listed)).round().astype(int))
        self._listed = [records[int(row)] for row in self.rows]
        self.unit = "depth target (box sides)"
        self.runs = ()

    def __len__(self):
        return len(self.rows)

    @property
    def reach(self):
        """mm: half the edge of a cube that holds the first hundred skeletons."""
        poses = np.stack([rooted(record.joints3d, record.skeleton) for record in self._listed[:100]])
        return (
            float(100 * np.ceil(max(np.nanmax(np.abs(poses)), 900) / 100))
            if np.isfinite(poses).any()
            else 1000.0
        )

    @cached_property
    def table(self):
        """(N, …) subject, sequence, action, camera, as far as the set has them."""
        return pd.DataFrame(
            {key: [str(record.meta.get(key, "")) for record in self._listed] for key in FILTERS}
        )

    @property
    def orders(self):
        """The orders that records can be gone through in."""
        told = any((record.occluded != UNKNOWN).any() for record in self._listed)
        return (IN_ORDER, *((BY_OCCLUSION,) if told else ()), BY_MISSING)

    def ranked(self, order, joint):
        """(N,) numbers of all listed records in an order."""
        keys = {
            IN_ORDER: lambda record: 0,
            BY_OCCLUSION: lambda record: (record.occluded == 1).sum(),
            BY_MISSING: lambda record: (~record.labelled).sum(),
        }
        return np.argsort([-int(keys[order](record)) for record in self._listed], kind="stable")

    def view(self, number):
        """The `View` of one record: its own skeleton, and MPII-16 as prepared."""
        record = self._listed[number]
        try:
            image = read_image(record.image)
        except StudyError as error:
            image, trouble = None, f" {error}."
        else:
            trouble = ""
        row = _prepared(record, image)
        own = Pose(
            record.skeleton,
            _box(record).to_fraction(record.joints2d),
            rooted(record.joints3d, record.skeleton),
            record.occluded == 1,
        )
        common = Pose(
            MPII16,
            _box(record).to_fraction(row["joints2d"]),
            rooted(row["joints3d"], MPII16),
            row["occluded"] == 1,
        )
        kind = "simulated people, " if self.simulated else ""
        title = f"{self.name} ({kind}{self.split}) · {self.who(number)}"
        halves = (
            Half(f"<b>its own joints</b> {record.skeleton.name}<br>{_states(record)}", own),
            Half(
                f"<b>as prepared</b> {MPII16.name}<br>{row['labelled'].sum()} of 16 joints in the"
                f" image{_size(record)}{_deep(row)}",
                common,
                None,
                row["depth"],
            ),
        )
        words = f"{title}. {_states(record)}; {_names(record)}.{trouble}"
        extent = extent_of(row["region"], _box(record))
        return View(
            title,
            words,
            row["crop"] if image is not None else None,
            extent,
            halves,
            self.unit,
            solid="labelled",
        )

    def who(self, number):
        """Which record it is, in words."""
        meta = self._listed[number].meta
        known = [f"{key} {meta[key]}" for key in (*FILTERS, "frame") if meta.get(key) not in (None, "")]
        return ", ".join([f"record {self.rows[number]}", *known, self._listed[number].image.name])

    def heatmaps(self, half, number):
        """Records have no heat maps."""
        raise StudyError("heat maps belong to runs; these are raw records")


def _prepared(record, image):
    """The record's row of a store; black where there is no picture."""
    pixels = image if image is not None else np.zeros((2, 2, 3), np.uint8)
    return record_to_row(record, record.image.parent, PICTURE, MARGIN, "raw", pixels)


def _box(record):
    return Boxes(record.center, np.float64(record.side))


def _states(record):
    occluded = (
        "occlusion not said"
        if (record.occluded == UNKNOWN).all()
        else f"{(record.occluded == 1).sum()} occluded"
    )
    return (
        f"{record.labelled.sum()} of {len(record.labelled)} joints labelled, {occluded},"
        f" {(~record.labelled).sum()} missing"
    )


def _names(record):
    missing = [
        joint for joint, known in zip(record.skeleton.joints, record.labelled, strict=True) if not known
    ]
    hidden = [
        joint for joint, state in zip(record.skeleton.joints, record.occluded, strict=True) if state == 1
    ]
    return f"missing: {', '.join(missing) or 'none'}; occluded: {', '.join(hidden) or 'none'}"


def _deep(row):
    return (
        ""
        if np.isfinite(row["depth"]).any()
        else "<br>no depth labels: nothing to show in space, no depth target"
    )


def _size(record):
    return f"; box {record.side:.0f} px" + (
        f", head {record.head_size:.0f} px" if np.isfinite(record.head_size) else ""
    )
