"""Predicted joints as tables: one row per joint, with units; written while they are predicted."""

import contextlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hpe_study.errors import StudyError
from hpe_study.photos.files import printable
from hpe_study.photos.reader import Person
from hpe_study.skeletons import MPII16
from hpe_study.utils.files import require_regular_file

UNITS = {
    "x_px": "px of the upright picture, 0-based, integer = pixel centre, x right",
    "y_px": "px, y down",
    "x_mm": "mm from the pelvis, x right, camera frame",
    "y_mm": "mm from the pelvis, y down",
    "z_mm": "mm from the pelvis, z away from the camera",
    "score": "height of the heat map, about 1 where the network is sure",
}
AVERAGE_BODY = "mm assume a body of average size"
COLUMNS = ("file", "frame", "joint", *UNITS, "found", "remark")


def rows_of(path: str | Path, frame: int | None, person: Person) -> list[dict[str, Any]]:
    """One row (a dict by `COLUMNS`) per joint.

    The frame is None for a photo.
    """
    where = {"file": printable(path), "frame": frame}
    remark = AVERAGE_BODY if np.isfinite(person.pose).any() else ""
    about = {"found": person.found, "remark": remark}
    values = zip(MPII16.joints, *person.joints.T, *person.pose.T, person.score, strict=True)
    return [
        {**where, "joint": joint, **dict(zip(UNITS, row, strict=True)), **about} for joint, *row in values
    ]


def table(person: Person) -> pd.DataFrame:
    """One person's joints, one row per joint; `UNITS` says what the columns hold."""
    rows = pd.DataFrame(rows_of("", None, person)).set_index("joint")
    return rows[[*UNITS, "remark"]].round(2)


class CannotWriteError(StudyError):
    """Nothing more can be written, so that going on would lose results."""


class JointsFile:
    """`joints.csv`, written as the joints are predicted: what is in it survives the end of the process.

    A file of an earlier prediction is replaced when the first rows come.
    """

    def __init__(self, path: Path) -> None:
        if os.path.lexists(path):  # to write into a pipe could wait for ever
            require_regular_file(path)
        self.path, self.rows = path, []
        self._stream = None

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Append rows; they are on the disk when this returns.

        Raises:
            CannotWriteError: The disk is full, or has gone.
        """
        try:
            first = self._stream is None
            if first:
                self._stream = open(self.path, "w", encoding="utf-8", newline="")  # noqa: SIM115
            text = pd.DataFrame(rows, columns=COLUMNS).to_csv(
                index=False, header=first, float_format="%.3f", lineterminator="\n"
            )
            self._stream.write(text)
            self._stream.flush()
            os.fsync(self._stream.fileno())
        except OSError as error:
            raise CannotWriteError(f"{self.path}: cannot be written to ({error.strerror})") from error
        self.rows += rows

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            with contextlib.suppress(OSError):  # `add` has said what could not be written
                self._stream.close()

    def people(self) -> list[dict[str, Any]]:
        """One dict per person: file, frame, how it was found, and {joint: {column: value}}."""
        people = []
        for start in range(0, len(self.rows), len(MPII16)):
            rows = self.rows[start : start + len(MPII16)]
            joints = {row["joint"]: {key: row[key] for key in UNITS} for row in rows}
            people.append({key: rows[0][key] for key in ("file", "frame", "found")} | {"joints": joints})
        return people
