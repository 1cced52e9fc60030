"""MATLAB files of versions 5 to 7 (version 7.3 is HDF5: see `hdf5`).

SciPy reads them, and trusts them: a wrong type code is used as an index without a bound, a declared shape is
allocated before its content is looked for, and nesting has no limit. So each variable is checked first, tag
by tag, the way SciPy will walk over it; SciPy then gets exactly the bytes that were checked.

The format: "MAT-File Format", The MathWorks.
"""

import io
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io

from hpe_study.datasets.limits import AGAIN, OTHER, limited_memory, memory_for, named
from hpe_study.errors import StudyError, brief
from hpe_study.utils.files import require_regular_file

_HEADER = 128  # bytes before the first variable
_HEAD = 4096  # bytes of a variable that hold its name and shape
_MATRIX, _COMPRESSED = 14, 15  # type codes of a variable
_SIZES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}  # type code of numbers → bytes
_TEXT_SIZES = {1: 1, 2: 1, 4: 2, 16: 1, 17: 2, 18: 4}  # the same of texts
_CELL, _STRUCT, _CHAR, _NUMBERS = 1, 2, 4, range(6, 16)  # classes of arrays
_MAX_DEPTH, _MAX_DIMENSIONS = 16, 8


class _DamagedError(Exception):
    """A variable is not built as the format says."""


def load_mat(path: str | Path, *names: str, **options: Any) -> dict[str, np.ndarray]:
    """Load variables of a .mat file; options are those of `scipy.io.loadmat`.

    Raises `StudyError` where it is damaged, no .mat of these versions, or lacks one of the variables.
    """
    path = require_regular_file(path)
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER)
            variables, others = _variables(file, header, names, memory_for(path.stat().st_size))
        if absent := ", ".join(name for name in names if name not in variables):
            raise StudyError(f"{path}: has no {absent} but {named(others)}; {OTHER}, or truncated")
        loaded = {}
        for name in names:
            content = variables.pop(name)
            with limited_memory(path, len(content)):
                loaded |= scipy.io.loadmat(io.BytesIO(header + content), variable_names=[name], **options)
        return {name: loaded[name] for name in names}
    except StudyError:
        raise
    except Exception as error:  # SciPy raises a dozen kinds for what is damaged, none of them its own
        known = (_DamagedError, ValueError, TypeError, NotImplementedError, OSError, zlib.error)
        reason = brief(error) if isinstance(error, known) else type(error).__name__
        what = f"truncated or not a MATLAB file of version 5 to 7 ({reason})"
        raise StudyError(f"{path}: {what}; {AGAIN}") from error


def _variables(file, header, names, limit):
    """{name: checked bytes, uncompressed} of the variables `names`, and the names of the others."""
    order = {b"IM": "<", b"MI": ">"}.get(header[126:128])
    if order is None or header[124:126] != (b"\x00\x01" if order == "<" else b"\x01\x00"):
        raise _DamagedError("its header is not that of such a file")
    tag = struct.Struct(f"{order}II")
    remaining = file.seek(0, io.SEEK_END) - _HEADER
    file.seek(_HEADER)
    variables, others = {}, set()
    while remaining > 0:
        kind, size = tag.unpack(file.read(8).ljust(8, b"\0"))
        remaining -= 8 + size
        if kind not in (_MATRIX, _COMPRESSED) or remaining < 0:
            raise _DamagedError("cut short, or not built as such a file is")
        start = file.tell()
        name = _Check(order, _inflated(tag, kind, size, file.read(min(size, _HEAD)), _HEAD)).name()
        file.seek(start)
        if name in names:
            content = _inflated(tag, kind, size, file.read(size), limit)
            if _Check(order, content).matrix(0, 0) != len(content):
                raise _DamagedError(f"{name} is longer or shorter than it says")
            variables[name] = content
        else:
            others.add(name)
            file.seek(start + size)
    return variables, others


def _inflated(tag, kind, size, data, limit):
    """A variable as it stands in a file that is not compressed; at most `limit` bytes of a compressed one."""
    if kind == _MATRIX:
        return tag.pack(_MATRIX, size) + data
    inflated = zlib.decompressobj().decompress(data, limit)
    if len(inflated) >= limit > _HEAD:
        raise _DamagedError("a variable is larger than a file of this size can need")
    return inflated


class _Check:
    """Walks over a variable as SciPy does and raises `_DamagedError` where SciPy could stumble."""

    def __init__(self, order, data):
        self.data = data
        self.tag = struct.Struct(f"{order}II").unpack_from
        self.flags = struct.Struct(f"{order}4I").unpack_from
        self.plain = struct.Struct(f"{order}14I").unpack_from
        self.order = order

    def name(self):
        """A variable's name."""
        *_, name, _ = self._head(8, len(self.data))
        return name.decode("latin1")

    def matrix(self, position, depth):
        """Check the array at `position`; returns the position after it."""
        if position + 8 > len(self.data):
            raise _DamagedError("cut short")
        kind, size = self.tag(self.data, position)
        end = position + 8 + size
        if kind != _MATRIX or end > len(self.data) or depth > _MAX_DEPTH:
            raise _DamagedError("an array is cut short, of no known kind, or nested too deep")
        if size == 0 or self._is_plain(position, end):
            return end
        array_class, parts, dimensions, _, at = self._head(position + 8, end)
        count = math.prod(dimensions)
        if array_class in _NUMBERS:
            for _ in range(parts):
                at = self._items(at, end, _SIZES, count)
        elif array_class == _CHAR:
            at = self._items(at, end, _TEXT_SIZES, count)
        elif array_class in (_CELL, _STRUCT):
            if array_class == _STRUCT:
                at, fields = self._fields(at, end)
                count *= fields
            if 8 * count > end - at:
                raise _DamagedError("a cell array or struct declares more than it holds")
            for _ in range(count):
                at = self.matrix(at, depth + 1)
        else:
            raise _DamagedError(f"an array of class {array_class}, which labels have no use for")
        if at != end:
            raise _DamagedError("an array is longer or shorter than it says")
        return end

    def _is_plain(self, position, end):
        """Whether here is a sound real matrix without a name: nearly all arrays are, so this is quick."""
        if position + 56 > end:
            return False
        header = self.plain(self.data, position)
        rows, columns, kind, size = header[8], header[9], header[12], header[13]
        small = kind >> 16
        if small:
            kind, size = kind & 0xFFFF, small
        return (
            header[2:4] == (6, 8)
            and header[6:8] == (5, 8)
            and header[10:12] == (1, 0)
            and 6 <= header[4] & 0xFF <= 15
            and not header[4] & 1 << 11
            and rows < 1 << 31
            and columns < 1 << 31
            and kind in _SIZES
            and size == rows * columns * _SIZES[kind]
            and small <= 4
            and end == position + 56 + (0 if small else size + -size % 8)
        )

    def _head(self, position, end):
        """Class, parts (2 where complex), shape, name and the position after them."""
        if position + 16 > end or position + 16 > len(self.data):
            raise _DamagedError("cut short")
        kind, size, flags, _ = self.flags(self.data, position)
        if (kind, size) != (6, 8):
            raise _DamagedError("an array without flags")
        kind, start, size, at = self._element(position + 16, end)
        if kind not in (5, 6) or size % 4 or not 2 <= size // 4 <= _MAX_DIMENSIONS:
            raise _DamagedError("an array without a shape")
        dimensions = struct.unpack_from(f"{self.order}{size // 4}i", self.data, start)
        if min(dimensions) < 0:
            raise _DamagedError("an array of negative length")
        kind, start, size, at = self._element(at, end)
        if kind not in (1, 2, 16) or size > _HEAD:
            raise _DamagedError("an array without a name")
        return flags & 0xFF, 1 + (flags >> 11 & 1), dimensions, self.data[start : start + size], at

    def _element(self, position, end):
        """Type code, start, size in bytes of the element at `position`, and the position after it."""
        if position + 8 > end or position + 8 > len(self.data):
            raise _DamagedError("cut short")
        kind, size = self.tag(self.data, position)
        if kind >> 16:  # a small element: all in eight bytes
            kind, size, start, after = kind & 0xFFFF, kind >> 16, position + 4, position + 8
            if size > 4:
                raise _DamagedError("a small element of more than four bytes")
        else:
            start = position + 8
            after = start + size + -size % 8
        if start + size > min(end, len(self.data)):
            raise _DamagedError("cut short")
        return kind, start, size, min(after, end)

    def _items(self, position, end, sizes, count):
        """Check the numbers, or characters, of an array; returns the position after them."""
        kind, _, size, after = self._element(position, end)
        if kind not in sizes:
            raise _DamagedError(f"numbers or text of type {kind}, which the format does not have")
        utf8 = kind == 16  # a character may take up to four bytes
        if not (size <= 4 * count and count <= size if utf8 else size == count * sizes[kind]):
            raise _DamagedError("an array has more or fewer items than its shape")
        return after

    def _fields(self, position, end):
        """The position after a struct's field names, and how many they are."""
        kind, start, size, at = self._element(position, end)
        if kind not in (5, 6) or size != 4:
            raise _DamagedError("a struct without fields")
        (length,) = struct.unpack_from(f"{self.order}i", self.data, start)
        kind, _, size, at = self._element(at, end)
        if kind not in (1, 2, 16) or length < 1 or size % length:
            raise _DamagedError("a struct without names of fields")
        return at, size // length
