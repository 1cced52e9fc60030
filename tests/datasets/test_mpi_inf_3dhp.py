"""MPI-INF-3DHP: frames by number, camera sets, both truths, valid frames only."""

import h5py
import numpy as np
import pytest
import scipy.io

from hpe_study.datasets import mpi_inf_3dhp, open_dataset
from hpe_study.errors import StudyError
from tests.datasets import raw_layouts


def open_quietly(*arguments, **options):
    """The other sequences are not there, which is said."""
    with pytest.warns(UserWarning, match="not there"):
        return open_dataset("mpi_inf_3dhp", *arguments, **options)


def test_training_records(tmp_path):
    arrays = raw_layouts.mpi_inf_3dhp_train(tmp_path)
    records = open_quietly(tmp_path, "train")
    assert len(records) == 8 * 6
    assert len(records.missing_parts) == 15
    for record in records:
        camera, frame = record.meta["camera"], record.meta["frame"]
        assert (
            record.image
            == tmp_path / f"mpi_inf_3dhp/S1/Seq1/imageSequence/video_{camera}/frame_{frame + 1:06d}.jpg"
        )
        np.testing.assert_allclose(record.joints2d, arrays["annot2"][camera, frame], atol=1e-5)
        np.testing.assert_allclose(record.joints3d, arrays["annot3"][camera, frame], atol=1e-5)
        np.testing.assert_allclose(record.joints3d_universal, arrays["univ_annot3"][camera, frame], atol=1e-5)
        np.testing.assert_allclose(record.intrinsics, [1500 + camera, 1501 + camera, 1024.7, 1051.4])
        assert record.image_size == (64, 48)
        assert (record.meta["subject"], record.meta["sequence"]) == ("S1", "S1/Seq1")


@pytest.mark.parametrize(
    ("cameras", "expected"),
    [("vnect", {0, 1, 2, 4, 5, 6, 7, 8}), ("chest", {0, 2, 4, 7, 8}), ([4, 2], {2, 4})],
)
def test_camera_sets(tmp_path, cameras, expected):
    raw_layouts.mpi_inf_3dhp_train(tmp_path, frames=2)
    assert {record.meta["camera"] for record in open_quietly(tmp_path, "train", cameras=cameras)} == expected


def test_an_absent_frame_shifts_no_labels(tmp_path):
    arrays = raw_layouts.mpi_inf_3dhp_train(tmp_path, cameras=(2,))
    gone = tmp_path / "mpi_inf_3dhp/S1/Seq1/imageSequence/video_2/frame_000003.jpg"
    gone.unlink()
    with pytest.warns(
        UserWarning, match=f"1 of 6 records left out because their image is absent .first: {gone}"
    ):
        records = open_dataset("mpi_inf_3dhp", tmp_path, "train", cameras=[2])
    assert [record.meta["frame"] for record in records] == [0, 1, 3, 4, 5]
    for record in records:
        number = int(record.image.stem.removeprefix("frame_"))
        np.testing.assert_allclose(record.joints2d, arrays["annot2"][2, number - 1], atol=1e-5)


def four_frames(root, split):
    """A sequence of four frames that count, of one camera; returns their folder and the first word of their
    names."""
    if split == "train":
        raw_layouts.mpi_inf_3dhp_train(root, frames=4, cameras=(0,))
        return root / "mpi_inf_3dhp/S1/Seq1/imageSequence/video_0", "frame"
    raw_layouts.mpi_inf_3dhp_test(root, valid=(1, 1, 1, 1))
    return root / "mpi_inf_3dhp/mpi_inf_3dhp_test_set/TS1/imageSequence", "img"


@pytest.mark.parametrize("split", ["train", "test"])
def test_frames_are_found_by_number_whatever_the_file_is_called(tmp_path, split):
    """PNG, capital letters, other padding; what is no frame, or only the beginning of one, is not taken for
    one."""
    folder, word = four_frames(tmp_path, split)
    for number, name in (
        (1, f"{word}_000001.png"),
        (2, f"{word}_000002.JPG"),
        (3, f"{word}_3.jpg"),
        (4, f"{word}_000004.jpg.part"),
    ):
        (folder / f"{word}_{number:06d}.jpg").rename(folder / name)
    (folder / "Thumbs.db").touch()
    records = open_quietly(tmp_path, split, **({"cameras": [0]} if split == "train" else {}))
    assert [record.meta["frame"] for record in records] == [0, 1, 2]
    assert [record.image.name for record in records] == [
        f"{word}_000001.png",
        f"{word}_000002.JPG",
        f"{word}_3.jpg",
    ]
    assert records.left_out == {"image absent": 1}


def test_the_video_that_is_short_in_the_original_is_no_fault_of_the_copy(tmp_path, monkeypatch):
    monkeypatch.setattr(mpi_inf_3dhp, "SHORT_VIDEOS", {("S6/Seq2", 2): 3})
    raw_layouts.mpi_inf_3dhp_train(tmp_path, "S6/Seq2", frames=5, cameras=(0, 2))
    for number in (4, 5):
        (tmp_path / f"mpi_inf_3dhp/S6/Seq2/imageSequence/video_2/frame_{number:06d}.jpg").unlink()
    records = open_quietly(tmp_path, "train", cameras=[0, 2])
    assert [(record.meta["camera"], record.meta["frame"]) for record in records] == [
        (0, i) for i in range(5)
    ] + [(2, i) for i in range(3)]
    assert records.left_out == {"beyond the end of the original video": 2}


def test_frames_that_were_not_extracted_are_counted(tmp_path):
    raw_layouts.mpi_inf_3dhp_train(tmp_path, frames=3, cameras=())
    records = open_quietly(tmp_path, "train")
    assert len(records) == 0
    assert records.left_out == {"image absent": 24}


def test_every_nth_frame_and_few_sequences_in_memory(tmp_path):
    for name in ("S1/Seq1", "S1/Seq2", "S2/Seq1"):
        raw_layouts.mpi_inf_3dhp_train(tmp_path, name, frames=5, cameras=(0, 8))
    records = open_quietly(tmp_path, "train", cameras=[0, 8], every=2)
    assert [record.meta["frame"] for record in records] == 6 * [0, 2, 4]
    assert len(records._held) == 2
    assert records._held["S2/Seq1"]["annot3"].shape == (2, 5, 28, 3)


def test_sequences_beyond_the_real_six_are_read_in_their_order(tmp_path):
    for name in ("TS12", "TS1", "TS7"):
        raw_layouts.mpi_inf_3dhp_test(tmp_path, name, valid=(1,))
    (tmp_path / "mpi_inf_3dhp" / "mpi_inf_3dhp_test_set" / "TS07").mkdir()
    records = open_quietly(tmp_path, "test")
    assert [record.meta["sequence"] for record in records] == ["TS1", "TS7", "TS12"]


def test_only_valid_test_frames_count(tmp_path):
    arrays = raw_layouts.mpi_inf_3dhp_test(tmp_path)
    raw_layouts.mpi_inf_3dhp_test(tmp_path, "TS5", valid=(0, 0, 1))
    records = open_quietly(tmp_path, "test", truth="univ")
    assert [(record.meta["sequence"], record.meta["frame"]) for record in records] == [
        ("TS1", 0),
        ("TS1", 2),
        ("TS1", 3),
        ("TS5", 2),
    ]
    assert records.left_out == {"not a valid frame": 3}
    for record in records[0], records[2]:
        frame = record.meta["frame"]
        assert record.image.name == f"img_{frame + 1:06d}.jpg"
        np.testing.assert_allclose(record.joints2d, arrays["annot2"][frame])
        np.testing.assert_allclose(record.joints3d, arrays["annot3"][frame])
        np.testing.assert_allclose(record.joints3d_universal, 1.1 * arrays["annot3"][frame])
        np.testing.assert_allclose(record.intrinsics, [100, 110, 30, 20])
        assert record.meta["action"] == 3


def test_no_camera_is_made_up_where_none_fits(tmp_path):
    raw_layouts.mpi_inf_3dhp_test(tmp_path)
    with h5py.File(tmp_path / "mpi_inf_3dhp/mpi_inf_3dhp_test_set/TS1/annot_data.mat", "r+") as file:
        file["annot2"][...] = raw_layouts.numbers(4, 1, 17, 2, high=2000)
    assert np.isnan(open_quietly(tmp_path, "test")[0].intrinsics).all()


def test_wrong_options_and_broken_files_are_named(tmp_path):
    raw_layouts.mpi_inf_3dhp_train(tmp_path, frames=2)
    for options, message in (
        ({"cameras": "all"}, "cameras 'all' is not vnect, chest, ceiling"),
        ({"cameras": [14]}, "cameras .14. is not"),
        ({"every": 0}, "every: 0 is not"),
        ({"truth": "annot2"}, "truth 'annot2' is not one of univ, annot3"),
    ):
        with pytest.raises(StudyError, match=message):
            open_dataset("mpi_inf_3dhp", tmp_path, "train", **options)
    path = tmp_path / "mpi_inf_3dhp/S1/Seq1/annot.mat"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 3])
    with pytest.raises(StudyError, match="annot.mat: truncated"):
        open_dataset("mpi_inf_3dhp", tmp_path, "train")
    raw_layouts.save_mat(path, joints=np.zeros(3))
    with pytest.raises(StudyError, match="annot.mat: has no frames but joints"):
        open_dataset("mpi_inf_3dhp", tmp_path, "train")
    path.write_bytes(whole)
    calibration = path.with_name("camera.calibration")
    calibration.write_text("Skeletool\nname 0\n size a b\n")
    with pytest.raises(StudyError, match="camera.calibration: 'size a b' cannot be read"):
        open_dataset("mpi_inf_3dhp", tmp_path, "train")


def test_a_stand_in_is_complete_with_the_sequences_it_has(tmp_path):
    raw_layouts.mpi_inf_3dhp_train(tmp_path, frames=1)
    (tmp_path / "mpi_inf_3dhp" / "SIMULATED.json").write_text("{}")
    records = open_dataset("mpi_inf_3dhp", tmp_path, "train", strict=True)
    assert records.simulated
    assert not records.missing_parts


def test_frames_beside_the_videos_or_in_a_folder_of_their_own(tmp_path):
    arrays = raw_layouts.mpi_inf_3dhp_train(tmp_path, frames=3, cameras=(0, 2))
    sequence = tmp_path / "mpi_inf_3dhp/S1/Seq1"
    (sequence / "imageSequence").rename(sequence / "imageFrames")
    (sequence / "imageSequence").mkdir()  # of the videos
    records = open_quietly(tmp_path, "train", cameras=[0, 2])
    assert [record.meta["frame"] for record in records] == 2 * [0, 1, 2]
    assert records[4].image == sequence / "imageFrames/video_2/frame_000002.jpg"
    np.testing.assert_allclose(records[4].joints2d, arrays["annot2"][2, 1], atol=1e-5)


@pytest.mark.parametrize("split", ["train", "test"])
def test_frames_counted_from_0_belong_to_the_label_of_their_number(tmp_path, split):
    folder, word = four_frames(tmp_path, split)
    for number in range(1, 5):
        (folder / f"{word}_{number:06d}.jpg").rename(folder / f"{word}_{number - 1:06d}.jpg")
    records = open_quietly(tmp_path, split, **({"cameras": [0]} if split == "train" else {}))
    assert [(record.meta["frame"], record.image.name) for record in records] == [
        (n, f"{word}_{n:06d}.jpg") for n in range(4)
    ]


def test_a_camera_without_calibration_is_reported(tmp_path):
    raw_layouts.mpi_inf_3dhp_train(tmp_path, frames=2)
    path = tmp_path / "mpi_inf_3dhp/S1/Seq1/camera.calibration"
    text = path.read_text()
    path.write_text(text[: text.index("name          7")])
    with pytest.warns(UserWarning, match=r"camera.calibration \(of cameras 7, 8\)"):
        records = open_dataset("mpi_inf_3dhp", tmp_path, "train")
    assert np.isnan(records[-1].intrinsics).all()
    assert np.isfinite(records[0].intrinsics).all()
    path.unlink()
    with pytest.warns(UserWarning, match="camera.calibration"):
        open_dataset("mpi_inf_3dhp", tmp_path, "train")


def test_labels_of_invalid_frames_do_not_move_the_camera(tmp_path):
    raw_layouts.mpi_inf_3dhp_test(tmp_path, valid=(1, 0, 1, 1))
    with h5py.File(tmp_path / "mpi_inf_3dhp/mpi_inf_3dhp_test_set/TS1/annot_data.mat", "r+") as file:
        file["annot2"][1] = 0
    np.testing.assert_allclose(open_quietly(tmp_path, "test")[0].intrinsics, [100, 110, 30, 20])


@pytest.mark.parametrize("cameras", [5, None, [[0]], [0, 0], [True], [0.0], []])
def test_cameras_are_different_numbers(tmp_path, cameras):
    raw_layouts.mpi_inf_3dhp_train(tmp_path, frames=1)
    with pytest.raises(StudyError, match="is not vnect, chest, ceiling or a list of different numbers"):
        open_dataset("mpi_inf_3dhp", tmp_path, "train", cameras=cameras)


@pytest.mark.filterwarnings("ignore:.*not there")
@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "activity_annotation",
            np.full((4, 1), np.nan),
            "activity_annotation is not a list of whole numbers",
        ),
        ("annot3", "text", "annot_data.mat: /annot3 holds no numbers"),
        ("valid_frame", "text", "annot_data.mat: /valid_frame holds no numbers"),
        ("annot2", {}, r"annot_data.mat: annot2 has shape \(\)"),
    ],
)
def test_labels_of_another_kind_are_named(tmp_path, key, value, message):
    raw_layouts.mpi_inf_3dhp_test(tmp_path)
    with h5py.File(tmp_path / "mpi_inf_3dhp/mpi_inf_3dhp_test_set/TS1/annot_data.mat", "r+") as file:
        del file[key]
        if isinstance(value, dict):
            file.create_group(key)
        else:
            file[key] = value
    with pytest.raises(StudyError, match=message):
        list(open_dataset("mpi_inf_3dhp", tmp_path, "test"))


@pytest.mark.filterwarnings("ignore:.*not there")
def test_frames_with_other_joints_are_named(tmp_path):
    raw_layouts.mpi_inf_3dhp_test(tmp_path)
    with h5py.File(tmp_path / "mpi_inf_3dhp/mpi_inf_3dhp_test_set/TS1/annot_data.mat", "r+") as file:
        del file["annot2"]
        file["annot2"] = np.zeros((4, 1, 16, 2))
    with pytest.raises(StudyError, match=r"annot2 has shape \(4, 1, 16, 2\)"):
        open_dataset("mpi_inf_3dhp", tmp_path, "test", frames="inside")


def test_a_camera_with_fewer_labels_is_named(tmp_path):
    raw_layouts.mpi_inf_3dhp_train(tmp_path, frames=3)
    path = tmp_path / "mpi_inf_3dhp/S1/Seq1/annot.mat"
    labels = scipy.io.loadmat(path)
    labels["annot3"][2, 0] = labels["annot3"][2, 0][:2]
    raw_layouts.save_mat(path, **{key: value for key, value in labels.items() if not key.startswith("__")})
    with pytest.raises(StudyError, match="frames lists 3 frames, annot3 has .2, 3."):
        list(open_quietly(tmp_path, "train"))
