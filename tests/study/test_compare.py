"""Two sets of parameters: only what differs is trained, and what cannot be compared is refused in one line."""

import copy

import nbformat
import numpy as np
import pytest

from hpe_study.errors import StudyError
from hpe_study.evaluation.bootstrap import estimate
from hpe_study.study.compare import ChangedStudy, paired_errors
from tests.tiny_study import RUN


def test_what_is_the_same_is_shared(tiny_study):
    changed = ChangedStudy(tiny_study, {"stage3": {"learning_rate": 1e-4}})
    for run in changed.runs:
        shared = changed.run_folder(run) == tiny_study.run_folder(run)
        assert shared == (run.stage != 3 or not run.two_d)
    assert changed.store_path("h36m", "train") == tiny_study.store_path("h36m", "train")


def test_other_data_get_stores_and_runs_of_their_own(tiny_study):
    changed = ChangedStudy(tiny_study, {"crop_margin": 1.25})
    assert changed.store_path("h36m", "train") != tiny_study.store_path("h36m", "train")
    assert all(changed.run_folder(run) != tiny_study.run_folder(run) for run in changed.runs)


def test_a_folder_says_what_changed(tiny_study):
    changes = {"augmentation": {"flip": 0.0}, "crop_margin": 1.25}
    changed = ChangedStudy(tiny_study, changes)
    other = ChangedStudy(tiny_study, changes | {"crop_margin": 1.3})
    assert changed.variant.startswith("changed-augmentation.flip+crop_margin-")
    assert changed.variant != other.variant


def test_no_change_is_the_study_itself(tiny_study):
    same = ChangedStudy(tiny_study, {})
    assert all(same.run_folder(run) == tiny_study.run_folder(run) for run in same.runs)


def test_what_cannot_be_compared_is_refused(tiny_study):
    before = copy.copy(tiny_study.profile)
    with pytest.raises(StudyError, match="change one of them"):
        paired_errors(tiny_study, RUN, {}, {})
    with pytest.raises(StudyError, match=r"stage3.*learning_rat"):
        paired_errors(tiny_study, RUN, {}, {"stage3": {"learning_rat": 1}})
    with pytest.raises(StudyError, match="unknown key 'stage9'"):
        paired_errors(tiny_study, RUN, {}, {"stage9": {}})
    with pytest.raises(StudyError, match="has no run"):
        paired_errors(tiny_study, "stage7-x", {}, {"stage3": {"learning_rate": 1e-4}})
    assert tiny_study.profile == before


def test_a_and_b_are_compared_on_the_same_people(own_tiny_study):
    compared = paired_errors(own_tiny_study, RUN, {}, {"stage3": {"learning_rate": 3e-3}}, device="cpu")
    a, b = compared.values["mpjpe"]
    row = compared.table.loc["mpjpe"]
    np.testing.assert_allclose(row["B − A"], np.nanmean(b) - np.nanmean(a), rtol=1e-6)
    assert row["low"] <= row["B − A"] <= row["high"]
    assert (row["people"], row["unit"], row["seeds"]) == (12, "mm", 1)
    assert estimate(b - a, compared.units)["n"] == 12
    joints = compared.joints
    assert len(joints) == 15
    assert "pelvis" not in joints.index
    np.testing.assert_allclose(joints["A"].mean() * 15 / 16, row["A"], rtol=1e-6)  # the root has no error
    assert compared.simulated


def test_the_notebook_says_what_the_intervals_leave_out():
    answer = nbformat.read("notebooks/your_question.ipynb", as_version=4).cells[-1].outputs[0]
    said = answer["data"]["text/markdown"]
    assert all(words in said for words in ("PA-MPJPE", "PCK150", "simulated people", "another seed moves"))
