"""Label pickles: NumPy arrays and plain containers are let in, anything else is refused by name.

A pickle is a program. What it may call is listed here: how NumPy 1 and 2 (and Python 2) rebuild arrays,
scalars and dtypes, and how Python rebuilds plain containers. Three rules keep a file from choosing memory
addresses:

- A dtype is rebuilt from its code ("f8", "U12"). A later state in the pickle is only compared with it,
  never applied; structured and sub-array dtypes are refused.
- An array of objects is filled from a list of exactly as many objects as its shape has, never from bytes.
- An array is filled once. Filling it again would free memory that views of it still use.
"""

import collections
import math
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy._core import multiarray

from hpe_study.datasets.limits import AGAIN, in_child, limited_memory
from hpe_study.errors import StudyError, brief
from hpe_study.utils.files import require_regular_file

_MAX_DIMENSIONS = 8
_UNFILLED = (0,)  # shape of an array that waits for its items
_MAX_DIGITS = 9  # of an item's size in a dtype's code


class _RefusedError(Exception):
    """A pickle asks for something that is not on the list."""


class _Function:
    """A function that a pickle may call and not change: an ordinary one would take a new state."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable):
        self._function = function

    def __call__(self, *arguments):
        return self._function(*arguments)

    def __setstate__(self, state):
        raise _RefusedError("a change to a function")


class _Dtype:
    """A dtype as a pickle describes it: numbers, texts, bytes or objects of one size."""

    __slots__ = ("resolved",)

    def __init__(self, code):
        if not isinstance(code, str) or not re.fullmatch(rf"[biufcSUO]\d{{0,{_MAX_DIGITS}}}", code):
            raise _RefusedError(f"a dtype {code:.60}" if isinstance(code, str) else "a dtype without a code")
        self.resolved = np.dtype(code)

    def __setstate__(self, state):
        _, order, subtype, names, fields, size, *_ = state
        if order not in ("<", ">", "|", "=") or (subtype, names, fields) != (None, None, None):
            raise _RefusedError("a structured dtype")
        if size not in (-1, self.resolved.itemsize):
            raise _RefusedError("a dtype of another size")
        if order != "|":
            self.resolved = self.resolved.newbyteorder(order)


class _Array(np.ndarray):
    """An array that a pickle fills."""

    def __setstate__(self, state):
        if self.shape != _UNFILLED:
            raise _RefusedError("an array that is filled twice")
        _, shape, dtype, fortran, items = state
        dtype = _resolved(dtype)
        count = _count(shape)
        if dtype.kind == "O":
            if not isinstance(items, list) or len(items) != count:
                raise _RefusedError("an array of objects that is not made of as many objects")
        elif not isinstance(items, (bytes, str)) or len(items) != count * dtype.itemsize:
            raise _RefusedError("an array with more or fewer bytes than its shape needs")
        super().__setstate__((1, shape, dtype, bool(fortran), items))

    def __reduce_ex__(self, protocol):
        return self.view(np.ndarray).__reduce_ex__(protocol)  # written again, it is an array like any other


_NDARRAY = _Function(lambda *_: _refuse("numpy.ndarray over bytes of the file's choice"))


def _refuse(what):
    raise _RefusedError(what)


def _resolved(dtype):
    return dtype.resolved if isinstance(dtype, _Dtype) else _refuse("an array without a dtype")


def _count(shape):
    """How many items an array of this shape has."""
    if type(shape) is not tuple or len(shape) > _MAX_DIMENSIONS:
        raise _RefusedError("an array of odd shape")
    for length in shape:
        if type(length) is not int or length < 0:
            raise _RefusedError("an array of odd shape")
    return math.prod(shape)


def _reconstruct(kind, shape, typecode):
    if kind is not _NDARRAY:
        raise _RefusedError("an array of another kind")
    return multiarray._reconstruct(_Array, _UNFILLED, b"b")


def _scalar(dtype, *value):
    dtype = _resolved(dtype)
    if dtype.kind == "O":
        raise _RefusedError("an object made of bytes")
    return multiarray.scalar(dtype, *value)


def _frombuffer(buffer, dtype, shape, order):
    dtype = _resolved(dtype)
    if dtype.kind == "O" or not isinstance(buffer, (bytes, bytearray)) or order not in ("C", "F"):
        raise _RefusedError("an array of objects made of bytes")
    if len(buffer) != _count(shape) * dtype.itemsize:
        raise _RefusedError("an array with more or fewer bytes than its shape needs")
    return np.frombuffer(bytes(buffer), dtype).reshape(shape, order=order).copy(order)


def _encode(text, encoding="latin1"):
    """How Python 3 writes bytes into an old-protocol pickle: no encoding that looks up a codec."""
    if encoding not in ("latin1", "ascii", "utf-8"):
        raise pickle.UnpicklingError("an unusual encoding")
    return text.encode(encoding)


def _bytes(kind):
    """Bytes of a text or of bytes; `bytes(10**12)` would be a terabyte of zeros."""

    def make(value=b"", encoding="latin1"):
        if not isinstance(value, (str, bytes)):
            raise _RefusedError(f"{kind.__name__} that are not written in the file")
        if isinstance(value, str):
            value = _encode(value, encoding.replace("latin-1", "latin1"))
        return kind(value)

    return make


_NUMPY = {"_reconstruct": _reconstruct, "scalar": _scalar}
_PLAIN = {kind.__name__: kind for kind in (set, frozenset, list, tuple, dict, complex)}
_PLAIN |= {kind.__name__: _Function(_bytes(kind)) for kind in (bytes, bytearray)}
_ADMITTED = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _Function(lambda code, *_: _Dtype(code)),
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("_codecs", "encode"): _Function(_encode),
}
for _core in ("numpy.core", "numpy._core"):
    _ADMITTED |= {(f"{_core}.multiarray", name): _Function(value) for name, value in _NUMPY.items()}
    _ADMITTED[f"{_core}.numeric", "_frombuffer"] = _Function(_frombuffer)
for _builtins in ("builtins", "__builtin__"):
    _ADMITTED |= {(_builtins, name): kind for name, kind in _PLAIN.items()}


_DAMAGED = (pickle.UnpicklingError, EOFError, AttributeError, LookupError, TypeError, ValueError)
_DAMAGED += (OverflowError, RecursionError, BufferError)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in _ADMITTED:
            raise _RefusedError(f"{module}.{name}")
        return _ADMITTED[module, name]

    def persistent_load(self, key):
        raise _RefusedError("a persistent object")


def load_pickle(path: str | Path) -> Any:
    """Load arrays and plain containers from a pickle file; texts of Python 2 are read as latin1.

    It is loaded in a child process first: a key of tuples, each twice in the next, is hashed for ever. Raises
    `StudyError` where it is absent, truncated, needs far more memory or time than its size justifies, or asks
    for anything else.
    """
    path = require_regular_file(path)

    def attempt():
        _load(path)  # what it gives may be too deep to be handed over

    in_child(path, attempt)
    return _load(path)


def _load(path):
    try:
        with limited_memory(path), path.open("rb") as stream:
            return _Unpickler(stream, encoding="latin1").load()
    except _RefusedError as error:
        reason = "a label file holds arrays and plain containers only, so it is not opened"
        raise StudyError(f"{path}: asks to load {brief(error)}; {reason}") from error
    except _DAMAGED as error:
        raise StudyError(f"{path}: truncated or not a pickle ({brief(error)}); {AGAIN}") from error
