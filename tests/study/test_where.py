"""Where a study runs: what the machine or the cluster lacks is said before anything is started."""

from pathlib import Path

import pytest
import torch

from hpe_study.cli import main
from hpe_study.errors import StudyError
from hpe_study.study import Study, workflow
from hpe_study.study.workflow import run_study

PROJECT = Path(__file__).resolve().parents[2]
PROFILE = """
name: several
data_root: data
sets: {mpii: {simulate: {train: 8, test: 8}}, h36m: {simulate: {train: 8, test: 8}}}
two_d: [mpii]
three_d: [h36m]
devices: 4
runs_per_gpu: 2
"""


@pytest.fixture
def study(tmp_path):
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "several.yaml").write_text(PROFILE)
    (tmp_path / "Snakefile").touch()
    return Study(tmp_path / "params" / "several.yaml")


def machine(monkeypatch, gpus):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(workflow, "visible_gpus", lambda: tuple(f"GPU-{number}" for number in range(gpus)))


def test_four_devices_on_a_machine_with_one_are_refused_before_anything_runs(study, monkeypatch):
    machine(monkeypatch, 1)
    with pytest.raises(StudyError, match="devices: 4 asked for, but this machine has 1 GPU"):
        run_study(study)
    assert not study.folder.exists()


def test_snakemake_gets_the_number_of_runs_that_the_gpus_hold(study, monkeypatch):
    machine(monkeypatch, 4)
    assert workflow._this_machine(study, 3) == workflow._Place(("--cores", "3", "--resources", "gpu=8"), 3, 3)


def test_without_gpus_only_cores_count(study, monkeypatch):
    machine(monkeypatch, 0)
    monkeypatch.setattr(workflow.os, "cpu_count", lambda: 4)
    assert workflow._this_machine(study, None) == workflow._Place(("--cores", "4"), 4, 4)


def test_a_cluster_needs_a_profile_and_its_plugin(study, tmp_path):
    with pytest.raises(StudyError, match=r"nowhere: holds no config.yaml .*there are: .*profiles/slurm"):
        run_study(study, cluster="nowhere")
    (tmp_path / "profiles" / "other").mkdir(parents=True)
    (tmp_path / "profiles" / "other" / "config.yaml").write_text("executor: not-there\n")
    with pytest.raises(
        StudyError, match=r"needs snakemake-executor-plugin-not-there; install it: .*'.\[other\]'"
    ):
        run_study(study, cluster="profiles/other")
    for text, said in [
        ("- a", "holds list"),
        ("executor: a.b", "needs snakemake-executor-plugin-a.b"),
        ("{", "not readable"),
    ]:
        (tmp_path / "profiles" / "other" / "config.yaml").write_text(text)
        with pytest.raises(StudyError, match=said):
            run_study(study, cluster="profiles/other")


def test_a_failed_job_is_reported_with_its_error_or_as_killed(tmp_path):
    log = tmp_path / "3.log"
    log.write_text("rule stage\nerror: run: the loss is not finite\n  (in stage1.ipynb; …)\nShutting down\n")
    assert workflow._Messages(rule="stage")._of_job(log) == [
        "error: run: the loss is not finite",
        "  (in stage1.ipynb; …)",
    ]
    log.write_text("slurmstepd: error: *** JOB 3 CANCELLED ***\n")
    assert workflow._Messages(rule="stage")._of_job(log) == [
        f"error: a job of stage ended without a message: killed or cancelled (its log: {log})"
    ]


@pytest.mark.parametrize("words", [[], ["--cores", "1"]])
def test_words_for_snakemake_come_after_two_dashes(words, monkeypatch):
    asked = []
    monkeypatch.setattr(
        workflow,
        "run_study",
        lambda study, cores, kernel, extra, cluster: asked.append((study.profile.name, extra)),
    )
    assert main(["study", str(PROJECT / "params" / "quick.yaml"), *words, "--", "--until", "stage"]) == 0
    assert asked == [("quick", ["--until", "stage"])]


def test_a_steps_death_is_named_by_its_signal_once():
    messages = workflow._Messages()
    death = "CalledProcessError: Command 'x' died with <Signals.SIGSEGV: 11>."
    for line in ("Error in rule stage:\n", death, death, "error: 2: no crop\n"):
        messages.add(line)
    assert messages.errors == [
        "error: the step stage was ended by SIGSEGV (Segmentation fault)",
        "error: 2: no crop",
    ]
