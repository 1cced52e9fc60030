"""Records → store: geometry, every label, rebuilding only when something changed, and what happens to broken
input."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import h5py
import numpy as np
import pytest

from hpe_study.data import store as store_module
from hpe_study.data.augmentation import assemble, identity_augmentation
from hpe_study.data.loading import loader
from hpe_study.data.store import Store, cut, prepare, read_image, similarity_scale, stored_region
from hpe_study.data.store_key import stored_key
from hpe_study.errors import StudyError
from tests.datasets import raw_layouts
from tests.stick_people import StickPeople, stick_store


def prepared(people, folder, monkeypatch, **settings):
    monkeypatch.setattr(store_module, "open_dataset", lambda *args, **options: people)
    return prepare(
        "stick", folder, people.split, folder / "stick.h5", input_size=64, progress=False, **settings
    )


def test_similarity_scale_is_the_camera_s_own():
    random = np.random.default_rng(0)
    pose = random.normal(0, 300, (16, 3))
    assert similarity_scale(pose, 0.12 * pose[:, :2] + [400, 300]) == pytest.approx(0.12)
    pose[3], image = np.nan, 0.12 * pose[:, :2] + 7
    assert similarity_scale(pose, image) == pytest.approx(0.12)
    assert np.isnan(similarity_scale(np.full((16, 3), np.nan), image))


def test_cut_places_every_pixel_and_is_black_outside():
    image = np.random.default_rng(0).integers(1, 255, (40, 50, 3), dtype=np.uint8)
    region = stored_region(np.array([3.0, 4.0]), 16, 1.25)
    left, top, side = region
    assert side == 20
    assert (left, top) == (-6, -6)  # (3 + ½ − 10, 4 + ½ − 10), rounded to even
    square = cut(image, region, side)
    assert (square[:-top, :] == 0).all()
    assert (square[-top:, -left:] == image[: side + top, : side + left]).all()


def test_store_holds_what_the_records_say(tmp_path, monkeypatch):
    people = StickPeople(tmp_path / "images", 5)
    store = Store(prepared(people, tmp_path, monkeypatch, encoding="raw"))
    for i, record in enumerate(people):
        np.testing.assert_allclose(store["joints2d"][i], record.joints2d, atol=1e-5)
        np.testing.assert_allclose(store["joints3d"][i], record.joints3d, atol=1e-3)
        assert store["scale"][i] == pytest.approx(0.04)
        expected = 0.04 * (record.joints3d[:, 2] - record.joints3d[6, 2]) / record.side
        np.testing.assert_allclose(store["depth"][i], expected, atol=1e-5)
        assert store["subject"][i] == record.meta["subject"]
        assert store["image"][i] == f"images/train{i}.png"
    assert store.attrs["crop_size"] == 96
    assert store.simulated


@pytest.mark.parametrize("encoding", ["raw", "jpeg"])
def test_crops_come_in_the_order_asked_for(tmp_path, encoding):
    store = stick_store(tmp_path, 6, encoding=encoding)
    crops = store.crops([4, 0, 4, 2])
    assert crops.shape == (4, 96, 96, 3)
    np.testing.assert_array_equal(crops[0], crops[2])
    np.testing.assert_array_equal(crops[1], store.crops([0])[0])
    in_memory = Store(store.path, in_memory=True)
    np.testing.assert_array_equal(in_memory.crops([4, 0, 4, 2]), crops)


def test_a_store_is_reused_until_something_changes(tmp_path, monkeypatch):
    people = StickPeople(tmp_path / "images", 3)
    path = prepared(people, tmp_path, monkeypatch)
    made = path.stat().st_mtime_ns
    assert prepared(people, tmp_path, monkeypatch).stat().st_mtime_ns == made
    people.label_files[0].write_text("other labels")
    changed = prepared(people, tmp_path, monkeypatch).stat().st_mtime_ns
    assert changed != made
    assert prepared(people, tmp_path, monkeypatch, margin=1.25).stat().st_mtime_ns != changed


def test_an_interrupted_preparation_goes_on_and_never_looks_whole(tmp_path, monkeypatch):
    people = StickPeople(tmp_path / "images", 7)
    monkeypatch.setattr(store_module, "CHUNK", 2)
    whole = Store(prepared(people, tmp_path / "a", monkeypatch)).crops(range(7))
    written = []
    original = store_module._write_part

    def failing(path, *rest):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path)
        return original(path, *rest)

    monkeypatch.setattr(store_module, "_write_part", failing)
    with pytest.raises(KeyboardInterrupt):
        prepared(people, tmp_path / "b", monkeypatch)
    assert not (tmp_path / "b" / "stick.h5").exists()
    kept = {path: path.stat().st_mtime_ns for path in written}
    monkeypatch.setattr(store_module, "_write_part", original)
    monkeypatch.setattr(
        store_module.shutil, "rmtree", lambda path: None
    )  # keep the parts, to see that they were reused
    store = Store(prepared(people, tmp_path / "b", monkeypatch))
    assert {path: path.stat().st_mtime_ns for path in written} == kept
    np.testing.assert_array_equal(store.crops(range(7)), whole)


def test_broken_input_is_named(tmp_path, monkeypatch):
    people = StickPeople(tmp_path / "images", 3)
    picture = people[1].image
    whole = picture.read_bytes()
    picture.write_bytes(whole[: len(whole) // 3])
    with pytest.raises(StudyError, match=r"train1\.png: truncated or not an image"):
        prepared(people, tmp_path, monkeypatch)
    cv2.imwrite(str(picture), np.zeros((50, 60, 3), np.uint8))
    with pytest.raises(StudyError, match=r"train1\.png: is 60×50 px, but its labels are for 96×96 px"):
        prepared(people, tmp_path, monkeypatch)
    assert not (tmp_path / "stick.h5").exists()
    empty = StickPeople(tmp_path / "none", 0)
    with pytest.raises(StudyError, match="no usable record in its train split"):
        prepared(empty, tmp_path, monkeypatch)


def test_a_jpeg_cut_short_is_refused(tmp_path):
    path = tmp_path / "person.jpg"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    assert read_image(path).shape == (64, 64, 3)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(StudyError, match="truncated"):
        read_image(path)


def test_a_file_that_is_no_store_is_refused(tmp_path):
    path = tmp_path / "some.h5"
    with h5py.File(path, "w") as file:
        file["x"] = [1]
    with pytest.raises(StudyError, match="not a prepared store"):
        Store(path)
    path.write_text("hello")
    with pytest.raises(StudyError, match="not a prepared store"):
        Store(path)


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module.h5py, "File", full)
    with pytest.raises(StudyError, match="the disk is full"):
        prepared(StickPeople(tmp_path / "images", 2), tmp_path, monkeypatch)
    assert not list(tmp_path.rglob("*.part.h5"))
    assert not (tmp_path / "stick.h5").exists()


def test_labels_sit_on_the_picture(tmp_path):
    """The network's input shows each joint where its label says: the sticks' ends are brighter than the
    ground around."""
    store = stick_store(tmp_path, 8)
    raw = next(iter(loader([store], np.stack([np.zeros(8, int), np.arange(8)], 1), 8)))
    batch = assemble(raw, identity_augmentation(8), 64)
    cells = (batch.joints * 64).long().clamp(0, 63)
    blue = batch.images[:, 2]
    at_joints = blue[np.arange(8)[:, None], cells[..., 1], cells[..., 0]]
    assert at_joints.median() > 0.6
    assert blue.median() < 0.4


# ---------------------------------------------------------------- of a data set on disk


def sports(folder, people=6):
    """A data root with some LSP people."""
    raw_layouts.lsp(folder, people)
    (folder / "lsp" / "SIMULATED.json").write_text("{}")  # complete without LSP-Extended
    return folder


def prepared_lsp(root, path, **settings):
    return prepare("lsp", root, "train", path, progress=False, **{"input_size": 32} | settings)


@pytest.mark.filterwarnings("ignore:.*absent")
def test_another_picture_absent_is_another_store(tmp_path):
    root, path = sports(tmp_path / "data"), tmp_path / "lsp.h5"
    images = root / "lsp" / "images"
    names = sorted(image.name for image in images.iterdir())
    (images / names[0]).rename(tmp_path / "away.jpg")
    first = Store(prepared_lsp(root, path))["image"].tolist()
    (tmp_path / "away.jpg").rename(images / names[0])
    (images / names[1]).unlink()
    second = Store(prepared_lsp(root, path))["image"].tolist()
    assert len(first) == len(second)
    assert first != second
    assert f"lsp/images/{names[0]}" in second


def test_two_at_once_with_other_settings_both_end_well(tmp_path, monkeypatch):
    """One waits for the other, whose parts it would clear away as leftovers."""
    root, path = sports(tmp_path / "data"), tmp_path / "out" / "lsp.h5"
    write_part = store_module._write_part

    def slowly(*job):
        time.sleep(0.05)
        return write_part(*job)

    monkeypatch.setattr(store_module, "CHUNK", 1)
    monkeypatch.setattr(store_module, "_write_part", slowly)
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(prepared_lsp, root, path, input_size=size) for size in (32, 48)]
        assert [one.result() for one in waiting] == [path, path]
    assert Store(path).attrs["input_size"] in (32, 48)
    assert [entry.name for entry in path.parent.iterdir()] == ["lsp.h5"]


def test_where_nothing_can_be_written_it_is_said(tmp_path):
    root = sports(tmp_path / "data")
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="file: cannot be written to"):
        prepared_lsp(root, tmp_path / "file" / "lsp.h5")
    (tmp_path / "lsp.h5").mkdir()
    with pytest.raises(StudyError, match="lsp.h5: is a folder"):
        prepared_lsp(root, tmp_path / "lsp.h5")


def test_without_room_for_the_store_its_parts_stay(tmp_path, monkeypatch):
    root, path = sports(tmp_path / "data"), tmp_path / "out" / "lsp.h5"

    def full(handle, start, size):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        with pytest.raises(StudyError, match="lsp.h5: the disk is full"):
            prepared_lsp(root, path)
    assert not path.exists()
    parts = list(path.parent.glob("*.parts-*/*.h5"))
    assert parts
    parts[0].write_bytes(parts[0].read_bytes()[:700])  # and a part that the disk cut short is made again
    assert len(Store(prepared_lsp(root, path))) == 3


def test_a_damaged_store_is_made_again(tmp_path):
    root, path = sports(tmp_path / "data"), tmp_path / "lsp.h5"
    whole = prepared_lsp(root, path).read_bytes()
    for start in range(0, len(whole), len(whole) // 5):
        path.write_bytes(whole[:start] + bytes(len(whole) - start))
        if stored_key(path) is None:
            with pytest.raises(StudyError, match="not a prepared store"):
                Store(path)
            assert len(Store(prepared_lsp(root, path))) == 3


def test_a_jpeg_with_zeros_after_its_end_is_whole(tmp_path):
    path = tmp_path / "a.jpg"
    cv2.imwrite(str(path), np.full((8, 8, 3), 90, np.uint8))
    path.write_bytes(path.read_bytes() + bytes(10_000))
    assert read_image(path).shape == (8, 8, 3)
