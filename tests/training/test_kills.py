"""A training that is killed at random moments ends as one that was not. KILLS=50 kills more often."""

import multiprocessing
import os
import signal
import time

import numpy as np

from hpe_study.training.fit import fit
from tests.training.test_fit import ON_CPU, _fit_in_process, assert_same_run, stage

KILLS = int(os.environ.get("KILLS", 4))
LONGEST = 1.5  # seconds from a start to a kill


def test_a_training_that_is_killed_again_and_again(data, bones, tmp_path):
    fit(stage(), data, tmp_path / "unbroken", bones=bones, runtime=ON_CPU)
    folder, random = tmp_path / "killed", np.random.default_rng(KILLS)
    for _ in range(KILLS):
        process = multiprocessing.get_context("fork").Process(
            target=_fit_in_process, args=(data, bones, folder)
        )
        process.start()
        time.sleep(random.uniform(0, LONGEST))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    fit(stage(), data, folder, bones=bones, runtime=ON_CPU)
    assert_same_run(tmp_path / "unbroken", folder)
    assert not list(folder.glob(".*part*"))
