"""The paper's numbers are carried as printed."""

from importlib.resources import files
from pathlib import Path

import pytest

from hpe_study.study.published import NAMES, published, total_minutes, training_images


@pytest.mark.parametrize("name", NAMES)
def test_they_are_the_papers_file_for_file(name):
    """Against the transcription that the study was given, where that is at hand."""
    given = Path(__file__).resolve().parents[3] / "shared" / "published" / f"{name}.csv"
    if not given.exists():
        pytest.skip("the given transcription (shared/published) is not at hand")
    assert (files("hpe_study.study") / "published_numbers" / f"{name}.csv").read_text() == given.read_text()


def test_the_tables_have_every_row():
    assert [len(published(name)) for name in ("table1", "table2", "table3")] == [11, 9, 9]
    assert set(published("table2")["stage3_3d"]) == {"h36m", "mpi_inf_3dhp", "occlusion_person"}


def test_the_misprint_is_kept_and_noted():
    row = published("table1").query("train_2d == 'flic' and train_3d == 'occlusion_person'").iloc[0]
    assert row["s3_mpjpe"] == 89.29
    assert "289.29" in row["note"]


def test_the_four_totals_of_the_paper():
    totals = {key: round(minutes, 1) for key, minutes in total_minutes().items()}
    assert totals == {
        ("best_occlusion_person", "2d_pretraining"): 740.0,
        ("best_occlusion_person", "3d_only"): 1063.6,  # printed as 1064
        ("best_mpi_inf_3dhp", "2d_pretraining"): 337.7,
        ("best_mpi_inf_3dhp", "3d_only"): 559.0,
    }


def test_sizes_leave_out_what_the_paper_does_not_say():
    assert training_images()["mpii"] == 22000
    assert "3dpw" not in training_images()


def test_another_table_is_an_error():
    with pytest.raises(ValueError, match="table9"):
        published("table9")
