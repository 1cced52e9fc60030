"""Scoring again from predictions and labels alone gives what the run's own scores say, under any protocol,
and says what it cannot."""

import shutil

import numpy as np
import pandas as pd
import pytest

from hpe_study.cli import main
from hpe_study.errors import StudyError
from hpe_study.evaluation.rescore import protocol_spread, readable, rescore
from tests.tiny_study import OTHER, RUN


@pytest.fixture(scope="module")
def folders(tiny_study):
    return [tiny_study.folder / name for name in (RUN, OTHER)]


@pytest.fixture(scope="module")
def rows(folders):
    return rescore(folders)


def value(rows, **which):
    for key, wanted in which.items():
        rows = rows[rows[key] == wanted]
    assert len(rows) == 1
    return rows.iloc[0]


def test_the_studys_own_protocol_gives_the_runs_own_scores(rows, folders):
    own = pd.read_csv(folders[0] / "metrics.csv")
    for metric in ("mpjpe", "pa_mpjpe", "n_mpjpe", "pck150", "auc"):
        again = value(rows, run=RUN, test_set="h36m", protocol="study", metric=metric)
        there = value(own, test_set="h36m", scorer="model", metric=metric)
        assert again["value"] == pytest.approx(there["value"], rel=1e-5)
        assert again["low"] == pytest.approx(there["low"], rel=1e-5)


def test_a_run_is_scored_once_and_runs_of_one_name_by_their_folders(folders, tmp_path):
    shutil.copytree(folders[0], tmp_path / folders[0].name)
    shutil.copytree(folders[0].parent / "test_sets", tmp_path / "test_sets")
    rows = rescore([folders[0], folders[0], tmp_path / folders[0].name], ["study"])
    assert set(rows["run"]) == {str(folders[0]), str(tmp_path / folders[0].name)}
    assert len(readable(rows)) == 2 * rows["test_set"].nunique()


def test_a_protocol_named_twice_is_scored_once(folders):
    rows = rescore(folders[:1], ["study", "study+scale", "study"], "scale")
    assert set(rows["protocol"]) == {"study+scale"}
    assert not readable(rows).index.duplicated().any()


def test_every_protocol_that_fits_a_set_is_scored_and_no_other(rows):
    protocols = {name: set(part["protocol"]) for name, part in rows[rows["run"] == RUN].groupby("test_set")}
    assert protocols["h36m"] == {"study", "published", "h36m-challenge", "h36m-s9s11", "published-pck"}
    assert protocols["mpii"] == {"mpii-pckh", "published-pck"}
    lacking = rows[rows["protocol"] == "h36m-s9s11"]
    assert lacking["value"].isna().all()
    assert lacking["note"].str.contains("no camera").all()
    assert rows["simulated"].all()
    assert (rows["legacy"] == "").all()


def test_alignment_lowers_the_error_and_is_named(folders):
    plain, aligned = (rescore(folders[:1], ["published"], align) for align in (None, "procrustes"))
    assert set(aligned["protocol"]) == {"published+procrustes"}
    unaligned = value(plain, test_set="h36m", metric="pa_mpjpe")["value"]
    assert value(aligned, test_set="h36m", metric="mpjpe")["value"] == pytest.approx(unaligned)
    assert unaligned < value(plain, test_set="h36m", metric="mpjpe")["value"]


def test_the_spread_is_what_the_protocol_alone_moves(rows):
    table = protocol_spread(rows)
    line = table.loc[(RUN, "", "h36m")]
    scores = line[["study", "published", "h36m-challenge"]]
    assert line["spread"] == pytest.approx(scores.max() - scores.min())
    assert readable(rows).loc[(RUN, "", "h36m", "study"), "mpjpe"].startswith(f"{scores['study']:.1f} [")


def test_what_is_missing_or_unknown_is_one_line(folders, tmp_path):
    with pytest.raises(StudyError, match="no protocol 'mine'; there are study"):
        rescore(folders, ["mine"])
    with pytest.raises(StudyError, match="that 3dhp-official is meant for"):
        rescore(folders, ["3dhp-official"])
    with pytest.raises(StudyError, match=r"predictions.h5: not there"):
        rescore([tmp_path])
    shutil.copytree(folders[0], tmp_path / "alone")
    with pytest.raises(StudyError, match=r"test_sets/\w+.h5: not there"):
        rescore([tmp_path / "alone"])


def test_one_command_does_it(folders, tmp_path, capsys):
    status = main(
        ["rescore", "--protocol", "published", "--csv", str(tmp_path / "rows.csv"), *map(str, folders)]
    )
    assert status == 0
    assert "simulated people" in capsys.readouterr().out
    assert np.isfinite(pd.read_csv(tmp_path / "rows.csv")["value"]).all()
    assert main(["rescore", "--protocol", "mine", str(folders[0])]) == 1
    assert "error: no protocol 'mine'" in capsys.readouterr().err
