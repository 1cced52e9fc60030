"""Predictions for photos and videos, drawn and written as they come.

Into the output folder: one annotated image (PNG) or video (WebM) per input; `joints.csv` with one row per
joint, written after each photo and frame; at the end `joints.json` with the same joints, units, and what was
left out.
"""

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from tqdm import tqdm

from hpe_study.errors import StudyError
from hpe_study.photos.boxes import WHOLE, inside, parse_boxes
from hpe_study.photos.drawing import draw, drawn_frame, letters_missing
from hpe_study.photos.files import find, is_video, printable, read_photo
from hpe_study.photos.finder import find_person, whole
from hpe_study.photos.reader import PoseReader
from hpe_study.photos.tables import AVERAGE_BODY, COLUMNS, UNITS, CannotWriteError, JointsFile, rows_of
from hpe_study.report.style import theme
from hpe_study.skeletons import MPII16
from hpe_study.utils.files import atomic, writable, write_json
from hpe_study.utils.progress import progress_bar
from hpe_study.utils.videos import Video

NAME_BYTES = 200  # of an input's name that its drawing's name keeps; file systems take 255
LISTED = 5  # files named in a message


@dataclass(frozen=True)
class Results:
    """What `Batch.predict` gives back.

    Attributes:
        table: One row per joint, with the columns `tables.COLUMNS`.
        pictures: Paths of the drawings.
        skipped: {file: why it could not be used}.
        remarks: {file: what else went wrong with it}.
    """

    table: pd.DataFrame
    pictures: list[Path]
    skipped: dict[str, str]
    remarks: dict[str, str]


class Batch:
    """A run's network, and the folder that its predictions are written into.

    A file that cannot be used is named, skipped, and listed in `joints.json`; the others are not held up.
    """

    def __init__(
        self, run: str | Path | None, out: str | Path, boxes: Sequence[str] = (), device: str = "auto"
    ) -> None:
        """Load the network.

        Args:
            run: As for `PoseReader`.
            out: The folder to write into.
            boxes: People's boxes, as for `boxes.parse_boxes`; elsewhere the network finds its person itself
                (`finder`).
            device: auto, cpu or cuda.

        Raises:
            StudyError: The run is not whole.
        """
        self.out, self.boxes, self.reader = Path(out), boxes, PoseReader(run, device)
        self._signature = f"predicted by {self.reader.name}, trained on {self.reader.trained_on}"

    def predict(self, paths: Sequence[str | Path], every: int = 1, progress: bool = True) -> Results:
        """Predict one person in each of photos, folders of photos, and frames of videos.

        Raises:
            StudyError: No file can be used, or the output folder cannot be written to.
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
        about = {
            "run": self.reader.name,
            "trained_on": self.reader.trained_on,
            "skeleton": MPII16.name,
            "units": UNITS,
            "body": AVERAGE_BODY,
        }
        left_out = {"skipped": self._skipped, "remarks": self._remarks}
        write_json(self.out / "joints.json", {**about, "people": self._joints.people(), **left_out})


@contextlib.contextmanager
def _webm(path, fps):
    """A function that appends a frame, (H, W, 3) uint8 BGR, to a video."""
    writer = None

    def write(frame: np.ndarray) -> None:
        nonlocal writer
        if writer is None:
            codec = cv2.VideoWriter_fourcc(*"VP80")
            writer = cv2.VideoWriter(str(path), codec, fps, frame.shape[1::-1])
        writer.write(frame)

    try:
        yield write
    finally:
        if writer is not None:
            writer.release()


def _reason(path, error):
    """Why a file could not be used, in one line without its name."""
    text = str(error).removeprefix(f"{path}: ") or "no reason given"
    kind = "" if isinstance(error, StudyError) else f"{type(error).__name__}: "
    return printable(f"{kind}{text.strip().splitlines()[0] if kind else text}")


def _say(line):
    tqdm.write(line, file=sys.stderr)
