"""A finished training is not lost with the step that it was finished in."""

import os
import shutil

import pytest

from hpe_study.evaluation.evaluate import evaluate
from hpe_study.skeletons.bone_lengths import mean_bone_lengths
from hpe_study.training import keeping
from hpe_study.training.trainer import Data, Trainer, fit
from tests.training.test_trainer import stage

FILES = ("run.json", "history.csv", "checkpoint.pt")


@pytest.fixture(scope="module")
def data(stick_stores):
    return Data(*(stick_stores[key] for key in (("2d", "train"), ("3d", "train"), ("2d", "test"), ("3d", "test"))))


@pytest.fixture
def again(data):
    """again(folder, **changes): train, or not where it stands already."""
    bones = mean_bone_lengths(data.train_3d["joints3d"])

    def run(folder, **changes):
        settings = stage(**{"epochs": 1, "drop_after": ()} | changes)
        return fit(settings, data, folder, device="cpu", bones=bones, progress=False)

    return run


@pytest.fixture
def untrained(monkeypatch):
    """From here on nothing is trained."""

    def never(self):
        raise AssertionError("trained again")

    return lambda: monkeypatch.setattr(Trainer, "run", never)


def test_outputs_that_are_removed_come_back(tmp_path, again, untrained):
    record = again(tmp_path / "run")
    files = {name: (tmp_path / "run" / name).read_bytes() for name in FILES}
    assert (tmp_path / "run" / "checkpoint.pt").stat().st_nlink == 2  # no space is taken twice
    for name in FILES:  # as Snakemake does with the outputs of a step that fails
        (tmp_path / "run" / name).unlink()
    untrained()
    assert again(tmp_path / "run") == record
    assert {name: (tmp_path / "run" / name).read_bytes() for name in FILES} == files


@pytest.mark.parametrize("change", [{"learning_rate": 1e-4}, "removed"])
def test_other_parameters_and_a_removed_folder_are_trained(tmp_path, again, change):
    again(tmp_path / "run")
    if change == "removed":
        shutil.rmtree(tmp_path / "run")
        again(tmp_path / "run")
    else:
        (tmp_path / "run" / "run.json").unlink()
        assert again(tmp_path / "run", **change)["parameters"]["training"]["learning_rate"] == 1e-4
    assert (tmp_path / "run" / "checkpoint.pt").exists()


def test_once_scored_there_is_one_name(tmp_path, again, data):
    again(tmp_path / "run")
    evaluate(tmp_path / "run", {"3d": data.test_3d}, data.train_3d, "cpu", progress=False)
    assert (tmp_path / "run" / "checkpoint.pt").stat().st_nlink == 1
    assert not keeping.second_names(tmp_path / "run").parent.exists()


def test_a_record_of_other_inputs_is_gone_before_the_training(tmp_path, again, untrained):
    again(tmp_path / "run")
    untrained()
    with pytest.raises(AssertionError, match="trained again"):
        again(tmp_path / "run", learning_rate=1e-4)
    assert not (tmp_path / "run" / "run.json").exists()


def test_what_a_kill_left_half_written_is_removed(tmp_path, again):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".resume.abc.part.pt").write_bytes(b"half")
    again(tmp_path / "run")
    assert sorted(name for name in os.listdir(tmp_path / "run") if name != ".lock") == sorted(FILES)


def test_without_links_there_are_copies(tmp_path, monkeypatch):
    def refused(source, target):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", refused)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    keeping.keep(tmp_path / "run", ["run.json"])
    (tmp_path / "run" / "run.json").unlink()
    keeping.bring_back(tmp_path / "run")
    assert (tmp_path / "run" / "run.json").read_text() == "{}"
