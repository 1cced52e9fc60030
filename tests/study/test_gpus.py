"""GPUs are assigned, not only counted: no two runs on one, no waiting with something in hand, and let go
however a run ends."""

import multiprocessing
import os
import signal
import threading
import time
from contextlib import suppress
from types import SimpleNamespace

import pytest

from hpe_study.errors import StudyError
from hpe_study.study import gpus
from hpe_study.study.gpus import VISIBLE, assigned

FAKE = ("GPU-a", "GPU-b")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(gpus, "PAUSE", 0.02)
    monkeypatch.delenv(VISIBLE, raising=False)


def take(folder, count=1, runs_per_gpu=1):
    return assigned(count, runs_per_gpu, FAKE, folder)


def test_each_run_sees_a_gpu_of_its_own(tmp_path):
    with take(tmp_path) as first:
        assert os.environ[VISIBLE] == "GPU-a"
        with take(tmp_path) as second:
            assert os.environ[VISIBLE] == "GPU-b"
        assert os.environ[VISIBLE] == "GPU-a"
    assert (first, second) == (("GPU-a",), ("GPU-b",))
    assert VISIBLE not in os.environ


def test_the_emptiest_gpu_is_shared_last(tmp_path):
    with take(tmp_path, 1, 2) as a, take(tmp_path, 1, 2) as b, take(tmp_path, 1, 2) as c:
        assert [*a, *b, *c] == ["GPU-a", "GPU-b", "GPU-a"]


def test_a_third_run_waits_for_the_first(tmp_path):
    events = []

    def third():
        with take(tmp_path) as got:
            events.append(got)

    with take(tmp_path), take(tmp_path):
        waiting = threading.Thread(target=third)
        waiting.start()
        time.sleep(0.2)
        assert not events
    waiting.join(10)
    assert events == [("GPU-a",)]


def test_who_waits_for_two_holds_none(tmp_path):
    done = threading.Event()

    def both():
        with take(tmp_path, 2) as got:
            assert got == FAKE
            done.set()

    with take(tmp_path):
        waiting = threading.Thread(target=both)
        waiting.start()
        time.sleep(0.1)
        with take(tmp_path):  # the other one is free to be taken
            pass
        assert not done.is_set()
    waiting.join(10)
    assert done.is_set()


def _hold(folder, ready):
    with take(folder, 2):
        ready.set()
        time.sleep(100)


def test_a_killed_run_lets_go(tmp_path):
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    process = context.Process(target=_hold, args=(tmp_path, ready))
    process.start()
    assert ready.wait(30)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with take(tmp_path, 2) as got:
        assert got == FAKE


def test_asking_for_too_many_gpus_fails_and_no_gpu_means_no_lock(tmp_path):
    with (
        pytest.raises(StudyError, match="devices: 3 GPUs asked for, but this process may use 2"),
        take(tmp_path, 3),
    ):
        pass
    with assigned(1, 1, (), tmp_path) as got:
        assert got == ()
        assert VISIBLE not in os.environ


@pytest.mark.parametrize(
    ("shown", "seen"), [(None, FAKE), ("1", ("GPU-b",)), ("1,0", FAKE[::-1]), ("", ()), ("MIG-x", ("MIG-x",))]
)
def test_only_visible_ones_count(tmp_path, monkeypatch, shown, seen):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho '0, GPU-a'\necho '1, GPU-b'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    if shown is not None:
        monkeypatch.setenv(VISIBLE, shown)
    assert gpus.visible_gpus() == seen


def test_without_a_driver_there_are_none(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus.visible_gpus() == ()


@pytest.mark.parametrize(
    ("chosen", "seen"),
    [
        (None, ("GPU-a", "GPU-b")),
        ("", ()),
        ("-1", ()),
        ("NoDevFiles", ()),
        ("1", ("GPU-b",)),
        ("0,-1,1", ("GPU-a",)),
        ("0,7,1", ("GPU-a",)),
        ("GPU-b,GPU-a", ("GPU-b", "GPU-a")),
    ],
)
def test_what_cuda_would_see_is_counted(monkeypatch, chosen, seen):
    """CUDA stops at the first name that is no GPU's; -1 is the usual way to hide all."""
    lost = "Unable to determine the device handle, GPU is lost, reboot\n"
    listed = SimpleNamespace(stdout=f"0, GPU-a\n{lost}1, GPU-b\n")
    monkeypatch.setattr(gpus.subprocess, "run", lambda *words, **options: listed)
    if chosen is not None:
        monkeypatch.setenv(VISIBLE, chosen)
    assert gpus.visible_gpus() == seen


# ---------------------------------------------------------------- the locks of GPUs


@pytest.fixture
def locks(tmp_path, monkeypatch):
    """The folder of this user's locks, made by somebody else before the study."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = tmp_path / f"hpe_study-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700)
    return folder


def hold():
    with assigned(1, gpus=("GPU-1234",)):
        pass


def test_a_link_among_the_locks_does_not_cost_the_file_it_points_to(locks, tmp_path):
    victim = tmp_path / "thesis.txt"
    victim.write_text("years of work\n")
    (locks / "GPU-1234-0.lock").symlink_to(victim)
    with suppress(StudyError):
        hold()
    assert victim.read_text() == "years of work\n"


def test_a_folder_of_locks_that_everybody_writes_to_is_refused(refused, locks):
    locks.chmod(0o777)
    refused(hold, names=locks)


def test_a_folder_of_locks_that_is_another_user_s_is_refused(refused, locks):
    if os.getuid() != 0:
        pytest.skip("only root can give a folder to another user")
    os.chown(locks, 12345, -1)
    refused(hold, names=locks)
