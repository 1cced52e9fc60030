"""Files that are whole or not there: what the disk refuses is said, a lock is one process's, JSON from
elsewhere is read as it comes."""

import errno
import multiprocessing
import os
import resource
import shutil
import signal
import stat
import time

import h5py
import numpy as np
import pytest

from hpe_study.errors import StudyError
from hpe_study.utils import files


def test_a_folder_that_cannot_be_made_is_no_place_for_a_lock(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StudyError, match="file/below: cannot be written to"),
        files.lock(tmp_path / "file" / "below"),
    ):
        pass


def _add_up(folder, number):
    """Read a number and write the next one, holding the lock: without it increments are lost."""
    for _ in range(20):
        with files.lock(folder, wait=True, name="sum"):
            path = folder / "sum.txt"
            value = int(path.read_text())
            time.sleep(0.001)
            path.write_text(str(value + 1))


def test_a_named_lock_is_held_by_one_and_leaves_an_empty_file(tmp_path):
    (tmp_path / "sum.txt").write_text("0")
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_add_up, args=(tmp_path, number)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert (tmp_path / "sum.txt").read_text() == "80"
    assert sorted(os.listdir(tmp_path)) == [".sum.lock", "sum.txt"]
    assert (tmp_path / ".sum.lock").stat().st_size == 0


def test_a_named_lock_is_let_go_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), files.lock(tmp_path, name="a"):
        raise ZeroDivisionError
    with (
        files.lock(tmp_path, name="a"),
        pytest.raises(StudyError, match="another process is working here"),
        files.lock(tmp_path, name="a"),
    ):
        pass


def test_a_lock_whose_folder_is_made_anew_is_let_go(tmp_path):
    folder = tmp_path / "work"
    with files.lock(folder, name="a"):
        shutil.rmtree(folder)
        with files.lock(folder, name="a"):  # another file now
            pass


def test_a_lock_is_let_go_when_its_process_is_killed(tmp_path):
    def hold():
        with files.lock(tmp_path, name="a"):
            (tmp_path / "held").touch()
            time.sleep(60)

    process = multiprocessing.get_context("fork").Process(target=hold)
    process.start()
    while not (tmp_path / "held").exists():
        time.sleep(0.01)
    with pytest.raises(StudyError, match="another process is working here"), files.lock(tmp_path, name="a"):
        pass
    process.kill()
    process.join()
    with files.lock(tmp_path, name="a"):
        pass


def test_a_lock_follows_no_link(tmp_path):
    precious = tmp_path / "thesis.txt"
    precious.write_text("years of work")
    (tmp_path / ".a.lock").symlink_to(precious)
    with (
        pytest.raises(StudyError, match=r"\.a\.lock: cannot be locked .*; delete it"),
        files.lock(tmp_path, name="a"),
    ):
        pass
    assert precious.read_text() == "years of work"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_files_have_the_permissions_of_the_users_umask(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        files.write_json(tmp_path / "a.json", [1])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == mode


def test_room_is_asked_for_and_not_kept(tmp_path, monkeypatch):
    path = tmp_path / "store.h5"
    files.ask_for_room(path, 1_000_000)
    assert path.stat().st_size == 0
    for code, refused in ((errno.EOPNOTSUPP, False), (errno.ENOSPC, True)):

        def allocate(handle, start, size, code=code):
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, "posix_fallocate", allocate)
        if refused:
            with pytest.raises(StudyError, match="store.h5: the disk is full"), files.atomic(path) as part:
                files.ask_for_room(part, 10)
        else:
            files.ask_for_room(path, 10)


def test_json_from_elsewhere(tmp_path):
    path = tmp_path / "labels.json"
    path.write_bytes(b"\xef\xbb\xbf[1]")
    assert files.read_json(path) == [1]
    for text in ("[1", "[" * 100_000, "\xff"):
        path.write_text(text, encoding="latin1")
        with pytest.raises(StudyError, match="labels.json: not readable as JSON .*; obtain the file again"):
            files.read_json(path, advice="obtain the file again")


def test_a_folder_in_a_files_place_is_named(tmp_path):
    with pytest.raises(StudyError, match="is a folder, and a file is to be written there"):
        files.write_json(tmp_path, {})


def test_hdf5_on_a_full_disk_is_one_line(tmp_path):
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, limits[1]))
    message = r"a.h5: the disk is full .File too large.; free some space and run the same command again$"
    try:
        with (
            pytest.raises(StudyError, match=message),
            files.atomic(tmp_path / "a.h5") as part,
            h5py.File(part, "w") as file,
        ):
            file["x"] = np.zeros(100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_weights_that_the_disk_cuts_short_are_reported_as_a_full_disk(tmp_path):
    path = tmp_path / "resume.pt"
    path.write_text("the one before")
    message = "[enforce fail at inline_container.cc:672] . unexpected pos 62592 vs 62486"
    with pytest.raises(StudyError, match="resume.pt: the disk is full"), files.atomic(path):
        raise RuntimeError(message)
    assert path.read_text() == "the one before"
    with pytest.raises(RuntimeError, match="something else"), files.atomic(path):
        raise RuntimeError("something else")


def test_a_pipe_or_a_device_is_not_replaced_by_a_file(tmp_path):
    """`--csv /dev/null` of root's would otherwise take the machine's away."""
    path = tmp_path / "null"
    os.mkfifo(path)
    with pytest.raises(StudyError, match="null: is a pipe, socket or device"), files.atomic(path) as part:
        part.write_text("x")
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert [*tmp_path.iterdir()] == [path]


def test_a_log_is_written_into_no_pipe(refused, tmp_path):
    os.mkfifo(tmp_path / "snakemake.log")
    refused(files.open_log, tmp_path / "snakemake.log", names=tmp_path / "snakemake.log")
