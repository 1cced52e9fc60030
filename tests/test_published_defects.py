"""The published code's switches: known by name, checked where they are read, and kept apart from the
corrected study."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from hpe_study import published_defects
from hpe_study.errors import StudyError
from hpe_study.parameter_files import read_profile
from hpe_study.study import Run, Study
from hpe_study.study.runs import stage_config
from hpe_study.utils.files import read_json
from tests.tiny_study import make_tiny_study

PUBLISHED = {
    "flic_off_by_one", "flic_crop_from_two_joints", "tight_lsp_crop", "mispaired_images", "missing_joints_as_zero", "first_n_3d",
    "missing_joints_in_geometry", "fixed_bone_sum", "spine_as_thorax", "crop_pck", "all_test_frames", "stuck_augmentation",
    "stage3_from_best", "geometry_in_pixels",
}  # fmt: skip


def profile_with(tmp_path, names):
    values = yaml.safe_load(Path("params/quick.yaml").read_text()) | {"legacy": names}
    folder = tmp_path / "params"
    folder.mkdir(exist_ok=True)
    (folder / "mine.yaml").write_text(yaml.safe_dump(values))
    return folder / "mine.yaml"


def test_every_defect_of_the_audit_has_a_switch():
    assert set(published_defects.NAMES) == PUBLISHED
    assert len(published_defects.NAMES) == 14
    assert all(defect.does and defect.trace for defect in published_defects.DEFECTS)


def test_all_is_every_one_and_the_order_never_matters():
    assert published_defects.chosen(["all"]) == published_defects.NAMES
    assert published_defects.chosen(["crop_pck", "first_n_3d", "crop_pck"]) == published_defects.chosen(
        ["first_n_3d", "crop_pck"]
    )
    assert published_defects.chosen([]) == ()


def test_an_unknown_switch_is_an_error_that_lists_those_there_are(tmp_path):
    with pytest.raises(StudyError, match="no defect 'off_by_two'; there are flic_off_by_one, .*, and all"):
        published_defects.chosen(["off_by_two"])
    path = profile_with(tmp_path, ["off_by_two"])
    with pytest.raises(
        StudyError, match=r"mine.yaml: legacy: no defect 'off_by_two'; there are flic_off_by_one"
    ) as caught:
        read_profile(path)
    assert "\n" not in str(caught.value)


def test_a_switch_of_reading_concerns_its_own_sets_alone():
    assert published_defects.of_reading(["all"], "flic") == (
        "flic_off_by_one",
        "flic_crop_from_two_joints",
        "tight_lsp_crop",
    )
    assert published_defects.of_reading(["all"], "lsp") == ("tight_lsp_crop",)
    assert published_defects.of_reading(["all"], "mpi_inf_3dhp") == ("spine_as_thorax", "all_test_frames")
    assert published_defects.of_reading(["all"], "mpii") == ()
    assert published_defects.of_reading(["first_n_3d"], "h36m") == ()


def test_corrected_and_published_stores_lie_side_by_side(tmp_path):
    plain, published = (
        Study(profile_with(tmp_path, [])),
        Study(profile_with(tmp_path, [])).with_legacy(["spine_as_thorax", "crop_pck"]),
    )
    assert plain.store_path("h36m", "train").name == "h36m-train.h5"
    assert published.store_path("h36m", "train").name == "h36m-train+spine_as_thorax.h5"
    assert published.store_path("mpii", "train") == plain.store_path("mpii", "train")
    assert published.data_settings("h36m") != plain.data_settings("h36m")
    assert published.data_settings("mpii") == plain.data_settings("mpii")
    assert published.folder == plain.folder / "spine_as_thorax+crop_pck"


def test_a_switch_changes_the_runs_hash_and_none_leaves_it(tmp_path):
    run = Run(2, "mpii", "h36m")
    plain, published = (
        stage_config(read_profile(profile_with(tmp_path, names)), run) for names in ([], ["first_n_3d"])
    )
    assert plain.hash == stage_config(read_profile("params/quick.yaml"), run).hash
    assert plain.hash != published.hash
    assert published.legacy == ("first_n_3d",)


def test_the_audits_profile_uses_the_demos_stand_ins():
    audit, demo = read_profile("params/audit.yaml"), read_profile("params/demo.yaml")
    for key in ("data_root", "sets", "simulate_size", "simulate_seed"):
        assert getattr(audit, key) == getattr(demo, key), (
            f"audit.yaml and demo.yaml would each make {key} anew over the other's"
        )


@pytest.mark.filterwarnings("ignore:.*records left out")
def test_the_whole_published_code_runs_from_raw_files_to_a_score(tmp_path):
    """FLIC and MPI-INF-3DHP, which the most switches act on: the record names all fourteen, the headline
    scores are the published ones."""
    run = "stage3-flic-mpi_inf_3dhp-mpi_inf_3dhp-seed0"
    study = make_tiny_study(tmp_path, [run], two_d=["flic"], three_d=["mpi_inf_3dhp"], legacy=["all"])
    assert read_json(study.folder / run / "run.json")["parameters"]["legacy"] == list(published_defects.NAMES)
    scores = pd.read_csv(study.folder / run / "metrics.csv").set_index(["test_set", "scorer", "metric"])
    assert scores.loc[("mpi_inf_3dhp", "model", "mpjpe"), "protocol"] == "published"
    assert scores.loc[("flic", "model", "pckh"), "protocol"] == "published-pck"
    assert 100 < scores.loc[("mpi_inf_3dhp", "model", "mpjpe"), "value"] < 1000  # an epoch's network
