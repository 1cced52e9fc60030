"""Where a run computes, and what its record says about it."""

import importlib.metadata
import os
import re
import subprocess

import pytest
import torch

from hpe_study.errors import StudyError
from hpe_study.utils import devices


def test_asking_for_too_many_devices_is_reported(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(
        StudyError, match="devices: 4 asked for, but this machine has 1 GPU; set devices to 1 or less"
    ):
        devices.check_count(4)
    with pytest.raises(StudyError, match="device 'cuda:0' is a single one"):
        devices.check_count(2, "cuda:0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    devices.check_count(os.cpu_count())
    with pytest.raises(StudyError, match=r"devices: \d+ asked for, but this machine has \d+ processor core"):
        devices.check_count(os.cpu_count() + 1)


@pytest.mark.parametrize("name", ["tpu", "", "mps", "meta", "cuda:x", "cpu:5"])
def test_other_devices_are_refused(name):
    with pytest.raises(StudyError, match=f"device: '{name}' is not one of auto, cpu, cuda, cuda:0"):
        devices.pick_device(name)


@pytest.fixture
def a_mere_folder(monkeypatch):
    """The package used from a folder: no git, not installed."""

    def no_git(*args, **options):
        raise FileNotFoundError("git")

    def not_installed(name):
        if name in ("hpe_study", "opencv-python-headless"):
            raise importlib.metadata.PackageNotFoundError(name)
        return importlib.metadata.version(name)

    monkeypatch.setattr(subprocess, "run", no_git)
    monkeypatch.setattr(devices, "version", not_installed)
    devices.code_version.cache_clear()
    yield
    devices.code_version.cache_clear()


def test_a_plain_folder_reports_what_is_unknown(a_mere_folder):
    record = devices.provenance(torch.device("cpu"), "fp32")
    assert record["code"] == "unknown"
    assert record["libraries"]["opencv-python-headless"] == "unknown"
    assert "opencv-python-headless unknown, not " in record["lock"]
    assert torch.__version__.startswith(record["libraries"]["torch"])


def test_a_record_says_whether_its_libraries_are_the_locked_ones(monkeypatch):
    locked = dict(line.split("==") for line in open("constraints.txt").read().split() if "==" in line)  # noqa: SIM115
    monkeypatch.setattr(devices, "version", lambda name: locked[name] + "+cpu")
    assert re.fullmatch(
        "constraints.txt [0-9a-f]{12}", devices.provenance(torch.device("cpu"), "fp32")["lock"]
    )
    monkeypatch.setattr(devices, "version", {**locked, "timm": "9"}.__getitem__)
    record = devices.provenance(torch.device("cpu"), "fp32")
    assert record["lock"] == f"timm 9, not {locked['timm']}"


def test_code_that_is_not_in_git_is_named_by_its_version(monkeypatch):
    def outside(*args, **options):
        raise subprocess.CalledProcessError(128, "git")

    monkeypatch.setattr(subprocess, "run", outside)
    monkeypatch.setattr(devices, "version", lambda name: "1.2")
    devices.code_version.cache_clear()
    assert devices.code_version() == "1.2"
    devices.code_version.cache_clear()
