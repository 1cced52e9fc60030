"""Label files with random damage are read, or refused in one line; no reader crashes or hangs.

Every trial has a number, which is its seed: a failure names it. FUZZ_SECONDS=600 fuzzes for longer than the
seconds that a test run gives it.
"""

import gc
import mmap
import os
import pickle
import pickletools
import resource
import signal
import struct
import time
import warnings
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from numpy._core import multiarray, numeric

from hpe_study.datasets import open_dataset
from hpe_study.datasets.pickles import load_pickle
from hpe_study.errors import StudyError
from tests.datasets import raw_layouts as raw

SECONDS = float(os.environ.get("FUZZ_SECONDS", 3))
STUCK = 20  # seconds for one trial
LONGEST = 3000  # characters of a message
SPECIAL = [0, 1, 2, 8, 14, 15, 127, 128, 255, 2**15, 2**16, 2**24, 2**31 - 1, 2**31, 2**32 - 1]


# ---------------------------------------------------------------- damage


def damaged(data, rng):
    """Bytes with one to four random changes."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        at, length = int(rng.integers(len(data) + 1)), int(rng.integers(1, 40))
        other = int(rng.integers(len(data) + 1))
        change = rng.integers(8)
        if change <= 1 and at < len(data):
            data[at] ^= 1 << rng.integers(8)
        elif change == 2 and at < len(data):
            data[at] = rng.integers(256)
        elif change == 3:
            data[at : at + 4] = struct.pack("<I", SPECIAL[rng.integers(len(SPECIAL))])
        elif change == 4:
            del data[at : at + length]
        elif change == 5:
            data[at:at] = data[other : other + length]
        elif change == 6:
            data[at : at + length] = data[other : other + length]
        elif rng.random() < 0.1:
            del data[at:]
    return bytes(data)


class Call:
    """Is pickled as a call and a state."""

    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


def words_of(value, protocol):
    """The opcodes of a pickle, each with its arguments, as bytes."""
    data = pickle.dumps(value, protocol)
    at = [position for *_, position in pickletools.genops(data)] + [len(data)]
    return [data[start:end] for start, end in zip(at[:-1], at[1:], strict=True)]


def vocabulary():
    """Opcodes that build arrays, dtypes and containers, rightly and wrongly."""
    empty = multiarray._reconstruct, (np.ndarray, (0,), b"b")
    values = [
        [np.arange(6.0).reshape(2, 3), np.arange(3, dtype=np.int16), np.float64(2.5), "text", b"bytes"],
        {"a": (1, 2), "b": {3}, "c": frozenset({4}), "d": None, "e": True, "f": 2**70, "g": 1j},
        [np.array([[1, "x"], [None, 2.0]], object), np.array(["a", "bc"]), np.array([b"abc"])],
        OrderedDict(a=bytearray(b"abc"), b=np.asfortranarray(np.arange(6).reshape(2, 3))),
        Call(*empty, (1, (200,), np.dtype("O"), False, [1, 2])),
        Call(*empty, (1, (1,), np.dtype([("a", "O")]), False, bytes(8))),
        Call(numeric._frombuffer, (b"A" * 16, np.dtype("O"), (2,), "C")),
        Call(multiarray.scalar, (np.dtype("O"), bytes(8))),
        Call(bytes, (10**9,)),
    ]
    return [words_of(value, protocol) for value in values for protocol in (2, 4, 5)]


def scrambled(pickles, rng):
    """A pickle whose opcodes come from several, in an order of their own."""
    words = list(pickles[rng.integers(len(pickles))])
    for _ in range(rng.integers(1, 6)):
        others = pickles[rng.integers(len(pickles))]
        start, at = int(rng.integers(len(others))), int(rng.integers(1, max(len(words), 2)))
        piece = others[start : start + int(rng.integers(1, 12))]
        change = rng.integers(4)
        if change == 0:
            words[at:at] = piece
        elif change == 1:
            words[at : at + len(piece)] = piece
        elif change == 2 and len(words) > 3:
            del words[at : at + int(rng.integers(1, 4))]
        else:
            words.insert(
                at, [b"b", b"R", b"0", b"2", b"a", b"h\x01", b"h\x02", b"\x81", b"l", b"u"][rng.integers(10)]
            )
    if rng.random() < 0.3:
        return damaged(b"".join(words), rng)
    return b"".join(words)


def touched(value, depth=0):
    """Look into everything that was loaded: a forged object shows itself here."""
    if depth > 6:
        return
    if isinstance(value, np.ndarray):
        value.tobytes()
        value = value.ravel()[:50].tolist()
    if isinstance(value, dict):
        value = list(value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        for item in list(value)[:50]:
            touched(item, depth + 1)


# ---------------------------------------------------------------- what is fuzzed


def reader(write, name, split, label, **options):
    """A trial of a reader: (folder, random numbers) → opens it with damaged labels, and reads all records."""

    def prepare(folder):
        write(folder)
        path = folder / label
        good = path.read_bytes()

        def trial(rng):
            path.write_bytes(damaged(good, rng))
            list(open_dataset(name, folder, split, **options))

        return trial

    return prepare


def unpickler(folder):
    """A trial of the unpickler alone."""
    pickles, path = vocabulary(), folder / "labels.pkl"

    def trial(rng):
        path.write_bytes(scrambled(pickles, rng))
        touched(load_pickle(path))
        gc.collect(0)

    return trial


THREEDPW = "3dpw/sequenceFiles/test/downtown_walk_00.pkl"
TARGETS = {
    "unpickler": unpickler,
    "mpii": reader(raw.mpii_json, "mpii", "test", "mpii/annot/valid.json"),
    "lsp": reader(raw.lsp, "lsp", "test", "lsp/joints.mat"),
    "flic": reader(raw.flic, "flic", "train", "flic/examples.mat"),
    "3dhp-train": reader(
        lambda root: raw.mpi_inf_3dhp_train(root, frames=2),
        "mpi_inf_3dhp",
        "train",
        "mpi_inf_3dhp/S1/Seq1/annot.mat",
    ),
    "3dhp-test": reader(
        raw.mpi_inf_3dhp_test, "mpi_inf_3dhp", "test", "mpi_inf_3dhp/mpi_inf_3dhp_test_set/TS1/annot_data.mat"
    ),
    "h36m-full": reader(raw.h36m_full, "h36m", "test", "h36m/S9/Walking-1/annot.h5", layout="full"),
    "h36m": reader(raw.h36m_challenge, "h36m", "test", str(raw.cache_path(Path()))),
    "occlusion_person": reader(
        raw.occlusion_person, "occlusion_person", "test", "occlusion_person/unrealcv_validation.pkl"
    ),
    "3dpw": reader(raw.threedpw, "3dpw", "test", THREEDPW),
    "pose2sim": reader(raw.pose2sim, "pose2sim", "test", "pose2sim/made_up.trc"),
    "pose2sim-cameras": reader(raw.pose2sim, "pose2sim", "test", "pose2sim/Calib_made_up.toml"),
    "spin_fits": reader(
        lambda root: (raw.lsp(root), raw.spin_fits(root, 3)),
        "lsp_pseudo3d",
        "test",
        "spin_fits/lsp_train_pseudo3d.npz",
    ),
    "calibration": reader(
        lambda root: raw.mpi_inf_3dhp_train(root, frames=1),
        "mpi_inf_3dhp",
        "train",
        "mpi_inf_3dhp/S1/Seq1/camera.calibration",
    ),
}


# ---------------------------------------------------------------- the trials


@pytest.mark.timeout(SECONDS + 300)
@pytest.mark.parametrize("target", TARGETS)
def test_damaged_labels_are_read_or_refused(tmp_path, target):
    trial = TARGETS[target](tmp_path)
    number = mmap.mmap(-1, 16)  # of the trial that runs now; shared with the child
    fault = tmp_path / "fault.txt"
    child = os.fork()
    if child == 0:
        try:
            run_trials(trial, number, fault, SECONDS / len(TARGETS))
        finally:
            os._exit(1)
    status, last, since = None, None, time.monotonic()
    while status is None:
        done, ended = os.waitpid(child, os.WNOHANG)
        status = ended if done else None
        if number[:8] != last:
            last, since = number[:8], time.monotonic()
        elif time.monotonic() - since > STUCK:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail(f"{target}: trial {struct.unpack('<Q', last)[0]} does not end")
        time.sleep(0.01)
    seed = struct.unpack("<Q", number[:8])[0]
    assert not os.WIFSIGNALED(status), f"{target}: trial {seed}: {signal.Signals(os.WTERMSIG(status)).name}"
    assert not fault.exists(), f"{target}: trial {seed}: {fault.read_text()}"
    assert os.WEXITSTATUS(status) == 0
    assert seed > 0


def run_trials(trial, number, fault, seconds):
    """Run trials 0, 1, … in this process for so many seconds; never returns."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(null, stream)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    end, seed = time.monotonic() + seconds, 0
    while time.monotonic() < end or seed < 2:
        number[:8] = struct.pack("<Q", seed)
        try:
            trial(np.random.default_rng(seed))
        except StudyError as error:
            text = str(error)
            if "\n" in text or len(text) > LONGEST:
                fault.write_text(f"{len(text)} characters: {text[:500]!r}")
                os._exit(1)
        except BaseException as error:
            import traceback

            fault.write_text("".join(traceback.format_exception(error))[-3000:])
            os._exit(1)
        seed += 1
    os._exit(0)
