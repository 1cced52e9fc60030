"""A notebook finds its study from any folder: by name, by path, or the newest that is finished."""

import os
from pathlib import Path

import pytest

from hpe_study.errors import StudyError
from hpe_study.study.locate import find_study

PROJECT = Path(__file__).resolve().parents[2]
PLACES = (PROJECT, PROJECT / "notebooks", Path("/"))


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A project with two profiles and what is published."""
    (tmp_path / "params").mkdir()
    for name in ("demo", "first", "fair", "reference", "reference_fair"):
        (tmp_path / "params" / f"{name}.yaml").write_text((PROJECT / "params" / f"{name}.yaml").read_text())
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    return tmp_path


def finish(home, folder, when):
    records = home / folder
    records.mkdir(parents=True)
    for name in ("runs.csv", "history.csv", "floors.csv"):
        (records / name).touch()
        os.utime(records / name, (when, when))


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("profile", ["quick", "params/quick.yaml", "../params/quick.yaml"])
def test_a_profile_is_found_from_any_folder(place, profile, monkeypatch):
    monkeypatch.chdir(place)
    assert find_study(profile).profile_path == PROJECT / "params" / "quick.yaml"


def test_the_newest_finished_study_is_taken_and_else_what_is_published(home):
    with pytest.raises(StudyError, match=r"no study is finished; run make study"):
        find_study()
    finish(home, "figures/reference/records", 300)
    assert find_study().profile.name == "reference"
    finish(home, "runs/demo", 100)
    assert find_study().profile.name == "demo"
    finish(home, "runs/first", 200)
    assert find_study().profile.name == "first"
    assert find_study(table=3).profile.name == "demo"


def test_what_a_table_needs_is_published_apart(home):
    finish(home, "figures/reference/records", 300)
    finish(home, "figures/reference/fair/records", 100)
    assert find_study(table=4).profile.name == "reference_fair"


def test_a_profile_that_is_not_there_is_named(home):
    with pytest.raises(StudyError, match=r"nothing\.yaml"):
        find_study("nothing")
