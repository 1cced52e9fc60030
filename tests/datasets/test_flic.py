"""FLIC, FLIC-Full and FLIC-plus: columns by name, 1-based indices, and no test person in training."""

import numpy as np
import pytest
import scipy.io

from hpe_study.datasets import open_dataset
from hpe_study.datasets.flic import read_examples
from hpe_study.errors import StudyError
from hpe_study.skeletons import FLIC29, MPII16, convert
from tests.datasets import raw_layouts


@pytest.mark.parametrize("shuffled_fields", [False, True])
def test_labels_become_records_whatever_the_order_of_fields(tmp_path, shuffled_fields):
    joints = raw_layouts.flic(tmp_path, shuffled_fields=shuffled_fields)
    train, test = (open_dataset("flic", tmp_path, split) for split in ("train", "test"))
    assert (len(train), len(test)) == (2, 1)
    for i, record in enumerate((*train, *test)):
        np.testing.assert_allclose(record.joints2d, joints[i])
        assert np.flatnonzero(record.labelled).tolist() == raw_layouts.FLIC_LABELLED
        assert record.image == tmp_path / "flic" / "images" / f"movie-{i:08d}.jpg"
        assert record.image_size == (64, 48)
        low, high = (
            np.minimum(np.nanmin(joints[i], 0), [10, 10]),
            np.maximum(np.nanmax(joints[i], 0), [30, 44]),
        )
        np.testing.assert_allclose(record.center, (low + high) / 2)
        assert record.side == pytest.approx(1.25 * (high - low).max())
        shoulder, hip = joints[i, FLIC29.indices("l_shoulder r_hip")]
        assert 0.5 * record.head_size == pytest.approx(0.2 * np.linalg.norm(shoulder - hip))
        assert record.meta["frame"] == 100 + i


def test_what_flic_lacks_stays_missing_in_mpii_joints(tmp_path):
    raw_layouts.flic(tmp_path)
    record = open_dataset("flic", tmp_path, "test")[0]
    made = convert(record.joints2d, FLIC29, MPII16)
    lacking = {MPII16.joints[i] for i in np.flatnonzero(np.isnan(made).any(1))}
    assert lacking == {"r_ankle", "r_knee", "l_knee", "l_ankle", "upper_neck", "head_top"}


MARKS = ((1, 0), (0, 1), (0, 0), (0, 0), (0, 0))


def test_full_trains_on_no_test_image_and_no_person_marked_bad(tmp_path):
    images = [f"f-{i}.jpg" for i in range(4)] + ["f-1.jpg"]  # the last person stands in the test image, too
    raw_layouts.flic(tmp_path, "flic_full", MARKS, bad=(0, 0, 1, 0, 0), images=images)
    train = open_dataset("flic", tmp_path, "train", variant="full")
    assert [record.meta["index"] for record in train] == [0, 3]
    assert train.left_out == {"marked as bad": 1, "image of FLIC's test split": 2}
    assert [record.meta["index"] for record in open_dataset("flic", tmp_path, "test", variant="full")] == [1]
    raw_layouts.flic(
        tmp_path, "flic", ((1, 0), (0, 1)), images=["f-0.jpg", "f-3.jpg"]
    )  # FLIC's own list is heeded, too
    assert [record.meta["index"] for record in open_dataset("flic", tmp_path, "train", variant="full")] == [0]


def test_full_without_test_marks_is_not_trained_on(tmp_path):
    raw_layouts.flic(tmp_path, "flic_full", ((0, 0), (0, 0)), bad=(0, 0))
    with pytest.raises(StudyError, match="marks no test image"):
        open_dataset("flic", tmp_path, "train", variant="full")


def test_plus_counts_from_one(tmp_path):
    raw_layouts.flic(tmp_path, "flic_full", MARKS, bad=(0,) * 5)
    path = tmp_path / "flic_full" / "tr_plus_indices.mat"
    with pytest.raises(StudyError, match="tr_plus_indices.mat: not there"):
        open_dataset("flic", tmp_path, "train", variant="plus")
    raw_layouts.save_mat(path, tr_plus_indices=np.array([[1], [4], [5]], np.uint16))
    assert [record.meta["index"] for record in open_dataset("flic", tmp_path, "train", variant="plus")] == [
        0,
        3,
        4,
    ]
    for wrong in ([[0], [1]], [[6]]):
        raw_layouts.save_mat(path, tr_plus_indices=np.array(wrong, np.uint16))
        with pytest.raises(StudyError, match="tr_plus_indices.mat: its indices are not within 1 … 5"):
            open_dataset("flic", tmp_path, "train", variant="plus")


def test_wrong_files_and_options_are_named(tmp_path):
    raw_layouts.flic(tmp_path)
    with pytest.raises(StudyError, match="variant 'extra' is not one of flic, full, plus"):
        open_dataset("flic", tmp_path, "train", variant="extra")
    with pytest.raises(StudyError, match="flic_full: not there"):
        open_dataset("flic", tmp_path, "train", variant="full")
    raw_layouts.flic(tmp_path, "flic_full")
    with pytest.raises(StudyError, match="examples has no field isbad, isunchecked; this is not FLIC-Full's"):
        open_dataset("flic", tmp_path, "train", variant="full")
    raw_layouts.flic(tmp_path, images=["../a.jpg", "b.jpg", "c.jpg"])
    with pytest.raises(StudyError, match="examples.mat: image path '../a.jpg'"):
        open_dataset("flic", tmp_path, "train")


def test_the_real_labels(real_data, tmp_path):
    path = real_data / "flic" / "examples.mat"
    labels = read_examples(path)
    assert (labels["istrain"].sum(), labels["istest"].sum()) == (3987, 1016)
    assert np.flatnonzero(np.isfinite(labels["coords"]).any((0, 2))).tolist() == raw_layouts.FLIC_LABELLED
    assert len(set(labels["filepath"])) == 4552
    folder = tmp_path / "flic"
    (folder / "images").mkdir(parents=True)
    (folder / "examples.mat").symlink_to(path)
    for name in set(labels["filepath"]):
        (folder / "images" / name).touch()
    train, test = (open_dataset("flic", tmp_path, split, strict=True) for split in ("train", "test"))
    assert (len(train), len(test)) == (3987, 1016)
    both = {record.image.name for record in train} & {record.image.name for record in test}
    assert len(both) == 2
    inside = [
        (np.abs(record.joints2d - record.center) <= record.side / 2) | ~record.labelled[:, None]
        for record in test
    ]
    assert np.all(inside)
    assert np.isfinite([record.head_size for record in test]).mean() > 0.99


def test_only_the_folder_that_is_read_decides_what_is_simulated(tmp_path):
    raw_layouts.flic(tmp_path)
    raw_layouts.flic(tmp_path, "flic_full", MARKS, bad=(0,) * 5)
    (tmp_path / "flic_full" / "SIMULATED.json").write_text("{}")
    assert not open_dataset("flic", tmp_path, "train").simulated
    assert open_dataset("flic", tmp_path, "test", variant="full").simulated


def test_a_person_without_torso_box_or_size_is_read_without(tmp_path):
    joints = raw_layouts.flic(tmp_path)
    path = tmp_path / "flic" / "examples.mat"
    examples = scipy.io.loadmat(path)["examples"]
    for field in ("torsobox", "imgdims", "currframe", "moviename"):
        examples[0, 2][field] = np.zeros((0, 0))
    raw_layouts.save_mat(path, examples=examples)
    record = open_dataset("flic", tmp_path, "test")[0]
    low, high = np.nanmin(joints[2], 0), np.nanmax(joints[2], 0)
    np.testing.assert_allclose(record.center, (low + high) / 2)
    assert record.image_size is None
    assert record.meta["frame"] is None
    assert record.meta["sequence"] == ""


@pytest.mark.parametrize("field", ["imgdims", "currframe"])
def test_a_number_that_cannot_be_whole_is_named(tmp_path, field):
    raw_layouts.flic(tmp_path)
    path = tmp_path / "flic" / "examples.mat"
    examples = scipy.io.loadmat(path)["examples"]
    examples[0, 2][field] = np.full((1, 3 if field == "imgdims" else 1), np.inf)
    raw_layouts.save_mat(path, examples=examples)
    with pytest.raises(StudyError, match="examples.mat: holds something that it should not"):
        list(open_dataset("flic", tmp_path, "test"))
