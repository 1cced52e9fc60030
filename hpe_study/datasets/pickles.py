"""Pickles of strangers: NumPy arrays and plain containers are let in, anything else is refused by name.

A pickle is a program. What it may call is listed here: how NumPy 1 and 2 (and Python 2) rebuild arrays, scalars and dtypes,
and how Python rebuilds plain containers. None of these runs code of the file's choice.
"""

import collections
import pickle
from pathlib import Path

import numpy as np
from numpy._core import multiarray, numeric

from hpe_study.errors import StudyError

_NUMPY = {"_reconstruct": multiarray._reconstruct, "scalar": multiarray.scalar}
_CONTAINERS = {kind.__name__: kind for kind in (set, frozenset, list, tuple, dict, bytes, bytearray, complex)}
ADMITTED = {
    **{(f"numpy.{core}.multiarray", name): value for core in ("core", "_core") for name, value in _NUMPY.items()},
    **{(f"numpy.{core}.numeric", "_frombuffer"): numeric._frombuffer for core in ("core", "_core")},
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    **{(module, name): kind for module in ("builtins", "__builtin__") for name, kind in _CONTAINERS.items()},
    ("collections", "OrderedDict"): collections.OrderedDict,
}


def _encode(text, encoding="latin1"):
    """How Python 3 writes bytes into an old-protocol pickle: only the encodings it uses, nothing that looks up a codec."""
    if encoding not in ("latin1", "ascii", "utf-8"):
        raise pickle.UnpicklingError(f"encoding {encoding!r}")
    return text.encode(encoding)


ADMITTED["_codecs", "encode"] = _encode


class Refused(Exception):
    """A pickle asks for something that is not on the list."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in ADMITTED:
            raise Refused(f"{module}.{name}")
        return ADMITTED[module, name]

    def persistent_load(self, key):
        raise Refused(f"a persistent object ({key!r})")


def load_pickle(path):
    """What a pickle file holds. Texts of Python 2 are read as latin1.

    Raises `StudyError` naming the file when it is absent, truncated, or asks for anything but arrays and plain containers.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            return _Unpickler(stream, encoding="latin1").load()
    except Refused as error:
        raise StudyError(
            f"{path}: asks to load {error}; a label file holds arrays and plain containers only, so it is not opened"
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
        raise StudyError(f"{path}: truncated or not a pickle ({error or type(error).__name__}); obtain the file again") from error
