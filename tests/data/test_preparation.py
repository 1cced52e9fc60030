"""Preparing with several processes: every core is used, a kill leaves nobody behind, the next run ends where
an unbroken one does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from hpe_study.data import store as store_module
from hpe_study.data.store import Store, prepare
from hpe_study.errors import StudyError
from tests.datasets import raw_layouts
from tests.stick_people import StickPeople

REPOSITORY = Path(__file__).resolve().parents[2]
PEOPLE = 600  # half of them train
PREPARE = """
import sys
from hpe_study.data import store
store.CHUNK = 2
if __name__ == "__main__":
    store.prepare("lsp", sys.argv[1], "train", sys.argv[2], input_size=32, workers=2, progress=False)
"""


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
    found, level = set(), {pid}
    while level:
        level = {child for child, parent in parents.items() if parent in level} - found
        found |= level
    return found


@pytest.fixture(scope="module")
def sports(tmp_path_factory):
    """A data root with LSP in its raw layout."""
    root = tmp_path_factory.mktemp("raw")
    raw_layouts.lsp(root, PEOPLE)
    (root / "lsp" / "SIMULATED.json").write_text("{}")  # complete without LSP-Extended
    return root


@pytest.fixture(scope="module")
def unbroken(sports, tmp_path_factory):
    path = tmp_path_factory.mktemp("unbroken") / "lsp-train.h5"
    return arrays(prepare("lsp", sports, "train", path, input_size=32, progress=False))


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
    written, write_part = [], store_module._write_part
    monkeypatch.setattr(store_module, "CHUNK", 2)
    monkeypatch.setattr(
        store_module, "_write_part", lambda part, *rest: written.append(part) or write_part(part, *rest)
    )
    prepare("lsp", sports, "train", path, input_size=32, progress=False)
    assert not set(written) & set(done), "a finished part is made again"
    same(arrays(path), unbroken)
    assert [entry.name for entry in path.parent.iterdir()] == ["lsp-train.h5"]


def test_the_cores_given_are_used(sports, unbroken, tmp_path, monkeypatch):
    """As many processes as given, fewer where there is little to do, and the same store whatever their
    number."""
    asked, pool = [], store_module.pool
    monkeypatch.setattr(store_module, "CHUNK", 25)  # 12 chunks
    monkeypatch.setattr(store_module, "pool", lambda workers: asked.append(workers) or pool(workers))
    for workers in (2, 64):
        path = tmp_path / f"{workers}.h5"
        prepare("lsp", sports, "train", path, input_size=32, workers=workers, progress=False)
        same(arrays(path), unbroken)
    assert asked == [2, 3]


def test_a_broken_image_is_named_by_a_worker(sports, tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "CHUNK", 25)
    picture = sports / "lsp" / "images" / "im0200.jpg"
    whole = picture.read_bytes()
    picture.write_bytes(whole[:-40])
    try:
        with pytest.raises(StudyError, match=r"im0200\.jpg: truncated or not an image"):
            prepare("lsp", sports, "train", tmp_path / "lsp.h5", input_size=32, workers=2, progress=False)
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

    write_part = store_module._write_part

    def counted(part, records, *rest):
        written.append(len(records))
        assert len(made) == sum(written)
        return write_part(part, records, *rest)

    monkeypatch.setattr(store_module, "open_dataset", lambda *args, **options: Lazy())
    monkeypatch.setattr(store_module, "CHUNK", 4)
    monkeypatch.setattr(store_module, "_write_part", counted)
    store = Store(prepare("stick", tmp_path, "train", tmp_path / "stick.h5", input_size=64, progress=False))
    assert written == [4] * 5
    assert len(store) == 20
