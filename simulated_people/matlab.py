"""MATLAB files with struct arrays, as the data sets' authors saved them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import scipy.io

from hpe_study.utils.files import atomic

# The free text that every such file begins with.
_DESCRIPTION = b"MATLAB 5.0 MAT-file, simulated people".ljust(116)


def struct_array(rows: Sequence[Mapping]) -> np.ndarray:
    """Dicts with the same keys as a 1 × N struct array, one element per dict, ready for `save`."""
    array = np.empty((1, len(rows)), [(name, object) for name in rows[0]])
    for column, row in enumerate(rows):
        for name, value in row.items():
            array[name][0, column] = value
    return array


def cells(values: Sequence[np.ndarray]) -> np.ndarray:
    """Arrays as an N × 1 cell array."""
    array = np.empty((len(values), 1), object)
    for row, value in enumerate(values):
        array[row, 0] = value
    return array


def save(path: Path, **variables: np.ndarray) -> None:
    """Write a version 5 .mat file, compressed, atomically.

    The time of day is left out, so that the same arrays give the same bytes.
    """
    with atomic(path) as part, open(part, "wb") as stream:
        scipy.io.savemat(stream, variables, do_compression=True)
        stream.seek(0)
        stream.write(_DESCRIPTION)
