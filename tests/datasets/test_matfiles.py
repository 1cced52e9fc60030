"""MATLAB files are checked before SciPy, which trusts them, reads them."""

import pickle
import struct
import zlib

import numpy as np
import pytest
import scipy.io

from hpe_study.datasets import matfiles
from hpe_study.datasets.arrays import expect_shape
from hpe_study.datasets.hdf5 import read_hdf5
from hpe_study.datasets.matfiles import load_mat
from hpe_study.errors import StudyError
from tests.datasets import raw_layouts

PEOPLE = np.zeros((1, 2), [("name", object), ("coords", object), ("more", object)])
for i in range(2):
    PEOPLE[0, i] = (f"person {i}", np.arange(6.0).reshape(2, 3) + i, {"x": 3.5, "y": np.zeros((0, 0))})
CELLS = np.empty((3, 1), object)
CELLS[:, 0] = [np.ones((2, 2), np.float32), np.arange(4, dtype=np.int16), "text"]
VALUES = {
    "people": PEOPLE,
    "cells": CELLS,
    "numbers": np.arange(24.0).reshape(2, 3, 4),
    "whole": np.array([[1, -2], [3, 4]], np.int32),
    "flags": np.array([[True, False]]),
    "waves": np.array([[1 + 2j, 3j]]),
    "umlaut": "Bär",
    "empty": np.zeros((0, 0)),
}


def element(kind, data):
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(array_class, shape, content, name=b"joints"):
    """A variable; content: what follows its name."""
    flags = element(6, struct.pack("<II", array_class, 0))
    return element(
        14, flags + element(5, struct.pack(f"<{len(shape)}i", *shape)) + element(1, name) + content
    )


def mat_file(path, *variables):
    header = b"MATLAB 5.0 MAT-file".ljust(116) + bytes(8) + struct.pack("<HH", 0x0100, 0x4D49)
    path.write_bytes(header + b"".join(variables))
    return path


@pytest.mark.parametrize("compressed", [False, True])
def test_variables_are_those_that_scipy_reads(tmp_path, compressed):
    path = tmp_path / "a.mat"
    scipy.io.savemat(path, VALUES, do_compression=compressed)
    for options in ({}, {"squeeze_me": True}):
        expected = scipy.io.loadmat(path, **options)
        for name in VALUES:
            loaded = load_mat(path, name, **options)[name]
            assert pickle.dumps(loaded) == pickle.dumps(expected[name])


def test_a_file_of_the_other_byte_order_is_read(tmp_path):
    shape = struct.pack(">II2i", 5, 8, 1, 2)
    header = b"MATLAB 5.0 MAT-file".ljust(116) + bytes(8) + struct.pack(">HH", 0x0100, 0x4D49)
    name = struct.pack(">II", 1, 1) + b"x".ljust(8, b"\0")
    inner = struct.pack(">IIII", 6, 8, 6, 0) + shape + name + struct.pack(">II2d", 9, 16, 1.5, 2.5)
    (tmp_path / "a.mat").write_bytes(header + struct.pack(">II", 14, len(inner)) + inner)
    assert load_mat(tmp_path / "a.mat", "x")["x"].tolist() == [[1.5, 2.5]]


NUMBERS = element(9, struct.pack("<2d", 1, 2))
BOMBS = {
    "cells without end": matrix(1, (10**6, 10**6), b""),
    "many cells": matrix(1, (12000, 12000), bytes(16)),
    "structs without end": matrix(
        2, (10**5, 10**5), element(5, struct.pack("<i", 8)) + element(1, b"a".ljust(8))
    ),
    "numbers without end": matrix(6, (10**6, 10**6), NUMBERS),
    "text without end": matrix(4, (10**6, 10**6), element(16, b"")),
    "fewer numbers": matrix(6, (1, 3), NUMBERS),
    "negative length": matrix(6, (-1, -2), NUMBERS),
    "field names of no length": matrix(2, (1, 1), element(5, struct.pack("<i", 0)) + element(1, b"a")),
    "sparse": matrix(5, (2, 2), NUMBERS * 3),
    "object": matrix(3, (1, 1), NUMBERS),
    "opaque": matrix(17, (1, 1), NUMBERS),
    "odd bytes": matrix(6, (1, 2), element(9, bytes(15))),
    **{
        f"type {kind}": matrix(6, (1, 2), element(kind, bytes(16)))
        for kind in (0, 8, 10, 11, 14, 15, 99, 2**31)
    },
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("compressed", [False, True])
def test_what_scipy_would_stumble_over_is_refused(tmp_path, bomb, compressed):
    variable = element(15, zlib.compress(BOMBS[bomb])) if compressed else BOMBS[bomb]
    path = mat_file(tmp_path / "a.mat", variable)
    with pytest.raises(StudyError, match="a.mat: truncated or not a MATLAB file of version 5 to 7"):
        load_mat(path, "joints")


def test_cells_in_cells_without_end_are_refused(tmp_path):
    inner = matrix(6, (1, 2), NUMBERS, b"")
    for _ in range(5000):
        inner = matrix(1, (1, 1), inner, b"")
    path = mat_file(tmp_path / "a.mat", matrix(1, (1, 1), inner))
    with pytest.raises(StudyError, match="nested too deep"):
        load_mat(path, "joints")


def test_a_small_file_cannot_unpack_to_gigabytes(tmp_path, monkeypatch):
    monkeypatch.setattr(matfiles, "memory_for", lambda size: 100_000)
    numbers = zlib.compress(matrix(6, (10**6, 1), element(9, bytes(8 * 10**6))))
    path = mat_file(tmp_path / "a.mat", element(15, numbers))
    with pytest.raises(StudyError, match="a.mat: .*larger than a file of this size can need"):
        load_mat(path, "joints")


@pytest.mark.parametrize("header", [b"", b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM", bytes(200)])
def test_other_versions_are_refused(tmp_path, header):
    (tmp_path / "a.mat").write_bytes(header)
    with pytest.raises(StudyError, match="a.mat: truncated or not a MATLAB file of version 5 to 7"):
        load_mat(tmp_path / "a.mat", "joints")


def test_mat_files_of_others_and_broken_ones_are_named(tmp_path):
    path = tmp_path / "joints.mat"
    raw_layouts.save_mat(path, x=np.zeros((2, 3)))
    with pytest.raises(
        StudyError, match=r"joints.mat: has no joints but x; this is the file of another data set"
    ):
        load_mat(path, "joints")
    with pytest.raises(StudyError, match=r"joints.mat: x has shape \(2, 3\), not 2 × any × 3"):
        expect_shape(load_mat(path, "x")["x"], (2, None, 3), path, "x")
    whole = path.read_bytes()
    for kept in (0, 60, 150, len(whole) - 9):
        path.write_bytes(whole[:kept])
        with pytest.raises(StudyError, match="joints.mat: truncated or not a MATLAB file"):
            load_mat(path, "x")
    with pytest.raises(StudyError, match="joints.mat: truncated or not an HDF5 file"):
        read_hdf5(path, "x")
