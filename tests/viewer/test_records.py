"""Raw records in the viewer: what preparation will make of them, and what they lack, in words."""

import numpy as np
import pytest

from hpe_study.datasets import open_dataset
from hpe_study.datasets.record import UNKNOWN
from hpe_study.errors import StudyError
from hpe_study.skeletons import MPII16, convert
from hpe_study.viewer.records import BY_MISSING, RecordPeople
from hpe_study.viewer.view import BY_OCCLUSION, IN_ORDER
from tests.stick_people import StickPeople


@pytest.fixture(scope="module")
def records(tiny_study):
    return open_dataset("h36m", tiny_study.raw, "test")


def test_own_joints_left_prepared_joints_right(records):
    people = RecordPeople(records)
    own, common = people.view(2).panels
    assert own.solid.skeleton.name == "h36m17"
    assert common.solid.skeleton is MPII16
    record = records[2]
    np.testing.assert_allclose(
        (own.solid.joints_2d - 0.5) * record.side + record.center, record.joints2d, atol=1e-6
    )
    expected = convert(record.joints3d, record.skeleton, MPII16)
    np.testing.assert_allclose(common.solid.joints_3d, expected - expected[6], atol=1e-3)
    assert people.view(2).unit == "depth target (box sides)"


def test_the_depth_target_is_the_stores(records, tiny_study):
    from hpe_study.data.store import Store

    store = Store(tiny_study.store_path("h36m", "test"))
    np.testing.assert_allclose(RecordPeople(records).view(3).panels[1].bars, store["depth"][3], atol=1e-5)


def test_missing_joints_are_named(tmp_path):
    people = StickPeople(tmp_path / "images", 3)
    people[1].joints2d[4], people[1].labelled[4] = np.nan, False
    people.root = tmp_path
    shown = RecordPeople(people)
    assert "missing: l_knee" in shown.view(1).description
    assert list(shown.ranked(BY_MISSING, "r_wrist")) == [1, 0, 2]
    assert list(shown.ranked(IN_ORDER, "r_wrist")) == [0, 1, 2]


def test_records_are_ordered_by_occlusion_only_where_the_set_says_it(tmp_path):
    people = StickPeople(tmp_path / "images", 3)
    people.root = tmp_path
    for number in range(3):
        people[number].occluded[:] = UNKNOWN
    assert BY_OCCLUSION not in RecordPeople(people).orders
    people[2].occluded[4] = 1
    assert RecordPeople(people).ranked(BY_OCCLUSION, "r_wrist")[0] == 2
    assert BY_OCCLUSION in RecordPeople(people).orders


def test_a_record_whose_image_is_gone_is_shown_without_it(tmp_path):
    people = StickPeople(tmp_path / "images", 2)
    people[0].image.unlink()
    view = RecordPeople(people).view(0)
    assert view.picture is None
    assert "no such file" in view.description


def test_a_2d_set_says_that_it_has_no_depth(tiny_study, records):
    mpii = open_dataset("mpii", tiny_study.raw, "test")
    assert "no depth labels" in RecordPeople(mpii).view(0).panels[1].notes[-1]
    assert "no depth labels" not in RecordPeople(records).view(0).panels[1].notes[-1]


def test_no_records_is_a_message(tmp_path):
    with pytest.raises(StudyError, match="no record to show"):
        RecordPeople(StickPeople(tmp_path / "images", 0))


def test_a_large_set_is_listed_evenly(tmp_path):
    people = RecordPeople(StickPeople(tmp_path / "images", 9), listed=3)
    assert list(people.rows) == [0, 4, 8]
    assert "record 8" in people.person(2)


def test_raw_records_have_no_heat_maps(records):
    with pytest.raises(StudyError, match="belong to runs"):
        RecordPeople(records).heatmaps(0, 0)
