"""Arrays and plain containers of any NumPy and Python pass; anything that would be called is refused by
name."""

import collections
import os
import pickle

import numpy as np
import pytest
from numpy._core import multiarray, numeric

from hpe_study.datasets.pickles import load_pickle
from hpe_study.errors import StudyError

HARMLESS = {
    "list": [1, 2.5, None, True, "text", b"bytes", (1, 2), {3}, frozenset({4}), 1 + 2j],
    "ordered": collections.OrderedDict(a=1),
    "floats": np.arange(6.0).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "scalar": np.float64(0.25),
    "flag": np.bool_(True),
    "texts": np.array(["a", "bc"]),
    "objects": np.array([np.zeros(2), "x"], object),
    "empty": np.zeros((0, 3), np.uint8),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_and_containers_come_through(tmp_path, protocol):
    path = tmp_path / "labels.pkl"
    path.write_bytes(pickle.dumps(HARMLESS, protocol=protocol))
    loaded = load_pickle(path)
    assert loaded["list"] == HARMLESS["list"]
    for key in ("floats", "fortran", "scalar", "flag", "texts", "empty"):
        np.testing.assert_array_equal(loaded[key], HARMLESS[key])


def test_numpy_1_and_numpy_2_are_read_alike(tmp_path):
    path = tmp_path / "labels.pkl"
    new = pickle.dumps([np.arange(3.0), np.float64(2)], protocol=0)
    assert b"numpy._core." in new
    path.write_bytes(new.replace(b"numpy._core.", b"numpy.core."))
    array, scalar = load_pickle(path)
    np.testing.assert_array_equal(array, [0, 1, 2])
    assert scalar == 2


def test_texts_of_python_2_are_latin1(tmp_path):
    """As Python 2 wrote a dict: a `str` with an umlaut, and an array whose bytes are a `str`."""
    path = tmp_path / "labels.pkl"
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I2\ntcnumpy\ndtype\n(S'u1'\nI0\nI1\ntR"
        b"(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\nS'\\x01\\xff'\ntb"
    )
    path.write_bytes(b"(dS'name'\nS'caf\\xe9'\nsS'values'\n" + array + b"s.")
    loaded = load_pickle(path)
    assert loaded["name"] == "café"
    np.testing.assert_array_equal(loaded["values"], [1, 255])


class Calls:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Calls(os.system, "touch came-through"), "system"),
        (Calls(eval, "1"), "builtin.*eval"),
        (Calls(getattr, "", "join"), "builtin.*getattr"),
        (Calls(np.load, "x.npy"), "numpy.*load"),
        (collections.Counter, "collections.Counter"),
        (os.path.join, "join"),
    ],
    ids=["os.system", "eval", "getattr", "np.load", "class", "function"],
)
def test_a_pickle_that_calls_something_is_refused_by_name(tmp_path, monkeypatch, value, name, protocol):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "labels.pkl"
    path.write_bytes(pickle.dumps([np.zeros(3), value], protocol=protocol))
    with pytest.raises(StudyError, match=rf"labels.pkl: asks to load .*{name}"):
        load_pickle(path)
    assert not (tmp_path / "came-through").exists()


def test_codecs_are_not_a_way_in(tmp_path):
    path = tmp_path / "labels.pkl"
    path.write_bytes(b"c_codecs\nencode\n(Vabc\nVzip\ntR.")
    with pytest.raises(StudyError, match="not a pickle"):
        load_pickle(path)


class Built:
    """Made by a call and then given a state, as arrays and dtypes are."""

    def __init__(self, function, arguments, state):
        self.call = function, arguments, state

    def __reduce__(self):
        return self.call


FORGED = Built(
    np.dtype, ("O8", False, True), (3, "|", None, None, None, -1, -1, 0)
)  # says that it holds no objects


@pytest.mark.parametrize(
    "value",
    [
        Calls(np.ndarray, (1,), np.dtype("O"), b"12345678"),
        Built(multiarray._reconstruct, (np.ndarray, (0,), b"b"), (1, (1,), FORGED, False, b"12345678")),
        Built(
            multiarray._reconstruct,
            (np.ndarray, (0,), b"b"),
            (1, (1,), np.dtype([("a", "O")]), False, b"12345678"),
        ),
        Calls(multiarray.scalar, np.dtype([("a", "O")]), np.arange(4)),
        Calls(multiarray.scalar, np.dtype("O"), b"12345678"),
        Calls(numeric._frombuffer, b"12345678", FORGED, (1,), "C"),
    ],
    ids=["ndarray", "forged dtype", "struct", "struct scalar", "object scalar", "buffer"],
)
def test_bytes_are_never_taken_for_objects(tmp_path, value):
    """An object is an address in memory: whoever chooses the bytes would choose what Python runs."""
    path = tmp_path / "labels.pkl"
    path.write_bytes(pickle.dumps([value], protocol=4))
    with pytest.raises(StudyError, match="labels.pkl: "):
        load_pickle(path)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9, 0.999])
def test_a_truncated_pickle_is_named(tmp_path, share):
    path = tmp_path / "labels.pkl"
    whole = pickle.dumps(HARMLESS)
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(StudyError, match="labels.pkl: truncated or not a pickle"):
        load_pickle(path)


def test_text_is_no_pickle(tmp_path):
    path = tmp_path / "labels.pkl"
    path.write_text("<html>404</html>")
    with pytest.raises(StudyError, match="labels.pkl: truncated or not a pickle"):
        load_pickle(path)
    with pytest.raises(StudyError, match="no such file"):
        load_pickle(tmp_path / "absent.pkl")


def test_what_was_read_can_be_written_and_read_again(tmp_path):
    path = tmp_path / "rows.pkl"
    path.write_bytes(pickle.dumps([{"joints": np.arange(6.0).reshape(3, 2)}], protocol=2))
    path.write_bytes(pickle.dumps(load_pickle(path)))
    ((rows,),) = (load_pickle(path),)
    np.testing.assert_array_equal(rows["joints"], np.arange(6.0).reshape(3, 2))
    assert type(pickle.loads(pickle.dumps(rows))["joints"]) is np.ndarray
