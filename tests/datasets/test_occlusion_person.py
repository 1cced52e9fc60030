"""Occlusion-Person: what is outside, what is hidden, and the unit that is not written anywhere."""

import numpy as np
import pytest

from datasets import raw_layouts
from hpe_study.datasets import open_dataset
from hpe_study.errors import StudyError


def test_labels_become_records(tmp_path):
    px, mm = raw_layouts.occlusion_person(tmp_path)
    records = open_dataset("occlusion_person", tmp_path, "test")
    px[:, 5] = np.nan
    for i, record in enumerate(records):
        np.testing.assert_allclose(record.joints2d, px[i])
        np.testing.assert_allclose(record.joints3d, mm[i])
        assert record.occluded.tolist() == [0, 0, 0, 0, 0, -1, 0, 0, 0, 1, 0, 0, 0, 0, 0]
        assert record.image == tmp_path / "occlusion_person" / "images" / f"a05_sa01_s14_sce00/{i:02d}_000007.jpg"
        np.testing.assert_allclose(record.center, [30, 20])
        assert record.side == pytest.approx(1.25 * 40)
        np.testing.assert_allclose(record.intrinsics, [50, 51, 32, 24])
        assert np.isnan(record.head_size)
        known = {"subject": "s14", "sequence": "a05_sa01_s14_sce00", "action": "a5/1", "camera": i, "frame": 7}
        assert {key: record.meta[key] for key in known} == known


@pytest.mark.parametrize("unit", [1.0, 10.0, 1000.0], ids=["mm", "cm", "m"])
def test_units_are_told_by_the_thigh(tmp_path, unit):
    _, mm = raw_layouts.occlusion_person(tmp_path, unit=unit)
    np.testing.assert_allclose(open_dataset("occlusion_person", tmp_path, "test")[0].joints3d, mm[0])


@pytest.mark.parametrize("unit", [25.4, 0.1])
def test_no_unit_is_guessed(tmp_path, unit):
    raw_layouts.occlusion_person(tmp_path, unit=unit)
    with pytest.raises(StudyError, match="unrealcv_validation.pkl: the median thigh is .* no human's in mm, cm or m"):
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
