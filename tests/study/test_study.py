"""The grid of runs: the paper's tables as data."""

import pytest

from hpe_study.config import Profile
from hpe_study.errors import StudyError
from hpe_study.parameter_files import read_profile
from hpe_study.study import Run, Study
from hpe_study.study.runs import rows, stage_config


def test_the_three_tables_need_45_trainings():
    made = rows(read_profile("params/paper.yaml"))
    assert [sum(row.table == table for row in made) for table in (1, 2, 3)] == [9, 9, 9]
    assert len({run for row in made for run in row.run.lineage}) == 45


def test_a_seed_more_doubles_the_runs():
    profile = read_profile("params/paper.yaml").model_copy(update={"seeds": (0, 1)})
    assert len({run for row in rows(profile) for run in row.run.lineage}) == 90


def test_each_run_starts_from_the_stage_before_it():
    last = Run(3, "lsp", "h36m", "occlusion_person", epoch_scale=2, seed=1)
    assert [run.name for run in last.lineage] == [
        "stage1-lsp-x2-seed1",
        "stage2-lsp-x2-h36m-seed1",
        "stage3-lsp-x2-h36m-occlusion_person-seed1",
    ]
    assert [run.name for run in Run(3, None, "h36m", "mpi_inf_3dhp").lineage] == [
        "stage2-only3d-h36m-seed0",
        "stage3-only3d-h36m-mpi_inf_3dhp-seed0",
    ]


def test_parents_come_before_children_and_once():
    study = Study("params/paper.yaml")
    seen = set()
    for run in study.runs:
        assert run not in seen
        assert run.parent is None or run.parent in seen
        seen.add(run)
    with pytest.raises(StudyError, match="has no run 'stage9'"):
        study.run("stage9")


def fair_profile():
    values = read_profile("params/demo.yaml").model_dump() | {"tables": (4, 5)}
    values["fair"] = {"images": 24000, "pretraining_share": 0.4, "seconds": 60}
    values["size"] = {"backbones": ("narrow18:8", "narrow18:16")}
    return Profile(**values)


def test_table_4_spends_the_same_in_every_arm():
    profile = fair_profile()
    arms = [row.run for row in rows(profile) if row.table == 4 and row.run.stage == 2]
    assert [(run.arm, run.budget) for run in arms] == [
        (arm, budget)
        for budget in ("images", "time")
        for arm in ("none", "2d pre-training", "mixing", "both")
    ]
    for run in arms:
        spent = 0
        for part in run.lineage:
            training = stage_config(profile, part).training
            sets = 2 if part.scheme == "fusion" else 1
            spent += (
                training.seconds
                if run.budget == "time"
                else training.epochs * training.samples_per_epoch * sets
            )
        assert spent == pytest.approx(60 if run.budget == "time" else 24000, rel=0.001), run.name


def test_table_4_compares_stage_3_with_and_without_the_geometric_loss():
    profile = fair_profile()
    last = [row.run for row in rows(profile) if row.table == 4 and row.run.stage == 3]
    assert [stage_config(profile, run).training.geometry_weight > 0 for run in last] == [True, False]
    assert last[0].parent == last[1].parent


def test_table_5_changes_network_and_share_at_equal_updates():
    profile = fair_profile()
    runs = [row.run for row in rows(profile) if row.table == 5]
    assert len(runs) == 6
    stages = [stage_config(profile, part) for run in runs for part in run.lineage]
    assert {stage.network.width for stage in stages} == {8, 16}
    assert {stage.share_2d for stage in stages} == {0.25, 0.5, 1.0}
    assert len({stage.training.samples_per_epoch for stage in stages if stage.stage == 2}) == 1
    assert len({run.name for row in rows(profile) for run in row.run.lineage}) == len(
        {run for row in rows(profile) for run in row.run.lineage}
    )


def test_the_audit_is_one_notebook_that_trains_its_own_runs():
    study = Study("params/audit.yaml")
    assert study.runs == []
    assert study.analyses == ["audit"]
    assert "audit" not in Study("params/demo.yaml").analyses
