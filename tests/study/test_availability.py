"""A data set that is not there leaves its own rows out, and no others."""

import shutil

import pytest
import yaml

from hpe_study.errors import StudyError
from hpe_study.study import Study
from hpe_study.study.availability import find_data_sets
from hpe_study.study.steps import prepare_set
from simulated_people import StandInSpec, make

PRESENT = ("mpii", "h36m")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A data root that holds two of the sets, in their raw layouts."""
    folder = tmp_path_factory.mktemp("data")
    for name in PRESENT:
        make(StandInSpec(name, 6, 6, size=64), folder, progress=False)
    return folder


@pytest.fixture
def paper(tmp_path, root):
    """The `Study` of the paper's profile on that root."""
    values = yaml.safe_load(open("params/paper.yaml").read()) | {"data_root": str(root)}  # noqa: SIM115
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "paper.yaml").write_text(yaml.safe_dump(values))
    return Study(tmp_path / "params" / "paper.yaml")


def test_rows_of_absent_sets_are_left_out_and_no_others(paper):
    left = find_data_sets(paper)
    unseen = {"lsp", "flic", "mpi_inf_3dhp", "occlusion_person", "3dpw", "h36m_full"}
    assert set(left.absent) == unseen
    assert {run.name for run in left.runs} == {
        "stage1-mpii-seed0",
        "stage2-mpii-h36m-seed0",
        "stage3-mpii-h36m-h36m-seed0",
        "stage2-only3d-h36m-seed0",
        "stage3-only3d-h36m-h36m-seed0",
    }
    assert left.test_sets(left.runs[-1])[-1] == "h36m"
    assert left.sets == ["mpii", "h36m"]
    assert "obtain" in left.absent["flic"] or "http" in left.absent["flic"]


def test_a_further_test_set_adds_a_column_and_its_test_split_alone(paper, root, tmp_path):
    path = paper.profile_path
    beside = {"also_test": ["lsp", "lsp_simulated", "3dpw"], "two_d": ["mpii"]}
    beside |= {
        "sets": {"lsp_simulated": {"reader": "lsp", "root": "made", "simulate": {"train": 9, "test": 6}}}
    }
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | beside))
    left = find_data_sets(Study(path))
    assert {"lsp", "3dpw"} <= set(left.absent)
    assert left.test_sets(left.runs[0]) == ("mpii", "lsp_simulated")
    assert left.test_sets(left.runs[-1]) == ("h36m", "lsp_simulated")
    assert list(prepare_set(left, "lsp_simulated", progress=False)) == ["test"]
    assert left.splits["mpii"] == ("train", "test")
    assert {left.learnt_from(run) for run in left.runs} == {"real"}


def test_what_arrives_later_is_found(paper, root, tmp_path):
    assert "lsp" in find_data_sets(paper).absent
    grown = tmp_path / "grown"
    grown.mkdir()
    for folder in root.iterdir():
        (grown / folder.name).symlink_to(folder)
    make(StandInSpec("lsp", 9, 6, size=64), grown, progress=False)
    path = paper.profile_path
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"data_root": str(grown)}))
    assert "lsp" not in find_data_sets(Study(path)).absent


def test_nothing_there_and_strict_are_errors(paper):
    path = paper.profile_path
    values = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(values | {"strict": True}))
    with pytest.raises(StudyError, match="strict, and 6 data sets are absent"):
        find_data_sets(Study(path))
    path.write_text(yaml.safe_dump(values | {"data_root": "nowhere"}))
    with pytest.raises(StudyError, match="none of its runs has its data"):
        find_data_sets(Study(path))


def test_simulated_sets_are_never_absent():
    assert Study("params/quick.yaml").simulated
    assert find_data_sets(Study("params/quick.yaml")).absent == {}


def test_a_set_that_changes_is_prepared_again(paper, root, tmp_path, capsys):
    """LSP alone first, LSP-Extended later; whose files lie there as they were, or are gone, stays as it
    is."""
    grown = tmp_path / "grown"
    grown.mkdir()
    for folder in root.iterdir():
        (grown / folder.name).symlink_to(folder)
    make(StandInSpec("lsp", 9, 6, size=64), grown, progress=False)
    (grown / "lsp_extended").rename(tmp_path / "later")
    path = paper.profile_path
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"data_root": str(grown)}))
    first = find_data_sets(Study(path))
    assert find_data_sets(Study(path)).data_settings("lsp") == first.data_settings("lsp")
    prepare_set(first, "lsp", progress=False)
    (tmp_path / "later").rename(grown / "lsp_extended")
    second = find_data_sets(Study(path))
    assert "lsp: its files" in capsys.readouterr().out
    assert second.data_settings("lsp") != first.data_settings("lsp")
    assert second.data_settings("mpii") == first.data_settings("mpii")
    prepare_set(second, "lsp", progress=False)
    for gone in (
        sorted((grown / "lsp" / "images").iterdir())[0],
        grown / "lsp" / "images",
        grown / "lsp",
        grown / "lsp_extended",
    ):
        shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
        third = find_data_sets(Study(path))
        assert "lsp" not in third.absent
        assert third.data_settings("lsp") == second.data_settings("lsp")
    printed = capsys.readouterr().out
    assert "lsp: has 8 + 6 records" in printed or "lsp: has 9 + 5 records" in printed
    assert "was prepared from 9 + 6, and stays as it is" in printed


def test_fewer_frames_by_the_profiles_own_word_are_no_loss(paper, capsys):
    """Other options make other records; that is the profile's change and not the files'."""
    first = find_data_sets(paper)
    prepare_set(first, "h36m", progress=False)
    path = paper.profile_path
    path.write_text(
        yaml.safe_dump(yaml.safe_load(path.read_text()) | {"sets": {"h36m": {"options": {"every": 2}}}})
    )
    second = find_data_sets(Study(path))
    assert second.data_settings("h36m") != first.data_settings("h36m")
    prepare_set(second, "h36m", progress=False)
    assert find_data_sets(Study(path)).data_settings("h36m") == second.data_settings("h36m")
    assert "stays as it is" not in capsys.readouterr().out
