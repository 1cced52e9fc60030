"""Run folders: the right people with the right numbers, and one line where something is missing or damaged."""

import shutil

import h5py
import numpy as np
import pandas as pd
import pytest

from hpe_study.errors import StudyError
from hpe_study.metrics import mpjpe
from hpe_study.study.run_folder import PredictedPeople, RunFolder
from tests.tiny_study import OTHER, RUN


@pytest.fixture(scope="module")
def people(tiny_study):
    return PredictedPeople([RunFolder(tiny_study.folder / name) for name in (RUN, OTHER)], "h36m")


@pytest.fixture
def copy(tiny_study, tmp_path):
    """A copy of the runs without project around it: no parameter file, no pictures."""
    for name in (RUN, OTHER, "test_sets"):
        shutil.copytree(tiny_study.folder / name, tmp_path / "runs" / name)
    return tmp_path / "runs"


def test_errors_are_those_of_the_metrics_table(people, tiny_study):
    table = pd.read_csv(tiny_study.folder / RUN / "metrics.csv")
    row = table[
        (table["test_set"] == "h36m") & (table["scorer"] == "model") & (table["metric"] == "mpjpe")
    ].iloc[0]
    assert people.unit == "error (mm)"
    np.testing.assert_allclose(np.nanmean(people.errors[0]), row["value"], rtol=1e-6)
    np.testing.assert_allclose(mpjpe(people.joints_3d[0], people.true_3d), row["value"], rtol=1e-6)


def test_the_training_split_is_predicted_on_the_spot(tiny_study):
    people = PredictedPeople([RunFolder(tiny_study.folder / RUN)], "h36m", "train")
    assert len(people) == len(people.store)
    assert np.isfinite(people.errors[0][:, 0]).all()


def test_predicting_again_gives_what_was_recorded(people):
    predicted = people.runs[0].predictor.arrays(people.pictures)
    same = (np.abs(predicted.joints - people.joints_2d[0]) < 0.02).all(-1)
    assert (
        same.mean() > 0.95
    )  # the record may have been made in bf16: of two equal peaks the other one may have won
    np.testing.assert_allclose(predicted.depth[same], people.predicted[0].depth[same], atol=0.02)


def test_an_incomplete_folder_says_what_it_lacks(copy):
    (copy / RUN / "run.json").rename(copy / RUN / "kept.json")
    with pytest.raises(StudyError, match=r"has no run\.json; this run is not trained yet"):
        RunFolder(copy / RUN)
    (copy / RUN / "run.json").write_text("{}")
    with pytest.raises(StudyError, match=r"run\.json: is no record of a training"):
        RunFolder(copy / RUN)
    (copy / OTHER / "predictions.h5").unlink()
    with pytest.raises(StudyError, match=r"has no predictions\.h5; this run is not evaluated yet"):
        RunFolder(copy / OTHER)
    with pytest.raises(StudyError, match="no such run folder"):
        RunFolder(copy / "nowhere")


def test_predictions_that_cannot_be_compared_are_refused(copy):
    path = copy / RUN / "predictions.h5"
    with h5py.File(path, "a") as file:
        file["h36m"].attrs["key"] = "of other labels"
    with pytest.raises(StudyError, match="other labels"):
        PredictedPeople([RunFolder(copy / RUN)], "h36m")
    with pytest.raises(StudyError, match="no predictions of lsp"):
        RunFolder(copy / RUN).predictions["lsp"]
    with h5py.File(path, "a") as file:
        file.attrs["skeleton"] = "smpl24"
    with pytest.raises(StudyError, match="smpl24"):
        RunFolder(copy / RUN)
    path.write_text("no HDF5")
    with pytest.raises(StudyError, match="not readable"):
        RunFolder(copy / RUN)


def test_zero_frames(copy):
    for path in (copy / RUN / "predictions.h5", copy / "test_sets" / "h36m.h5"):
        with h5py.File(path, "a") as file:
            group = file.get("h36m", file)
            for key in list(group):
                values, attributes = group[key][:0], dict(group[key].attrs)
                del group[key]
                group.create_dataset(
                    key, data=values, dtype=values.dtype if values.dtype != object else h5py.string_dtype()
                )
                group[key].attrs.update(attributes)
    with pytest.raises(StudyError, match="has no people"):
        PredictedPeople([RunFolder(copy / RUN)], "h36m")


def test_predictions_that_lack_an_array_are_refused(copy):
    with h5py.File(copy / RUN / "predictions.h5", "a") as file:
        del file["h36m"]["depth"]
    with pytest.raises(StudyError, match="not readable.*evaluate the run again"):
        PredictedPeople([RunFolder(copy / RUN)], "h36m")
    with h5py.File(copy / RUN / "predictions.h5", "a") as file:
        del file["bones"]
    with pytest.raises(StudyError, match="not readable.*evaluate the run again"):
        RunFolder(copy / RUN)
