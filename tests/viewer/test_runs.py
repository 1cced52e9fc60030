"""Run records as the viewer reads them: the right people with the right numbers, and clear words where
something is missing."""

import json
import shutil

import h5py
import numpy as np
import pandas as pd
import pytest

from hpe_study.errors import StudyError
from hpe_study.metrics import mpjpe
from hpe_study.skeletons import MPII16
from hpe_study.viewer.runs import A_WORSE, BY_ERROR, BY_JOINT, BY_OCCLUSION, IN_ORDER, RunFolder, RunPeople
from tests.tiny_study import OTHER, RUN


@pytest.fixture(scope="module")
def people(tiny_study):
    return RunPeople([RunFolder(tiny_study.folder / name) for name in (RUN, OTHER)], "h36m")


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
    np.testing.assert_allclose(mpjpe(people.poses[0], people.truth), row["value"], rtol=1e-6)


def test_a_view_shows_one_and_the_same_person(people):
    view = people.view(5)
    (a, b), store = view.halves, people.store
    np.testing.assert_allclose(
        (a.dashed.flat - 0.5) * store["side"][5] + store["center"][5], store["joints2d"][5], atol=1e-3
    )
    np.testing.assert_allclose(a.dashed.deep, store["joints3d"][5] - store["joints3d"][5][6], atol=1e-3)
    np.testing.assert_array_equal(a.bars, people.errors[0][5])
    np.testing.assert_array_equal(b.solid.deep, people.poses[1][5])
    np.testing.assert_array_equal(view.picture, people.pictures.crops([5])[0])
    assert "simulated" in view.title
    assert "record 5" in view.title
    assert f"{np.nanmean(a.bars):.0f} mm" in view.words


def test_the_picture_lies_where_its_pixels_were(people):
    """The corner of the stored square, taken back to px, is half a pixel outside its first pixel's centre."""
    x, y, width, height = people.view(3).extent
    left, top, size = people.store["region"][3]
    side, center = people.store["side"][3], people.store["center"][3]
    np.testing.assert_allclose(
        (np.array([x, y]) - 0.5) * side + center, np.array([left, top]) - 0.5, atol=1e-3
    )
    np.testing.assert_allclose([width * side, height * side], [size, size], rtol=1e-6)


def test_orders(people):
    means = [np.nanmean(errors, 1) for errors in people.errors]
    assert list(people.ranked(IN_ORDER, "r_wrist")) == list(range(len(people)))
    assert (np.diff(means[0][people.ranked(BY_ERROR, "r_wrist")]) <= 0).all()
    assert (np.diff(people.errors[0][people.ranked(BY_JOINT, "l_ankle"), MPII16.index("l_ankle")]) <= 0).all()
    assert (np.diff((means[0] - means[1])[people.ranked(A_WORSE, "r_wrist")]) <= 0).all()
    assert sorted(people.ranked(BY_OCCLUSION, "r_wrist")) == list(range(len(people)))


def test_people_are_ordered_by_occlusion_only_where_the_set_says_it(tiny_study, copy):
    assert BY_OCCLUSION not in RunPeople([RunFolder(tiny_study.folder / RUN)], "h36m").orders
    with h5py.File(copy / "test_sets" / "h36m.h5", "a") as file:
        file["occluded"][5, 3] = 1
    people = RunPeople([RunFolder(copy / RUN)], "h36m")
    assert BY_OCCLUSION in people.orders
    assert people.ranked(BY_OCCLUSION, "r_wrist")[0] == 5
    assert "Occluded: l hip" in people.view(5).words


def test_a_2d_set_is_scored_in_head_sizes(tiny_study):
    people = RunPeople([RunFolder(tiny_study.folder / RUN)], "mpii")
    assert people.unit == "error (% of head size)"
    assert np.isnan(people.view(0).halves[0].dashed.deep).all()
    assert np.isfinite(people.view(0).halves[0].solid.deep).all()


def test_the_training_split_is_predicted_on_the_spot(tiny_study):
    people = RunPeople([RunFolder(tiny_study.folder / RUN)], "h36m", "train")
    assert len(people) == len(people.store)
    assert np.isfinite(people.errors[0][:, 0]).all()


def test_predicting_again_gives_what_was_recorded(people):
    joints, depth = people.runs[0].network.on(people.pictures, np.arange(len(people)))
    same = (np.abs(joints - people.joints[0]) < 0.02).all(-1)
    assert (
        same.mean() > 0.95
    )  # the record may have been made in bf16: of two equal peaks the other one may have won
    np.testing.assert_allclose(depth[same], people.depth[0][same], atol=0.02)


def test_heat_maps_peak_where_the_joints_were_read(people):
    maps = people.heatmaps(0, 4)
    cells = maps.shape[-1]
    assert maps.shape == (16, 16, 16)
    column, row = (people.joints[0][4] * cells).astype(int).T
    around = np.pad(maps, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    near = np.stack([around[np.arange(16), row + y, column + x] for y in range(3) for x in range(3)]).max(0)
    # Not the very peak: the record may have been made in bf16, and of two equal peaks the other one may have
    # won.
    assert (near > 0.97 * maps.reshape(16, -1).max(1)).all()
    assert people.heatmaps(0, 4) is maps  # once computed, kept


def test_without_pictures_the_skeletons_are_there_all_the_same(copy):
    people = RunPeople([RunFolder(copy / RUN)], "h36m")
    assert people.view(0).picture is None
    assert np.isfinite(people.view(0).halves[0].solid.deep).all()
    with pytest.raises(StudyError, match="not at hand"):
        people.heatmaps(0, 0)


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
        RunPeople([RunFolder(copy / RUN)], "h36m")
    with pytest.raises(StudyError, match="no predictions of lsp"):
        RunFolder(copy / RUN).predicted("lsp", None)
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
        RunPeople([RunFolder(copy / RUN)], "h36m")


def test_a_stage_1_run_has_no_skeleton_in_space(tiny_study, copy):
    with h5py.File(copy / RUN / "predictions.h5", "a") as file:
        file["bones"][:] = np.nan
    record = json.loads((copy / RUN / "run.json").read_text())
    assert record["simulated"]
    people = RunPeople([RunFolder(copy / RUN)], "h36m")
    assert people.unit == "error (% of head size)"
    assert "learnt no depth" in people.view(0).halves[0].title
