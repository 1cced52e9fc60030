"""Label files come from anywhere: how much memory and time reading one may take, and what a crash becomes."""

import contextlib
import faulthandler
import os
import pickle
import resource
import signal
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from hpe_study.errors import StudyError
from hpe_study.utils.processes import end_with_parent

AGAIN = "obtain the file again"
OTHER = "this is the file of another data set or download"
_NAMES, _LONGEST_NAME = 12, 40  # names of a file's content that a message shows, and their characters
_FREE = 1 << 30  # bytes that reading any file may take
_PER_BYTE = 40  # bytes in memory for each byte of the file: Python objects take about 30
_CPU_SECONDS = 10  # that a child may compute; its waiting for a disk does not count
_BYTES_PER_SECOND = 5_000_000


def named(names: Iterable[str]) -> str:
    """Names that a file chose, for a message: a few, on one line."""
    names = sorted(names)
    shown = [repr(name[:_LONGEST_NAME])[1:-1] for name in names[:_NAMES]]
    more = [f"{len(names) - _NAMES} more"] if len(names) > _NAMES else []
    return ", ".join(shown + more) or "nothing"


def memory_for(size: int) -> int:
    """How many bytes of memory reading `size` bytes of labels may take."""
    return _FREE + _PER_BYTE * size


@contextlib.contextmanager
def limited_memory(path: str | Path, size: int | None = None) -> Iterator[None]:
    """Let a file's reader take a multiple of the file's size in memory; more raises `StudyError`.

    A file of 200 bytes can declare an array of gigabytes. The limit is on the process's address space, on top
    of what it has now; where the system does not tell, only `MemoryError` is caught. `size` in bytes is for a
    compressed file of which it is known.
    """
    before, used = resource.getrlimit(resource.RLIMIT_AS), _address_space()
    allowed = used + memory_for(Path(path).stat().st_size if size is None else size)
    narrower = used > 0 and all(limit == resource.RLIM_INFINITY or allowed < limit for limit in before)
    if narrower:
        resource.setrlimit(resource.RLIMIT_AS, (allowed, before[1]))
    try:
        yield
    except MemoryError as error:
        raise too_large(path) from error
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def too_large(path: str | Path) -> StudyError:
    """The error for a file whose content takes more memory than its size can explain, or than there is."""
    reason = "reading it takes more memory than there is, or than a file of its size can need"
    return StudyError(f"{path}: {reason}; it is damaged or another file than it should be; {AGAIN}")


def in_child(path: str | Path, function: Callable, *arguments: Any) -> Any:
    """Call a function that reads a file in a child process, so that a crash or an endless loop is an error.

    The child is forked (milliseconds), computes for a limited time and hands its result, or the function's
    own error, back through memory. On systems other than Linux the function is called here.
    """
    if not hasattr(os, "memfd_create"):
        return function(*arguments)
    parent, handle = os.getpid(), os.memfd_create("labels")
    with open(handle, "r+b") as stream:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the child touches nothing of other threads
            child = os.fork()
        if child == 0:
            _answer(stream, parent, path, function, arguments)
        try:
            status = os.waitpid(child, 0)[1]
        except BaseException:  # waiting was interrupted
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise
        if status:
            reason = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "no answer"
            raise StudyError(f"{path}: reading it crashes or never ends ({reason}); it is damaged; {AGAIN}")
        succeeded, result = pickle.load(stream)
    if not succeeded:
        raise result
    return result


def _answer(stream, parent, path, function, arguments):
    """What the child does: never returns."""
    try:
        end_with_parent(signal.SIGKILL, parent)
        faulthandler.disable()  # the parent reports a crash, in one line
        seconds = _CPU_SECONDS + os.path.getsize(path) // _BYTES_PER_SECOND
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            answer = True, function(*arguments)
        except Exception as error:
            answer = False, error
        pickle.dump(answer, stream, protocol=5)
        stream.seek(0)
        os._exit(0)
    finally:
        os._exit(1)


def _address_space():
    """Bytes of this process's address space; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0
