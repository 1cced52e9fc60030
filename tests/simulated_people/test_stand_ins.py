"""Making a stand-in: whole or not there, the same bytes every time, never over real data."""

import hashlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hpe_study.errors import StudyError
from simulated_people import StandInSpec, make, render_jobs
from simulated_people.ground_truth import load_part
from simulated_people.render_jobs import _render_batch

REPOSITORY = Path(__file__).resolve().parents[2]
SMALL = {"train": 12, "test": 4, "size": 32}
UNBROKEN = SMALL | {"train": 48}  # two batches, and one to test


def made(name, root, workers=1, **values):
    """Make a stand-in of this spec."""
    return make(StandInSpec(name, **values), root, workers, progress=False)


def digests(root):
    """path → digest of every file below."""
    files = (path for path in sorted(Path(root).rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    root = tmp_path_factory.mktemp("unbroken")
    made("h36m", root, **UNBROKEN)
    return digests(root)


def test_same_bytes_whatever_the_number_of_workers(unbroken, tmp_path):
    made("h36m", tmp_path, workers=2, **UNBROKEN)
    assert digests(tmp_path) == unbroken


@pytest.mark.parametrize("name", ["lsp", "flic", "mpi_inf_3dhp"])
def test_same_bytes_on_another_day(tmp_path, monkeypatch, name):
    """MATLAB's files begin with the time they were written at."""
    for day in ("Sun", "Mon"):
        monkeypatch.setattr(time, "asctime", lambda *_, day=day: f"{day} Jan  1 00:00:00 2001")
        made(name, tmp_path / day, **SMALL)
    assert digests(tmp_path / "Sun") == digests(tmp_path / "Mon")


def test_another_seed_gives_other_people(unbroken, tmp_path):
    made("h36m", tmp_path, seed=1, **SMALL)
    name = "h36m/ECCV18_Challenge/Train/POSE/00001.csv"
    assert digests(tmp_path)[name] != unbroken[name]


def test_killed_and_started_again_gives_what_an_unbroken_run_gives(unbroken, tmp_path):
    sizes = [word for name, value in UNBROKEN.items() for word in (f"--{name}", str(value))]
    order = ["h36m", str(tmp_path), *sizes, "--workers", "1", "--quiet"]
    process = subprocess.Popen([sys.executable, "-m", "simulated_people", "make", *order], cwd=REPOSITORY)
    parts = tmp_path / ".h36m.partial" / "parts"
    while process.poll() is None and not list(parts.glob("train_*.npz")):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "h36m").exists()
    done = {path: path.stat().st_mtime_ns for path in parts.glob("train_*.npz")}
    kept = []
    with pytest.MonkeyPatch.context() as patch:
        load = load_part
        patch.setattr(render_jobs, "load_part", lambda path: kept.append(path) or load(path))
        patch.setattr(render_jobs, "_render_batch", _only_missing(set(map(str, done)), _render_batch))
        made("h36m", tmp_path, **UNBROKEN)
    assert set(done) <= set(kept)
    assert digests(tmp_path) == unbroken


def _only_missing(done, film_batch):
    def checked(job):
        assert str(job.part) not in done, "a finished batch is rendered again"
        return film_batch(job)

    return checked


def test_an_interrupted_run_leaves_nothing_that_looks_complete(tmp_path, monkeypatch):
    monkeypatch.setattr(render_jobs, "_render_batch", lambda job: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        made("flic", tmp_path, **SMALL)
    assert not (tmp_path / "flic").exists()


def test_killed_between_the_two_folders_of_lsp(tmp_path, monkeypatch):
    module = sys.modules["simulated_people.stand_ins"]
    publish, calls = module._publish, []

    def publish_once(work, final):
        if calls:
            raise KeyboardInterrupt
        calls.append(final)
        publish(work, final)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_publish", publish_once)
        with pytest.raises(KeyboardInterrupt):
            made("lsp", tmp_path, **SMALL)
    monkeypatch.setattr(render_jobs, "_render_batch", lambda job: pytest.fail("rendered again"))
    assert made("lsp", tmp_path, **SMALL) == [tmp_path / "lsp", tmp_path / "lsp_extended"]
    assert all((tmp_path / folder / "SIMULATED.json").exists() for folder in ("lsp", "lsp_extended"))
    assert not list(tmp_path.glob(".*"))


def test_made_once_and_anew_with_other_arguments(tmp_path):
    (folder,) = made("mpii", tmp_path, **SMALL)
    marker = json.loads((folder / "SIMULATED.json").read_text())
    assert (marker["name"], marker["train"], marker["test"], marker["seed"], marker["simulated"]) == (
        "mpii",
        12,
        4,
        0,
        True,
    )
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    made("mpii", tmp_path, **SMALL)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    made("mpii", tmp_path, **SMALL | {"train": 5})
    assert len(json.loads((folder / "annot" / "train.json").read_text())) == 5
    assert not list(tmp_path.glob(".*"))


def test_a_folder_that_may_be_real_data_is_left_alone(tmp_path):
    real = tmp_path / "mpii" / "annot" / "train.json"
    real.parent.mkdir(parents=True)
    real.write_text("[]")
    with pytest.raises(StudyError, match="may be real data"):
        made("mpii", tmp_path, **SMALL)
    assert digests(tmp_path) == {"mpii/annot/train.json": hashlib.sha256(b"[]").hexdigest()}


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("coco", {}, "no simulated stand-in is called 'coco'"),
        ("mpii", {"train": 0}, "train must be at least 1"),
        ("mpii", {"train": 10**30}, "at most 1,000,000,000"),
        ("mpii", {"size": 8}, "size must be 32 to 1024"),
        ("mpii", {"seed": -1}, "seed must be 0 or more"),
        ("lsp", {"train": 4}, "must be more than test"),
        ("h36m", {"options": {"layout": "mine"}}, "no option layout='mine'"),
    ],
)
def test_impossible_arguments_are_one_clear_message(tmp_path, name, changes, message):
    with pytest.raises(StudyError, match=message):
        made(name, tmp_path, **SMALL | changes)
    assert not list(tmp_path.iterdir())
