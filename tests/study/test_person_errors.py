"""`errors.h5`: what the runs' own predictions give, person by person, in half precision."""

import h5py
import numpy as np
import pytest

from hpe_study.errors import StudyError
from hpe_study.evaluation.bootstrap import units_of
from hpe_study.evaluation.prediction_file import PredictionFile
from hpe_study.evaluation.scoring import poses_of, values_2d, values_3d
from hpe_study.metrics import METRICS_3D, UNITS
from hpe_study.skeletons.bone_lengths import scale_to_bones
from hpe_study.study.person_errors import PersonErrors, write_errors
from hpe_study.utils.arrays import nan_mean
from tests.tiny_study import RUN


@pytest.fixture(scope="module")
def written(tiny_study, tmp_path_factory):
    from hpe_study.data.store import Store

    path = tmp_path_factory.mktemp("errors") / "errors.h5"
    labels = {name: tiny_study.labels_path(name) for name in ("mpii", "h36m")}
    folders = {name: tiny_study.folder / name for name in (RUN, "stage3-only3d-h36m-h36m-seed0", "not-run")}
    write_errors(path, folders, labels)
    return PersonErrors(path), {name: Store(place) for name, place in labels.items()}


def test_errors_are_those_of_the_predictions(tiny_study, written):
    errors, labels = written
    store, file = labels["h36m"], PredictionFile(tiny_study.folder / RUN)
    predicted = file["h36m"]
    poses = scale_to_bones(poses_of(predicted.joints, predicted.depth), file.bones.own)
    arrays = values_3d(poses, store["joints3d"].astype(float)) | values_2d(predicted.joints, store)
    assert set(METRICS_3D) < set(arrays) < set(errors.metrics("h36m"))
    row = errors.runs("h36m").index(RUN)
    for metric, values in arrays.items():
        np.testing.assert_allclose(errors.errors("h36m", metric)[row], nan_mean(values, 1), rtol=1e-3)
        joints = errors.joints("h36m", metric)
        assert joints.tolist() == (~np.isnan(values)).sum(1).tolist()
        mean = (np.nan_to_num(errors.errors("h36m", metric)[row]) * joints).sum() / joints.sum()
        assert mean == pytest.approx(np.nanmean(values), rel=1e-3)


def test_a_run_without_predictions_is_left_out_and_units_are_the_labels(written):
    errors, labels = written
    assert errors.runs("h36m") == [RUN, "stage3-only3d-h36m-h36m-seed0"]
    assert errors.runs("mpii") == [RUN]
    assert errors.runs("lsp") == []
    assert [level.tolist() for level in errors.units("h36m").levels] == [
        level.tolist() for level in units_of(labels["h36m"]).levels
    ]
    assert errors.key("h36m") == labels["h36m"].attrs["key"]


def test_a_damaged_file_is_named(written, tmp_path):
    path = tmp_path / "errors.h5"
    written[0].write(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(StudyError, match=r"errors\.h5: not readable as errors of people"):
        PersonErrors(path)


def test_files_of_single_runs_read_as_one(written, tmp_path):
    """One run has no 2D test set, so a whole set and its metrics are in one of the two files alone."""
    whole, _ = written
    paths = [tmp_path / f"{run}.h5" for run in whole.runs("h36m")]
    for path, run in zip(paths, whole.runs("h36m"), strict=True):
        whole.write(path, {run})
    again = PersonErrors(*paths)
    for test_set in whole.test_sets:
        assert again.runs(test_set) == whole.runs(test_set)
        assert again.metrics(test_set) == whole.metrics(test_set)
        for metric in whole.metrics(test_set):
            np.testing.assert_array_equal(again.errors(test_set, metric), whole.errors(test_set, metric))
            np.testing.assert_array_equal(again.joints(test_set, metric), whole.joints(test_set, metric))


def test_files_of_other_labels_are_refused(written, tmp_path):
    one, other = tmp_path / "one.h5", tmp_path / "other.h5"
    for path in (one, other):
        written[0].write(path)
    with h5py.File(other, "r+") as file:
        file["h36m"].attrs["key"] = "another"
    with pytest.raises(StudyError, match=r"other\.h5: its test set h36m has other labels than .*one\.h5"):
        PersonErrors(one, other)


def put(name, value):
    def change(group):
        del group[name]
        group[name] = value

    return change


def enormous(group):
    del group["mpjpe"]
    group.create_dataset("mpjpe", (2, 10**9), "f2", chunks=(1, 1000), compression="gzip")


CHANGES = {
    "text": put("mpjpe", np.array([["a"]], "S")),
    "fewer people": put("mpjpe", np.zeros((2, 3), np.float16)),
    "fewer runs": lambda group: put("runs", group["runs"][:1])(group),
    "other counts": put("mpjpe joints", np.zeros(3, np.uint8)),
    "a group": lambda group: put("person", h5py.SoftLink("/"))(group),
    "enormous": enormous,
    "linked": put("mpjpe", h5py.ExternalLink("/etc/hostname", "/x")),
    "a key that is a number": lambda group: group.attrs.__setitem__("key", 3),
    "an odd origin": lambda group: group.attrs.__setitem__("simulated", "no"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_does_not_fit_together_is_refused(written, tmp_path, change):
    path = tmp_path / "errors.h5"
    written[0].write(path)
    with h5py.File(path, "r+") as file:
        CHANGES[change](file["h36m"])
    with pytest.raises(StudyError, match=r"errors\.h5: ") as caught:
        PersonErrors(path)
    assert "\n" not in str(caught.value)


def test_an_infinite_error_is_refused(written, tmp_path):
    path = tmp_path / "errors.h5"
    written[0].write(path)
    with h5py.File(path, "r+") as file:
        file["h36m/mpjpe"][0, 2] = np.inf
    with pytest.raises(StudyError, match=r"errors\.h5: h36m/mpjpe holds an infinite error; collect"):
        PersonErrors(path).errors("h36m", "mpjpe")


def test_a_run_whose_errors_stand_twice_is_refused(written, tmp_path):
    one, other = tmp_path / "errors-seed0.h5", tmp_path / "errors-seed1.h5"
    for path in (one, other):
        written[0].write(path, {RUN})
    with pytest.raises(StudyError, match=rf"seed1\.h5: .* errors of {RUN} twice, here and in .*seed0\.h5"):
        PersonErrors(one, other)
    with h5py.File(other, "r+") as file:
        put("runs", np.array([RUN, RUN], "S"))(file["mpii"])
        for metric in UNITS:
            if metric in file["mpii"]:
                put(metric, np.zeros((2, len(file["mpii/person"])), np.float16))(file["mpii"])
    with pytest.raises(StudyError, match=rf"seed1\.h5: mpii has the errors of {RUN} twice;"):
        PersonErrors(other)


@pytest.mark.parametrize("name", ["person", "mpjpe joints"])
def test_files_of_other_people_under_one_key_are_refused(written, tmp_path, name):
    paths = [tmp_path / f"{run}.h5" for run in written[0].runs("h36m")]
    for path, run in zip(paths, written[0].runs("h36m"), strict=True):
        written[0].write(path, {run})
    with h5py.File(paths[1], "r+") as file:
        file["h36m"][name][0] += 1
    with pytest.raises(
        StudyError, match=rf"{paths[1].name}: h36m/{name} is another than in .*{paths[0].name}"
    ):
        PersonErrors(*paths).units("h36m") if name == "person" else PersonErrors(*paths).joints(
            "h36m", "mpjpe"
        )
