"""Trainings that cannot go well end in one line, and at once; those that can go well leave their record."""

import faulthandler
import importlib.metadata
import multiprocessing
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from hpe_study.data.store import prepare
from hpe_study.errors import StudyError
from hpe_study.training.trainer import Data, fit
from hpe_study.utils.devices import code_version
from tests.cases import use_apart
from tests.cases.use_small import one_line, small_stage
from tests.stick_people import stick_store

PATIENCE = 5  # seconds that a training may go on after its reading process has failed
LONGEST = 60  # seconds that a process of a test is waited for


@pytest.fixture
def flat(tmp_path):
    """A small 2D store."""
    return stick_store(tmp_path / "flat", 8, three_d=False, name="flat")


@pytest.mark.xfail(
    strict=True, raises=RuntimeError, reason="joints that are not finite are taken for indices"
)
def test_a_training_that_diverges_names_its_samples_where_joints_are_read_softly(tmp_path, flat):
    wild = small_stage(training={"epochs": 2, "learning_rate": 1e6}, decode="soft")
    with pytest.raises(StudyError) as caught:
        fit(wild, Data(flat, None, flat, None), tmp_path / "run", device="cpu", progress=False)
    assert one_line(caught.value, "not finite at step", "flat-train[")


@pytest.mark.xfail(strict=True, raises=ValueError, reason="crops of two sizes meet in one array")
def test_stores_of_two_sizes_in_one_run_are_refused(tmp_path, flat, monkeypatch):
    larger = lambda *words, **options: prepare(*words, **options | {"input_size": 96})  # noqa: E731
    monkeypatch.setattr(sys.modules[stick_store.__module__], "prepare", larger)
    deep = stick_store(tmp_path / "deep", 8, name="deep")
    with pytest.raises(StudyError) as caught:
        fit(
            small_stage(2, "deep"),
            Data(flat, deep, flat, deep),
            tmp_path / "run",
            device="cpu",
            progress=False,
        )
    assert one_line(caught.value, str(flat.attrs["crop_size"]), str(deep.attrs["crop_size"]))
    assert any(str(store.path) in str(caught.value) for store in (flat, deep))


@pytest.fixture
def no_git_no_installation(tmp_path, monkeypatch):
    """The package is a folder that was copied here: there is no git, and no installer knows of it."""
    known = importlib.metadata.Distribution.from_name

    def from_name(name):
        if name == "hpe_study":
            raise importlib.metadata.PackageNotFoundError(name)
        return known(name)

    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(importlib.metadata.Distribution, "from_name", from_name)
    forget = getattr(code_version, "cache_clear", lambda: None)
    forget()
    yield
    forget()


@pytest.mark.xfail(
    strict=True,
    raises=importlib.metadata.PackageNotFoundError,
    reason="the record wants a version, when all is trained",
)
@pytest.mark.usefixtures("no_git_no_installation")
def test_a_package_that_was_copied_here_trains_and_leaves_its_record(tmp_path, flat):
    record = fit(small_stage(), Data(flat, None, flat, None), tmp_path / "run", device="cpu", progress=False)
    assert isinstance(record["code"], str)
    assert (tmp_path / "run" / "checkpoint.pt").exists()


NO_HEADER = """An exception occurred in a subprocess:

Name=triton_fused_0
Traceback (most recent call last):
  File "compile_tasks.py", line 70, in work
    load()
OSError: Python.h is not there
"""


@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="the first line is shown; the cause is in the last"
)
def test_why_nothing_can_be_compiled_is_said(tmp_path, flat, monkeypatch, capsys):
    def no_compiler(graph, inputs):
        raise RuntimeError(NO_HEADER)

    compiled = torch.compile
    monkeypatch.setattr(torch, "compile", lambda function, mode: compiled(function, backend=no_compiler))
    data, short = Data(flat, None, flat, None), small_stage(training={"epochs": 2})
    fit(short, data, tmp_path / "run", device="cpu", progress=False, compiling="default")
    (said,) = [line for line in capsys.readouterr().out.splitlines() if "compile: default" in line]
    assert "Python.h is not there" in said


# ---------------------------------------------------------------- crashes


def train_narrow(folder):
    """Train a network of 8 channels on pictures of 128 px; what stands in the way goes into a file."""
    faulthandler.disable()  # a crash is told by the exit status
    store = stick_store(folder, 16, three_d=False, name="flat")
    narrow = small_stage(training={"epochs": 2}, width=8, input_size=128, precision="fp32")
    try:
        fit(narrow, Data(store, None, store, None), folder / "run", device="cpu", progress=False)
    except StudyError as error:
        (folder / "said").write_text(str(error))


def has_avx512():
    """Whether the processor has those instructions."""
    try:
        return "avx512f" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


@pytest.mark.skipif(not has_avx512(), reason="asks a processor with AVX-512")
@pytest.mark.xfail(strict=True, raises=AssertionError, reason="a convolution of 8 channels ends the process")
def test_a_network_of_8_channels_trains_at_128_px_or_is_refused(tmp_path):
    process = multiprocessing.get_context("fork").Process(target=train_narrow, args=(tmp_path,))
    process.start()
    process.join(LONGEST)
    process.kill()
    assert process.exitcode == 0
    assert (tmp_path / "run" / "run.json").exists() or one_line((tmp_path / "said").read_text(), "width")


# ---------------------------------------------------------------- a shared memory that is full


@pytest.fixture
def full_shared_memory():
    """Words that begin a command whose shared memory has room for nothing."""
    mounted = 'mount -t tmpfs -o size=64k tmpfs /dev/shm && exec "$@"'
    words = ["unshare", "--mount", "sh", "-c", mounted, "sh"]
    if not shutil.which("unshare") or subprocess.run([*words, "true"], capture_output=True).returncode:
        pytest.skip("asks for a mount of its own")
    return words


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux")
@pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="a batch that does not fit is waited for for ever"
)
def test_a_full_shared_memory_is_said_and_not_waited_for(tmp_path, full_shared_memory):
    words = [*full_shared_memory, *use_apart.command("train_with_a_reader", tmp_path)]
    log = tmp_path / "log"
    with open(log, "w") as errors:
        process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=errors, env=use_apart.environment(), text=True
        )
    end, failed = time.monotonic() + LONGEST, False
    while process.poll() is None and time.monotonic() < end:
        if not failed and "No space left on device" in log.read_text():
            end, failed = time.monotonic() + PATIENCE, True
        time.sleep(0.1)
    ended = process.poll()
    process.kill()
    said = process.communicate()[0]
    assert ended == 0, f"{ended}: {log.read_text()[-500:]}"
    assert not said or one_line(said, "error: ", "/dev/shm")
