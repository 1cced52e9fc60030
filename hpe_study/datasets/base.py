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

from hpe_study.datasets.fit import check_numbers
from hpe_study.datasets.info import DatasetInfo
from hpe_study.datasets.limits import AGAIN, brief, too_large
from hpe_study.datasets.record import UNKNOWN, Record, crop_extent, crop_of, has_crop
from hpe_study.errors import StudyError
from hpe_study.skeletons import MPII16, Skeleton, convert
from hpe_study.utils.files import require_regular_file

SPLITS = ("train", "test")
IMAGE_ABSENT = "image absent"
MAX_EXAMPLES = 3  # paths given in a message
_LONGEST_NAME = 255  # of a file or folder, as file systems have it
HEAD_PER_NECK = 0.75  # MPII's head size over |head_top − upper_neck|, measured on its validation labels


class MissingSetError(StudyError):
    """The data set, or the labels of it, are not where they were looked for."""


def missing_set(path: Path, info: DatasetInfo, root: Path) -> MissingSetError:
    """The error for a path that is not there: where to obtain the set, and what stands in for it."""
    return MissingSetError(f"{path}: not there. {info.how_to_get(root)}")


def safe_relative(name: str, source: str | Path) -> PurePosixPath:
    """A path as labels in the file `source` give it; `StudyError` where it could leave the data root.

    So it is not absolute and has no "..". A linked folder that the user made is fine.
    """
    name = str(name)
    path = PurePosixPath(name)
    odd = (
        not name.isprintable()
        or not name
        or "\\" in name
        or max(map(len, path.parts), default=0) > _LONGEST_NAME
    )
    if odd or path.is_absolute() or PureWindowsPath(name).drive or ".." in path.parts:
        raise StudyError(
            f"{source}: image path {name[:_LONGEST_NAME]!r} is not a path inside the data set's image folder;"
            " the labels are not to be trusted"
        )
    return path


def every_nth(count: int, every: int) -> np.ndarray:
    """Row numbers 0, n, 2n, … below `count`. Raises `StudyError` where n is not a positive whole number."""
    if type(every) is not int or every < 1:
        raise StudyError(f"every: {every!r} is not a whole number of 1 or more")
    return np.arange(0, count, every)


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
        raise (
            _unreadable(path)
            if isinstance(error, PermissionError)
            else StudyError(f"{path}: cannot be read ({brief(error)})")
        ) from error
    except Exception as error:
        if not files:
            raise
        raise StudyError(
            f"{files[-1]}: holds something that it should not ({type(error).__name__}: {brief(error)}); it is"
            f" damaged or the file of another data set or download; {AGAIN}"
        ) from error


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
        if split not in SPLITS:
            raise StudyError(f"{self.info.name}: split {split!r} is not one of {', '.join(SPLITS)}")
        self.root, self.split, self.strict = Path(root), split, strict
        self.left_out, self.missing_parts, self.examples, self.label_files = {}, [], [], []
        self.simulated = self._is_simulated(self.info.folders)
        self._rows = np.zeros(0, np.int64)
        self._places = None  # (rows, …) int: what a row means, where rows are not those of one label file
        known = list(inspect.signature(self.load).parameters)
        if unknown := sorted(set(options) - set(known)):
            raise StudyError(
                f"{self.info.name}: no option {', '.join(unknown)}; this data set has"
                f" {', '.join(known) or 'none'}"
            )
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

    def make_record(self, image: Path, joints2d: np.ndarray, meta: dict, **known: Any) -> Record:
        """The `Record` of a person in the set's own joints (J, 2) px, NaN where not labelled.

        By default occlusion is not said, there is no 3D, and the box and the head size follow from the
        joints; further fields of a record are `known`.
        """
        count = len(self.skeleton)
        if "side" not in known:
            known["center"], known["side"] = crop_of(joints2d)
        if "head_size" not in known:
            known["head_size"] = head_size_of(joints2d, self.skeleton)
        unknown = {"occluded": np.full(count, UNKNOWN, np.int8), "joints3d": np.full((count, 3), np.nan)}
        labelled = ~np.isnan(joints2d).any(-1)
        return Record(image, self.skeleton, joints2d, labelled, **(unknown | known), meta=meta)

    def folder(self, *parts: str) -> Path:
        """A folder of the set. Raises `MissingSetError` where it is not there."""
        path = self.root.joinpath(*parts)
        if not path.is_dir():
            raise missing_set(path, self.info, self.root)
        if not os.access(path, os.R_OK | os.X_OK):
            raise _unreadable(path)
        return path

    def label_file(self, path: Path) -> Path:
        """A label file, noted in `label_files`. Raises `MissingSetError` where it is not there."""
        if not path.exists() or path.is_dir():
            raise missing_set(path, self.info, self.root)
        require_regular_file(path)
        if not os.access(path, os.R_OK):
            raise _unreadable(path)
        self.label_files.append(path)
        return path

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
        """The rows that have a labelled joint, and a box or joints apart enough to make one.

        Joints (N, J, 2) are these rows', NaN where not labelled; `box_given` (N,) where the set gives a
        usable box.
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
            lines.append(
                f"{absent} of {absent + len(self)} records left out because their image is absent (first:"
                f" {first})"
            )
        if not lines:
            return
        message = f"{self.name} {self.split}: {'; '.join(lines)}"
        if self.strict is True:
            raise StudyError(
                f"{message}. `strict` is on; complete the set or turn `strict` off."
                f" {self.info.how_to_get(self.root)}"
            )
        warnings.warn(message, stacklevel=4)


def head_size_of(joints2d: np.ndarray, skeleton: Skeleton) -> float:
    """The head size in px that PCKh's threshold is a fraction of, from joints (J, 2); NaN where unknown.

    It is 0.75 · |head_top − upper_neck| in MPII's joints, which is 0.6 · the diagonal of MPII's head box
    (measured there: the diagonal is 1.25 times that distance).
    """
    common = convert(joints2d, skeleton, MPII16)
    ends = common[MPII16.indices("head_top upper_neck")]
    return float(HEAD_PER_NECK * np.linalg.norm(ends[0] - ends[1]))
