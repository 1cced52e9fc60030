"""An open store: its crops and labels, and one line for a file that is damaged or of another kind."""

import os

import cv2
import h5py
import numpy as np
import pytest

from hpe_study.data.augmentation import augment_batch, identity_augmentation
from hpe_study.data.loading import loader
from hpe_study.data.store import Store
from hpe_study.errors import StudyError
from tests.stick_people import stick_store, stick_store_path


@pytest.mark.parametrize("encoding", ["raw", "jpeg"])
def test_crops_come_in_the_order_asked_for(tmp_path, encoding):
    store = stick_store(tmp_path, 6, encoding=encoding)
    crops = store.crops([4, 0, 4, 2])
    assert crops.shape == (4, 96, 96, 3)
    np.testing.assert_array_equal(crops[0], crops[2])
    np.testing.assert_array_equal(crops[1], store.crops([0])[0])
    in_memory = Store(store.path, in_memory=True)
    np.testing.assert_array_equal(in_memory.crops([4, 0, 4, 2]), crops)


def test_a_file_that_is_no_store_is_refused(tmp_path):
    path = tmp_path / "some.h5"
    with h5py.File(path, "w") as file:
        file["x"] = [1]
    with pytest.raises(StudyError, match="not a prepared store"):
        Store(path)
    path.write_text("hello")
    with pytest.raises(StudyError, match="not a prepared store"):
        Store(path)


def test_labels_sit_on_the_picture(tmp_path):
    """The network's input shows each joint where its label says: the sticks' ends are brighter than the
    ground around."""
    store = stick_store(tmp_path, 8)
    raw = next(iter(loader([store], np.stack([np.zeros(8, int), np.arange(8)], 1), 8)))
    batch = augment_batch(raw, identity_augmentation(8), 64)
    cells = (batch.joints * 64).long().clamp(0, 63)
    blue = batch.images[:, 2]
    at_joints = blue[np.arange(8)[:, None], cells[..., 1], cells[..., 0]]
    assert at_joints.median() > 0.6
    assert blue.median() < 0.4


def test_a_box_is_what_the_network_sees(tmp_path):
    store = stick_store(tmp_path, 8)
    raw = next(iter(loader([store], np.stack([np.zeros(8, int), np.arange(8)], 1), 8)))
    for person in range(8):
        box = store.boxed(person)
        seen = augment_batch(raw, identity_augmentation(8), len(box)).images[person].permute(1, 2, 0).numpy()
        inner = slice(1, -1)  # the edges differ in what lies beyond the stored square
        assert np.abs(box[inner, inner] / 255 - seen[inner, inner]).mean() < 0.01


# ---------------------------------------------------------------- damaged, truncated, hostile


def external_link(file, outside):
    shape = file["joints2d"].shape
    del file["joints2d"]
    with h5py.File(outside, "w") as others:
        others["x"] = np.zeros(shape, np.float32)
    file["joints2d"] = h5py.ExternalLink(str(outside), "/x")


def soft_link(file, outside):
    del file["joints2d"]
    file["joints2d"] = h5py.SoftLink("/own_joints2d")


def external_storage(file, outside):
    shape = file["depth"].shape
    del file["depth"]
    outside.write_bytes(bytes(4 * shape[0] * 16))
    file.create_dataset("depth", shape, "f4", external=[(str(outside), 0, 4 * shape[0] * 16)])


def virtual(file, outside):
    shape = file["depth"].shape
    del file["depth"]
    layout = h5py.VirtualLayout(shape, "f4")
    layout[...] = h5py.VirtualSource(str(outside), "x", shape)
    file.create_virtual_dataset("depth", layout)


def huge(file, outside):
    """10¹² people in a few kB, in all arrays."""
    for key in list(file):
        shape, dtype = file[key].shape[1:], file[key].dtype
        del file[key]
        file.create_dataset(key, (10**12, *shape), dtype, chunks=(64, *shape))


def missing(file, outside):
    del file["intrinsics"]


def a_group(file, outside):
    del file["scale"]
    file.create_group("scale")


def retyped(file, outside):
    values = file["region"][:].astype(np.float64)
    del file["region"]
    file["region"] = values


def shorter(file, outside):
    values = file["labelled"][:-1]
    del file["labelled"]
    file["labelled"] = values


def numbers_for_text(file, outside):
    del file["subject"]
    file["subject"] = np.arange(len(file["side"]))


def set_attribute(name, value):
    def change(file, outside):
        file.attrs[name] = value

    return change


SPOILT = [
    external_link,
    soft_link,
    external_storage,
    virtual,
    huge,
    missing,
    a_group,
    retyped,
    shorter,
    numbers_for_text,
]
ATTRIBUTES = {
    "key": 3,
    "own_skeleton": "spider8",
    "encoding": "gif",
    "crop_size": 1 << 40,
    "simulated": "yes",
}
CHANGES = {one.__name__: one for one in SPOILT} | {
    f"attribute {name}": set_attribute(name, value) for name, value in ATTRIBUTES.items()
}


@pytest.mark.parametrize("encoding", ["raw", "jpeg"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_store_that_is_not_as_it_should_be_is_refused(tmp_path, change, encoding):
    path = stick_store_path(tmp_path, 4, encoding=encoding)
    with h5py.File(path, "r+") as file:
        CHANGES[change](file, tmp_path / "outside")
    with pytest.raises(StudyError, match=r"stick-train\.h5: not a prepared store.*delete it") as caught:
        Store(path)
    assert "\n" not in str(caught.value)


def test_a_store_that_is_cut_short_is_refused(tmp_path):
    path = stick_store_path(tmp_path, 4)
    whole = path.read_bytes()
    for share in (0, 0.1, 0.5, 0.99):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(StudyError, match=r"stick-train\.h5: not a prepared store"):
            Store(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("side", 0),
        ("side", np.nan),
        ("center", np.nan),
        ("joints2d", np.inf),
        ("joints3d", -np.inf),
        ("joints3d", 1e38),
        ("intrinsics", 1e300),
        ("depth", np.inf),
    ],
)
def test_a_label_that_no_record_can_have_is_refused_when_it_is_read(tmp_path, key, value):
    path = stick_store_path(tmp_path, 4)
    with h5py.File(path, "r+") as file:
        file[key][2] = value
    store = Store(path)
    with pytest.raises(StudyError, match=rf"stick-train\.h5: .*{key} of record 2 is .*delete it"):
        store[key]


def test_what_is_no_regular_file_is_not_opened(refused, tmp_path):
    os.mkfifo(tmp_path / "a.h5")
    refused(Store, tmp_path / "a.h5", names=tmp_path / "a.h5", seconds=2)
    refused(Store, tmp_path, names=tmp_path, seconds=2)


def bomb(size):
    """A JPEG of few bytes and many px."""
    return cv2.imencode(".jpg", np.zeros((size, size, 3), np.uint8))[1].ravel()


@pytest.mark.parametrize(
    "data",
    [np.zeros(400, np.uint8), np.frombuffer(b"\xff\xd8" + bytes(400), np.uint8), bomb(500)],
    ids=["zeros", "a start", "larger"],
)
def test_a_damaged_crop_names_its_record(tmp_path, data):
    path = stick_store_path(tmp_path, 4, encoding="jpeg")
    with h5py.File(path, "r+") as file:
        start, stop = file["crop_offsets"][2:4]
        crop = np.zeros(stop - start, np.uint8)
        crop[: len(data)] = data[: len(crop)]
        file["crop_bytes"][start:stop] = crop
    store = Store(path)
    assert store.crops([0, 1, 3]).shape == (3, 96, 96, 3)
    with pytest.raises(
        StudyError, match=r"stick-train\.h5: the crop of record 2 .*train2\.png.* is damaged; delete it"
    ):
        store.crops([1, 2])


def test_offsets_beyond_the_crops_are_refused(tmp_path):
    path = stick_store_path(tmp_path, 4, encoding="jpeg")
    with h5py.File(path, "r+") as file:
        file["crop_offsets"][2] = 1 << 50
    with pytest.raises(StudyError, match="the crop of record 1 .* is damaged"):
        Store(path).crops([1])


def test_labels_without_crops_are_a_store_without_pictures(tmp_path):
    path = stick_store_path(tmp_path, 4, encoding="jpeg")
    with h5py.File(path, "r+") as file:
        del file["crop_bytes"], file["crop_offsets"]
    store = Store(path)
    assert store["joints2d"].shape == (4, 16, 2)
    with pytest.raises(StudyError, match=r"stick-train\.h5: holds labels without crops"):
        store.crops([0])
