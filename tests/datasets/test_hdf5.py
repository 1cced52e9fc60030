"""HDF5 labels lie in the file itself and are no larger than it can hold; a crash or loop is one line."""

import os
import time

import h5py
import numpy as np
import pytest

from hpe_study.data.store import Store
from hpe_study.data.store_key import stored_key
from hpe_study.datasets import hdf5, limits
from hpe_study.datasets.hdf5 import read_hdf5
from hpe_study.errors import StudyError
from hpe_study.evaluation.prediction_file import PredictionFile
from hpe_study.study.person_errors import PersonErrors


@pytest.fixture
def outside(tmp_path):
    """A folder with files that labels must not reach for."""
    folder = tmp_path / "outside"
    folder.mkdir()
    with h5py.File(folder / "other.h5", "w") as file:
        file["x"] = np.full((6, 32, 2), 7.25)
    (folder / "secret.bin").write_bytes(np.full(5000, 7.25).tobytes())
    return folder


def virtual(source):
    layout = h5py.VirtualLayout(shape=(6, 32, 2), dtype="f8")
    layout[...] = h5py.VirtualSource(str(source), "x", shape=(6, 32, 2))
    return layout


def test_arrays_and_groups_are_read(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["pose/2d"] = np.arange(6.0).reshape(3, 2)
        file.create_dataset("packed", data=np.zeros((1000, 1000)), compression="gzip", chunks=(100, 1000))
        file["cameras/7"], file["cameras/8"] = [1.0, 2.0], [3.0]
        file.create_dataset("none", (0, 3), "f4", maxshape=(None, 3))
    read = read_hdf5(tmp_path / "a.h5", "pose/2d", "cameras", "packed", "none")
    assert read["pose/2d"].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert {key: value.tolist() for key, value in read["cameras"].items()} == {"7": [1, 2], "8": [3]}
    assert read["packed"].shape == (1000, 1000)
    assert read["none"].shape == (0, 3)


@pytest.mark.parametrize(
    "change",
    [
        lambda file, outside: file.__setitem__("x", h5py.ExternalLink(str(outside / "other.h5"), "/x")),
        lambda file, outside: file.__setitem__("x", h5py.SoftLink("/y")),
        lambda file, outside: file.__setitem__("x/y", h5py.ExternalLink(str(outside / "other.h5"), "/x")),
        lambda file, outside: file.create_dataset(
            "x", (6, 32, 2), "f8", external=[(str(outside / "secret.bin"), 0, 3072)]
        ),
        lambda file, outside: file.create_virtual_dataset("x", virtual(outside / "other.h5")),
        lambda file, outside: file.create_virtual_dataset("x", virtual("nowhere.h5")),
    ],
    ids=["external link", "soft link", "link in a group", "external storage", "virtual", "virtual, absent"],
)
def test_what_reaches_for_other_files_is_refused(tmp_path, outside, change):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["y"] = np.zeros(3)
        change(file, outside)
    with pytest.raises(StudyError, match="a.h5: .*can reach for other files"):
        read_hdf5(path, "x")


@pytest.mark.parametrize("shape", [(10**12, 1, 17, 2), (200_000_000,), (2**62,)])
def test_a_small_file_cannot_declare_gigabytes(tmp_path, shape):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", shape, "f8", chunks=(64, *shape[1:]))
    with pytest.raises(StudyError, match="a.h5: reading it takes more memory"):
        read_hdf5(path, "x")


@pytest.mark.parametrize("value", ["text", np.array([b"bytes"]), np.zeros(2, [("a", "f8")])])
def test_what_is_no_numbers_is_refused(tmp_path, value):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = value
    with pytest.raises(StudyError, match="a.h5: /x holds no numbers"):
        read_hdf5(tmp_path / "a.h5", "x")


def test_a_group_that_holds_itself_ends(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["group/again"] = file.create_group("group/inner")
        file["group/loop"] = file["group"]
    assert read_hdf5(tmp_path / "a.h5", "group") == {"group": {}}


def loops():
    while True:
        pass


@pytest.mark.parametrize(
    ("reading", "signal"), [(os.abort, "SIGABRT"), (loops, "SIGXCPU")], ids=["crash", "loop"]
)
def test_a_crash_and_an_endless_loop_are_one_line(tmp_path, monkeypatch, reading, signal):
    monkeypatch.setattr(hdf5, "_read", lambda path, names: reading())
    monkeypatch.setattr(limits, "_CPU_SECONDS", 1)
    (tmp_path / "a.h5").write_bytes(b"")
    with pytest.raises(StudyError, match=f"a.h5: reading it crashes or never ends .{signal}"):
        read_hdf5(tmp_path / "a.h5", "x")


@pytest.mark.parametrize("open_file", [Store, lambda path: PredictionFile(path.parent), PersonErrors])
def test_our_own_files_are_opened_in_a_child_first(tmp_path, monkeypatch, open_file):
    """Stores, copies of labels, predictions and errors: where HDF5 crashes or loops, it is said."""
    monkeypatch.setattr(hdf5, "_visit", lambda path: os.abort())
    path = tmp_path / "predictions.h5"
    h5py.File(path, "w").close()
    with pytest.raises(StudyError, match=r"predictions.h5: reading it crashes or never ends .SIGABRT"):
        open_file(path)
    assert stored_key(path) is None


def test_the_child_looks_at_every_array_of_the_file_itself(tmp_path, outside, monkeypatch):
    """And at no other file: to open a pipe would wait for ever."""
    os.mkfifo(outside / "pipe")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["one"], file["two/three"], file["two/nothing"] = [1.0], [[2.0]], 5
        file.create_virtual_dataset("two/virtual", virtual(outside / "pipe"))
        file.create_dataset("two/stored", (4,), "f8", external=[(str(outside / "pipe"), 0, 32)])
    seen = []
    monkeypatch.setattr(h5py.Dataset, "__getitem__", lambda data, index: seen.append(data.name))
    hdf5._visit(tmp_path / "a.h5")
    assert seen == ["/one", "/two/three"]


def test_a_child_costs_milliseconds(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.zeros((1000, 17, 3))
    start = time.process_time()
    for _ in range(10):
        read_hdf5(tmp_path / "a.h5", "x")
    assert (time.process_time() - start) / 10 < 0.1
