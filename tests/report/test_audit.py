"""The audit: every switch is asked about, its trials share what no switch touches, and its verdicts say what an interval allows."""

import numpy as np
import pandas as pd
import pytest

from hpe_study import audit, legacy
from hpe_study.audit import ALL, NONE, Trial, acts_on, simplest, trials
from hpe_study.params import read_profile
from hpe_study.report import audit as page
from hpe_study.study import Run, Study


@pytest.fixture(scope="module")
def profile():
    return read_profile("params/audit.yaml")


def test_every_switch_is_measured():
    assert {measure.switch for measure in page.MEASURES} == set(legacy.NAMES)
    assert all(measure.number in page.NUMBERS and measure.published for measure in page.MEASURES)


def test_a_switch_acts_where_it_can_and_nowhere_else():
    stage1, fusion, only_3d = Run(1, "flic"), Run(2, "flic", "mpi_inf_3dhp"), Run(2, None, "h36m")
    assert acts_on("flic_off_by_one", stage1)
    assert acts_on("first_n_3d", fusion)
    assert acts_on("mispaired_images", fusion)
    assert acts_on("stage3_from_best", only_3d)
    assert not any(acts_on(name, only_3d) for name in ("flic_off_by_one", "first_n_3d", "mispaired_images", "missing_joints_in_geometry"))
    assert not any(acts_on(name, fusion) for name in ("fixed_bone_sum", "crop_pck", "all_test_frames", "stage3_from_best"))
    assert simplest(Trial(stage1, ("first_n_3d",))) == Trial(stage1, NONE)


def test_trials_come_once_and_parents_first(profile):
    wanted = trials(profile)
    assert len(set(wanted)) == len(wanted)
    for number, trial in enumerate(wanted):
        if trial.run.parent:
            assert simplest(Trial(trial.run.parent, trial.switches)) in wanted[:number]
    corrected = [trial for trial in wanted if trial.switches == NONE and trial.run == Run(1, "flic")]
    assert len(corrected) == 1  # shared by every trial that begins with it


def test_switches_have_folders_of_their_own(profile):
    study = Study("params/audit.yaml")
    folders = {study.with_legacy(trial.switches).run_folder(trial.run) for trial in trials(profile)}
    assert len(folders) == len(trials(profile))
    assert study.with_legacy(ALL).folder.name == "all"


@pytest.mark.parametrize(
    ("change", "low", "high", "expected", "verdict"),
    [
        (5, 2, 8, page.UP, "reproduced"),
        (-5, -8, -2, page.UP, "the other way"),
        (-5, -8, -2, page.DOWN, "reproduced"),
        (1, -2, 4, page.UP, "can't tell"),
        (1, -2, 4, page.NOTHING, "nothing seen, as expected"),
        (5, 2, 8, page.ANY, "moves the number"),
        (5, np.nan, np.nan, page.UP, "can't tell (no spread known)"),
    ],
)
def test_the_verdict_on_a_direction(change, low, high, expected, verdict):
    assert page.direction(change, low, high, expected) == verdict


def test_the_verdict_on_a_size():
    assert page.size(20, 15, 25, 32).startswith("like (+20")
    assert page.size(5, 2, 8, 32).startswith("smaller")
    assert page.size(100, 80, 120, 32).startswith("larger")
    assert page.size(-20, -25, -15, 32).startswith("other way")
    assert page.size(5, -2, 12, 32) == "can't tell"
    assert page.size(5, np.nan, np.nan, 32) == "can't tell"
    assert page.size(5, 2, 8, None) == "–"


def test_the_sentence_counts_switches_not_lines():
    table = pd.DataFrame(
        {"direction": ["reproduced", "can't tell", "can't tell"]},
        index=pd.MultiIndex.from_tuples([("crop_pck", "a"), ("crop_pck", "b"), ("first_n_3d", "c")], names=["switch", "number"]),
    )
    assert page.sentence(table, (0, 1)).startswith("1 of 2 switches leave a trace")
    assert page.sentence(table, (0,)).endswith("for: first_n_3d.")
    assert "one seed" in page.sentence(table, (0,))


def test_printed_differences_are_the_papers():
    assert {key: page.PRINTED[key] for key in ("mpii h36m", "None h36m")} == {"mpii h36m": 64.49, "None h36m": 137.58}
    assert audit.ALL == legacy.NAMES
