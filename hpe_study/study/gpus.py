"""Which GPUs of this machine a run gets: a free one is assigned by a lock that the kernel of the operating
system lets go of with the run.

Snakemake counts GPUs (`--resources gpu=…`) but does not say which; so the run takes the first that nobody
holds and is shown no other. On a cluster the scheduler has chosen already, and what it left visible is all
there is to take from.
"""

import contextlib
import fcntl
import os
import subprocess
import tempfile
import time
from pathlib import Path

from hpe_study.errors import StudyError

VISIBLE = "CUDA_VISIBLE_DEVICES"
PAUSE = 1.0  # seconds between two looks for a free GPU


def visible_gpus():
    """Names of the GPUs that this process may use, as CUDA takes them: UUIDs, which mean the same in every
    process of the machine.

    An empty tuple where there are none (or no driver that could say so).
    """
    try:
        words = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
        listed = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    uuids = dict(line.split(", ") for line in listed.splitlines() if ", " in line)
    if VISIBLE not in os.environ:
        return tuple(uuids.values())
    known = uuids | {uuid: uuid for uuid in uuids.values()}
    chosen = [name.strip() for name in os.environ[VISIBLE].split(",") if name.strip()]
    named = [known.get(name, name if name.startswith(("GPU-", "MIG-")) else None) for name in chosen]
    return tuple(
        named[: named.index(None)] if None in named else named
    )  # CUDA stops at the first that is none: -1, NoDevFiles, 7 of 2


@contextlib.contextmanager
def assigned(count, runs_per_gpu=1, gpus=None, folder=None):
    """Hold `count` of the GPUs for this process and its children, and show them no others; waits until so
    many are free.

    runs_per_gpu: how many runs may hold one GPU; the emptiest are taken first. gpus: their names, by default
    `visible_gpus()`; where there are none, nothing is held. folder: of the locks, by default one a user and
    machine. Yields the names. Raises `StudyError` where there are fewer than `count` at all.
    """
    gpus = visible_gpus() if gpus is None else gpus
    if not gpus or not count:
        yield ()
        return
    if count > len(gpus):
        raise StudyError(
            f"devices: {count} GPUs asked for, but this process may use {len(gpus)}; lower devices to"
            f" {len(gpus)}"
        )
    folder = Path(folder or Path(tempfile.gettempdir()) / f"hpe_study-gpus-{os.getuid()}")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    before = os.environ.get(VISIBLE)
    while True:
        with (
            contextlib.ExitStack() as held
        ):  # all or none: who waits holds nothing, so that no two wait for each other
            taken = _take(count, runs_per_gpu, gpus, folder, held)
            if len(taken) == count:
                os.environ[VISIBLE] = ",".join(taken)
                try:
                    yield taken
                finally:
                    os.environ.pop(VISIBLE) if before is None else os.environ.update({VISIBLE: before})
                return
        time.sleep(PAUSE)


def _take(count, runs_per_gpu, gpus, folder, held):
    """Lock a place on up to `count` different GPUs; `held` keeps the locks. Returns the GPUs' names."""
    taken = []
    for place in range(runs_per_gpu):
        for gpu in gpus:
            if len(taken) < count and gpu not in taken:
                stream = held.enter_context((folder / f"{gpu}-{place}.lock").open("w"))
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    taken.append(gpu)
    return tuple(taken)
