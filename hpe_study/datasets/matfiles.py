"""MATLAB files: versions 5 to 7 through SciPy, 7.3 through h5py; wrong or broken files become errors that
name the file."""

import zlib

import h5py
import numpy as np
import scipy.io

from hpe_study.errors import StudyError


def load_mat(path, *names, **options):
    """The variables `names` of a .mat file (version 7.2 or older), as a dict.

    Raises `StudyError` where the file is truncated, no .mat, or lacks one of the variables: it is another
    data set's then.
    """
    try:
        found = scipy.io.loadmat(path, variable_names=list(names), **options)
        absent = [name for name in names if name not in found]
        others = sorted(name for name, *_ in scipy.io.whosmat(path)) if absent else []
    except Exception as error:  # SciPy raises a dozen kinds for broken files, none of them its own
        if isinstance(error, MemoryError):
            raise
        detail = (
            str(error)
            if isinstance(error, (ValueError, TypeError, NotImplementedError, OSError, zlib.error))
            else type(error).__name__
        )
        raise StudyError(
            f"{path}: truncated or not a MATLAB file of version 5 to 7 ({detail}); obtain it again"
        ) from error
    if absent:
        raise StudyError(
            f"{path}: has no {', '.join(absent)} but {', '.join(others) or 'nothing'}; this is the file of"
            " another data set, or truncated"
        )
    return {name: found[name] for name in names}


def load_mat73(path, *names):
    """The variables `names` of a version 7.3 .mat file (HDF5), as arrays in HDF5's order (MATLAB's dimensions
    reversed)."""
    try:
        with h5py.File(path) as file:
            absent = [name for name in names if name not in file]
            if absent:
                raise StudyError(
                    f"{path}: has no {', '.join(absent)} but {', '.join(file) or 'nothing'}; this is the file"
                    " of another data set"
                )
            return {name: file[name][()] for name in names}
    except OSError as error:
        raise StudyError(f"{path}: truncated or not a MATLAB 7.3 file ({error}); obtain it again") from error


_WHOLE = 2**53  # from here on reals leave out whole numbers


def whole_numbers(array, path, name):
    """(N,) int64 of numbers that may be stored as reals or in a matrix of one row or column; a `StudyError`
    where they are not whole."""
    array = np.asarray(array)
    is_list = array.size in (0, max(array.shape, default=1))
    if (
        not is_list
        or array.dtype.kind not in "biuf"
        or not (np.abs(array) < _WHOLE).all()
        or not np.array_equal(array, np.rint(array))
    ):
        raise StudyError(
            f"{path}: {name} is not a list of whole numbers (shape {array.shape}, {array.dtype}); obtain the"
            " file again"
        )
    return array.ravel().astype(np.int64)


def expect_shape(array, shape, path, name):
    """`array` itself, or a `StudyError` where its shape is not `shape` (None: any length)."""
    array = np.asarray(array)
    if len(array.shape) != len(shape) or any(
        want is not None and have != want for have, want in zip(array.shape, shape, strict=True)
    ):
        wanted = " × ".join("any" if want is None else str(want) for want in shape)
        raise StudyError(
            f"{path}: {name} has shape {array.shape}, not {wanted}; this is the file of another data set or"
            " download"
        )
    return array
