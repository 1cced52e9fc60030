"""Worker processes that compute: one thread each, and gone when the process that started them is gone.

They are forked by a server that has loaded what they need, once: to load PyTorch takes each of them seconds
otherwise. What loads slowly is loaded here where it is used, so that the server can be started before.
"""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import types
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import context as contexts
from multiprocessing import forkserver

# what the server loads, with all that these load in turn
_LOADED = [
    "hpe_study.utils.server",
    "hpe_study.data.loading",
    "hpe_study.data.preparation",
    "simulated_people.render_jobs",
]
PR_SET_PDEATHSIG = 1
CORES = "HPE_STUDY_CORES"  # environment variable: threads of a training, set by the study's command


class _Process(contexts.ForkServerProcess):
    """A process that does not run the caller's script again: all that it needs is importable.

    A script without `if __name__ == "__main__":` would otherwise prepare or train again in each of its
    processes, and wait for ever for the lock that it holds itself.
    """

    @staticmethod
    def _Popen(process):  # noqa: N802 (multiprocessing's own name)
        main = sys.modules["__main__"]
        sys.modules["__main__"] = types.ModuleType("__main__")
        try:
            return contexts.ForkServerProcess._Popen(process)
        finally:
            sys.modules["__main__"] = main


class _Context(contexts.ForkServerContext):
    Process = _Process


@cache
def context() -> contexts.ForkServerContext:
    """The `multiprocessing` context that all worker processes are started in."""
    chosen = _Context()
    chosen.set_forkserver_preload(_LOADED)
    return chosen


def start_server() -> None:
    """Start the server, unless it runs; call this early and load meanwhile what this process needs itself."""
    context()
    forkserver.ensure_running()


def pool(workers: int) -> ProcessPoolExecutor:
    """An executor with so many processes."""
    return ProcessPoolExecutor(workers, context(), start_worker)


def start_worker(_number: int = 0) -> None:
    """Prepare a worker process: an executor's `initializer`, a `DataLoader`'s `worker_init_fn`."""
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()  # returns when the parent is gone, however it ended
    os._exit(1)


def end_with_parent(signal_number: int = signal.SIGTERM, parent: int | None = None) -> None:
    """Have Linux send this process a signal when its parent dies. Elsewhere: nothing.

    A parent that died before this call can send nothing any more; where `parent`, its process id, is given,
    the signal is then sent here, at once.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
        if parent is not None and os.getppid() != parent:
            os.kill(os.getpid(), signal_number)
