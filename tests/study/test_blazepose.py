"""BlazePose beside the runs of a study: its scores as rows of the records' schema, its errors of people."""

import os
from types import SimpleNamespace

import numpy as np
import pytest

from hpe_study.errors import StudyError
from hpe_study.evaluation import blazepose
from hpe_study.evaluation.blazepose import FOUND, MISSES, SAME_JOINTS
from hpe_study.report.arms import beside_blazepose
from hpe_study.study import blazepose as step
from hpe_study.study.blazepose import write_blazepose
from hpe_study.study.person_errors import PersonErrors
from hpe_study.study.records import RUN_COLUMNS, SCORE_COLUMNS, read_runs
from tests.evaluation.test_blazepose import oracle
from tests.report.fabricated import fabricate


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return fabricate(tmp_path_factory.mktemp("blazepose"), tables=[4])


@pytest.fixture
def looks(study, monkeypatch):
    """Test sets whose pictures were looked at: BlazePose is right about three people of four."""
    seen = []

    def detect(store, home):
        seen.append(store.path.stem)
        return oracle(store, np.arange(len(store)) % 4 > 0)

    monkeypatch.setattr(step, "open_dataset", lambda *args, **options: SimpleNamespace(root=study.home))
    monkeypatch.setattr(blazepose, "people_of", lambda store, root: store)
    monkeypatch.setattr(blazepose, "detect", detect)
    return seen


def test_not_installed_is_one_line_and_nothing_is_written(study, monkeypatch):
    monkeypatch.setattr(step, "open_dataset", lambda *args, **options: SimpleNamespace(root=study.home))
    with pytest.raises(StudyError, match="run: make blazepose"):
        write_blazepose(study, progress=False)
    assert not [path for path in study.blazepose if path.exists()]
    assert beside_blazepose(study).empty


def test_its_scores_stand_beside_the_runs(study, looks):
    write_blazepose(study, progress=False)
    assert sorted(looks) == sorted(study.sets)
    rows = read_runs(study.blazepose[0])
    assert set(rows["scorer"]) == {MISSES, FOUND, SAME_JOINTS}
    assert rows["value"].notna().all()
    own = rows[rows["run"] == "BlazePose"]
    assert set(own["learnt_from"]) == {"real"}
    assert not own["simulated"].any()
    assert set(own["test_origin"]) == {"simulated"}  # of the test people
    known = read_runs(study.records[0]).drop_duplicates("run").set_index("run")
    others = rows[rows["scorer"] == SAME_JOINTS]
    assert set(others["run"]) == {row.run.name for row in study.rows}
    assert not others.duplicated([*RUN_COLUMNS, *SCORE_COLUMNS[:5]]).any()
    assert others["seconds"].to_numpy() == pytest.approx(known.loc[others["run"], "seconds"].to_numpy())


def test_its_errors_of_people_give_its_scores(study, looks):
    write_blazepose(study, progress=False)
    assert looks == [], "what it saw is kept"
    rows = read_runs(study.blazepose[0]).set_index(["test_set", "scorer", "metric"])["value"]
    errors = PersonErrors(study.blazepose[1])
    assert errors.test_sets == sorted(study.sets)
    for metric, scorers in {"pckh": (MISSES, FOUND), "mpjpe": (FOUND,)}.items():
        for scorer in scorers:
            values = errors.errors("h36m", metric)[errors.runs("h36m").index(scorer)]
            joints = np.where(np.isnan(values), 0, errors.joints("h36m", metric))
            mean = (np.nan_to_num(values) * joints).sum() / joints.sum()
            assert mean == pytest.approx(rows["h36m", scorer, metric], rel=1e-3, abs=1e-3)


def test_a_frame_has_it_as_an_arm(study, looks):
    write_blazepose(study, progress=False)
    frame = beside_blazepose(study)
    own = frame[frame["run"] == "BlazePose"]
    assert set(own["source"]) == {MISSES, FOUND}
    assert set(own["three_d"]) == {""}
    assert set(frame[frame["run"] != "BlazePose"]["scorer"]) == {SAME_JOINTS}
    found = read_runs(study.blazepose[0]).query("metric == 'found'")
    assert found["value"].tolist() == pytest.approx([75.0] * len(study.sets))
    assert set(found["n"]) == {20}


@pytest.mark.parametrize("damage", ["text", "cut short", "another array", "a pipe"])
def test_damaged_landmarks_are_named(refused, tmp_path, damage):
    path = tmp_path / "data" / "prepared" / "blazepose" / f"h36m-{'k' * 16}.npz"
    path.parent.mkdir(parents=True)
    if damage == "a pipe":
        os.mkfifo(path)
    elif damage == "text":
        path.write_text("hello")
    else:
        np.savez(path, other=np.zeros(300))
    if damage == "cut short":
        path.write_bytes(path.read_bytes()[:200])
    store = SimpleNamespace(attrs={"key": "k" * 64})
    refused(step._landmarks, SimpleNamespace(home=tmp_path), "h36m", store, names=path, seconds=5)
