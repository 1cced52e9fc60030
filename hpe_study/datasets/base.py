"""What all readers share: a sequence of records over label arrays, and the count of what had to be left out.

A reader keeps its labels as arrays and makes a `Record` when it is asked for one, so that a million frames
cost no objects. Whether an image exists is found by listing its folder once, never by asking file by file.
"""

import hashlib
import inspect
import os
import warnings
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
from PIL import Image

from hpe_study.errors import StudyError
from hpe_study.skeletons import MPII16, convert

SPLITS = ("train", "test")
IMAGE_ABSENT = "image absent"
AGAIN = "obtain the file again"
SHOWN = 3  # paths given as examples in a message
_LONGEST_NAME = 255  # of a file or folder, as file systems have it


class MissingSet(StudyError):
    """The data set, or the labels of it, are not where they were looked for."""


def missing(path, info, root):
    """The error for a path that is not there: what was looked for, where the set is obtained, what stands in
    for it."""
    return MissingSet(f"{path}: not there. {info.how_to_get(root)}")


def safe_relative(name, source):
    """A path as labels give it, or a `StudyError` where it could leave the data root (absolute, or with
    "..").

    name: the text in the label file; source: the label file, for the message. A linked folder that the user
    made is fine.
    """
    name = str(name)
    path = PurePosixPath(name)
    odd = not name or "\\" in name or "\0" in name or max(map(len, path.parts), default=0) > _LONGEST_NAME
    if odd or path.is_absolute() or PureWindowsPath(name).drive or ".." in path.parts:
        raise StudyError(
            f"{source}: image path {name!r} is not a path inside the data set's image folder; the labels are"
            " not to be trusted"
        )
    return path


def unreadable(path):
    """The error for what is there and may not be read."""
    return StudyError(f"{path}: is there and may not be read by this user; ask its owner, or copy it")


@contextmanager
def understood(files):
    """Whatever goes wrong inside comes out as a `StudyError` that names the label file being read, the last
    of the list `files`.

    Label files come from anywhere, and NumPy, SciPy and h5py raise a dozen kinds of errors for what is
    damaged or of another kind.
    """
    try:
        yield
    except (StudyError, MemoryError):
        raise
    except (AssertionError, ImportError, NameError, NotImplementedError, Warning):
        raise  # ours
    except OSError as error:
        if error.filename is None and not files:
            raise
        path = error.filename or files[-1]
        raise (
            unreadable(path)
            if isinstance(error, PermissionError)
            else StudyError(f"{path}: cannot be read ({error})")
        ) from error
    except Exception as error:
        if not files:
            raise
        raise StudyError(
            f"{files[-1]}: holds something that it should not ({type(error).__name__}: {error}); it is"
            f" damaged or the file of another data set or download; {AGAIN}"
        ) from error


class Listing:
    """Which files are under a folder; each folder is listed once."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self._names = {}

    def names(self, sub=""):
        """File names in one folder below; empty where there is no such folder."""
        if sub not in self._names:
            try:
                self._names[sub] = set(os.listdir(self.folder / sub))
            except (FileNotFoundError, NotADirectoryError):
                self._names[sub] = set()
        return self._names[sub]

    def present(self, paths):
        """(N,) bool: which of the relative paths exist."""
        split = (os.path.split(str(path)) for path in paths)
        return np.fromiter((name in self.names(sub) for sub, name in split), bool)


class Records(Sequence):
    """The records of one data set and split. `records[i]` is a `Record`; see the attributes below.

    name, split, root, strict   as opened
    skeleton, info              the set's own joints; its `DatasetInfo`
    left_out                    reason → number of records that the labels have and this sequence has not
    missing_parts               folders and files of the set that are not there at all
    examples                    a few paths of absent images
    simulated                   the set's folder carries SIMULATED.json: people are simulated
    label_files                 the files that the labels come from (digests are taken over these)
    """

    info = None
    skeleton = None

    def __init__(self, root, split, strict=False, **options):
        if split not in SPLITS:
            raise StudyError(f"{self.info.name}: split {split!r} is not one of {', '.join(SPLITS)}")
        self.root, self.split, self.strict = Path(root), split, strict
        self.left_out, self.missing_parts, self.examples, self.label_files = {}, [], [], []
        self.simulated = self._is_simulated(self.info.folders)
        self._rows = np.zeros(0, np.int64)
        self._places = (
            None  # (rows, …) int: what a row means, where a set's rows are not those of one label file
        )
        known = list(inspect.signature(self.load).parameters)
        if unknown := sorted(set(options) - set(known)):
            raise StudyError(
                f"{self.info.name}: no option {', '.join(unknown)}; this data set has"
                f" {', '.join(known) or 'none'}"
            )
        with understood(self.label_files):
            self.load(**options)
        self.simulated = self._is_simulated(
            {path.relative_to(self.root).parts[0] for path in self.label_files}
        )
        self._report()

    @property
    def name(self):
        """The name that `open_dataset` knows the set by."""
        return self.info.name

    def load(self, **options):
        """Read the labels into arrays and set `_rows`, the label rows that are kept."""
        raise NotImplementedError

    def record(self, row):
        """The `Record` of one label row."""
        raise NotImplementedError

    def __len__(self):
        return len(self._rows)

    def __getitem__(self, i):
        if not -len(self) <= i < len(self):
            raise IndexError(f"{self.name} {self.split} has {len(self)} records, there is no number {i}")
        return self.record(self._rows[i])

    def meta(self, row, **known):
        """The record's `meta`: which set, split and label row, and what else is known."""
        return {"dataset": self.name, "split": self.split, "index": int(row), **known}

    # ------------------------------------------------ for `load`

    def folder(self, *parts):
        """A folder of the set; `MissingSet` where it is not there."""
        path = self.root.joinpath(*parts)
        if not path.is_dir():
            raise missing(path, self.info, self.root)
        if not os.access(path, os.R_OK | os.X_OK):
            raise unreadable(path)
        return path

    def label_file(self, path):
        """A label file, noted in `label_files`; `MissingSet` where it is not there."""
        if not path.is_file():
            raise missing(path, self.info, self.root)
        if not os.access(path, os.R_OK):
            raise unreadable(path)
        self.label_files.append(path)
        return path

    def part_missing(self, path):
        """Note a part of the set that is not there. A stand-in is complete as it is, however few sequences it
        has."""
        if not self.simulated:
            self.missing_parts.append(path)

    def parts_found(self, folder, found, usual, what):
        """Note that `found` of the `usual` number of parts are in a folder, where that is fewer."""
        if found < usual:
            self.part_missing(f"{folder} ({usual - found} of {usual} {what})")

    def leave_out(self, reason, count):
        """Count records that are not used, and why."""
        if count:
            self.left_out[reason] = self.left_out.get(reason, 0) + int(count)

    def keep(self, rows, reason, condition):
        """The rows where `condition` (an array as long as `rows`) holds; the others are counted under
        `reason`."""
        condition = np.asarray(condition, bool)
        self.leave_out(reason, (~condition).sum())
        return rows[condition]

    def keep_present(self, rows, listing, paths):
        """The rows whose image is there. paths: a relative path a row, aligned with `rows`."""
        there = listing.present(paths)
        absent = np.flatnonzero(~there)
        self.examples += [listing.folder / str(paths[i]) for i in absent[: SHOWN - len(self.examples)]]
        return self.keep(rows, IMAGE_ABSENT, there)

    def _is_simulated(self, folders):
        return any(os.path.exists(self.root / folder / "SIMULATED.json") for folder in folders)

    def fingerprint(self):
        """SHA-256 (hex) of which label rows these records are."""
        places = () if self._places is None else self._places
        return hashlib.sha256(np.asarray(self._rows).tobytes() + np.asarray(places).tobytes()).hexdigest()

    def _report(self):
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
        if self.strict:
            raise StudyError(
                f"{message}. `strict` is on; complete the set or turn `strict` off."
                f" {self.info.how_to_get(self.root)}"
            )
        warnings.warn(message, stacklevel=4)


def image_size(path):
    """(width, height) in px from the file's header; a `StudyError` where it is no image."""
    try:
        with Image.open(path) as image:
            return image.size
    except OSError as error:
        raise StudyError(
            f"{path}: truncated or not an image; replace it, or delete it to leave its record out"
        ) from error


def head_size_of(joints2d, skeleton):
    """px: 0.75 · |head_top − upper_neck| in MPII's joints, which is 0.6 · the diagonal of MPII's head box
    (measured there: the diagonal is 1.25 times that distance). NaN where a skeleton or a record lacks either.
    """
    common = convert(joints2d, skeleton, MPII16)
    ends = common[MPII16.indices("head_top upper_neck")]
    return float(0.75 * np.linalg.norm(ends[0] - ends[1]))


def column(rows, key, shape, path, dtype=np.float64):
    """One value of a list of dicts as an array (N, *shape); a `StudyError` names file, row and key where it
    does not fit.

    shape: of one value; () for a number; -1 for a length that may be any, but the same in all. Dimensions of
    1 may be there or not.
    """
    wanted = tuple(length for length in shape if length != 1)
    values = []
    for i, row in enumerate(rows):
        if not isinstance(row, dict) or key not in row:
            raise StudyError(f"{path}: record {i} has no {key!r}; this is not the file it should be")
        try:
            value = np.asarray(row[key], dtype)
            if value.dtype.kind == "i" and (value != np.asarray(row[key])).any():
                raise ValueError("not whole")
        except (TypeError, ValueError, OverflowError) as error:
            raise StudyError(
                f"{path}: {key!r} of record {i} is not numbers of shape {shape} ({error})"
            ) from error
        squeezed = tuple(length for length in value.shape if length != 1)
        fits = value.shape[:1] == shape[:1] if -1 in shape else squeezed == wanted
        if not fits or (values and value.size != values[0].size):
            raise StudyError(
                f"{path}: {key!r} of record {i} is not numbers of shape {shape} but of {value.shape}"
            )
        values.append(value.reshape(shape))
    return np.stack(values) if values else np.zeros((0, *(max(length, 1) for length in shape)), dtype)


def text_column(rows, key, path):
    """One text of a list of dicts, as a list of str."""
    for i, row in enumerate(rows):
        if not isinstance(row, dict) or not isinstance(row.get(key), str):
            raise StudyError(f"{path}: record {i} has no text {key!r}; this is not the file it should be")
    return [row[key] for row in rows]
