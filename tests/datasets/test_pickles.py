"""Arrays and plain containers of any NumPy and Python pass; anything that would be called is refused by
name."""

import collections
import os
import pickle
import struct

import numpy as np
import pytest
from numpy._core import multiarray, numeric

from hpe_study.datasets import limits
from hpe_study.datasets.arrays import column, expect_shape
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


def state_of(shape, dtype, items):
    """An array as a pickle rebuilds it."""
    return Built(multiarray._reconstruct, (np.ndarray, (0,), b"b"), (1, shape, dtype, False, items))


@pytest.mark.parametrize(
    "value",
    [
        state_of((200,), np.dtype("O"), [1, 2]),
        state_of((1,), np.dtype("O"), [1, 2]),
        state_of((2, 3), np.dtype("O"), [1, 2]),
        state_of((), np.dtype("O"), []),
        state_of((-1,), np.dtype("O"), []),
        state_of((True,), np.dtype("O"), [1]),
        state_of((1,), np.dtype("O"), (1,)),
        state_of((4,), np.dtype("f8"), bytes(8)),
        state_of((2**40,), np.dtype("V0"), b""),
        state_of((2**62, 4), np.dtype("f8"), b""),
        state_of((1,) * 9, np.dtype("f8"), bytes(8)),
        state_of((1,), np.dtype("f8"), [1.0]),
        state_of((1,), np.dtype([("a", "f8")]), bytes(8)),
        state_of((1,), np.dtype(("f8", (2,))), bytes(16)),
        state_of((1,), np.dtype("M8[s]"), bytes(8)),
        state_of((1,), np.dtype("V8"), bytes(8)),
        state_of((1,), "f8", bytes(8)),
        Calls(multiarray._reconstruct, np.matrix, (0,), b"b"),
        Calls(bytes, 10**12),
        Calls(bytearray, 10**12),
    ],
)
def test_arrays_are_as_large_as_what_fills_them(tmp_path, value):
    path = tmp_path / "labels.pkl"
    path.write_bytes(pickle.dumps([value], protocol=4))
    with pytest.raises(StudyError, match="labels.pkl: asks to load"):
        load_pickle(path)


RECONSTRUCT = b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tC\x01btR"


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value


def dtype_of(code):
    return b"cnumpy\ndtype\n(" + text(code) + b"\x89\x88tR"


FIELDS = b"N(" + text(b"a") + b"t}" + text(b"a") + b"(" + dtype_of(b"O") + b"K\x00tsK\x08K\x01K\x3ft"


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (b"V8", b"(K\x03" + text(b"|") + FIELDS),
        (b"f8", b"(K\x03" + text(b"|") + FIELDS),
        (b"S8", b"(K\x03" + text(b"|") + b"NNNJ\x40\x00\x00\x00K\x01K\x00t"),
    ],
    ids=["object fields", "object fields on numbers", "longer text"],
)
def test_a_dtype_changed_after_the_check_changes_no_array(tmp_path, code, state):
    path = tmp_path / "labels.pkl"
    array = RECONSTRUCT + b"(K\x01(K\x01th\x01\x89C\x08AAAAAAAAtb"
    path.write_bytes(
        b"\x80\x05" + dtype_of(code) + b"q\x010" + array + b"q\x020h\x01" + state + b"b0]h\x02a."
    )
    try:
        (loaded,) = load_pickle(path)
    except StudyError:
        return
    assert loaded.tobytes() == b"AAAAAAAA"
    assert not loaded.dtype.hasobject


def test_an_array_is_filled_once(tmp_path):
    """To fill it again would free what its rows, taken as a list, still use."""
    path = tmp_path / "labels.pkl"
    state = b"(K\x01(K\x02K\x01t" + dtype_of(b"f8") + b"\x89C\x10" + bytes(16) + b"tb"
    rows = b"cbuiltins\nlist\n(h\x02tR"
    path.write_bytes(b"\x80\x05" + RECONSTRUCT + state + b"q\x02" + rows + b"0h\x02" + state[:-1] + b"b.")
    with pytest.raises(StudyError, match="an array that is filled twice"):
        load_pickle(path)


@pytest.mark.parametrize("target", [b"cnumpy\ndtype\n", b"cnumpy\nndarray\n", b"c_codecs\nencode\n"])
def test_what_a_pickle_may_call_it_may_not_change(tmp_path, target):
    path = tmp_path / "labels.pkl"
    path.write_bytes(b"\x80\x05" + target + b"(N}" + text(b"__defaults__") + b"(Nts" + b"tb.")
    with pytest.raises(StudyError, match="labels.pkl: asks to load a change to a function"):
        load_pickle(path)


def test_a_key_that_is_hashed_for_ever_is_one_line(tmp_path, monkeypatch):
    """Sixty tuples, each twice in the next."""
    monkeypatch.setattr(limits, "_CPU_SECONDS", 1)
    path = tmp_path / "labels.pkl"
    path.write_bytes(b"}" + b")" + b"2\x86" * 60 + b"Ns.")
    with pytest.raises(StudyError, match=r"labels.pkl: reading it crashes or never ends"):
        load_pickle(path)


def test_depth_loops_and_memory_are_one_line(tmp_path):
    path = tmp_path / "labels.pkl"
    path.write_bytes(b"]" * 10_000 + b"a" * 9_999 + b".")
    nested = load_pickle(path)  # nothing wrong with it as a pickle
    with pytest.raises(StudyError, match="labels.pkl: "):
        column([{"a": nested}], "a", (2,), path)
    path.write_bytes(b"]q\x00h\x00a.")
    with pytest.raises(StudyError, match="more items than any label"):
        column([{"a": load_pickle(path)}], "a", (2,), path)
    doubled = [0.0, 0.0]
    for _ in range(60):
        doubled = [doubled, doubled]
    path.write_bytes(pickle.dumps(doubled))
    with pytest.raises(StudyError, match="more items than any label"):
        expect_shape(load_pickle(path), (2,), path, "joints")
    path.write_bytes(b"\x80\x02Nr\xff\xff\xff\xff.")  # remembered under a number of its choice
    with pytest.raises(StudyError, match="labels.pkl: reading it takes more memory"):
        load_pickle(path)
