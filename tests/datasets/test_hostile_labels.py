"""Label files of strangers: what they should not hold is refused in one line.

Nothing crashes, fills the memory or reaches for other files.
"""

import json
import pickle
import struct

import h5py
import numpy as np
import pytest
import scipy.io
from numpy._core import multiarray

from hpe_study.data.preparation import prepare
from hpe_study.data.store import Store
from hpe_study.data.store_key import StoreSettings
from hpe_study.datasets import open_dataset
from hpe_study.datasets.matfiles import load_mat
from hpe_study.datasets.pickles import load_pickle
from hpe_study.errors import StudyError
from tests.datasets import raw_layouts as raw

# ---------------------------------------------------------------- pickles


class ObjectArray:
    """Is pickled as an array of objects whose state lists `items`, whatever its shape says."""

    def __init__(self, shape, items):
        self.state = (1, shape, np.dtype("O"), False, items)

    def __reduce__(self):
        return multiarray._reconstruct, (np.ndarray, (0,), b"b"), self.state


def test_a_pickled_object_array_shorter_than_its_shape_is_refused(refused, tmp_path):
    path = tmp_path / "labels.pkl"
    path.write_bytes(pickle.dumps([{"image": ObjectArray((200,), [1, 2])}], 2))
    refused(load_pickle, path, names=path)


NEW_ARRAY = b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tC\x01btR"


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value


def dtype(name):
    return b"cnumpy\ndtype\n(" + text(name) + b"\x89\x88tR"


def test_no_object_is_taken_from_an_address_written_in_the_file(refused, tmp_path):
    """Bytes full of an address are dropped; the list of one object that follows gets their place."""
    marker = ObjectArray((1,), [])  # any object: its address is the same in a process forked from this one
    filling = (4 * struct.pack("<Q", id(marker)))[:31]
    dropped = b"\x96" + struct.pack("<Q", len(filling)) + filling + b"0"
    state = b"(K\x01(K\x04tcnumpy\ndtype\n(X\x01\x00\x00\x00OtR\x89" + 5 * dropped + b"]K\x01atb"
    path = tmp_path / "labels.pkl"
    path.write_bytes(b"\x80\x05" + NEW_ARRAY + state + b".")
    refused(load_pickle, path, names=path)


DTYPE, ARRAY = struct.pack("<I", 10_000), struct.pack("<I", 10_001)  # places in the pickle's memo


def changed_afterwards(before, again, data=b"A" * 8, rest=b"]j" + ARRAY + b"a"):
    """A pickle whose array is filled with the dtype `before`, whose state is then set `again`."""
    state = b"(K\x01(K\x01tj" + DTYPE + b"\x89C" + bytes([len(data)]) + data + b"tb"
    made = dtype(before) + b"r" + DTYPE + b"0" + NEW_ARRAY + state + b"r" + ARRAY + b"0"
    return b"\x80\x05" + made + b"j" + DTYPE + again + b"b0" + rest + b"."


def to_objects(flags):
    """The state of a dtype of one field `a` that holds an object. flags: what it says of itself."""
    fields = b"}" + text(b"a") + b"(" + dtype(b"O") + b"K\x00ts"
    names = b"(" + text(b"a") + b"t"
    return b"(K\x03" + text(b"|") + b"N" + names + fields + b"K\x08K\x01K" + bytes([flags]) + b"t"


@pytest.mark.parametrize("flags", [0, 27, 63])
def test_a_dtype_changed_to_objects_after_the_array_was_filled_is_refused(refused, tmp_path, flags):
    path = tmp_path / "labels.pkl"
    path.write_bytes(changed_afterwards(b"V8", to_objects(flags)))
    refused(load_pickle, path, names=path)


@pytest.mark.parametrize("size", [64, 1 << 30])
def test_a_text_dtype_made_longer_after_the_array_was_filled_is_refused(refused, tmp_path, size):
    path = tmp_path / "labels.pkl"
    longer = b"(K\x03" + text(b"|") + b"NNNJ" + struct.pack("<i", size) + b"K\x01K\x00t"
    path.write_bytes(changed_afterwards(b"S8", longer))
    refused(load_pickle, path, names=path)


@pytest.mark.parametrize("key", ["center", "joints_2d", "subject"])
def test_a_reader_survives_a_record_with_a_forged_array(refused, tmp_path, key):
    raw.occlusion_person(tmp_path, count=1)
    path = tmp_path / "occlusion_person" / "unrealcv_validation.pkl"
    row = pickle.loads(path.read_bytes())[0]
    del row[key]
    others = pickle.dumps(row, 2)[2:-1]  # the dict, without the pickle's first and last words
    rest = b"]" + others + text(key.encode()) + b"j" + ARRAY + b"sa"
    path.write_bytes(changed_afterwards(b"V8", to_objects(63), rest=rest))
    refused(first_record, "occlusion_person", tmp_path, names=path)


def first_record(name, root, **options):
    return open_dataset(name, root, "test", **options)[0]


# ---------------------------------------------------------------- MATLAB 5


@pytest.mark.parametrize("code", [8, 10, 11, 15])
def test_a_mat_file_with_an_unknown_data_type_is_refused(refused, tmp_path, code):
    path = tmp_path / "joints.mat"
    scipy.io.savemat(path, {"joints": np.ones((3, 14))})
    double = struct.pack("<II", 9, 8 * 3 * 14)  # the tag of the numbers: their type, their length
    assert path.read_bytes().count(double) == 1
    path.write_bytes(path.read_bytes().replace(double, struct.pack("<I", code) + double[4:]))
    refused(load_mat, path, "joints", names=path)


def test_a_mat_file_with_an_unknown_data_type_in_a_short_tag_is_refused(refused, tmp_path):
    path = tmp_path / "examples.mat"
    scipy.io.savemat(path, {"istrain": np.array([[1]], np.uint8)})
    short = struct.pack("<HHI", 2, 1, 1)  # type, length and the number itself in eight bytes
    assert path.read_bytes().count(short) == 1
    path.write_bytes(path.read_bytes().replace(short, struct.pack("<HHI", 10, 1, 1)))
    refused(load_mat, path, "istrain", names=path)


def test_a_reader_survives_a_mat_file_with_an_unknown_data_type(refused, tmp_path):
    raw.flic(tmp_path)
    path = tmp_path / "flic" / "examples.mat"
    coords = struct.pack("<II", 9, 8 * 2 * 29)
    path.write_bytes(path.read_bytes().replace(coords, struct.pack("<I", 10) + coords[4:], 1))
    refused(open_dataset, "flic", tmp_path, "train", names=path)


def element(kind, data):
    return struct.pack("<II", kind, len(data)) + data + bytes(-len(data) % 8)


def declared(side, kind):
    """A MATLAB 5 file of some 200 bytes: `joints`, side × side cells (kind 1) or structs (kind 2)."""
    fields = struct.pack("<HHI", 5, 4, 8) + element(1, b"a".ljust(8, b"\0")) if kind == 2 else b""
    flags, size = element(6, struct.pack("<II", kind, 0)), element(5, struct.pack("<2i", side, side))
    header = b"MATLAB 5.0 MAT-file".ljust(116) + bytes(8) + struct.pack("<HH", 0x0100, 0x4D49)
    return header + element(14, flags + size + element(1, b"joints") + fields + element(14, bytes(16)))


@pytest.mark.parametrize(("side", "kind"), [(6_000, 1), (10**6, 1), (10**6, 2)])
def test_a_small_mat_file_that_declares_a_huge_array_takes_no_memory(refused, tmp_path, side, kind):
    path = tmp_path / "joints.mat"
    path.write_bytes(declared(side, kind))
    assert path.stat().st_size < 300
    refused(load_mat, path, "joints", names=path)


# ---------------------------------------------------------------- HDF5


def external_link(file, key, shape, outside):
    with h5py.File(outside / "others.h5", "w") as others:
        others["x"] = np.full(shape, 7.25)
    file[key] = h5py.ExternalLink(str(outside / "others.h5"), "/x")


def external_storage(file, key, shape, outside):
    numbers = np.full(shape, 7.25)
    (outside / "others.bin").write_bytes(numbers.tobytes())
    place = (str(outside / "others.bin"), 0, numbers.nbytes)
    file.create_dataset(key, shape=shape, dtype="f8", external=[place])


def virtual_set(file, key, shape, outside):
    with h5py.File(outside / "others.h5", "w") as others:
        others["x"] = np.full(shape, 7.25)
    virtual_set_without_source(file, key, shape, outside, "others.h5")


def virtual_set_without_source(file, key, shape, outside, source="nowhere.h5"):
    """HDF5 reads zeros."""
    layout = h5py.VirtualLayout(shape=shape, dtype="f8")
    layout[...] = h5py.VirtualSource(str(outside / source), "x", shape=shape)
    file.create_virtual_dataset(key, layout)


def declares_400_mb(file, key, shape, outside):
    file.create_dataset(key, (50_000_000,), "f8", chunks=(10_000,))


def declares_247_tib(file, key, shape, outside):
    file.create_dataset(key, (10**12, 1, 17, 2), "f8", chunks=(64, 1, 17, 2))


TRICKS = [
    external_link,
    external_storage,
    virtual_set,
    virtual_set_without_source,
    declares_400_mb,
    declares_247_tib,
]


def spoil(path, key, trick, outside):
    outside.mkdir()
    with h5py.File(path, "a") as file:
        shape = file[key].shape
        del file[key]
        trick(file, key, shape, outside)


@pytest.mark.parametrize("trick", TRICKS)
def test_full_human36m_labels_hold_their_own_numbers(refused, tmp_path, trick):
    root = tmp_path / "raw"
    raw.h36m_full(root)
    path = root / "h36m" / "S9" / "Walking-1" / "annot.h5"
    spoil(path, "pose/2d", trick, tmp_path / "outside")
    refused(first_of_full_human36m, root, names=path)


def first_of_full_human36m(root):
    return first_record("h36m", root, layout="full")


@pytest.mark.parametrize("trick", TRICKS)
def test_3dhp_test_labels_hold_their_own_numbers(refused, tmp_path, trick):
    root = tmp_path / "raw"
    raw.mpi_inf_3dhp_test(root)
    path = root / "mpi_inf_3dhp" / "mpi_inf_3dhp_test_set" / "TS1" / "annot_data.mat"
    spoil(path, "annot2", trick, tmp_path / "outside")
    refused(first_record, "mpi_inf_3dhp", root, names=path)


# ---------------------------------------------------------------- numbers


def in_json(root, value):
    raw.mpii_json(root)
    path = root / "mpii" / "annot" / "valid.json"
    people = json.loads(path.read_text())
    people[1]["joints"][3][0] = value
    path.write_text(json.dumps(people))


def in_pickle(path, key, value):
    rows = pickle.loads(path.read_bytes())
    rows[1][key][3, 0] = value
    path.write_bytes(pickle.dumps(rows))


def in_h36m(key):
    def write(root, value):
        raw.h36m_challenge(root, write_poses=False)
        in_pickle(raw.cache_path(root), key, value)

    return write


def in_occlusion_person(key):
    def write(root, value):
        raw.occlusion_person(root)
        in_pickle(root / "occlusion_person" / "unrealcv_validation.pkl", key, value)

    return write


PEOPLE = 4  # that each of these has
ABSURD = {
    "mpii-2d": ("mpii", in_json),
    "h36m-2d": ("h36m", in_h36m("joints_3d")),
    "h36m-3d": ("h36m", in_h36m("joints_3d_relative")),
    "occlusion_person-2d": ("occlusion_person", in_occlusion_person("joints_2d")),
    "occlusion_person-3d": ("occlusion_person", in_occlusion_person("joints_3d")),
}


@pytest.mark.parametrize("value", [1e300, 2147483648.0, -5e4])
@pytest.mark.parametrize("place", ABSURD)
def test_an_absurd_coordinate_is_not_stored(refused, tmp_path, place, value):
    """Pictures are 64 px wide, people two metres tall."""
    name, write = ABSURD[place]
    write(tmp_path, value)
    refused(prepared_whole, name, tmp_path, names=tmp_path / name)


def prepared_whole(name, root):
    """Prepare a test split; a `StudyError` also where somebody was left out, which is as good."""
    settings = StoreSettings(name, "test", input_size=32, encoding="raw")
    path = prepare(settings, root, root / "store.h5", progress=False)
    if len(Store(path)) < PEOPLE:
        raise StudyError(f"{root / name}: {len(Store(path))} of {PEOPLE} people")
