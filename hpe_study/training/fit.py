"""Train one stage: reuse finished runs, resume started ones, in one process or several."""

import errno
import re
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hpe_study.config import StageConfig
from hpe_study.data.loading import out_of_memory
from hpe_study.errors import StudyError, ended_by
from hpe_study.training import resume
from hpe_study.training.job import RunData, Runtime, TrainingJob
from hpe_study.training.launcher import train_on_several
from hpe_study.training.trainer import Trainer
from hpe_study.training.variants import LAST
from hpe_study.utils import devices
from hpe_study.utils.files import lock, read_json

SLOWER = (  # measured: 91 images/s by two threads, 45 by two processes, 53 by one (width 24, 128 px)
    "devices: {} processes on this machine's cores are slower than one process with as many threads; they are"
    " for tests of what GPUs do. Leave devices at 1: a run that is alone takes all cores"
)
DEAD_READER = re.compile(r"DataLoader worker .*(?:killed by signal: ([^.]+)\.|exited unexpectedly)", re.S)


def fit(
    stage: StageConfig,
    data: RunData,
    out: Path,
    init: Path | None = None,
    bones: np.ndarray | None = None,
    runtime: Runtime | None = None,
) -> dict[str, Any]:
    """Train one stage and write its record, which is returned, into the folder `out` (`run.json`).

    Returns at once when `out` holds this very run already, and says so if other code trained it; resumes from
    `out/resume.pt`; waits while another process works in `out`. `init` is a checkpoint to start from; `bones`
    (15,) mm size predicted skeletons in the curves (None in stage 1). By default one process runs on what
    `device: auto` finds.

    Raises:
        StudyError: the loss is not finite (step and samples), the weights do not fit, a process died, …
    """
    job = TrainingJob(stage, data, Path(out), init and Path(init), bones, runtime or Runtime())
    with lock(job.out, wait=True):
        if is_finished(job):
            record = read_json(job.out / "run.json")
            _warn_of_other_code(job, record)
            return record
        for part in job.out.glob(".*.part*"):  # what a killed process was writing
            part.unlink()
        if (job.out / "run.json").exists():  # of other inputs: no record of the weights to come
            (job.out / "run.json").unlink()
            print(f"{job.out}: trained anew: other parameters, data or first weights than before", flush=True)
        resume.set_aside_damaged(job.out)
        if job.runtime.processes > 1:
            devices.check_count(job.runtime.processes, job.runtime.device)
            device = devices.pick_device(job.runtime.device).type
            if device == "cpu":
                print(SLOWER.format(job.runtime.processes), flush=True)
            return train_on_several(replace(job, runtime=replace(job.runtime, device=device)))
        return train_in_process(job)


def _warn_of_other_code(job, record):
    """Print one line if another version of the code trained this run; none if a version is not known."""
    trained, now = record.get("code"), devices.code_version()
    if trained != now and devices.UNKNOWN not in (trained or devices.UNKNOWN, now):
        print(
            f"{job.out}: reused; it was trained by code {trained}, this is {now} (delete the folder to train"
            " it again)",
            flush=True,
        )


def train_in_process(job: TrainingJob) -> dict[str, Any] | None:
    """`fit` in this process, alone or as one of several, without the check for a finished run.

    Returns the run record, None in all processes but the first.
    """
    try:
        return Trainer(job).run()
    except torch.OutOfMemoryError as error:
        advice = (
            f"lower batch_size (it is {job.stage.training.batch_size}) or input_size (it is"
            f" {job.stage.network.input_size})"
        )
        raise out_of_memory(error, devices.pick_device(job.runtime.device), advice) from error
    except RuntimeError as error:
        if match := DEAD_READER.search(str(error)):
            reason = ended_by("a process that reads crops", _signal_called(match[1]))
            raise StudyError(
                f"{job.out}: {reason}. Fewer of them (workers: {job.runtime.workers}) need less memory; the"
                " same command goes on from the last whole epoch"
            ) from error
        raise
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise StudyError(
            f"{job.out}: no room is left for what processes share ({error.strerror}; on Linux /dev/shm); give"
            f" it more, or use fewer of them (workers: {job.runtime.workers})"
        ) from error


def _signal_called(name):
    """Number of the signal that the system calls so; None where there is none."""
    return next((number for number in signal.valid_signals() if signal.strsignal(number) == name), None)


def is_finished(job: TrainingJob) -> bool:
    """Whether the job's folder holds the finished run of its inputs."""
    path = job.out / "run.json"
    if not path.exists() or not (job.out / LAST).exists():
        return False
    record = read_json(path)
    if not isinstance(record, dict):
        raise StudyError(f"{path}: not a run record; delete it to have the run trained again")
    return {key: record.get(key) for key in job.inputs} == job.inputs
