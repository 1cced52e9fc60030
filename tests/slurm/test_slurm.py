"""The study on a real Slurm (Debian's, started here, two GPUs that are device files): every step a job, a
killed job recovered.

Some minutes, most of them notebooks starting; left out of the quick tests: `pytest -m slurm tests/slurm`.
"""

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.slurm.local_slurm import lacking, local_slurm

PROJECT = Path(__file__).resolve().parents[2]
RUNS = {"stage1-mpii-seed0", "stage2-mpii-h36m-seed0", "stage3-mpii-h36m-h36m-seed0"}
pytestmark = [
    pytest.mark.slurm,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(bool(lacking()), reason=lacking()),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A project folder with the quick profile, Table 1 only."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("Snakefile", "params", "notebooks", "profiles"):
        source = PROJECT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
    quick = yaml.safe_load((folder / "params" / "quick.yaml").read_text()) | {
        "tables": [1],
        "analyses": ["table1"],
    }
    (folder / "params" / "quick.yaml").write_text(yaml.safe_dump(quick))
    slurm = yaml.safe_load((folder / "profiles" / "slurm" / "config.yaml").read_text())
    slurm["default-resources"]["mem_mb"] = 1500  # of this machine's, which is the whole cluster
    slurm |= {"retries": 0, "latency-wait": 10, "slurm-init-seconds-before-status-checks": 5}
    (folder / "profiles" / "slurm" / "config.yaml").write_text(yaml.safe_dump(slurm))
    return folder


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    with local_slurm(tmp_path_factory.mktemp("slurm")) as environment:
        yield {
            **environment,
            "PYTHONPATH": os.pathsep.join([str(PROJECT), environment.get("PYTHONPATH", "")]),
        }


def study(home, environment):
    words = [
        sys.executable,
        "-m",
        "hpe_study",
        "study",
        "params/quick.yaml",
        "--cluster",
        "profiles/slurm",
        "--cores",
        "1",
    ]
    return subprocess.run(words, cwd=home, env=environment, capture_output=True, text=True)


class Queue(threading.Thread):
    """Looks at the queue all the time: `seen` holds (job id, comment, GPUs asked for); `on_training` is
    called with the first training."""

    def __init__(self, environment, home, on_training=None):
        super().__init__(daemon=True)
        self.environment, self.home, self.on_training = environment, home, on_training
        self.seen, self.over = {}, threading.Event()

    def run(self):
        while not self.over.is_set():
            form = "JobID:|,Comment:100|,tres-per-job:40|,StateCompact:"
            listed = subprocess.run(
                ["squeue", "-h", "-O", form], env=self.environment, capture_output=True, text=True
            ).stdout
            for line in listed.splitlines():
                job, comment, gpus, state = (part.strip() for part in line.split("|"))
                self.seen[job] = (comment, gpus)
                if self.on_training and state == "R" and "stage" in comment and self._training():
                    self.on_training(job)
                    self.on_training = None
            time.sleep(0.2)

    def _training(self):
        return any((self.home / "runs" / "quick").glob("stage*/.lock"))


def watched(home, environment, on_training=None):
    queue = Queue(environment, home, on_training)
    queue.start()
    start = time.time()
    done = study(home, environment)
    queue.over.set()
    queue.join()
    print(f"\n{time.time() - start:.0f} s, status {done.returncode}")
    for job, (comment, gpus) in sorted(queue.seen.items(), key=lambda item: int(item[0])):
        print(f"  job {job}: {comment} {gpus}")
    return done, queue.seen


def test_a_killed_job_is_recovered_and_every_step_is_a_job(home, slurm):
    def cancel(job):
        subprocess.run(["scancel", job], env=slurm, check=True)

    first, jobs_before = watched(home, slurm, cancel)
    assert first.returncode == 1
    assert "some steps failed" in first.stderr
    assert "Traceback" not in first.stderr
    second, jobs_after = watched(home, slurm)
    assert second.returncode == 0, second.stdout + second.stderr
    runs = pd.read_csv(home / "runs" / "quick" / "runs.csv")
    assert set(runs["run"]) == RUNS
    assert (home / "figures" / "quick" / "table1.html").exists()
    comments = [comment for comment, _ in (*jobs_before.values(), *jobs_after.values())]
    for step in ("prepare_mpii", "prepare_h36m", *(f"stage_wildcards_{run}" for run in RUNS)):
        assert any(step in comment for comment in comments), f"{step} was no job: {comments}"
    assert not any(
        "analysis" in comment or "collect" in comment for comment in comments
    )  # tables are made here
    assert all("gpu:1" in gpus for comment, gpus in jobs_after.values() if "stage" in comment)


def test_two_jobs_at_a_time_have_a_gpu_each(slurm, tmp_path):
    words = ["srun", "--gpus=1", "-c1", "sh", "-c", "echo $CUDA_VISIBLE_DEVICES; sleep 3"]
    both = [
        subprocess.Popen(words, env=slurm, cwd=tmp_path, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    assert {process.communicate(timeout=60)[0].strip() for process in both} == {"0", "1"}


def test_a_third_time_does_nothing(home, slurm):
    again, jobs = watched(home, slurm)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "Everything is up to date" in again.stdout
    assert not jobs
