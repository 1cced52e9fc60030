"""What all readers share: a sequence of records over label arrays, and the count of what is left out.

A reader keeps its labels as arrays and makes a `Record` when it is asked for one, so that a million frames
cost no objects. Whether an image exists is found by listing its folder once, never by asking file by file.
"""

import hashlib
import inspect
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from hpe_study.datasets.limits import AGAIN, too_large
from hpe_study.datasets.record import (
    UNKNOWN,
    DatasetInfo,
    Record,
    check_numbers,
    crop_extent,
    crop_of,
    has_crop,
)
from hpe_study.errors import StudyError, brief
from hpe_study.skeletons import MPII16, Skeleton, convert
from hpe_study.utils.files import require_regular_file

SPLITS = ("train", "test")
Box = tuple[np.ndarray, float]  # centre (2,) and side in px
IMAGE_ABSENT = "image absent"
MAX_EXAMPLES = 3  # paths given in a message
_LONGEST_NAME = 255  # of a file or folder, as file systems have it
HEAD_PER_NECK = 0.75  # MPII's head size over |head_top − upper_neck|, measured on its validation labels


class MissingSetError(StudyError):
    """The data set, or the labels of it, are not where they were looked for."""


def safe_relative(name: str, source: str | Path) -> PurePosixPath:
    """A path as labels in the file `source` give it; `StudyError` where it could leave the data root.

    So it is not absolute and has no "..". A linked folder that the user made is fine.
    """
    name = str(name)
    path = PurePosixPath(name)
    odd = not name or not name.isprintable() or "\\" in name or max(map(len, path.parts)) > _LONGEST_NAME
    if odd or path.is_absolute() or PureWindowsPath(name).drive or ".." in path.parts:
        name = repr(name[:_LONGEST_NAME])
        raise StudyError(f"{source}: image path {name} leaves the image folder; do not trust these labels")
    return path


def require_one_of(what: str, value: Any, allowed: Iterable[str]) -> None:
    """Raise `StudyError`, beginning with `what`, where a value is not one of those allowed."""
    if value not in (allowed := list(allowed)):
        raise StudyError(f"{what} {value!r} is not one of {', '.join(allowed)}")


def project(joints3d: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """Image joints (…, J, 2) px of joints (…, J, 3) in the camera's frame; NaN behind it.

    `intrinsics` are (…, 4): fx, fy, cx, cy in px.
    """
    depth = joints3d[..., 2:]
    along = joints3d[..., :2] / np.where(depth > 0, depth, np.nan)
    return along * intrinsics[..., None, :2] + intrinsics[..., None, 2:]


@contextmanager
def label_errors(files: list[str | Path]) -> Iterator[None]:
    """Turn whatever goes wrong inside into a `StudyError` that names the last label file of a list.

    Label files come from anywhere, and NumPy, SciPy and h5py raise a dozen kinds of errors for what is
    damaged or of another kind. Errors that only our own code can make come through.
    """
    try:
        yield
    except (StudyError, AssertionError, ImportError, NameError, NotImplementedError, Warning):
        raise
    except MemoryError as error:
        if not files:
            raise
        raise too_large(files[-1]) from error
    except OSError as error:
        if error.filename is None and not files:
            raise
        path = error.filename or files[-1]
        if isinstance(error, PermissionError):
            raise _unreadable(path) from error
        raise StudyError(f"{path}: cannot be read ({brief(error)})") from error
    except Exception as error:
        if not files:
            raise
        reason = f"holds something that it should not ({type(error).__name__}: {brief(error)})"
        raise StudyError(f"{files[-1]}: {reason}; it is damaged or of another data set; {AGAIN}") from error


def _unreadable(path):
    return StudyError(f"{path}: is there and may not be read by this user; ask its owner, or copy it")


class Listing:
    """The names of the files under a folder; each folder is listed once."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self._names = {}

    def names(self, sub: str = "") -> set[str]:
        """File names in one folder below; empty where there is no such folder."""
        if sub not in self._names:
            try:
                self._names[sub] = set(os.listdir(self.folder / sub))
            except (FileNotFoundError, NotADirectoryError):
                self._names[sub] = set()
        return self._names[sub]

    def present(self, paths: Iterable[str | PurePosixPath]) -> np.ndarray:
        """(N,) bool: which of the N relative paths exist."""
        split = (os.path.split(str(path)) for path in paths)
        return np.fromiter((name in self.names(sub) for sub, name in split), bool)


class Records(Sequence):
    """The records of one data set and split: `records[i]` is a `Record`.

    A reader sets `info` and `skeleton` and writes `load` and `record`; keyword parameters of `load` are the
    set's options.

    Attributes:
        info: The set's `DatasetInfo`.
        skeleton: The set's own joints.
        root, split, strict: As opened.
        left_out: Reason → number of labelled records that were dropped for it.
        missing_parts: Folders and files of the set that are not there at all.
        examples: A few paths of absent images.
        simulated: The set's folder carries SIMULATED.json: its people are simulated.
        label_files: The files that the labels come from (digests are taken over these).
    """

    info: DatasetInfo = None
    skeleton: Skeleton = None

    def __init__(self, root: str | Path, split: str, strict: bool | str = False, **options: Any):
        require_one_of(f"{self.info.name}: split", split, SPLITS)
        self.root, self.split, self.strict = Path(root), split, strict
        self.left_out, self.missing_parts, self.examples, self.label_files = {}, [], [], []
        self.simulated = self._is_simulated(self.info.folders)
        self._rows = np.zeros(0, np.int64)
        self._places = None  # (rows, …) int: what a row means, where rows are not those of one label file
        known = list(inspect.signature(self.load).parameters)
        if unknown := ", ".join(sorted(set(options) - set(known))):
            known = ", ".join(known) or "none"
            raise StudyError(f"{self.name}: no option {unknown}; this data set has {known}")
        with label_errors(self.label_files):
            self.load(**options)
        folders = {path.relative_to(self.root).parts[0] for path in self.label_files}
        self.simulated = self._is_simulated(folders)
        self._report()

    @property
    def name(self) -> str:
        """The name that `open_dataset` knows the set by."""
        return self.info.name

    def load(self, **options: Any) -> None:
        """Read the labels into arrays and set `_rows`, the label rows that are kept."""
        raise NotImplementedError

    def record(self, row: int) -> Record:
        """The `Record` of one label row."""
        raise NotImplementedError

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, i):
        if not -len(self) <= i < len(self):
            raise IndexError(f"{self.name} {self.split} has {len(self)} records, there is no number {i}")
        with label_errors(self.label_files):
            record = self.record(self._rows[i])
        check_numbers(record)
        return record

    def meta(self, row: int, **known: Any) -> dict:
        """The record's `meta`: its set, split and label row, and what else is known."""
        return {"dataset": self.name, "split": self.split, "index": int(row), **known}

    def make_record(
        self, image: Path, joints2d: np.ndarray, meta: dict, box: Box | None = None, **known: Any
    ) -> Record:
        """The `Record` of a person in the set's own joints (J, 2) px, NaN where not labelled.

        By default occlusion is not said, there is no 3D, and the `box` (centre and side in px) and the head
        size follow from the joints; further fields of a record are `known`. Arrays are copied.
        """
        count = len(self.skeleton)
        center, side = crop_of(joints2d) if box is None else box
        default = {"occluded": np.full(count, UNKNOWN, np.int8), "joints3d": np.full((count, 3), np.nan)}
        default["head_size"] = head_size_of(joints2d, self.skeleton)
        arrays = {key: value.copy() for key, value in known.items() if isinstance(value, np.ndarray)}
        known = default | known | arrays | {"center": np.array(center), "side": float(side), "meta": meta}
        return Record(image, self.skeleton, joints2d.copy(), ~np.isnan(joints2d).any(-1), **known)

    def missing(self, path: Path) -> MissingSetError:
        """The error for a path that is not there: where to obtain the set, and what stands in for it."""
        return MissingSetError(f"{path}: not there. {self.info.how_to_get(self.root)}")

    def folder(self, *parts: str) -> Path:
        """A folder of the set. Raises `MissingSetError` where it is not there."""
        path = self.root.joinpath(*parts)
        if not path.is_dir():
            raise self.missing(path)
        if not os.access(path, os.R_OK | os.X_OK):
            raise _unreadable(path)
        return path

    def label_file(self, path: Path) -> Path:
        """A label file, noted in `label_files`. Raises `MissingSetError` where it is not there."""
        if not path.exists() or path.is_dir():
            raise self.missing(path)
        require_regular_file(path)
        if not os.access(path, os.R_OK):
            raise _unreadable(path)
        self.label_files.append(path)
        return path

    def set_places(self, places: np.ndarray | list[tuple[int, ...]]) -> None:
        """Set the records by what each is of: so many whole numbers for each (`_places`)."""
        self._places = np.array(places, int)
        self._rows = np.arange(len(places))

    def note_missing(self, path: str | Path) -> None:
        """Note a part of the set that is not there. A stand-in is complete, however few sequences it has."""
        if not self.simulated:
            self.missing_parts.append(path)

    def note_missing_parts(self, folder: Path, count: int, usual: int, what: str) -> None:
        """Note that a folder has `count` parts, where that is fewer than the `usual` number."""
        if count < usual:
            self.note_missing(f"{folder} ({usual - count} of {usual} {what})")

    def leave_out(self, reason: str, count: int) -> None:
        """Count records that are not used, and why."""
        if count:
            self.left_out[reason] = self.left_out.get(reason, 0) + int(count)

    def keep(self, rows: np.ndarray, reason: str, condition: np.ndarray) -> np.ndarray:
        """The rows where `condition` (as many as rows) holds; the others are counted under `reason`."""
        condition = np.asarray(condition, bool)
        self.leave_out(reason, (~condition).sum())
        return rows[condition]

    def keep_labelled(
        self, rows: np.ndarray, joints2d: np.ndarray, box_given: np.ndarray | bool = False
    ) -> np.ndarray:
        """The rows that have a labelled joint, and a box (`box_given`) or joints apart enough to make one.

        Joints (N, J, 2) are these rows', NaN where not labelled.
        """
        labelled = ~np.isnan(joints2d).any(-1).all(-1)
        self.leave_out("no joint labelled", (~labelled).sum())
        cropped = has_crop(crop_extent(joints2d)) | box_given
        self.leave_out("labelled joints too close together for a crop", (labelled & ~cropped).sum())
        return rows[labelled & cropped]

    def keep_present(self, rows: np.ndarray, listing: Listing, paths: list) -> np.ndarray:
        """The rows whose image is there. paths: one relative path per row."""
        present = listing.present(paths)
        absent = np.flatnonzero(~present)
        self.examples += [listing.folder / str(paths[i]) for i in absent[: MAX_EXAMPLES - len(self.examples)]]
        return self.keep(rows, IMAGE_ABSENT, present)

    def _is_simulated(self, folders):
        return any(os.path.exists(self.root / folder / "SIMULATED.json") for folder in folders)

    def fingerprint(self) -> str:
        """SHA-256 (hex) of the label rows that these records are."""
        places = () if self._places is None else self._places
        return hashlib.sha256(np.asarray(self._rows).tobytes() + np.asarray(places).tobytes()).hexdigest()

    def _report(self):
        """Warn of parts and images that are not there; an error where `strict` is on."""
        lines = []
        if self.missing_parts:
            lines.append(f"not there: {', '.join(map(str, self.missing_parts))}")
        if absent := self.left_out.get(IMAGE_ABSENT):
            first = ", ".join(map(str, self.examples))
            count = f"{absent} of {absent + len(self)} records"
            lines.append(f"{count} left out because their image is absent (first: {first})")
        if not lines:
            return
        message = f"{self.name} {self.split}: {'; '.join(lines)}"
        if self.strict is True:
            source = self.info.how_to_get(self.root)
            raise StudyError(f"{message}. `strict` is on; complete the set or turn `strict` off. {source}")
        warnings.warn(message, stacklevel=4)


def head_size_of(joints2d: np.ndarray, skeleton: Skeleton) -> float:
    """The head size in px that PCKh's threshold is a fraction of, from joints (J, 2); NaN where unknown.

    It is 0.75 · |head_top − upper_neck| in MPII's joints, which is 0.6 · the diagonal of MPII's head box
    (measured there: the diagonal is 1.25 times that distance).
    """
    common = convert(joints2d, skeleton, MPII16)
    ends = common[MPII16.indices("head_top upper_neck")]
    return float(HEAD_PER_NECK * np.linalg.norm(ends[0] - ends[1]))
