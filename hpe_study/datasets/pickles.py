"""Pickles of strangers: NumPy arrays and plain containers are let in, anything else is refused by name.

A pickle is a program. What it may call is listed here: how NumPy 1 and 2 (and Python 2) rebuild arrays,
scalars and dtypes, and how Python rebuilds plain containers. None of these runs code of the file's choice. An
array of objects holds addresses in memory, so it is filled from a list only, never from bytes that the file
chooses.
"""

import collections
import pickle
from pathlib import Path

import numpy as np
from numpy._core import multiarray, numeric

from hpe_study.errors import StudyError


class Refused(Exception):
    """A pickle asks for something that is not on the list."""


def _holds_objects(dtype):
    """By its kind: what a pickled dtype says of itself (`hasobject`) can be forged."""
    parts = [part for part, *_ in (dtype.fields or {}).values()] + (
        [dtype.subdtype[0]] if dtype.subdtype else []
    )
    return dtype.kind == "O" or any(map(_holds_objects, parts))


class _Array(np.ndarray):
    """An array that a pickle fills. A pickle may name it, and may not call it: `numpy.ndarray` can be laid
    over any bytes."""

    def __new__(cls, *arguments, **options):
        raise Refused("numpy.ndarray over bytes of the file's choice")

    def __setstate__(self, state):
        if _holds_objects(state[2]) and not isinstance(state[4], list):
            raise Refused("an array of objects made of bytes")
        super().__setstate__(state)

    def __reduce_ex__(self, protocol):
        return self.view(np.ndarray).__reduce_ex__(protocol)  # written again, it is an array like any other


def _reconstruct(kind, shape, typecode):
    return multiarray._reconstruct(_Array, shape, typecode)


def _scalar(dtype, *value):
    if _holds_objects(dtype):
        raise Refused("an object made of bytes")
    return multiarray.scalar(dtype, *value)


def _frombuffer(buffer, dtype, shape, order):
    if _holds_objects(dtype):
        raise Refused("an array of objects made of bytes")
    return numeric._frombuffer(buffer, dtype, shape, order)


_NUMPY = {"_reconstruct": _reconstruct, "scalar": _scalar}
_CONTAINERS = {kind.__name__: kind for kind in (set, frozenset, list, tuple, dict, bytes, bytearray, complex)}
ADMITTED = {
    **{
        (f"numpy.{core}.multiarray", name): value
        for core in ("core", "_core")
        for name, value in _NUMPY.items()
    },
    **{(f"numpy.{core}.numeric", "_frombuffer"): _frombuffer for core in ("core", "_core")},
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): np.dtype,
    **{(module, name): kind for module in ("builtins", "__builtin__") for name, kind in _CONTAINERS.items()},
    ("collections", "OrderedDict"): collections.OrderedDict,
}


def _encode(text, encoding="latin1"):
    """How Python 3 writes bytes into an old-protocol pickle: only the encodings it uses, nothing that looks
    up a codec."""
    if encoding not in ("latin1", "ascii", "utf-8"):
        raise pickle.UnpicklingError(f"encoding {encoding!r}")
    return text.encode(encoding)


ADMITTED["_codecs", "encode"] = _encode


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in ADMITTED:
            raise Refused(f"{module}.{name}")
        return ADMITTED[module, name]

    def persistent_load(self, key):
        raise Refused(f"a persistent object ({key!r})")


def load_pickle(path):
    """What a pickle file holds. Texts of Python 2 are read as latin1.

    Raises `StudyError` naming the file when it is absent, truncated, or asks for anything but arrays and
    plain containers.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            return _Unpickler(stream, encoding="latin1").load()
    except Refused as error:
        raise StudyError(
            f"{path}: asks to load {error}; a label file holds arrays and plain containers only, so it is not"
            " opened"
        ) from error
    except FileNotFoundError as error:
        raise StudyError(f"{path}: no such file") from error
    except (
        pickle.UnpicklingError,
        EOFError,
        AttributeError,
        IndexError,
        KeyError,
        TypeError,
        ValueError,
        OverflowError,
        MemoryError,
    ) as error:
        raise StudyError(
            f"{path}: truncated or not a pickle ({error or type(error).__name__}); obtain the file again"
        ) from error
