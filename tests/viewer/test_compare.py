"""A question of one's own: only what differs is trained, the difference is paired, and wrong questions are
told in a line."""

import copy
import shutil

import numpy as np
import pytest

from hpe_study.errors import StudyError
from hpe_study.evaluation.bootstrap import estimate
from hpe_study.study import Study
from hpe_study.viewer.compare import ChangedStudy, compare
from tests.tiny_study import RUN


@pytest.fixture
def study(tiny_study, tmp_path):
    """A copy of the tiny study that a test may add to."""
    shutil.copytree(tiny_study.home, tmp_path / "home")
    return Study(tmp_path / "home" / "params" / "quick.yaml")


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


def test_no_change_is_the_study_itself(tiny_study):
    same = ChangedStudy(tiny_study, {})
    assert all(same.run_folder(run) == tiny_study.run_folder(run) for run in same.runs)


def test_a_and_b_are_compared_on_the_same_people(study):
    b = {"stage3": {"learning_rate": 3e-3}}
    comparison = compare(study, RUN, {}, b, device="cpu")
    row = comparison.table.set_index("metric").loc["mpjpe"]
    a_values, b_values = comparison.values["mpjpe"]
    np.testing.assert_allclose(row["B − A"], np.nanmean(b_values) - np.nanmean(a_values), rtol=1e-6)
    assert row["low"] <= row["B − A"] <= row["high"]
    assert estimate(b_values - a_values, comparison.groups)["n"] == row["people"] == 12
    assert "simulated people" in comparison.sentence().data
    assert "simulated" in comparison.figure().get_suptitle()
    assert (
        "stage3.learning_rate = 0.003" in comparison.figure().axes[0].get_legend().get_texts()[1].get_text()
    )


def test_wrong_questions(tiny_study):
    before = copy.copy(tiny_study.profile)
    with pytest.raises(StudyError, match="change one of them"):
        compare(tiny_study, RUN, {}, {})
    with pytest.raises(StudyError, match=r"stage3.*learning_rat"):
        compare(tiny_study, RUN, {}, {"stage3": {"learning_rat": 1}})
    with pytest.raises(StudyError, match="unknown key 'stage9'"):
        compare(tiny_study, RUN, {}, {"stage9": {}})
    with pytest.raises(StudyError, match="has no run"):
        compare(tiny_study, "stage7-x", {}, {"stage3": {"learning_rate": 1e-4}})
    assert tiny_study.profile == before
