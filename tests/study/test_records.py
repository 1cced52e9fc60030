"""Pooled records are those of one study with all seeds; what does not belong together is refused by name."""

import shutil

import h5py
import pandas as pd
import pytest

from hpe_study.errors import StudyError
from hpe_study.report.results import Results
from hpe_study.study import Run, Study
from hpe_study.study.person_errors import PersonErrors
from hpe_study.study.records import collect, pool_records, read_runs
from tests.report.fabricated import fabricate

MPII = Run(3, "mpii", "h36m", "h36m")


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """Two studies of one seed each."""
    return [fabricate(tmp_path_factory.mktemp(f"seed{seed}"), seeds=(seed,), tables=(1,)) for seed in (0, 1)]


@pytest.fixture
def folders(halves, tmp_path):
    """Copies of their records."""
    made = []
    for number, study in enumerate(halves):
        folder = tmp_path / f"part{number}"
        folder.mkdir()
        for path in (*study.records, study.errors_path):
            shutil.copy2(path, folder / path.name)
        made.append(folder)
    return made


def test_pooled_records_hold_every_seed_and_say_where_it_comes_from(halves, folders, tmp_path):
    table = pool_records(folders, tmp_path / "home" / "records")
    assert table["seed"].tolist() == [0, 1]
    assert table["runs"].tolist() == [len(study.runs) for study in halves]
    assert set(table["code"]) == {"fabricated"}
    params = tmp_path / "home" / "params"
    params.mkdir()
    text = halves[0].profile_path.read_text()
    (params / "pooled.yaml").write_text(text.replace("name: fabricated", "name: pooled\nrecords: records"))
    pooled = Results(Study(params / "pooled.yaml"))
    assert pooled.seeds == [0, 1]
    assert pooled.unpaired == []
    apart = [Results(study).sample(MPII, "h36m") for study in halves]
    assert pooled.sample(MPII, "h36m").seeds == pytest.approx([one.value for one in apart])
    assert PersonErrors(pooled.study.errors_path).test_sets == PersonErrors(halves[0].errors_path).test_sets


def test_a_run_of_other_parameters_is_refused_by_name(folders, tmp_path):
    runs = pd.read_csv(folders[1] / "runs.csv")
    runs.loc[runs["run"] == "stage1-lsp-seed1", "settings"] = "another"
    runs.to_csv(folders[1] / "runs.csv", index=False)
    with pytest.raises(
        StudyError, match=r"^stage1-lsp: its parameters differ in more than the seed .*part1: another"
    ):
        pool_records(folders, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_same_seed_twice_is_refused(folders, tmp_path):
    with pytest.raises(StudyError, match=r"-seed0: is in .*part0 and in .*copy; pool other seeds"):
        pool_records([folders[0], shutil.copytree(folders[0], tmp_path / "copy")], tmp_path / "out")


ODD = [
    ("run", "x"),
    ("scheme", None),
    ("scheme", "4d"),
    ("stage", None),
    ("epoch_scale", None),
    ("seed", 0.5),
]


@pytest.mark.parametrize(("column", "value"), ODD)
def test_rows_of_no_run_are_refused(folders, column, value):
    path = folders[0] / "runs.csv"
    rows = pd.read_csv(path).astype({column: object})
    rows.loc[3, column] = value
    rows.to_csv(path, index=False)
    with pytest.raises(StudyError, match=r"part0/runs\.csv: line 5: .* names no run"):
        read_runs(path)


def test_a_score_that_stands_twice_is_refused(folders):
    path = folders[0] / "runs.csv"
    rows = pd.read_csv(path)
    pd.concat([rows, rows[:1].assign(value=1.0)]).to_csv(path, index=False)
    with pytest.raises(StudyError, match=rf"runs\.csv: line {len(rows) + 2}: .* stands there twice"):
        read_runs(path)


def test_scores_of_other_people_than_the_errors_are_refused(tmp_path):
    """As after `metrics.csv` of another run, or a kill between the tables and the errors."""
    study = fabricate(tmp_path, tables=(1,))
    assert Results(study).sample(MPII, "h36m").value > 0
    rows = pd.read_csv(study.records[0])
    rows.loc[rows["run"] == MPII.name, "value"] *= 1.02
    rows.to_csv(study.records[0], index=False)
    with pytest.raises(StudyError, match=rf"runs\.csv: the mpjpe of {MPII.name} on h36m is .*; evaluate"):
        Results(study).sample(MPII, "h36m")


def test_the_record_of_another_run_is_not_collected(tmp_path):
    study = fabricate(tmp_path, tables=(1,))
    folder = study.run_folder(MPII)
    shutil.copy2(study.run_folder(study.runs[0]) / "run.json", folder / "run.json")
    with pytest.raises(StudyError, match=rf"run\.json: is of another run, {study.runs[0].name}; delete"):
        collect(study)


def test_other_labels_and_a_folder_of_its_own_are_refused(folders, tmp_path):
    with pytest.raises(StudyError, match="into another one"):
        pool_records(folders, folders[0])
    with pytest.raises(StudyError, match="each once, into another one"):
        pool_records([folders[0], folders[0]], tmp_path / "out")
    with h5py.File(folders[1] / "errors.h5", "r+") as file:
        file["h36m"].attrs["key"] = "other"
    with pytest.raises(StudyError, match="test set h36m has other labels"):
        pool_records(folders, tmp_path / "out")
