"""One of the processes that train a run together: `python -m hpe_study.training.worker JOB`, started by
torchrun."""

import os
import signal
import sys
from pathlib import Path

import numpy as np

from hpe_study.config import StageConfig
from hpe_study.data.store import Store
from hpe_study.errors import StudyError
from hpe_study.training import trainer
from hpe_study.utils import distributed
from hpe_study.utils.files import read_json
from hpe_study.utils.processes import end_with_parent


def _parent_of(process):
    """Linux's word on who started a process; None where it is gone."""
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def main(job_path):
    """One of the processes: join the others, train, leave. Returns the exit status; a `StudyError` is a line
    that starts with "error: "."""
    job = read_json(job_path)
    torchrun = os.getppid()
    end_with_parent(signal.SIGKILL, torchrun)
    if sys.platform.startswith("linux") and _parent_of(torchrun) != job["starter"]:
        print("error: the notebook that started this training is gone", file=sys.stderr)
        return 1  # torchrun was, too, before it could be followed

    stores = {key: Store(**store) if store else None for key, store in job["data"].items()}
    bones = None if job["bones"] is None else np.array(job["bones"], float)
    own = distributed.join(job["device"])
    try:
        trainer.train_here(
            StageConfig(**job["stage"]), trainer.Data(**stores), Path(job["out"]), job["init"], job["inputs"], own, job["workers"],
            bones, job["progress"], job["compiling"],
        )  # fmt: skip
    except StudyError as error:
        print(f"\nerror: {error}", file=sys.stderr, flush=True)
        return 1
    distributed.leave()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
