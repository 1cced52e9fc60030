"""Steps: people are rendered where the profile says, scores made once, cores taken as planned."""

import os
from pathlib import Path

import h5py
import pytest
import torch
import yaml

from hpe_study.evaluation.run_record import read_run_record
from hpe_study.study import Study, steps
from hpe_study.utils import devices
from hpe_study.utils.processes import CORES

STAGE_1 = "stage1-mpii-seed0"

PROJECT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("asked", "seen", "used"), [("cpu", "cuda", "cpu"), ("auto", "cuda", "cuda"), ("auto", "cpu", "cpu")]
)
def test_people_are_rendered_where_the_profile_says(asked, seen, used, tmp_path, monkeypatch):
    values = yaml.safe_load((PROJECT / "params" / "quick.yaml").read_text()) | {"simulate_on": asked}
    path = tmp_path / "params" / "quick.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(values))
    renderers = []
    monkeypatch.setattr(devices, "pick_device", lambda name: torch.device(seen))
    monkeypatch.setattr(steps, "make", lambda spec, root, workers, device, progress: renderers.append(device))
    monkeypatch.setattr(steps, "prepare", lambda settings, root, path, workers, progress: path)
    steps.prepare_set(Study(path), "h36m", progress=False)
    assert renderers == [used]


def test_a_store_made_with_other_settings_is_made_again(tiny_profile):
    profile = yaml.safe_load(tiny_profile.read_text())
    store = steps.open_store(Study(tiny_profile), "mpii", "test")
    before = store.attrs["crop_size"]
    same = steps.open_store(Study(tiny_profile), "mpii", "test")
    assert same.path.stat().st_mtime_ns == store.path.stat().st_mtime_ns
    tiny_profile.write_text(yaml.safe_dump(profile | {"crop_margin": 2 * profile["crop_margin"]}))
    assert steps.open_store(Study(tiny_profile), "mpii", "test").attrs["crop_size"] == 2 * before


def test_scores_are_made_once_and_anew_where_they_are_older_or_of_other_people(own_tiny_study, monkeypatch):
    """A run that was scored is read; what it was scored on, or with, has to be the same."""
    study, run = own_tiny_study, STAGE_1
    steps.evaluate(study, study.run(run), "cpu")
    folder, scored = study.run_folder_named(run), []
    monkeypatch.setattr(steps, "score_run", lambda folder, *args, **options: scored.append(folder))
    assert not steps.evaluate(study, study.run(run), "cpu").empty
    assert not scored
    steps.evaluate(study, study.run(run), "cpu", again=True)
    os.utime(folder / "checkpoint.pt")
    steps.evaluate(study, study.run(run), "cpu")
    os.utime(folder / "metrics.csv")
    os.utime(folder / "predictions.h5")
    assert not steps.evaluate(study, study.run(run), "cpu").empty
    (folder / "metrics.csv").write_text("damaged")
    steps.evaluate(study, study.run(run), "cpu")
    with h5py.File(folder / "predictions.h5", "a") as file:
        file["mpii"].attrs["key"] = "of other people"
    steps.evaluate(study, study.run(run), "cpu")
    assert scored == [folder] * 4
    changed = steps.train(study, study.run(run), "cpu", progress=False, learning_rate=1e-4)
    steps.evaluate(study, study.run(run), "cpu", changed["name"])
    assert changed["name"] == f"{run}-learning_rate_0.0001"  # says what was changed
    assert scored[4:] == [study.folder / changed["name"]] != [folder]


def test_a_run_takes_the_cores_that_the_planner_gives_it(own_tiny_study, monkeypatch):
    """They are threads, and in its record; its identity is the same."""
    study, run = own_tiny_study, own_tiny_study.run(STAGE_1)
    one = read_run_record(study.run_folder(run))
    assert (one.cores, f"(1 of {os.cpu_count()} cores)" in one.device) == (1, True)
    (study.run_folder(run) / "run.json").unlink()
    monkeypatch.setenv(CORES, "2")
    two = steps.train(study, run, "cpu", progress=False)
    assert (two["cores"], f"(2 of {os.cpu_count()} cores)" in two["device"]) == (2, True)
    assert two["hash"] == one.hash
    devices.pick_device("cpu")
    assert torch.get_num_threads() == 1


@pytest.fixture
def tiny_profile(tmp_path):
    """A profile of a few simulated people, in a project folder of its own."""
    values = yaml.safe_load((PROJECT / "params" / "quick.yaml").read_text())
    values["sets"] = {name: {"simulate": {"train": 4, "test": 2}} for name in values["sets"]}
    path = tmp_path / "params" / "quick.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(values | {"crop_margin": 1.25}))
    return path
