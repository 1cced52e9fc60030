"""HDF5 label files, MATLAB 7.3 among them: arrays that lie in the file itself, of a size that it can hold.

An HDF5 file can name other files (external links, external storage, virtual data sets) and declare arrays of
any size: both are refused. The library may crash or loop on damaged files, so it runs in a child process.
"""

import contextlib
import math
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np

from hpe_study.datasets.limits import AGAIN, OTHER, in_child, limited_memory, named, too_large
from hpe_study.errors import StudyError, brief
from hpe_study.utils.files import require_regular_file

DAMAGED = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError)  # what h5py raises
_MOST_COMPRESSED = 1032  # deflate cannot shrink more
_SLACK = 1 << 20  # bytes an array may have that the file does not hold (MATLAB leaves out what is zero)
_LARGEST_CHUNK = 1 << 28  # bytes

Arrays = dict[str, "np.ndarray | dict[str, np.ndarray]"]


def read_hdf5(path: str | Path, *names: str) -> Arrays:
    """Read arrays of an HDF5 file, in HDF5's order (MATLAB's dimensions reversed).

    Names are of arrays ("pose/2d"), or of groups, which give {name: array} of the arrays in them. Raises
    `StudyError` where the file is damaged, lacks a name, reaches for other files or declares more than it
    holds.
    """
    path = require_regular_file(path)
    return in_child(path, _read, path, names)


def require_readable(path: str | Path) -> None:
    """Refuse an HDF5 file in which the library crashes or loops: every object is opened in a child process.

    Other damage is left to the file's reader. A file is looked at once, until it changes.
    """
    status = require_regular_file(path).stat()
    _visit_in_child(Path(path), status.st_mtime_ns, status.st_size)


@lru_cache
def _visit_in_child(path, changed, size):
    in_child(path, _visit, path)


def _visit(path):
    """Open every object of a file and read the end of every array that lies in it."""

    def look(_, place):
        with contextlib.suppress(Exception):
            if isinstance(place, h5py.Dataset) and place.shape:
                require_within(place, path)
                place[-1:]  # what is returned would end the visit

    with contextlib.suppress(Exception), limited_memory(path), h5py.File(path, "r") as file:
        file.visititems(look)


def _read(path, names):
    try:
        with limited_memory(path), h5py.File(path, "r") as file:
            places = {name: _place(file, name, path) for name in names}
            if absent := ", ".join(name for name, place in places.items() if place is None):
                raise StudyError(f"{path}: has no {absent} but {named(file)}; {OTHER}, or truncated")
            return {name: _content(place, path) for name, place in places.items()}
    except DAMAGED as error:
        raise StudyError(f"{path}: truncated or not an HDF5 file ({brief(error)}); {AGAIN}") from error


@contextlib.contextmanager
def open_checked(path: str | Path, refusal: Callable[[str], StudyError]) -> Iterator[h5py.File]:
    """Open an HDF5 file of unknown origin; what h5py or the block finds wrong becomes a `refusal`."""
    require_readable(path)
    try:
        with h5py.File(path, "r") as file:
            yield file
    except DAMAGED as error:
        raise refusal(brief(error.args[0] if isinstance(error, KeyError) else error)) from error


def hard_member(group: h5py.Group, name: str) -> h5py.Dataset | h5py.Group | None:
    """What stands in a group under a name; None where nothing does, or a link that may lead elsewhere."""
    return group[name] if isinstance(group.get(name, getlink=True), h5py.HardLink) else None


def member(group: h5py.Group, name: str) -> h5py.Dataset | h5py.Group:
    """`hard_member`, or `KeyError` where there is none."""
    if (found := hard_member(group, name)) is None:
        raise KeyError(f"{name} is a link or not there")
    return found


def _place(place, name, path):
    """What stands under a name; None where nothing does. Raises `StudyError` where a link leads there."""
    for part in name.split("/"):
        if not isinstance(place, h5py.Group) or place.get(part, getlink=True) is None:
            return None
        if (place := hard_member(place, part)) is None:
            raise _reaches_out(path, name, "a link")
    return place


def _content(place, path):
    """An array, or the arrays of a group."""
    if not isinstance(place, h5py.Group):
        return _array(place, path)
    members = {name: _place(place, name, path) for name in place}
    return {name: _array(data, path) for name, data in members.items() if isinstance(data, h5py.Dataset)}


def _array(data, path):
    """All of an array, once its size is known to be possible."""
    if not isinstance(data, h5py.Dataset) or data.dtype.kind not in "biuf" or data.shape is None:
        raise StudyError(f"{path}: {data.name} holds no numbers but {data.dtype}; {AGAIN}")
    require_within(data, path)
    return data[()]


def require_within(data: h5py.Dataset, path: str | Path) -> None:
    """Raise `StudyError` where an array lies in other files, or is larger than this file can hold."""
    properties = data.id.get_create_plist()
    if data.is_virtual or properties.get_external_count():
        raise _reaches_out(path, data.name, "a virtual data set or external storage")
    size = math.prod(data.shape) * data.dtype.itemsize
    held = data.id.get_storage_size()
    chunk = math.prod(data.chunks or (0,)) * data.dtype.itemsize
    if size > _MOST_COMPRESSED * held + _SLACK or chunk > _LARGEST_CHUNK or held > Path(path).stat().st_size:
        raise too_large(path)


def _reaches_out(path, name, how):
    reason = f"{name} is {how}, which can reach for other files"
    return StudyError(f"{path}: {reason}; labels must lie in the file itself; {AGAIN}")
