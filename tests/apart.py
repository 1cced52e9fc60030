"""What the tests of hostile files share: a call in a process of its own.

A crash, a hang or a full memory is then a failed test, and the others go on.
"""

import faulthandler
import gc
import json
import os
import resource
import signal
import sys
import tempfile
import time
from multiprocessing import forkserver
from types import SimpleNamespace

import pytest

GIB = 1 << 30
PAGE = resource.getpagesize()
LONGEST = 2_000  # characters of a message that a person still reads
ALLOWED = 200 << 20  # bytes that a refusal may take: what the refused file would take is more


@pytest.fixture
def apart():
    """(work, *arguments, seconds, memory) → how it ended in a process of its own: `kind`, `message`, `grown`.

    seconds: after which it is ended; memory: bytes beyond those at the start that it can have at all.
    kind: "nothing raised", the name of the exception, "signal …" or "still busy after … s"; grown: bytes of
    memory that it took at most.
    """
    if not sys.platform.startswith("linux"):
        pytest.skip("limits to a process are set, and its memory is counted, as Linux does")
    return _apart


@pytest.fixture
def refused(apart):
    """(work, *arguments, names, seconds, memory) → the line in which it was refused.

    Asserts that this is one clear line, that it names `names`, and that little memory was taken.
    """

    def check(work, *arguments, names, **limits):
        ended = apart(work, *arguments, **limits)
        assert ended.kind == "StudyError", f"{ended.kind}: {ended.message[:200]}"
        assert "\n" not in ended.message
        assert ended.length < LONGEST, f"{ended.length:,} characters"
        assert str(names) in ended.message
        assert ended.grown < ALLOWED, f"took {ended.grown / GIB:.1f} GiB"
        return ended.message

    return check


def _apart(work, *arguments, seconds=10, memory=GIB):
    with tempfile.TemporaryFile("w+") as report:
        child = os.fork()
        if child == 0:
            try:
                _in_child(report, memory, work, arguments)
            finally:
                os._exit(0)  # whatever happens: nothing of pytest's goes on in the child
        status, usage = _waited(child, seconds)
        if status is None:
            return SimpleNamespace(kind=f"still busy after {seconds} s", message="", length=0, grown=0)
        if os.WIFSIGNALED(status):
            return SimpleNamespace(kind=f"signal {os.WTERMSIG(status)}", message="", length=0, grown=0)
        report.seek(0)
        ended = SimpleNamespace(**json.load(report))
    ended.grown = 1024 * usage.ru_maxrss - ended.held
    return ended


def _in_child(report, memory, work, arguments):
    os.setpgid(0, 0)
    gc.freeze()  # what was there before is no concern of the collection below
    faulthandler.disable()  # pytest's: a crash is what is looked for
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    forkserver._forkserver.__init__()  # a server that runs is the parent's: it cannot be waited for here
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    with open("/proc/self/statm") as pages:
        virtual, held = (PAGE * int(word) for word in pages.read().split()[:2])
    resource.setrlimit(resource.RLIMIT_AS, (virtual + memory, virtual + memory))
    try:
        work(*arguments)
        kind, message = "nothing raised", ""
    except BaseException as error:
        kind, message = type(error).__name__, str(error)
    gc.collect()  # what was read must bear to be let go of, too
    json.dump({"kind": kind, "message": message[: LONGEST + 1], "length": len(message), "held": held}, report)
    report.flush()


def _waited(child, seconds):
    """(status, usage) of a child process; (None, None) where it had to be ended."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            return status, usage
        time.sleep(0.005)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None, None
