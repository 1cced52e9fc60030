"""Preparing a set asks the renderer for what the profile says."""

from pathlib import Path

import pytest
import torch
import yaml

from hpe_study.study import Study, steps
from hpe_study.utils import devices

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


@pytest.fixture
def tiny_profile(tmp_path):
    """A profile of a few simulated people, in a project folder of its own."""
    values = yaml.safe_load((PROJECT / "params" / "quick.yaml").read_text())
    values["sets"] = {name: {"simulate": {"train": 4, "test": 2}} for name in values["sets"]}
    path = tmp_path / "params" / "quick.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(values | {"crop_margin": 1.25}))
    return path
