"""Labels and images of different sizes are told apart by what the labels give: a size, a camera, or joints
alone."""

from dataclasses import replace

import numpy as np
import pytest

from hpe_study.datasets import open_dataset
from hpe_study.datasets.record import check_fit
from hpe_study.errors import StudyError
from tests.datasets import raw_layouts


def test_a_stated_size_must_be_met(tmp_path):
    raw_layouts.flic(tmp_path)
    record = open_dataset("flic", tmp_path, "test")[0]
    check_fit(record, 64, 48)
    with pytest.raises(StudyError, match="movie-00000002.jpg: is 48×64 px, but its labels are for 64×48 px"):
        check_fit(record, 48, 64)


def test_a_camera_looks_through_the_middle(tmp_path):
    raw_layouts.occlusion_person(tmp_path)
    record = open_dataset("occlusion_person", tmp_path, "test")[0]
    check_fit(record, 64, 48)
    for width, height in ((32, 24), (128, 96), (51, 38), (80, 60)):
        with pytest.raises(StudyError, match=r"principal point is at \[32.0, 24.0\]"):
            check_fit(record, width, height)


def test_joints_lie_in_their_image(tmp_path):
    raw_layouts.h36m_challenge(tmp_path)
    record = open_dataset("h36m", tmp_path, "test")[0]
    check_fit(record, 64, 48)
    with pytest.raises(
        StudyError, match="00001.jpg: is 12×10 px, but 1[0-9] of its 17 labelled joints lie outside"
    ):
        check_fit(record, 12, 10)


def test_the_real_people_fit_their_images(real_data, tmp_path):
    cv2 = pytest.importorskip("cv2")
    (tmp_path / "mpii" / "annot").mkdir(parents=True)
    (tmp_path / "mpii" / "annot" / "valid.json").symlink_to(real_data / "mpii" / "valid_first5.json")
    (tmp_path / "mpii" / "images").symlink_to(real_data / "mpii" / "images")
    records = open_dataset("mpii", tmp_path, "test", strict=True)
    assert len(records) == 5
    for record in records:
        height, width = cv2.imread(str(record.image)).shape[:2]
        check_fit(record, width, height)
        with pytest.raises(StudyError, match="lie outside"):
            check_fit(record, width // 8, height // 8)
        assert np.isfinite(record.center).all()


def test_a_box_shows_some_of_the_image_and_is_not_many_times_larger(tmp_path):
    raw_layouts.mpii_json(tmp_path)
    record = open_dataset("mpii", tmp_path, "test")[0]
    check_fit(record, 64, 48)
    check_fit(replace(record, side=300.0), 64, 48)
    for changes in (
        {"center": np.array([1e5, 1e5])},
        {"center": np.array([-40.0, 20.0])},
        {"side": 1e6},
        {"center": np.array([1e12, 0])},
    ):
        with pytest.raises(
            StudyError, match="shows nothing of it; .*delete the image: its records are then left out"
        ):
            check_fit(replace(record, **changes), 64, 48)


def test_joints_outside_a_picture_of_the_right_size_are_seen(tmp_path):
    raw_layouts.flic(tmp_path)
    record = open_dataset("flic", tmp_path, "test")[0]
    with pytest.raises(StudyError, match="11 of its 11 labelled joints lie outside"):
        check_fit(replace(record, joints2d=record.joints2d + 5000), 64, 48)
