"""Run folders: the right people with the right numbers, and one line where something is missing or damaged."""

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


def test_an_incomplete_folder_says_what_it_lacks(bare_runs):
    (bare_runs / RUN / "run.json").rename(bare_runs / RUN / "kept.json")
    with pytest.raises(StudyError, match=r"has no run\.json; this run is not trained yet"):
        RunFolder(bare_runs / RUN)
    (bare_runs / RUN / "run.json").write_text("{}")
    with pytest.raises(StudyError, match=r"run\.json: is no record of a training"):
        RunFolder(bare_runs / RUN)
    (bare_runs / OTHER / "predictions.h5").unlink()
    with pytest.raises(StudyError, match=r"has no predictions\.h5; this run is not evaluated yet"):
        RunFolder(bare_runs / OTHER)
    with pytest.raises(StudyError, match="no such run folder"):
        RunFolder(bare_runs / "nowhere")


def test_predictions_that_cannot_be_compared_are_refused(bare_runs):
    path = bare_runs / RUN / "predictions.h5"
    with h5py.File(path, "a") as file:
        file["h36m"].attrs["key"] = "of other labels"
    with pytest.raises(StudyError, match="other labels"):
        PredictedPeople([RunFolder(bare_runs / RUN)], "h36m")
    with pytest.raises(StudyError, match="no predictions of lsp"):
        RunFolder(bare_runs / RUN).predictions["lsp"]
    with h5py.File(path, "a") as file:
        file.attrs["skeleton"] = "smpl24"
    with pytest.raises(StudyError, match="smpl24"):
        RunFolder(bare_runs / RUN)
    path.write_text("no HDF5")
    with pytest.raises(StudyError, match="not readable"):
        RunFolder(bare_runs / RUN)


def test_zero_frames(bare_runs):
    for path in (bare_runs / RUN / "predictions.h5", bare_runs / "test_sets" / "h36m.h5"):
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
        PredictedPeople([RunFolder(bare_runs / RUN)], "h36m")


def test_predictions_that_lack_an_array_are_refused(bare_runs):
    with h5py.File(bare_runs / RUN / "predictions.h5", "a") as file:
        del file["h36m"]["depth"]
    with pytest.raises(StudyError, match="not readable.*evaluate the run again"):
        PredictedPeople([RunFolder(bare_runs / RUN)], "h36m")
    with h5py.File(bare_runs / RUN / "predictions.h5", "a") as file:
        del file["bones"]
    with pytest.raises(StudyError, match="not readable.*evaluate the run again"):
        RunFolder(bare_runs / RUN)
