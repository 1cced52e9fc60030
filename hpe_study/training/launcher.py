"""One training by several processes: `torchrun` started from the notebook's cell, watched, and its death told
in the cell's own words.

Here, in the notebook's process: `train_on_several`. There, in each process that torchrun starts:
`hpe_study.training.worker`.
Nobody outlives the notebook: torchrun dies with it, and the processes with torchrun.
"""

import os
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from functools import partial

from hpe_study.errors import StudyError, killed
from hpe_study.utils.files import read_json, write_json
from hpe_study.utils.processes import end_with_parent

JOB, LOG = (
    "job.json",
    "devices.log",
)  # in the run's folder: what the processes are to do, and all that they said
LAST_WORDS = 10  # seconds that are waited for them when torchrun has ended
TAIL = 15  # lines of the log that an error shows
BY_SIGNAL = re.compile(r"Signal (\d+) \((SIG\w+)\) received by PID (\d+)")


def train_on_several(
    count, stage, data, out, init, inputs, device, workers, bones, progress, compiling="none"
):
    """Train one stage (see `training.fit`) by `count` processes on this machine; returns the run record.

    device: "cuda" or "cpu". Raises `StudyError` where a process ends before its time: the message that it
    left, or that it was killed, and the end of the log.
    """
    stores = {
        key: store and {"path": str(store.path), "in_memory": store.in_memory}
        for key, store in vars(data).items()
    }
    job = {
        "stage": stage.model_dump(mode="json"),
        "data": stores,
        "out": str(out),
        "init": init and str(init),
        "inputs": inputs,
    }
    job |= {
        "starter": os.getpid(),
        "device": device,
        "workers": workers,
        "bones": None if bones is None else bones.tolist(),
        "progress": progress,
        "compiling": compiling,
    }
    write_json(out / JOB, job)
    words = [
        "--standalone",
        "--local-addr",
        "127.0.0.1",
        "--nproc-per-node",
        str(count),
        "--module",
        "hpe_study.training.worker",
        str(out / JOB),
    ]
    environment = {
        "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": "lo" if sys.platform == "linux" else "lo0",
    } | os.environ
    process = subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        preexec_fn=partial(end_with_parent, signal.SIGKILL, os.getpid()),
    )
    try:
        lines = _follow(process, out / LOG, f"{out.name}:")
    finally:
        process.kill()  # an interrupted cell; its processes die with it
        process.wait()
    if process.returncode:
        raise StudyError(_what_happened(lines, process.returncode, out / LOG))
    (out / JOB).unlink()
    return read_json(out / "run.json")


def _follow(process, log, bar):
    """Write all that is said into `log`, and show the lines of the first process's progress bar; returns the
    last lines."""
    last = deque(maxlen=1000)

    def read():
        with open(log, "w") as words:
            for line in process.stdout:  # text mode: each state of the bar is a line
                words.write(line)
                words.flush()
                last.append(line.rstrip())
                if line.startswith(bar):
                    print("\r" + line.rstrip(), end="", file=sys.stderr, flush=True)

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    process.wait()
    reading.join(LAST_WORDS)  # not for ever: whoever outlives torchrun may hold the pipe open
    return list(last)


def _what_happened(lines, status, log):
    """One message: why the training ended, where its log lies, and how the log ends."""
    told = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    if told:
        return f"{told[0]} (log: {log})"
    signals = [
        match for line in lines if (match := BY_SIGNAL.search(line)) and match[2] != "SIGTERM"
    ]  # torchrun's own to the others
    if signals and int(signals[0][1]) == signal.SIGKILL:
        reason = killed(f"a training process (pid {signals[0][3]})")
    elif signals:
        reason = f"a training process (pid {signals[0][3]}) crashed ({signals[0][2]})"
    elif status == -signal.SIGKILL:
        reason = killed("torchrun, which holds the training processes,")
    else:
        reason = "a training process failed"
    return "\n".join(
        [
            f"{reason}; the same command goes on from the last whole epoch. Log: {log}, which ends",
            *lines[-TAIL:],
        ]
    )
