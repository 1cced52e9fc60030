"""Publishing: the profile becomes `reference`, an unfinished study is refused, pictures alone are left
uncompared."""

import json
import shutil
from pathlib import Path

import h5py
import nbformat
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from hpe_study.data.store import Store
from hpe_study.errors import StudyError
from hpe_study.metrics import UNITS
from hpe_study.parameter_files import read_profile
from hpe_study.report.results import Results
from hpe_study.study import Study
from hpe_study.study.audit import trials
from tests.evaluation.test_run_record import RECORD
from tests.report.fabricated import fabricate
from tools import publish


def test_the_reference_is_the_profile_under_another_name(tmp_path):
    (tmp_path / "demo.yaml").write_text(Path("params/demo.yaml").read_text())
    path = tmp_path / "reference.yaml"
    path.write_text(publish.reference_text("params/demo.yaml", "params/demo.yaml"))
    written, source = read_profile(path).model_dump(), read_profile("params/demo.yaml").model_dump()
    assert {key for key in written if written[key] != source[key]} == {"name", "records"}
    assert written["name"] == "reference"


@pytest.mark.parametrize("name", publish.NOTEBOOKS)
def test_what_is_committed_is_a_snapshot_of_its_profile(name):
    profile, path = f"params/{name}.yaml", Path(f"params/{publish.reference_name(name)}.yaml")
    if not path.exists():
        pytest.skip("not published yet")
    # more seeds than `make study` trains may be published, and behind it may stand what the profile has changed since
    committed, now = (
        [line for line in text.splitlines() if not line.startswith("seeds:")]
        for text in (path.read_text(), publish.reference_text(profile, profile))
    )
    assert committed[: len(now)] == now


def test_a_profile_that_no_notebook_opens_on_is_refused():
    with pytest.raises(StudyError, match="publish one of demo, fair, .*, audit"):
        publish.main("params/first.yaml")


def test_an_unfinished_study_is_refused_and_nothing_is_written(tmp_path):
    (tmp_path / "params").mkdir()
    profile = tmp_path / "params" / "demo.yaml"
    profile.write_text(Path("params/demo.yaml").read_text())
    with pytest.raises(StudyError, match=r"runs are missing, such as .*run make study first"):
        publish.main(profile)
    assert not (tmp_path / "figures").exists()


DAMAGED = (
    "runs.csv",
    "floors.csv",
    "errors.h5",
    "test_sets/h36m.h5",
    f"{publish.SHOWN[0].name}/predictions.h5",
)


def test_damaged_records_are_refused_and_nothing_is_written(tmp_path, monkeypatch):
    study = fabricate(tmp_path, tables=(1,))
    monkeypatch.setattr(publish, "NOTEBOOKS", {"fabricated": ()})
    for name in DAMAGED:
        path = study.folder / name
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 3] + b"\n,")
        with pytest.raises(StudyError, match=path.name):
            publish.main(study.profile_path)
        assert not (tmp_path / "figures").exists(), name
        path.write_bytes(whole)


def test_little_is_kept_in_a_published_folder(tmp_path):
    """What was made, as data and pictures in few colours; pages and drawings can be made anew."""
    for name in ("table1.csv", "table1.html", "table9.csv", "table1.tex", "claims.svg"):
        (tmp_path / name).write_text("")
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "people.png")
    (tmp_path / "records").mkdir()
    before = (tmp_path / "people.png").stat().st_size
    publish.tidy(tmp_path, {"table1", "claims"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["people.png", "records", "table1.csv"]
    small = (tmp_path / "people.png").read_bytes()
    assert len(small) < before / 2
    with Image.open(tmp_path / "people.png") as published:
        assert np.abs(np.asarray(published.convert("RGB"), float) - noise).mean() < 40
    publish.tidy(tmp_path, {"table1", "claims"})
    assert (tmp_path / "people.png").read_bytes() == small, "nothing is lost a second time"


def finished_audit(home, without=()):
    """The audit's folders as its notebook leaves them: a record a training, its files."""
    (home / "params").mkdir()
    for name in ("audit", "demo"):
        (home / "params" / f"{name}.yaml").write_text(Path(f"params/{name}.yaml").read_text())
    study = Study(home / "params" / "audit.yaml")
    made = {
        "simulated": True,
        "code": "abc",
        "seconds": 1.0,
        "hash": "h",
        "device": "a core",
        "precision": "fp32",
    }
    for trial in trials(study.profile):
        folder = study.with_legacy(trial.switches).run_folder(trial.run)
        folder.mkdir(parents=True, exist_ok=True)
        parameters = {"training": {"epochs": 2}, "legacy": list(trial.switches)}
        (folder / "run.json").write_text(json.dumps(RECORD | made | {"parameters": parameters}))
    study.figures.mkdir(parents=True)
    for name in publish.AUDIT_FILES - set(without):
        (study.figures / f"{name}.csv").write_text("a\n")
    return study


def test_the_audit_is_published_with_how_each_training_was_made(tmp_path, monkeypatch):
    study = finished_audit(tmp_path)
    executed = []
    monkeypatch.setattr(publish, "execute_in_place", executed.append)
    figures = publish.main(study.profile_path)
    assert figures == tmp_path / "figures" / "reference" / "audit"
    assert executed == [tmp_path / "notebooks" / "audit.ipynb"]
    assert {path.stem for path in figures.glob("*.csv")} == publish.AUDIT_FILES
    runs = pd.read_csv(figures / "records" / "runs.csv")
    assert len(runs) == len(trials(study.profile))
    assert set(runs["code"]) == {"abc"}
    assert runs["legacy"].isna().any()
    assert runs["legacy"].str.contains("first_n_3d").any()


def test_half_an_audit_is_refused(tmp_path):
    study = finished_audit(tmp_path, without=["audit_stack"])
    with pytest.raises(StudyError, match="lacks audit_stack"):
        publish.main(study.profile_path)
    (study.with_legacy([]).run_folder(trials(study.profile)[0].run) / "run.json").unlink()
    with pytest.raises(StudyError, match="trainings are missing"):
        publish.main(study.profile_path)
    assert not (tmp_path / "figures" / "reference").exists()


def test_pictures_are_not_compared_and_texts_are(tmp_path):
    path = tmp_path / "a.ipynb"
    drawing = "import matplotlib.pyplot as plt\nplt.plot([1, 2]);"
    cells = [nbformat.v4.new_code_cell(source) for source in ("%matplotlib inline\nprint(1 + 1)", drawing)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    publish.execute_in_place(path)
    text, picture = nbformat.read(path, as_version=4).cells
    assert text.outputs[0].text == "2\n"
    assert "tags" not in text.metadata
    assert picture.metadata.tags == ["nbval-ignore-output"]
    assert "execution" not in picture.metadata


def test_people_are_published_in_half_precision_and_read_back(tmp_path):
    """Errors of everyone, predictions of the shown runs, their labels: what an analysis reads on a fresh copy."""
    study = fabricate(tmp_path / "own", tables=(1, 2, 3))
    records = tmp_path / "fresh" / "records"
    records.mkdir(parents=True)
    publish.publish_people(study, records)
    publish.publish_errors(study, records)
    assert len(list(records.glob("errors-seed*.h5"))) == len(study.profile.seeds)
    assert len(list(records.glob("*/predictions.h5"))) == len(publish.SHOWN)
    for path in study.records:
        shutil.copy2(path, records / path.name)
    (tmp_path / "fresh" / "params").mkdir()
    text = study.profile_path.read_text().replace("name: fabricated", "name: fresh\nrecords: records")
    (tmp_path / "fresh" / "params" / "fresh.yaml").write_text(text)
    fresh, own = Results(Study(tmp_path / "fresh" / "params" / "fresh.yaml")), Results(study)
    assert fresh.unpaired == []
    name = publish.SHOWN[0].name
    np.testing.assert_array_equal(fresh.errors(name, "h36m"), own.errors(name, "h36m"))
    theirs, ours = fresh.prediction(name, "h36m").poses, own.prediction(name, "h36m").poses
    assert np.abs(theirs - ours).max() < 3.0  # mm
    assert fresh.prediction("stage3-lsp-h36m-h36m-seed0", "h36m") is None
    assert fresh.study.figures == tmp_path / "fresh" / "figures" / "again" / "fresh"


def test_pictures_of_the_people_shown_are_published_and_of_nobody_else(tmp_path):
    study = fabricate(tmp_path / "own", tables=(1,))
    (tmp_path / "lists").mkdir()
    for name, person in (("figures", 3), ("errors", 5), ("again", 3)):
        text = f"test_set,person\nh36m,{person}\n"
        (tmp_path / "lists" / f"{name}_shown.csv").write_text(text)
    home = tmp_path / "fresh"
    records = home / "records"
    (records / "pictures" / "flic").mkdir(parents=True)  # of an earlier publication
    publish.publish_pictures(study, tmp_path / "lists", records)
    publish.publish_people(study, records)
    pictures = sorted(path.relative_to(records).as_posix() for path in (records / "pictures").rglob("*.*"))
    assert pictures == ["pictures/h36m/3.jpg", "pictures/h36m/5.jpg"]
    assert not (records / "pictures" / "flic").exists()
    for path in study.records:
        shutil.copy2(path, records / path.name)
    (home / "params").mkdir()
    text = study.profile_path.read_text().replace("name: fabricated", "name: fresh\nrecords: records")
    (home / "params" / "fresh.yaml").write_text(text)
    fresh, own = Results(Study(home / "params" / "fresh.yaml")), Results(study)
    picture = own.picture("h36m", 3)
    assert np.abs(fresh.picture("h36m", 3).astype(int) - picture).mean() < 5
    assert picture.std() > 10
    assert fresh.picture("h36m", 4) is None


def test_no_picture_of_a_real_person_is_published(tmp_path):
    study = fabricate(tmp_path / "own", simulated=False, tables=[4])
    (tmp_path / "a_shown.csv").write_text("test_set,person\nh36m,3\n")
    publish.publish_pictures(study, tmp_path, tmp_path / "records")
    assert not (tmp_path / "records").exists()


LABELS = {
    "joints2d",
    "joints3d",
    "own_joints2d",
    "own_joints3d",
    "labelled",
    "region",
    "center",
    "image",
    "crops",
}


def test_of_real_people_scores_and_errors_are_published_alone(tmp_path, monkeypatch):
    """No label, no picture, no prediction, no name of a picture."""
    study = fabricate(tmp_path / "own", simulated=False, tables=[4])
    for path in study.blazepose:
        path.write_bytes(study.errors_path.read_bytes())
    monkeypatch.setattr(publish, "NOTEBOOKS", {"fabricated": ()})
    (tmp_path / "fresh" / "params").mkdir(parents=True)
    shutil.copy(study.profile_path, tmp_path / "fresh" / "params")
    figures = publish.main(study.profile_path, tmp_path / "fresh")
    written = {path.relative_to(figures).as_posix() for path in figures.rglob("*") if path.is_file()}
    assert written == {
        f"records/{name}"
        for name in (
            *("runs.csv", "history.csv", "floors.csv", "errors-seed0.h5"),
            *("blazepose.csv", "blazepose.h5"),
        )
    }
    with h5py.File(figures / "records" / "errors-seed0.h5") as file:
        arrays = {name.split("/")[-1] for name in keys_of(file)}
    assert not arrays & LABELS
    numbers = {"person", "sequence", "moment", "runs", "found", *UNITS}
    assert {name.removesuffix(" joints") for name in arrays} <= numbers
    names = set(np.concatenate([Store(study.labels_path(name))["image"] for name in study.sets]))
    text = b"".join((figures / name).read_bytes() for name in written)
    assert not [name for name in names if Path(name).name.encode() in text]
    fresh = Study(tmp_path / "fresh" / "params" / "reference_fabricated.yaml")
    assert Results(fresh).unpaired == []


def keys_of(file):
    names = []
    file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return names


def test_notebooks_read_what_is_published_while_they_are_executed(tmp_path):
    path = tmp_path / "a.ipynb"
    cells = [nbformat.v4.new_code_cell(source) for source in ('profile = "real"', "print(profile)")]
    cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    publish.execute_in_place(path, {"newest": "reference_real", "real": "reference_real"})
    parameters, shown = nbformat.read(path, as_version=4).cells
    assert parameters.source == 'profile = "real"'
    assert shown.outputs[0].text == "reference_real\n"
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "reference_real.yaml").write_text("")
    assert publish.published_in(tmp_path) == {"real": "reference_real"}
