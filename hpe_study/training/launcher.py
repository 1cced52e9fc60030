"""One training by several processes: `torchrun`, started from the notebook's process and watched.

What ends it early becomes one message. Each process is `hpe_study.training.worker`. None outlives the
notebook: torchrun dies with it, and the processes with torchrun.
"""

import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from functools import partial
from pathlib import Path
from typing import Any

from hpe_study.errors import StudyError, ended_by
from hpe_study.training.job import TrainingJob
from hpe_study.utils.files import open_log, read_json, write_json
from hpe_study.utils.processes import end_with_parent

JOB, LOG = "job.json", "devices.log"  # in the run's folder: what the processes do, and all their output
LOG_SECONDS = 10  # how long the end of the output is waited for when torchrun has ended
TAIL = 15  # lines of the log that an error shows
BY_SIGNAL = re.compile(r"Signal (\d+) \((SIG\w+)\) received by PID (\d+)")


def train_on_several(job: TrainingJob) -> dict[str, Any]:
    """Train by `job.runtime.processes` processes on this machine; returns the run record.

    A process that ends early raises `StudyError`: its own message or the signal, and the end of the log.
    """
    write_json(job.out / JOB, job.to_json() | {"starter": os.getpid()})
    arguments = [
        "--standalone", "--local-addr", "127.0.0.1", "--nproc-per-node", str(job.runtime.processes),
        "--module", "hpe_study.training.worker", str(job.out / JOB),
    ]  # fmt: skip
    environment = {
        "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": "lo" if sys.platform == "linux" else "lo0",
    } | os.environ
    process = subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        preexec_fn=partial(end_with_parent, signal.SIGKILL, os.getpid()),
    )
    try:
        lines = _follow(process, job.out / LOG, f"{job.out.name}:")
    finally:
        process.kill()  # an interrupted cell; its processes die with it
        process.wait()
    if process.returncode:
        raise StudyError(_failure_message(lines, process.returncode, job.out / LOG))
    (job.out / JOB).unlink()
    return read_json(job.out / "run.json")


def _follow(process, log: Path, bar: str) -> list[str]:
    """Write all output into `log`, show the first process's progress bar; returns the last lines."""
    last = deque(maxlen=1000)

    file = open_log(log)

    def copy_output():
        with file:
            for line in process.stdout:  # text mode: each state of the bar is a line
                file.write(line)
                file.flush()
                last.append(line.rstrip())
                if line.startswith(bar):
                    print("\r" + line.rstrip(), end="", file=sys.stderr, flush=True)

    reader = threading.Thread(target=copy_output, daemon=True)
    reader.start()
    process.wait()
    reader.join(LOG_SECONDS)  # not for ever: a process that outlives torchrun may hold the pipe open
    return list(last)


def _failure_message(lines: list[str], status: int, log: Path) -> str:
    """One message: why the training ended, where its log lies, and how the log ends."""
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    if errors:
        return f"{errors[0]} (log: {log})"
    signals = [
        match for line in lines if (match := BY_SIGNAL.search(line)) and match[2] != "SIGTERM"
    ]  # torchrun sends SIGTERM itself, to the others
    if signals:
        reason = ended_by(f"a training process (pid {signals[0][3]})", int(signals[0][1]))
    elif status < 0:
        reason = ended_by("torchrun, which holds the training processes,", -status)
    else:
        reason = "a training process failed"
    return "\n".join(
        [
            f"{reason}; the same command goes on from the last whole epoch. Log: {log}, which ends",
            *lines[-TAIL:],
        ]
    )
