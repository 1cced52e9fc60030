"""One of the processes that train a run together: `python -m hpe_study.training.worker JOB`, by torchrun."""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from hpe_study.errors import StudyError
from hpe_study.training.fit import train_in_process
from hpe_study.training.job import TrainingJob
from hpe_study.utils import distributed
from hpe_study.utils.files import read_json
from hpe_study.utils.processes import end_with_parent


def main(job_path: str) -> int:
    """Join the other processes, train, leave; a `StudyError` is a line that starts with "error: "."""
    values = read_json(job_path)
    torchrun = os.getppid()
    end_with_parent(signal.SIGKILL, torchrun)
    if sys.platform.startswith("linux") and _parent_of(torchrun) != values["starter"]:
        print("error: the notebook that started this training is gone", file=sys.stderr)
        return 1  # torchrun was orphaned before it could follow its parent

    job = TrainingJob.from_json(values)
    own_device = distributed.join(job.runtime.device)
    try:
        train_in_process(replace(job, runtime=replace(job.runtime, device=own_device)))
    except StudyError as error:
        print(f"\nerror: {error}", file=sys.stderr, flush=True)
        return 1
    distributed.leave()
    return 0


def _parent_of(process):
    """Process id of a process's parent, on Linux; None where the process is gone."""
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
