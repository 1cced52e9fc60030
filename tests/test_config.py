"""What a run depends on, and its hash."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from hpe_study.config import Profile
from hpe_study.errors import StudyError
from hpe_study.parameter_files import read_profile, read_values
from hpe_study.study import Run
from hpe_study.study.runs import stage_config

QUICK = "params/quick.yaml"


def test_the_hash_follows_what_the_run_depends_on(tmp_path):
    base = read_profile(QUICK)
    (tmp_path / "quick.yaml").write_text(Path(QUICK).read_text())
    (tmp_path / "mine.yaml").write_text("base: quick.yaml\nstage3: {learning_rate: 1.0e-5}\n")
    other = read_profile(tmp_path / "mine.yaml")
    assert stage_config(base, Run(1, "mpii")).hash == stage_config(other, Run(1, "mpii")).hash
    assert (
        stage_config(base, Run(3, "mpii", "h36m", "h36m")).hash
        != stage_config(other, Run(3, "mpii", "h36m", "h36m")).hash
    )
    assert stage_config(base, Run(1, "mpii")).hash != stage_config(base, Run(1, "mpii", seed=1)).hash


def test_further_test_sets_change_no_training(tmp_path):
    base = read_profile(QUICK)
    (tmp_path / "quick.yaml").write_text(Path(QUICK).read_text())
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "base: quick.yaml\nalso_test: [pose2sim, h36m_full, lsp_photos]\nsets: {lsp_photos: {reader: lsp}}\n"
    )
    other = read_profile(mine)
    assert stage_config(base, Run(1, "mpii")).hash == stage_config(other, Run(1, "mpii")).hash
    full = other.source("h36m_full")
    assert (full.reader, full.options) == ("h36m", {"layout": "full"})
    mine.write_text("base: quick.yaml\nalso_test: [ballet]\n")
    with pytest.raises(StudyError, match=r"mine.yaml: also_test: 'ballet' is neither one of mpii, .* sets"):
        read_profile(mine)


def test_doubled_epochs_stretch_the_drops_too():
    paper = read_profile("params/paper.yaml")
    assert stage_config(paper, Run(1, "lsp", epoch_scale=2)).training.epochs == 280
    assert stage_config(paper, Run(1, "lsp", epoch_scale=2)).training.drop_after == (180, 240)


def test_large_sets_have_their_own_3d_only_schedule():
    paper = read_profile("params/paper.yaml")
    assert paper.training(2, None, "mpi_inf_3dhp").batch_size == 128
    assert paper.training(2, None, "h36m").epochs == 60
    assert paper.training(2, "mpii", "mpi_inf_3dhp").depth_weight == 0.1


def real_profile(**changes):
    values = read_values("params/real.yaml")
    return Profile(**{**values, **changes})


def test_sets_of_one_reader_stand_side_by_side_real_and_simulated():
    profile = real_profile()
    assert {name: profile.source(name).reader for name in ("lsp", "lsp_simulated", "lsp_extended")} == {
        "lsp": "lsp",
        "lsp_simulated": "lsp",
        "lsp_extended": "lsp_extended",
    }
    assert [profile.source(name).simulate is None for name in ("lsp", "lsp_simulated")] == [True, False]
    assert profile.source("lsp").root == "data/real"


def test_a_recipe_changes_sections_and_nothing_else():
    profile = read_profile("params/today.yaml")
    changed = profile.with_recipe("volumetric_cosine_occlusion")
    assert changed.network == profile.network.model_copy(update={"model": "narrow18_volumetric"})
    assert changed.augmentation == profile.augmentation.model_copy(update={"occlusion": 0.5})
    assert changed.stage2 == profile.stage2.model_copy(update={"decay": "cosine"})
    assert changed.fair == profile.fair
    assert profile.with_recipe("") is profile


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipes": {"a": {"network": {"model": "resnet51"}}}}, "recipes.a.network: model 'resnet51'"),
        ({"recipes": {"a": {"network": {"input_size": 128}}}}, "recipes.a: input_size is the profile's"),
        ({"recipes": {"a": {"sets": {}}}}, "recipes.a: 'sets' is not one of network, augmentation, stage1"),
        ({"real": {"sources": [[]], "three_d": ["h36m"], "recipes": ["b"]}}, "real.recipes: 'b' is not one"),
        ({"real": {"sources": [["flic"]], "three_d": ["h36m"]}}, "real.sources: 'flic' must be one"),
        ({"real": {"sources": [[]], "three_d": ["3dpw"]}}, "real.three_d: '3dpw' must be one"),
        ({"real": None}, "table 6 needs the section real"),
        ({"tables": [6, 7]}, "table 7 needs the section today"),
        ({"two_d": ["pose2sim"]}, "two_d: 'pose2sim' is not one of mpii"),
    ],
)
def test_what_tables_6_and_7_cannot_do_is_refused(changes, message):
    with pytest.raises(ValidationError) as caught:
        real_profile(**changes)
    assert message in str(caught.value)
