"""Occlusion-Person: what is outside, what is hidden, and the unit that is not written anywhere."""

import pickle

import numpy as np
import pytest

from hpe_study.datasets import open_dataset
from hpe_study.errors import StudyError
from tests.datasets import raw_layouts


def test_labels_become_records(tmp_path):
    px, mm = raw_layouts.occlusion_person(tmp_path)
    records = open_dataset("occlusion_person", tmp_path, "test")
    px[:, 5] = np.nan
    for i, record in enumerate(records):
        np.testing.assert_allclose(record.joints2d, px[i])
        np.testing.assert_allclose(record.joints3d, mm[i])
        assert record.occluded.tolist() == [0, 0, 0, 0, 0, -1, 0, 0, 0, 1, 0, 0, 0, 0, 0]
        assert (
            record.image
            == tmp_path / "occlusion_person" / "images" / f"a05_sa01_s14_sce00/{i:02d}_000007.jpg"
        )
        np.testing.assert_allclose(record.center, [30, 20])
        assert record.side == pytest.approx(1.25 * 40)
        np.testing.assert_allclose(record.intrinsics, [50, 51, 32, 24])
        assert np.isnan(record.head_size)
        known = {
            "subject": "s14",
            "sequence": "a05_sa01_s14_sce00",
            "action": "a5/1",
            "camera": i,
            "frame": 7,
        }
        assert {key: record.meta[key] for key in known} == known


@pytest.mark.parametrize("unit", [1.0, 10.0, 1000.0], ids=["mm", "cm", "m"])
def test_units_are_inferred_from_the_thigh(tmp_path, unit):
    _, mm = raw_layouts.occlusion_person(tmp_path, unit=unit)
    np.testing.assert_allclose(open_dataset("occlusion_person", tmp_path, "test")[0].joints3d, mm[0])


@pytest.mark.parametrize("unit", [25.4, 0.1])
def test_no_unit_is_guessed(tmp_path, unit):
    raw_layouts.occlusion_person(tmp_path, unit=unit)
    with pytest.raises(
        StudyError, match="unrealcv_validation.pkl: the median thigh is .* not a human's in mm, cm or m"
    ):
        open_dataset("occlusion_person", tmp_path, "test")


def test_foreign_and_dangerous_files_are_refused(tmp_path):
    raw_layouts.occlusion_person(tmp_path)
    path = tmp_path / "occlusion_person" / "unrealcv_validation.pkl"
    raw_layouts.save_pickle(path, {"sequence": "downtown"})
    with pytest.raises(StudyError, match="is not a list of records"):
        open_dataset("occlusion_person", tmp_path, "test")
    raw_layouts.save_pickle(path, [{"image": "/etc/passwd"}])
    with pytest.raises(StudyError, match="image path '/etc/passwd'"):
        open_dataset("occlusion_person", tmp_path, "test")
    raw_layouts.save_pickle(path, [{"image": "a/b.jpg", "joints_vis": np.ones((15, 1))}])
    with pytest.raises(StudyError, match="record 0 has no 'joints_vis_2d'"):
        open_dataset("occlusion_person", tmp_path, "test")


def test_a_list_without_people_is_no_crash(tmp_path):
    raw_layouts.occlusion_person(tmp_path)
    raw_layouts.save_pickle(tmp_path / "occlusion_person" / "unrealcv_validation.pkl", [])
    assert len(open_dataset("occlusion_person", tmp_path, "test")) == 0


def test_the_labels_may_lie_in_annot_as_the_page_draws_them(tmp_path):
    raw_layouts.occlusion_person(tmp_path)
    folder = tmp_path / "occlusion_person"
    (folder / "annot").mkdir()
    (folder / "unrealcv_validation.pkl").rename(folder / "annot" / "unrealcv_validation.pkl")
    assert len(open_dataset("occlusion_person", tmp_path, "test")) == 4


def test_a_transposed_pose_is_no_pose(tmp_path):
    raw_layouts.occlusion_person(tmp_path)
    path = tmp_path / "occlusion_person" / "unrealcv_validation.pkl"
    people = pickle.loads(path.read_bytes())
    people[2]["joints_2d"] = people[2]["joints_2d"].T
    raw_layouts.save_pickle(path, people)
    with pytest.raises(
        StudyError, match=r"'joints_2d' of record 2 is not numbers of shape \(15, 2\) but of \(2, 15\)"
    ):
        open_dataset("occlusion_person", tmp_path, "test")


def test_3d_that_is_not_where_its_2d_is_is_doubted(tmp_path, recwarn):
    px, mm = raw_layouts.occlusion_person(tmp_path)
    path = tmp_path / "occlusion_person" / "unrealcv_validation.pkl"
    people = pickle.loads(path.read_bytes())
    for person, pose in zip(people, mm, strict=True):
        person["joints_2d"] = pose[:, :2] / pose[:, 2:] * [50, 51] + [32, 24]
    raw_layouts.save_pickle(path, people)
    open_dataset("occlusion_person", tmp_path, "test")
    assert not recwarn
    people[1]["joints_3d"] = people[1]["joints_3d"] + [2000, 0, 0]
    raw_layouts.save_pickle(path, people)
    with pytest.warns(UserWarning, match="in 1 of 4 records .*01_000007.jpg.* joints_3d do not project"):
        open_dataset("occlusion_person", tmp_path, "test")


def test_names_that_no_file_can_have_are_refused(tmp_path):
    raw_layouts.occlusion_person(tmp_path)
    path = tmp_path / "occlusion_person" / "unrealcv_validation.pkl"
    people = pickle.loads(path.read_bytes())
    for name in ("a/\0.jpg", f"a/{'x' * 300}.jpg"):
        people[0]["image"] = name
        raw_layouts.save_pickle(path, people)
        with pytest.raises(StudyError, match="image path"):
            open_dataset("occlusion_person", tmp_path, "test")
