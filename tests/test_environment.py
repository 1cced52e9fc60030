"""constraints.txt holds what pyproject.toml asks for, and is what Makefile and environment.yml install."""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tools.lock import lock


@pytest.fixture(scope="module")
def locked():
    lines = Path("constraints.txt").read_text().splitlines()
    return {name.lower(): version for name, version in (line.split("==") for line in lines if "==" in line)}


def test_the_lock_is_within_the_bounds(locked):
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    for line in project["dependencies"] + project["optional-dependencies"]["dev"]:
        asked = Requirement(line)
        assert locked[asked.name.lower()] in asked.specifier, line


def test_both_ways_to_install_keep_to_it():
    assert "LOCK ?= constraints.txt" in Path("Makefile").read_text()
    assert "--constraint constraints.txt" in Path("environment.yml").read_text()


def test_a_lock_serves_machines_with_and_without_a_gpu():
    text = lock("torch==2.14.1+cu130\nNumPy==2.4.6\nnvidia-nccl-cu13==2.30.7\ntriton==3.8.0\n-e git+x\n")
    assert text.splitlines()[1:] == ["NumPy==2.4.6", "torch==2.14.1"]
