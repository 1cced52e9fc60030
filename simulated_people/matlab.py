"""MATLAB files with struct arrays, as the data sets' authors saved them."""

import numpy as np
import scipy.io

from hpe_study.utils.files import atomic

_DESCRIPTION = b"MATLAB 5.0 MAT-file, simulated people".ljust(
    116
)  # the free text that every such file begins with


def struct_array(rows):
    """Dicts with the same keys → a 1 × N struct array (N a row), ready for `save`."""
    array = np.empty((1, len(rows)), [(name, object) for name in rows[0]])
    for column, row in enumerate(rows):
        for name, value in row.items():
            array[name][0, column] = value
    return array


def cells(values):
    """A list of arrays → an N × 1 cell array."""
    array = np.empty((len(values), 1), object)
    for row, value in enumerate(values):
        array[row, 0] = value
    return array


def save(path, **variables):
    """Write a version 5 .mat file, compressed, atomically; without the time of day, so that the same arrays
    give the same bytes."""
    with atomic(path) as part, open(part, "wb") as stream:
        scipy.io.savemat(stream, variables, do_compression=True)
        stream.seek(0)
        stream.write(_DESCRIPTION)
