"""Records → store: every label, made anew only when something changed, broken input, several processes, kills."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from hpe_study.data import preparation
from hpe_study.data.preparation import prepare
from hpe_study.data.store import Store
from hpe_study.data.store_key import StoreSettings, stored_key
from hpe_study.errors import StudyError
from tests.datasets import raw_layouts
from tests.stick_people import StickPeople

REPOSITORY = Path(__file__).resolve().parents[2]
PEOPLE = 600  # half of them train
# A script without `if __name__ == "__main__":`; its processes must not run it again.
PREPARE = """
import sys
from hpe_study.data import preparation
from hpe_study.data.store_key import StoreSettings
preparation.CHUNK = 2
preparation.prepare(StoreSettings("lsp", "train", 32), sys.argv[1], sys.argv[2], workers=2, progress=False)
"""


def prepared(people, folder, monkeypatch, **changes):
    """The store of stick people. changes: of the settings."""
    monkeypatch.setattr(preparation, "open_dataset", lambda *args, **options: people)
    settings = StoreSettings("stick", people.split, 64, **changes)
    return prepare(settings, folder, folder / "stick.h5", progress=False)


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
    monkeypatch.setattr(preparation, "CHUNK", 2)
    whole = Store(prepared(people, tmp_path / "a", monkeypatch)).crops(range(7))
    written = []
    original = preparation._write_part

    def failing(path, *rest):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path)
        return original(path, *rest)

    monkeypatch.setattr(preparation, "_write_part", failing)
    with pytest.raises(KeyboardInterrupt):
        prepared(people, tmp_path / "b", monkeypatch)
    assert not (tmp_path / "b" / "stick.h5").exists()
    kept = {path: path.stat().st_mtime_ns for path in written}
    monkeypatch.setattr(preparation, "_write_part", original)
    monkeypatch.setattr(
        preparation.shutil, "rmtree", lambda path: None
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


def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(preparation.h5py, "File", full)
    with pytest.raises(StudyError, match="the disk is full"):
        prepared(StickPeople(tmp_path / "images", 2), tmp_path, monkeypatch)
    assert not list(tmp_path.rglob("*.part.h5"))
    assert not (tmp_path / "stick.h5").exists()


def lsp_root(folder, people=6):
    """A data root with some LSP people."""
    raw_layouts.lsp(folder, people)
    (folder / "lsp" / "SIMULATED.json").write_text("{}")  # complete without LSP-Extended
    return folder


def prepared_lsp(root, path, input_size=32, workers=1):
    """The store of LSP's training split."""
    return prepare(StoreSettings("lsp", "train", input_size), root, path, workers, progress=False)


@pytest.mark.filterwarnings("ignore:.*absent")
def test_another_picture_absent_is_another_store(tmp_path):
    root, path = lsp_root(tmp_path / "data"), tmp_path / "lsp.h5"
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
    root, path = lsp_root(tmp_path / "data"), tmp_path / "out" / "lsp.h5"
    write_part = preparation._write_part

    def slowly(*job):
        time.sleep(0.05)
        return write_part(*job)

    monkeypatch.setattr(preparation, "CHUNK", 1)
    monkeypatch.setattr(preparation, "_write_part", slowly)
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(prepared_lsp, root, path, input_size=size) for size in (32, 48)]
        assert [one.result() for one in waiting] == [path, path]
    assert Store(path).attrs["input_size"] in (32, 48)
    assert sorted(os.listdir(path.parent)) == [".lsp.lock", "lsp.h5"]


def test_a_folder_that_cannot_be_written_is_reported(tmp_path):
    root = lsp_root(tmp_path / "data")
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="file: cannot be written to"):
        prepared_lsp(root, tmp_path / "file" / "lsp.h5")
    (tmp_path / "lsp.h5").mkdir()
    with pytest.raises(StudyError, match="lsp.h5: is a folder"):
        prepared_lsp(root, tmp_path / "lsp.h5")


def test_without_room_for_the_store_its_parts_stay(tmp_path, monkeypatch):
    root, path = lsp_root(tmp_path / "data"), tmp_path / "out" / "lsp.h5"

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


def test_a_part_file_that_is_not_as_it_should_be_is_made_again(tmp_path, monkeypatch):
    people, path = StickPeople(tmp_path / "images", 4), tmp_path / "stick.h5"
    monkeypatch.setattr(preparation, "CHUNK", 2)
    whole = arrays(prepared(people, tmp_path, monkeypatch))
    key = stored_key(path)

    def of_another_length(part):
        with h5py.File(part, "r+") as file:
            values = file["side"][:1]
            del file["side"]
            file["side"] = values

    def that_reaches_out(part):
        with h5py.File(part, "r+") as file:
            del file["side"]
            file["side"] = h5py.ExternalLink(str(path), "/side")

    for spoil in (of_another_length, that_reaches_out, lambda part: part.write_text("no HDF5"), Path.unlink):
        parts = path.with_name(f"stick.parts-{key[:12]}")
        with monkeypatch.context() as patch:
            patch.setattr(preparation.shutil, "rmtree", lambda folder: None)  # keep the parts
            path.unlink()
            prepared(people, tmp_path, monkeypatch)
        spoil(parts / "00000002.h5")
        path.unlink()
        same(arrays(prepared(people, tmp_path, monkeypatch)), whole)


def test_a_damaged_store_is_made_again(tmp_path):
    root, path = lsp_root(tmp_path / "data"), tmp_path / "lsp.h5"
    whole = prepared_lsp(root, path).read_bytes()
    for start in range(0, len(whole), len(whole) // 5):
        path.write_bytes(whole[:start] + bytes(len(whole) - start))
        if stored_key(path) is None:
            with pytest.raises(StudyError, match="not a prepared store"):
                Store(path)
            assert len(Store(prepared_lsp(root, path))) == 3


# ---------------------------------------------------------------- several processes


def arrays(path):
    with h5py.File(path) as store:
        return {key: values[()] for key, values in store.items()}


def same(one, other):
    assert one.keys() == other.keys()
    for key in one:
        np.testing.assert_array_equal(one[key], other[key])


def below(pid):
    """The processes that descend from one, by /proc."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(entry.parent.name)] = int(entry.read_text().rsplit(")", 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    descendants, level = set(), {pid}
    while level:
        level = {child for child, parent in parents.items() if parent in level} - descendants
        descendants |= level
    return descendants


@pytest.fixture(scope="module")
def sports(tmp_path_factory):
    """A data root with LSP in its raw layout."""
    return lsp_root(tmp_path_factory.mktemp("raw"), PEOPLE)


@pytest.fixture(scope="module")
def unbroken(sports, tmp_path_factory):
    path = tmp_path_factory.mktemp("unbroken") / "lsp-train.h5"
    return arrays(prepared_lsp(sports, path))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_killed_with_its_workers_and_started_again(sports, unbroken, tmp_path, monkeypatch):
    script, path = tmp_path / "prepare.py", tmp_path / "out" / "lsp-train.h5"
    script.write_text(PREPARE)
    process = subprocess.Popen(
        [sys.executable, script, sports, path],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        start_new_session=True,
    )
    parts = lambda: list(path.parent.glob("*.parts-*/[0-9]*.h5"))  # noqa: E731
    while process.poll() is None and len(parts()) < 3:
        time.sleep(0.005)
    workers = below(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(workers) >= 2
    assert not path.exists()
    end = time.monotonic() + 60
    while alive := [pid for pid in workers if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < end, f"still there: {alive}"
        time.sleep(0.02)
    (path.parent / ".lsp-train.abc.part.h5").write_text("half a store")  # as a kill while joining leaves it
    done = parts()
    assert 3 <= len(done) < PEOPLE / 2 / 2
    written, write_part = [], preparation._write_part
    monkeypatch.setattr(preparation, "CHUNK", 2)
    monkeypatch.setattr(
        preparation, "_write_part", lambda part, *rest: written.append(part) or write_part(part, *rest)
    )
    prepared_lsp(sports, path)
    assert not set(written) & set(done), "a finished part is made again"
    same(arrays(path), unbroken)
    assert sorted(os.listdir(path.parent)) == [".lsp-train.lock", "lsp-train.h5"]


def test_the_cores_given_are_used(sports, unbroken, tmp_path, monkeypatch):
    """As many processes as given, fewer where there is little to do, and the same store whatever their
    number."""
    asked, pool = [], preparation.pool
    monkeypatch.setattr(preparation, "CHUNK", 25)  # 12 chunks
    monkeypatch.setattr(preparation, "pool", lambda workers: asked.append(workers) or pool(workers))
    for workers in (2, 64):
        path = tmp_path / f"{workers}.h5"
        prepared_lsp(sports, path, workers=workers)
        same(arrays(path), unbroken)
    assert asked == [2, 3]


def test_a_broken_image_is_named_by_a_worker(sports, tmp_path, monkeypatch):
    monkeypatch.setattr(preparation, "CHUNK", 25)
    picture = sports / "lsp" / "images" / "im0200.jpg"
    whole = picture.read_bytes()
    picture.write_bytes(whole[:-40])
    try:
        with pytest.raises(StudyError, match=r"im0200\.jpg: truncated or not an image"):
            prepared_lsp(sports, tmp_path / "lsp.h5", workers=2)
    finally:
        picture.write_bytes(whole)
    assert not (tmp_path / "lsp.h5").exists()


def test_records_are_made_chunk_by_chunk(tmp_path, monkeypatch):
    """Of a large set no more than a chunk's records are in memory at a time."""
    people = StickPeople(tmp_path / "images", 20)
    made, written = [], []

    class Lazy(StickPeople):
        def __init__(self):
            self.__dict__.update(vars(people))
            list.__init__(self, people)

        def __getitem__(self, number):
            made.append(number)
            return people[number]

    write_part = preparation._write_part

    def counted(part, records, *rest):
        written.append(len(records))
        assert len(made) == sum(written)
        return write_part(part, records, *rest)

    monkeypatch.setattr(preparation, "open_dataset", lambda *args, **options: Lazy())
    monkeypatch.setattr(preparation, "CHUNK", 4)
    monkeypatch.setattr(preparation, "_write_part", counted)
    settings = StoreSettings("stick", "train", 64)
    store = Store(prepare(settings, tmp_path, tmp_path / "stick.h5", progress=False))
    assert written == [4] * 5
    assert len(store) == 20
