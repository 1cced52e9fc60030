"""Names and paths are single words of every command, whatever characters they hold."""

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from hpe_study.study import Study
from hpe_study.study.workflow import run_study

PROJECT = Path(__file__).resolve().parents[2]


def test_a_project_folder_is_one_word_of_every_command(apart, tmp_path, monkeypatch):
    """Or the study says in one line that it cannot work in a folder of that name."""
    home = tmp_path / "my 'own' $(touch canary) study"
    (home / "params").mkdir(parents=True)
    shutil.copy(PROJECT / "params" / "quick.yaml", home / "params")
    shutil.copy(PROJECT / "Snakefile", home)
    (home / "notebooks").symlink_to(PROJECT / "notebooks")
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    ended = apart(dry_run, home / "params" / "quick.yaml", seconds=60, memory=8 << 30)
    if ended.kind == "StudyError":
        assert str(home) in ended.message
        assert "\n" not in ended.message
        return
    log = (home / "runs" / "quick" / "snakemake.log").read_text().splitlines()
    said = [line.partition(": ")[2] for line in log if line.startswith("Shell command: ")]
    commands = [command for command in said if "hpe_study" in command]  # the rule of all has none
    assert len(commands) > 8
    for command in commands:
        words = shlex.split(command)
        assert str(home / "params" / "quick.yaml") in words
        assert all(word.startswith(str(home)) for word in words if "canary" in word)


def dry_run(profile):
    run_study(Study(profile), cores=1, extra=("--dry-run", "--printshellcmds"))


def test_make_passes_on_names_with_spaces():
    if not shutil.which("make"):
        pytest.skip("make is not installed")
    given = {"PROFILE": "params/my study.yaml", "KERNEL": "my kernel", "CLUSTER": "my profiles/slurm"}
    quiet = ("--no-print-directory", "--dry-run", "--old-file=.venv/.installed")
    said = ["make", *quiet, "study", *(f"{key}={value}" for key, value in given.items())]
    done = subprocess.run(said, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert set(given.values()) <= set(shlex.split(done.stdout.splitlines()[-1]))
