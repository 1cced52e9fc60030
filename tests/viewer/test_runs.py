"""Runs in the viewer: one and the same person in every part of a view, and every order of the people."""

import json

import h5py
import numpy as np
import pytest

from hpe_study.errors import StudyError
from hpe_study.skeletons import MPII16
from hpe_study.study.run_folder import RunFolder
from hpe_study.viewer.runs import A_WORSE, BY_ERROR, BY_JOINT, RunPeople
from hpe_study.viewer.view import BY_OCCLUSION, IN_ORDER
from tests.tiny_study import OTHER, RUN


@pytest.fixture(scope="module")
def people(tiny_study):
    return RunPeople([RunFolder(tiny_study.folder / name) for name in (RUN, OTHER)], "h36m")


def test_a_view_shows_one_and_the_same_person(people):
    view = people.view(5)
    (a, b), store = view.panels, people.store
    np.testing.assert_allclose(
        (a.dashed.joints_2d - 0.5) * store["side"][5] + store["center"][5], store["joints2d"][5], atol=1e-3
    )
    np.testing.assert_allclose(a.dashed.joints_3d, store["joints3d"][5] - store["joints3d"][5][6], atol=1e-3)
    np.testing.assert_array_equal(a.bars, people.errors[0][5])
    np.testing.assert_array_equal(b.solid.joints_3d, people.joints_3d[1][5])
    np.testing.assert_array_equal(view.picture, people.pictures.crops([5])[0])
    assert "simulated" in view.title
    assert "record 5" in view.title
    assert f"{np.nanmean(a.bars):.0f} mm" in view.description


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


def test_people_are_ordered_by_occlusion_only_where_the_set_says_it(tiny_study, bare_runs):
    assert BY_OCCLUSION not in RunPeople([RunFolder(tiny_study.folder / RUN)], "h36m").orders
    with h5py.File(bare_runs / "test_sets" / "h36m.h5", "a") as file:
        file["occluded"][5, 3] = 1
    people = RunPeople([RunFolder(bare_runs / RUN)], "h36m")
    assert BY_OCCLUSION in people.orders
    assert people.ranked(BY_OCCLUSION, "r_wrist")[0] == 5
    assert "Occluded: l hip" in people.view(5).description


def test_a_2d_set_is_scored_in_head_sizes(tiny_study):
    people = RunPeople([RunFolder(tiny_study.folder / RUN)], "mpii")
    assert people.unit == "error (% of head size)"
    assert np.isnan(people.view(0).panels[0].dashed.joints_3d).all()
    assert np.isfinite(people.view(0).panels[0].solid.joints_3d).all()


def test_heat_maps_peak_where_the_joints_were_read(people):
    maps = people.heatmaps(0, 4)
    cells = maps.shape[-1]
    assert maps.shape == (16, 16, 16)
    column, row = (people.joints_2d[0][4] * cells).astype(int).T
    around = np.pad(maps, ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    near = np.stack([around[np.arange(16), row + y, column + x] for y in range(3) for x in range(3)]).max(0)
    # Not the very peak: the record may have been made in bf16, and of two equal peaks the other one may have
    # won.
    assert (near > 0.97 * maps.reshape(16, -1).max(1)).all()
    assert people.heatmaps(0, 4) is maps  # once computed, kept


def test_without_pictures_the_skeletons_are_there_all_the_same(bare_runs):
    people = RunPeople([RunFolder(bare_runs / RUN)], "h36m")
    assert people.view(0).picture is None
    assert np.isfinite(people.view(0).panels[0].solid.joints_3d).all()
    with pytest.raises(StudyError, match="not at hand"):
        people.heatmaps(0, 0)


def test_a_stage_1_run_has_no_skeleton_in_space(tiny_study, bare_runs):
    with h5py.File(bare_runs / RUN / "predictions.h5", "a") as file:
        file["bones"][:] = np.nan
    record = json.loads((bare_runs / RUN / "run.json").read_text())
    assert record["simulated"]
    people = RunPeople([RunFolder(bare_runs / RUN)], "h36m")
    assert people.unit == "error (% of head size)"
    assert "learnt no depth" in people.view(0).panels[0].notes[-1]
