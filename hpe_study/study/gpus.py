"""Which GPUs of this machine a run gets: free ones, held by a lock that ends with the run.

Snakemake counts GPUs (`--resources gpu=…`) but does not say which. On a cluster the scheduler has chosen
already, and what it left visible is all there is to take.
"""

import contextlib
import os
import re
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from hpe_study.errors import StudyError

VISIBLE = "CUDA_VISIBLE_DEVICES"
PAUSE = 1.0  # seconds between two looks for a free GPU


def visible_gpus() -> tuple[str, ...]:
    """UUIDs of the GPUs that this process may use, each once; none without a driver that could say so."""
    query = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
    try:
        listed = subprocess.run(query, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    uuids = dict(re.findall(r"^(\d+), ((?:GPU|MIG)-\S+)$", listed, re.M))  # other lines are of broken GPUs
    if VISIBLE not in os.environ:
        return tuple(uuids.values())
    known = uuids | {uuid: uuid for uuid in uuids.values()}
    chosen = [name.strip() for name in os.environ[VISIBLE].split(",") if name.strip()]
    gpus = [known.get(name, name if name.startswith(("GPU-", "MIG-")) else None) for name in chosen]
    if None in gpus:  # CUDA ignores all after the first invalid entry: -1, NoDevFiles, index 7 of 2 GPUs
        gpus = gpus[: gpus.index(None)]
    return tuple(dict.fromkeys(gpus))


@contextlib.contextmanager
def assigned(
    count: int, runs_per_gpu: int = 1, gpus: Sequence[str] | None = None, folder: str | Path | None = None
) -> Iterator[tuple[str, ...]]:
    """Hold `count` GPUs for this process and its children and show them no others; wait for free ones.

    So many `runs_per_gpu` may hold one; the emptiest are taken first. `gpus` are by default `visible_gpus()`;
    where there are none, nothing is held. The `folder` of the locks is by default one for each user.

    Yields:
        The names of the GPUs that are held.

    Raises:
        StudyError: There are fewer than `count`, or the folder of locks is not this user's alone.
    """
    gpus = visible_gpus() if gpus is None else tuple(dict.fromkeys(gpus))
    if not gpus or not count:
        yield ()
        return
    if count > len(gpus):
        raise StudyError(
            f"devices: {count} GPUs asked for, but this process may use {len(gpus)}; set devices to that"
        )
    folder = _private(Path(folder or Path(tempfile.gettempdir()) / f"hpe_study-gpus-{os.getuid()}"))
    before = os.environ.get(VISIBLE)
    while True:
        with contextlib.ExitStack() as held:  # all or none, so that no two runs wait for each other
            taken = _take(count, runs_per_gpu, gpus, folder, held)
            if len(taken) == count:
                os.environ[VISIBLE] = ",".join(taken)
                try:
                    yield taken
                finally:
                    os.environ.pop(VISIBLE) if before is None else os.environ.update({VISIBLE: before})
                return
        time.sleep(PAUSE)


def _private(folder: Path) -> Path:
    """The folder, created if missing; not a link, owned by this user and writable by no one else."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise StudyError(
            f"{folder}: locks of GPUs lie there, but the folder is not yours alone; remove it or set TMPDIR"
        )
    return folder


def _take(
    count: int, runs_per_gpu: int, gpus: Sequence[str], folder: Path, held: contextlib.ExitStack
) -> tuple[str, ...]:
    """Lock a place on up to `count` different GPUs; `held` keeps the locks. Returns the GPUs' names."""
    taken = []
    for place in range(runs_per_gpu):
        for gpu in gpus:
            if len(taken) < count and gpu not in taken:
                path = folder / f"{gpu.replace('/', '_')}-{place}.lock"
                lock = FileLock(path, mode=0o600)
                try:
                    lock.acquire(blocking=False)
                except Timeout:
                    continue
                except OSError as error:
                    raise StudyError(f"{path}: cannot be a lock ({error.strerror}); remove it") from error
                held.callback(lock.release)
                taken.append(gpu)
    return tuple(taken)
