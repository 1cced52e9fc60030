"""The grid of runs: the paper's tables as data."""

import pytest

from hpe_study.errors import StudyError
from hpe_study.params import read_profile
from hpe_study.study import Run, Study, rows


def test_the_three_tables_need_45_trainings():
    made = rows(read_profile("params/paper.yaml"))
    assert [sum(row.table == table for row in made) for table in (1, 2, 3)] == [9, 9, 9]
    assert len({run for row in made for run in row.run.line}) == 45


def test_a_seed_more_doubles_the_runs():
    profile = read_profile("params/paper.yaml").model_copy(update={"seeds": (0, 1)})
    assert len({run for row in rows(profile) for run in row.run.line}) == 90


def test_each_run_starts_from_the_stage_before_it():
    last = Run(3, "lsp", "h36m", "occlusion_person", epoch_scale=2, seed=1)
    assert [run.name for run in last.line] == [
        "stage1-lsp-x2-seed1",
        "stage2-lsp-x2-h36m-seed1",
        "stage3-lsp-x2-h36m-occlusion_person-seed1",
    ]
    assert [run.name for run in Run(3, None, "h36m", "mpi_inf_3dhp").line] == ["stage2-only3d-h36m-seed0", "stage3-only3d-h36m-mpi_inf_3dhp-seed0"]


def test_parents_come_before_children_and_once():
    study = Study("params/paper.yaml")
    seen = set()
    for run in study.runs:
        assert run not in seen
        assert run.parent is None or run.parent in seen
        seen.add(run)
    with pytest.raises(StudyError, match="has no run 'stage9'"):
        study.run("stage9")
