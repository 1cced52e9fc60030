"""Predictions for photos and videos, drawn and written as they come.

Into the output folder: one annotated image (PNG) or video (WebM) per input; `joints.csv` with one row per
joint and units, written after each photo and frame; at the end `joints.json` with the same joints, and what
was left out.
"""

import contextlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from tqdm import tqdm

from hpe_study.errors import StudyError
from hpe_study.photos.drawing import draw, drawn_frame, letters_missing
from hpe_study.photos.files import WHOLE, find, inside, is_video, parse_boxes, printable, read_photo
from hpe_study.photos.reader import Person, PoseReader, find_person, whole
from hpe_study.report.style import theme
from hpe_study.skeletons import MPII16
from hpe_study.utils.files import atomic, require_regular_file, writable, write_json
from hpe_study.utils.progress import progress_bar
from hpe_study.utils.videos import Video

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
NAME_BYTES = 200  # of an input's name that its drawing's name keeps; file systems take 255
LISTED = 5  # files named in a message


def rows_of(path: str | Path, frame: int | None, person: Person) -> list[dict[str, Any]]:
    """One row (a dict by `COLUMNS`) per joint; the frame is None for a photo."""
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
        """Append rows; they are on the disk when this returns, or `CannotWriteError` is raised."""
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
        with contextlib.suppress(OSError):  # `add` has said what could not be written
            if self._stream is not None:
                self._stream.close()

    def people(self) -> list[dict[str, Any]]:
        """One dict per person: file, frame, how it was found, and {joint: {column: value}}."""
        people = []
        for start in range(0, len(self.rows), len(MPII16)):
            rows = self.rows[start : start + len(MPII16)]
            joints = {row["joint"]: {key: row[key] for key in UNITS} for row in rows}
            people.append({key: rows[0][key] for key in ("file", "frame", "found")} | {"joints": joints})
        return people


@dataclass(frozen=True)
class Results:
    """What `Batch.predict` gives back."""

    table: pd.DataFrame  # one row per joint, with the columns `COLUMNS`
    pictures: list[Path]  # the drawings
    skipped: dict[str, str]  # file → why it could not be used
    remarks: dict[str, str]  # file → what else went wrong with it


class Batch:
    """A run's network, and the folder that its predictions are written into.

    A file that cannot be used is named, skipped, and listed in `joints.json`; the others are not held up.
    """

    def __init__(
        self, run: str | Path | None, out: str | Path, boxes: Sequence[str] = (), device: str = "auto"
    ) -> None:
        """Load the network; arguments are as of `PoseReader`, `out` is the folder to write into.

        `boxes` are as of `files.parse_boxes`; elsewhere the network finds its person itself.
        """
        self.out, self.boxes, self.reader = Path(out), boxes, PoseReader(run, device)
        self._signature = f"predicted by {self.reader.name}, trained on {self.reader.trained_on}"

    def predict(self, paths: Sequence[str | Path], every: int = 1, progress: bool = True) -> Results:
        """Predict one person in each of photos, folders of photos, and frames of videos.

        Raises `StudyError` where no file can be used, or the output folder cannot be written to.
        """
        files = find(paths)
        self._boxes = parse_boxes(self.boxes, files)
        writable(self.out)
        self._joints = JointsFile(self.out / "joints.csv")
        self._pictures, self._skipped, self._remarks = [], {}, {}
        self._every, self._progress = every, progress
        try:
            for path in progress_bar(files, desc="predict", unit="file", disable=not progress):
                self._predict_file(path)
        finally:  # also when the user stops it
            self._joints.close()
            if self._joints.rows:
                self._write_json()
        if not self._joints.rows:
            reasons = [f"{name}: {why}" for name, why in list(self._skipped.items())[:LISTED]]
            raise StudyError(f"none of {len(files)} files could be used; {'; '.join(reasons)}")
        table = pd.DataFrame(self._joints.rows, columns=COLUMNS)
        return Results(table, self._pictures, self._skipped, self._remarks)

    def _predict_file(self, path):
        """One photo or video; whatever is wrong with it is noted."""
        before = len(self._joints.rows)
        try:
            if is_video(path):
                self._predict_video(path)
            else:
                self._predict_photo(path)
        except CannotWriteError:
            raise
        except Exception as error:  # one odd file must not cost the others
            reason = _reason(path, error)
            if len(self._joints.rows) > before:
                self._remark(path, f"stopped early: {reason}")
            else:
                self._skipped[printable(path)] = reason
                _say(f"skipped: {printable(path)}: {reason}")

    def _person(self, path, image):
        """The person of a picture, in the file's box or where the network finds it."""
        box = self._boxes.get(path)
        if box is None:
            return find_person(image, self.reader)
        if box == WHOLE:
            return replace(self.reader(image, whole(image), padding=1.0), found="whole picture")
        return self.reader(image, inside(box, image))

    def _predict_photo(self, path):
        image = read_photo(path)
        person = self._person(path, image)
        self._joints.add(rows_of(path, None, person))
        drawing = self._free_path(path, ".png")
        try:
            with theme(), letters_missing(), atomic(drawing) as part:
                figure = draw(image, person, f"{printable(path.name)}: {self._signature}; {person.found}")
                figure.savefig(part, dpi=100)
                plt.close(figure)
            self._pictures.append(drawing)
        except Exception as error:
            self._remark(path, f"not drawn: {_reason(path, error)}")

    def _predict_video(self, path):
        video, drawing = Video(path, self._every), self._free_path(path, ".webm")
        title = f"{printable(path.name)}, frame {{}}: {self._signature}"
        with theme(), atomic(drawing) as part, _webm(part, video.fps / self._every) as write:
            name, quiet = printable(path.name), not self._progress
            for number, image in progress_bar(video, desc=name, unit="frame", leave=False, disable=quiet):
                person = self._person(path, image)
                self._joints.add(rows_of(path, number, person))
                write(drawn_frame(image, person, f"{title.replace('{}', str(number))}; {person.found}"))
        self._pictures.append(drawing)
        if video.lost:
            of = f" of {video.count}" if video.count else ""
            self._remark(path, f"{video.lost}{of} frames could not be decoded and are left out")

    def _remark(self, path, text):
        self._remarks[printable(path)] = text
        _say(f"{printable(path)}: {text}")

    def _free_path(self, path, ending):
        """The path of a drawing; numbered where one of that name was drawn already."""
        name = printable(path.name).encode()[:NAME_BYTES].decode(errors="ignore")
        names = (f"{name}{number}{ending}" for number in ("", *(f"-{i}" for i in range(2, 100_000))))
        return next(self.out / one for one in names if self.out / one not in self._pictures)

    def _write_json(self):
        content = {"run": self.reader.name, "trained_on": self.reader.trained_on, "skeleton": MPII16.name}
        content |= {"units": UNITS, "body": AVERAGE_BODY, "people": self._joints.people()}
        content |= {"skipped": self._skipped, "remarks": self._remarks}
        write_json(self.out / "joints.json", content)


@contextlib.contextmanager
def _webm(path, fps):
    """A function that appends a frame, (H, W, 3) uint8 BGR, to a video."""
    writer = cv2.VideoWriter()

    def write(frame: np.ndarray) -> None:
        if not writer.isOpened():
            writer.open(str(path), cv2.VideoWriter_fourcc(*"VP80"), fps, frame.shape[1::-1])
        writer.write(frame)

    try:
        yield write
    finally:
        writer.release()


def _reason(path, error):
    """Why a file could not be used, in one line without its name."""
    text = str(error).removeprefix(f"{path}: ") or "no reason given"
    kind = "" if isinstance(error, StudyError) else f"{type(error).__name__}: "
    return printable(f"{kind}{text.strip().splitlines()[0] if kind else text}")


def _say(line):
    tqdm.write(line, file=sys.stderr)
