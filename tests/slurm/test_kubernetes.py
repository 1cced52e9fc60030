"""profiles/kubernetes against a stand-in for kubectl that runs a job's script on this machine: submitting,
watching, failing, deleting."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

PROFILE = Path(__file__).resolve().parents[2] / "profiles" / "kubernetes"
KUBECTL = """#!{python}
import json, pathlib, subprocess, sys, yaml
jobs = pathlib.Path("jobs")
jobs.mkdir(exist_ok=True)
if sys.argv[1] == "create":
    job = yaml.safe_load(sys.stdin)
    name = f"hpe-study-{{len(list(jobs.glob('*.json')))}}"
    (jobs / (name + ".json")).write_text(json.dumps(job))
    words = job["spec"]["template"]["spec"]["containers"][0]["command"]
    subprocess.Popen(["sh", "-c", '"$@"; echo $? > jobs/' + name + ".status", "sh", *words], stdout=open(jobs
    / "log", "a"), stderr=-2) print("job.batch/" + name)
elif sys.argv[1] == "get":
    name = sys.argv[2].removeprefix("job.batch/")
    if not (jobs / (name + ".json")).exists():
        sys.exit('Error from server (NotFound): jobs.batch "' + name + '" not found')
    status = jobs / (name + ".status")
    print(({{"0": "Complete"}}.get(status.read_text().strip(), "Failed") if status.exists() and
    status.read_text() else ""), end="")
else:
    sys.exit("unknown: " + " ".join(sys.argv))
"""
GRAPH = """
rule all:
    input: "two.txt"
rule one:
    output: "one.txt"
    threads: 4
    shell: "echo 1 > {output}"
rule two:
    input: "one.txt"
    output: "two.txt"
    resources: gpu=2, cpus_per_task=3
    shell: "test ! -e wrong && cat {input} {input} > {output}"
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    shutil.copytree(PROFILE, tmp_path / "profiles" / "kubernetes")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kubectl").write_text(KUBECTL.format(python=sys.executable))
    (tmp_path / "bin" / "kubectl").chmod(0o755)
    (tmp_path / "Snakefile").write_text(GRAPH)
    monkeypatch.setenv(
        "PATH", os.pathsep.join([str(tmp_path / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    )
    return tmp_path


def snakemake(home):
    words = [
        "--profile",
        "profiles/kubernetes",
        "--retries",
        "0",
        "--latency-wait",
        "5",
        "--seconds-between-status-checks",
        "1",
    ]
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *words], cwd=home, capture_output=True, text=True, timeout=200
    )


def jobs(home):
    return [yaml.safe_load(path.read_text()) for path in sorted((home / "jobs").glob("*.json"))]


@pytest.mark.skipif(
    not find_spec("snakemake_executor_plugin_cluster_generic"), reason="needs pip install -e '.[kubernetes]'"
)
def test_every_step_is_a_job_and_a_failed_one_is_told(home):
    (home / "wrong").touch()
    failed = snakemake(home)
    assert failed.returncode == 1
    assert "Error in rule two" in failed.stdout + failed.stderr
    (home / "wrong").unlink()
    done = snakemake(home)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (home / "two.txt").read_text() == "1\n1\n"
    one, two, again = (job["spec"]["template"]["spec"]["containers"][0]["resources"] for job in jobs(home))
    assert (one["requests"]["cpu"], one["limits"]["nvidia.com/gpu"]) == ("4", "0")
    assert (
        two
        == again
        == {
            "requests": {"cpu": "3", "memory": "8000Mi"},
            "limits": {"memory": "8000Mi", "nvidia.com/gpu": "2"},
        }
    )


def test_a_job_that_is_gone_has_failed_and_a_silent_server_is_asked_again(home):
    status = home / "profiles" / "kubernetes" / "status"
    assert (
        subprocess.run([status, "job.batch/none"], cwd=home, capture_output=True, text=True).stdout
        == "failed\n"
    )
    (home / "bin" / "kubectl").write_text("#!/bin/sh\necho 'connection refused' >&2\nexit 1\n")
    assert (
        subprocess.run([status, "job.batch/none"], cwd=home, capture_output=True, text=True).stdout
        == "running\n"
    )
