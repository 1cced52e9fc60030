"""The outlook: images counted as they will be seen, less as runs finish, none for data whose size is not
known."""

import json

import pytest

from hpe_study.study import Run, Study, eta
from hpe_study.study.eta import RemainingTime, images_of
from tests.evaluation.test_run_record import RECORD


def test_images_are_counted_as_they_will_be_seen():
    study = Study("params/demo.yaml")
    profile = study.profile
    counts = {name: profile.source(name).simulate for name in profile.set_names}
    assert images_of(study, Run(1, "mpii")) == profile.stage1.epochs * counts["mpii"].train
    assert images_of(study, Run(2, "flic", "h36m")) == profile.stage2.epochs * counts["flic"].train * 2
    assert (
        images_of(study, Run(2, "flic", "h36m", epoch_scale=2))
        == 2 * profile.stage2.epochs * counts["flic"].train * 2
    )
    assert images_of(study, Run(2, None, "h36m")) == profile.stage2_3d_only.epochs * counts["h36m"].train


@pytest.fixture
def study(tmp_path, monkeypatch):
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "quick.yaml").write_text(open("params/quick.yaml").read())  # noqa: SIM115
    monkeypatch.setattr(eta, "measured_rate", lambda study: 100.0)
    return Study(tmp_path / "params" / "quick.yaml")


def test_what_is_done_counts_no_more(study):
    outlook = RemainingTime(study, 2, 2)
    assert outlook.first == RemainingTime(study, 1, 1).first / 2
    assert (
        outlook.first < RemainingTime(study, 2, 1).first < RemainingTime(study, 1, 1).first
    )  # one GPU for two cores
    assert RemainingTime(study, 2, None).first is None  # a cluster does the work
    before = outlook.seconds()
    folder = study.run_folder(study.runs[0])
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(
        json.dumps(RECORD | {"hash": study.stage(study.runs[0]).hash, "data": {}})
    )
    assert len(outlook.runs_left) == len(study.runs) - 1
    assert outlook.seconds() < before


def test_a_run_of_other_parameters_is_still_to_do(study):
    folder = study.run_folder(study.runs[0])
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(RECORD | {"hash": "another", "data": {}}))
    assert RemainingTime(study, 2, 2).runs_left == study.runs


def test_real_data_have_no_estimate():
    assert RemainingTime(Study("params/paper.yaml"), 2, 2).first is None
