"""Values from label files as arrays of a known shape; whatever does not fit is named with its file."""

from pathlib import Path
from typing import Any

import numpy as np

from hpe_study.datasets.limits import AGAIN, OTHER
from hpe_study.errors import StudyError, brief

_INTEGER_LIMIT = 2**53  # from here on float64 leaves out whole numbers
_MAX_ITEMS = 200_000  # in the nested lists of one value


def evenly_spaced(length: int, count: int) -> np.ndarray:
    """At most `count` numbers from 0 to length − 1."""
    return np.unique(np.linspace(0, length - 1, min(count, length)).round().astype(int))


def every_nth(count: int, every: int) -> np.ndarray:
    """Row numbers 0, n, 2n, … below `count`. Raises `StudyError` where n is not a positive whole number."""
    if type(every) is not int or every < 1:
        raise StudyError(f"every: {every!r} is not a whole number of 1 or more")
    return np.arange(0, count, every)


def column(
    rows: list[dict], key: str, shape: tuple[int, ...], path: str | Path, dtype: type[np.generic] = np.float64
) -> np.ndarray:
    """Stack one value of each dict of a list: (N, *shape).

    Args:
        rows: N dicts.
        key: Of the value.
        shape: Of one value; () for a number; -1 for a length that may be any, but the same in all. Dimensions
            of 1 may be there or not.
        path: Of the label file, for the message.
        dtype: Of the result.

    Raises:
        StudyError: A value is missing or does not fit; names file, row and key.
    """
    wanted = tuple(length for length in shape if length != 1)
    values = []
    for i, row in enumerate(rows):
        if not isinstance(row, dict) or key not in row:
            raise StudyError(f"{path}: record {i} has no {key!r}; this is not the file it should be")
        try:
            raw = _bounded(row[key])
            value = np.asarray(raw, dtype)
            if value.dtype.kind == "i" and (value != np.asarray(raw)).any():
                raise ValueError("not whole")
        except (TypeError, ValueError, OverflowError) as error:
            where = f"{path}: {key!r} of record {i}"
            raise StudyError(f"{where} is not numbers of shape {shape} ({brief(error)}); {AGAIN}") from error
        squeezed = tuple(length for length in value.shape if length != 1)
        fits = value.shape[:1] == shape[:1] if -1 in shape else squeezed == wanted
        if not fits or (values and value.size != values[0].size):
            where = f"{path}: {key!r} of record {i}"
            raise StudyError(f"{where} is not numbers of shape {shape} but of {value.shape}; {AGAIN}")
        values.append(value.reshape(shape))
    return np.stack(values) if values else np.zeros((0, *(max(length, 1) for length in shape)), dtype)


def text_column(rows: list[dict], key: str, path: str | Path) -> list[str]:
    """One text of each dict of a list. Raises `StudyError` naming file, row and key where there is none."""
    for i, row in enumerate(rows):
        if not isinstance(row, dict) or not isinstance(row.get(key), str):
            raise StudyError(f"{path}: record {i} has no text {key!r}; this is not the file it should be")
    return [row[key] for row in rows]


def integers(array: Any, path: str | Path, name: str) -> np.ndarray:
    """(N,) int64 whole numbers, which may be stored as reals or in a matrix of one row or column.

    `path` and `name`, of the label file and of the array, are for the message where they are no such numbers.
    """
    array = np.asarray(array)
    is_list = array.size in (0, max(array.shape, default=1)) and array.dtype.kind in "biuf"
    if not is_list or not (np.abs(array) < _INTEGER_LIMIT).all() or (array != np.rint(array)).any():
        what = f"shape {array.shape}, {array.dtype}"
        raise StudyError(f"{path}: {name} is not a list of whole numbers ({what}); {AGAIN}")
    return array.ravel().astype(np.int64)


def expect_shape(array: Any, shape: tuple[int | None, ...], path: str | Path, name: str) -> np.ndarray:
    """Return numbers as an array of a known shape (None: any length).

    `path` and `name`, of the label file and of the array, are for the message where they are not.
    """
    try:
        array = np.asarray(_bounded(array))
    except (TypeError, ValueError) as error:
        raise StudyError(f"{path}: {name} is not an array ({brief(error)}); {AGAIN}") from error
    if len(array.shape) != len(shape) or any(
        want is not None and have != want for have, want in zip(array.shape, shape, strict=True)
    ):
        wanted = " × ".join("any" if want is None else str(want) for want in shape)
        raise StudyError(f"{path}: {name} has shape {array.shape}, not {wanted}; {OTHER}")
    if array.dtype.kind not in "biuf":
        raise StudyError(f"{path}: {name} holds no numbers but {array.dtype}; {AGAIN}")
    return array


def _bounded(value):
    """`value`, or ValueError for nested lists of very many items: a list in itself has endless."""
    items, budget = [value], _MAX_ITEMS
    while items:
        item = items.pop()
        if isinstance(item, (list, tuple)):
            budget -= len(item)
            if budget < 0:
                raise ValueError("more items than any label")
            items += [inner for inner in item if isinstance(inner, (list, tuple))]
    return value
