"""The grid of runs: the paper's tables as data."""

import shutil
from pathlib import Path

import pytest

from hpe_study.config import Profile
from hpe_study.errors import StudyError
from hpe_study.parameter_files import read_profile
from hpe_study.study import Run, Study
from hpe_study.study.eta import counts_of, images_of
from hpe_study.study.runs import paper_table, rows, stage_config


def test_the_three_tables_need_49_trainings():
    """45 of the paper, and four that tell the doubled epochs of Table 3 from its stage-2 set."""
    made = rows(read_profile("params/paper.yaml"))
    assert [sum(row.table == table for row in made) for table in (1, 2, 3)] == [9, 9, 9 + 6]
    assert len({run for row in made for run in row.run.lineage}) == 49
    single = {row.run.name for row in made if row.table == 3 and row.run.epoch_scale == 1}
    others = {run.name for run in paper_table(1)}
    assert sorted(single - others - {run.name for run in paper_table(3, ["mpii"])}) == [
        f"stage3-{two_d}-h36m-{last}-seed0"
        for two_d in ("flic", "lsp")
        for last in ("mpi_inf_3dhp", "occlusion_person")
    ]


def test_a_seed_more_doubles_the_runs():
    profile = read_profile("params/paper.yaml").model_copy(update={"seeds": (0, 1)})
    assert len({run for row in rows(profile) for run in row.run.lineage}) == 98


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


def test_a_run_is_alone_where_all_others_come_before_or_after_it():
    """So it may take all cores; Table 1 of one pair of sets is one line, with Table 2 it is not."""
    for tables, alone in (([1], True), ([1, 2], False)):
        study = Study("params/quick.yaml")
        study.profile = study.profile.model_copy(update={"tables": tables})
        assert [study.is_alone(run) for run in study.runs] == [alone] * len(study.runs)


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


def test_table_8_changes_the_geometric_loss_weight_of_one_stage_2():
    profile = read_profile("params/geometry.yaml")
    runs = [row.run for row in rows(profile) if row.run.seed == 0]
    weights = [stage_config(profile, run).training.geometry_weight for run in runs]
    assert tuple(weights) == profile.geometry_sweep.weights
    assert 0 in weights
    assert len({run.parent for run in runs}) == 1
    assert runs[0].name == "stage3-mpii-no_geometry-h36m-h36m-seed0"
    assert len({run.name for run in runs}) == len(runs)


def spent(profile, run):
    """Images that an arm learns from, with its ancestors."""
    parts = ((stage_config(profile, part).training, part.scheme) for part in run.lineage)
    return sum(
        training.epochs * training.samples_per_epoch * (2 if scheme == "fusion" else 1)
        for training, scheme in parts
    )


def test_table_6_spends_the_same_in_every_arm():
    profile = read_profile("params/real.yaml")
    arms = [row.run for row in rows(profile) if row.run.seed == 0]
    assert len(arms) == len({run.name for run in arms}) == 16
    assert {spent(profile, run) for run in arms} == {36000}
    assert {run.sets - {"h36m", "mpi_inf_3dhp"} == set(run.starts) for run in arms} == {True}


def test_real_labels_come_after_simulated_ones_and_are_counted_alone():
    run = Run(2, "lsp_extended", "h36m", start="mpii+lsp_extended", budget="images", share=0.1)
    assert [(part.two_d, part.share, part.name) for part in run.lineage] == [
        ("mpii", 1.0, "stage1-mpii-from_mpii+lsp_extended-equal_images-seed0"),
        ("lsp_extended", 0.1, "stage1-lsp_extended-from_mpii+lsp_extended-equal_images-share0.1-seed0"),
        ("lsp_extended", 0.1, "stage2-lsp_extended-from_mpii+lsp_extended-equal_images-share0.1-h36m-seed0"),
    ]
    assert [part.sets for part in run.lineage] == [
        {"mpii"},
        {"mpii", "lsp_extended"},
        {"mpii", "lsp_extended", "h36m"},
    ]


def test_rows_of_real_people_are_absent_where_their_photographs_are():
    study = Study("params/real.yaml")
    study.absent = {"lsp_extended": "not there", "lsp": "not there"}
    assert {run.two_d for run in study.runs} == {None, "mpii", "lsp_simulated"}
    assert {study.learnt_from(run) for run in study.runs} == {"simulated"}


def test_imagenet_and_2d_pose_are_told_apart():
    profile = read_profile("params/imagenet.yaml")
    arms = [row.run for row in rows(profile) if row.run.seed == 0]
    networks = [stage_config(profile, run).network for run in arms]
    assert [(network.pretrained, run.start) for network, run in zip(networks, arms, strict=True)] == [
        (False, None),
        (False, "lsp_extended"),
        (True, None),
        (True, "lsp_extended"),
    ]
    assert {network.model for network in networks} == {"efficientnet_lite0"}
    assert {spent(profile, run) for run in arms} == {40000}


def test_table_7_is_the_four_arms_under_each_recipe_at_equal_images():
    profile = read_profile("params/today.yaml")
    arms = [row.run for row in rows(profile) if row.run.seed == 0]
    recipes = profile.today.recipes
    assert [(run.recipe, run.arm) for run in arms] == [
        (recipe, arm) for recipe in recipes for arm in ("none", "2d pre-training", "mixing", "both")
    ]
    assert {spent(profile, run) for run in arms} == {32000}
    assert len({run.name for row in rows(profile) for run in row.run.lineage}) == 5 * 3 * len(recipes)
    models = {run.recipe: stage_config(profile, run).network.model for run in arms}
    assert models["paper"] == "narrow18"


def test_the_search_for_table_7_meets_nobody_of_its_test_sets():
    search, today = read_profile("params/search.yaml"), read_profile("params/today.yaml")
    assert search.simulate_seed != today.simulate_seed
    assert set(search.today.recipes) == set(today.recipes) == set(search.recipes)
    assert {row.run.arm for row in rows(search)} == {"both"}
    assert set(Study("params/search.yaml").sets) == {"mpii", "h36m"}


def test_the_papers_depth_weight_stands_in_tables_1_to_3_and_one_weight_in_table_4():
    """λ_reg of 3D alone: 1.0 in stage 2, 0.1 in stage 3, as printed; the comparison at equal cost has one."""
    for name in ("paper", "demo", "first", "gpu", "audit", "quick"):
        profile = read_profile(f"params/{name}.yaml")
        for set_3d in profile.three_d:
            weights = [profile.training(stage, None, set_3d).depth_weight for stage in (2, 3)]
            assert weights == [1.0, 0.1], (name, set_3d)
            assert [profile.training(stage, "mpii", set_3d).depth_weight for stage in (2, 3)] == [0.1, 0.1]
    fair = read_profile("params/fair.yaml")
    assert {
        stage_config(fair, run).training.depth_weight for row in rows(fair) for run in row.run.lineage
    } == {0.1}


def test_3d_alone_learns_from_as_many_images_whatever_the_size_of_its_set():
    study = Study("params/demo.yaml")
    for stage in (2, 3):
        alone = [run for run in study.runs if run.scheme == "3d" and run.stage == stage]
        assert len({images_of(study, run) for run in alone}) == 1
    sizes = [counts_of(study.profile, name).train for name in ("h36m", "occlusion_person", "mpi_inf_3dhp")]
    assert sizes == [2618, 2 * 2618, 3 * 2618]


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


def test_a_share_of_the_3d_data_is_of_runs_that_learn_depth_and_a_whole_set_is_no_part_of_the_hash():
    profile = fair_profile()
    half = profile.model_copy(update={"share_3d": 0.5})
    run = Run(2, "mpii", "h36m")
    whole, halved = stage_config(profile, run), stage_config(half, run)
    assert "share_3d" not in whole.model_dump()
    assert halved.model_dump() == whole.model_dump() | {"share_3d": 0.5}
    assert halved.hash != whole.hash
    assert stage_config(half, run.parent).hash == stage_config(profile, run.parent).hash


def test_the_audit_is_one_notebook_that_trains_its_own_runs():
    study = Study("params/audit.yaml")
    assert study.runs == []
    assert study.analyses == ["audit"]
    assert "audit" not in Study("params/demo.yaml").analyses


def test_two_stand_ins_of_one_reader_do_not_share_a_folder(tmp_path):
    """They once did: the second was written over the first, and both were prepared from it."""
    path = tmp_path / "params" / "mine.yaml"
    path.parent.mkdir()
    text = Path("params/clipping.yaml").read_text().replace("base: demo.yaml", "base: first.yaml")
    shutil.copy("params/demo.yaml", path.parent)
    shutil.copy("params/first.yaml", path.parent)
    path.write_text(text)
    assert Study(path).root_of("occlusion_clipping") != Study(path).root_of("occlusion_person")
    path.write_text(text.replace("root: data/simulated/clipping/limbs, ", ""))
    with pytest.raises(StudyError, match=r"sets\.occlusion_clipping: would be written over occlusion_person"):
        Study(path)
