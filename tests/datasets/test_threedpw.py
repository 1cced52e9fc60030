"""3DPW: everybody in a frame, world → camera, metres → millimetres, and who is left out."""

import pickle

import numpy as np
import pytest

from hpe_study.datasets import open_dataset
from hpe_study.errors import StudyError
from tests.datasets import raw_layouts


@pytest.mark.parametrize("key", ["poses2d", "poses2D"])
def test_people_of_all_frames(tmp_path, key):
    world = raw_layouts.threedpw(tmp_path, key=key)
    records = open_dataset("3dpw", tmp_path, "test")
    assert [(record.meta["person"], record.meta["frame"]) for record in records] == [
        (0, 0),
        (0, 1),
        (0, 2),
        (0, 3),
        (1, 0),
        (1, 1),
    ]
    assert records.left_out == {"camera pose not valid": 1, "person not in the picture": 1}
    for record in records:
        person, frame = record.meta["person"], record.meta["frame"]
        camera = 1000 * (world[person, frame] * [1, -1, -1] + [0.1, 0.2, 5.0])
        np.testing.assert_allclose(record.joints3d, camera)
        np.testing.assert_allclose(record.joints2d, camera[:, :2] / camera[:, 2:] * [60, 61] + [32, 24])
        np.testing.assert_allclose(record.intrinsics, [60, 61, 32, 24])
        assert record.labelled.all()
        assert record.image == tmp_path / "3dpw/imageFiles/downtown_walk_00" / f"image_{frame:05d}.jpg"
        assert record.meta["subject"] == f"downtown_walk_00/{person}"


def test_every_nth_frame(tmp_path):
    raw_layouts.threedpw(tmp_path)
    assert [(r.meta["person"], r.meta["frame"]) for r in open_dataset("3dpw", tmp_path, "test", every=2)] == [
        (0, 0),
        (0, 2),
        (1, 0),
    ]


def test_a_split_without_sequences_is_missing(tmp_path):
    raw_layouts.threedpw(tmp_path)
    with pytest.raises(StudyError, match="3dpw/sequenceFiles/train: not there"):
        open_dataset("3dpw", tmp_path, "train")


def test_foreign_and_contradicting_files_are_named(tmp_path):
    raw_layouts.threedpw(tmp_path)
    path = tmp_path / "3dpw/sequenceFiles/test/downtown_walk_00.pkl"
    good = pickle.loads(path.read_bytes())
    for changes, message in (
        ({"jointPositions": [np.zeros((4, 72))]}, "are not of the same people"),
        ({"cam_poses": np.zeros((4, 3, 4))}, r"cam_poses has shape \(4, 3, 4\)"),
        ({"poses2d": [np.zeros((4, 3, 18)), np.zeros((3, 3, 18))]}, r"poses2d\[1\] has shape \(3, 3, 18\)"),
        ({"sequence": "../../elsewhere"}, "image path"),
    ):
        raw_layouts.save_pickle(path, good | changes)
        with pytest.raises(StudyError, match=f"downtown_walk_00.pkl: .*{message}"):
            open_dataset("3dpw", tmp_path, "test")
    raw_layouts.save_pickle(path, [1, 2])
    with pytest.raises(StudyError, match="is not a sequence file of 3DPW"):
        open_dataset("3dpw", tmp_path, "test")


def test_what_macos_leaves_beside_a_file_is_no_sequence(tmp_path):
    raw_layouts.threedpw(tmp_path)
    (tmp_path / "3dpw/sequenceFiles/test/._downtown_walk_00.pkl").write_bytes(b"\0\5\x16\7")
    assert len(open_dataset("3dpw", tmp_path, "test")) == 6


def test_a_partial_copy_is_reported(tmp_path):
    raw_layouts.threedpw(tmp_path)
    with pytest.warns(UserWarning, match=r"sequenceFiles/test \(23 of 24 sequences\)"):
        open_dataset("3dpw", tmp_path, "test")
    with pytest.raises(StudyError, match="23 of 24 sequences.*`strict` is on"):
        open_dataset("3dpw", tmp_path, "test", strict=True)
    (tmp_path / "3dpw" / "SIMULATED.json").write_text("{}")
    assert not open_dataset("3dpw", tmp_path, "test", strict=True).missing_parts


def test_one_sequence_in_two_files_is_refused(tmp_path):
    raw_layouts.threedpw(tmp_path)
    path = tmp_path / "3dpw/sequenceFiles/test/downtown_walk_00.pkl"
    path.with_name("downtown_walk_00 (1).pkl").write_bytes(path.read_bytes())
    with pytest.raises(StudyError, match="is one of 2 files of the sequence 'downtown_walk_00'"):
        open_dataset("3dpw", tmp_path, "test")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cam_poses", "text"),
        ("jointPositions", None),
        ("jointPositions", 5),
        ("jointPositions", {}),
        ("cam_intrinsics", "text"),
    ],
)
def test_values_of_another_kind_are_named(tmp_path, key, value):
    raw_layouts.threedpw(tmp_path)
    path = tmp_path / "3dpw/sequenceFiles/test/downtown_walk_00.pkl"
    raw_layouts.save_pickle(path, pickle.loads(path.read_bytes()) | {key: value})
    with pytest.raises(StudyError, match="downtown_walk_00.pkl"):
        open_dataset("3dpw", tmp_path, "test")


@pytest.mark.parametrize(
    ("person", "seen"),
    [([0, 0, 0], True), ([0, 0, 6], False), ([0, 0, 4.9], False), ([1.9, 0, 0], True)],
    ids=["in the middle", "behind the camera", "a hand at the lens", "half outside"],
)
def test_who_is_not_to_be_seen_is_left_out(tmp_path, person, seen):
    """The camera looks along −z from z = 5 m; 60 px of focal length and a picture of 64×48 px."""
    raw_layouts.threedpw(tmp_path)
    path = tmp_path / "3dpw/sequenceFiles/test/downtown_walk_00.pkl"
    data = pickle.loads(path.read_bytes())
    pose = np.random.default_rng(0).uniform(-0.3, 0.3, (24, 3))
    if person[2] == 4.9:
        pose = np.where(np.arange(24)[:, None] == 23, [0.3, 0.3, 0.095], pose - [0, 0, 2])
    data["jointPositions"][0] = np.tile((pose + person).reshape(72), (4, 1))
    raw_layouts.save_pickle(path, data)
    records = open_dataset("3dpw", tmp_path, "test")
    assert [record.meta["frame"] for record in records if record.meta["person"] == 0] == (
        [0, 1, 2, 3] if seen else []
    )
