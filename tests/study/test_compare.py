"""Two sets of parameters: only what differs is trained, and what cannot be compared is refused in one line."""

import copy

import pytest

from hpe_study.errors import StudyError
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
