"""pyproject.toml and environment.yml state the same bounds."""

import re
import tomllib
from pathlib import Path

import yaml

CONDA_NAMES = {
    "torch": "pytorch",
    "matplotlib": "matplotlib-base",
    "opencv-python-headless": "opencv",
    "playwright": "playwright-python",
}


def split(requirement):
    name, bounds = re.fullmatch(r"([A-Za-z0-9_.-]+)(.*)", requirement.replace(" ", "")).groups()
    return name, bounds


def test_conda_and_pip_agree():
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    pip = dict(map(split, project["dependencies"] + project["optional-dependencies"]["dev"]))
    conda = dict(
        split(entry)
        for entry in yaml.safe_load(Path("environment.yml").read_text())["dependencies"]
        if isinstance(entry, str)
    )
    assert conda.pop("python") == project["requires-python"]
    assert conda.pop("pip") == ""
    assert {CONDA_NAMES.get(name, name): bounds for name, bounds in pip.items()} == conda
