"""Human3.6M: the challenge with its label cache, matched by image name; and the full set as h36m-fetch lays
it out."""

import os
import pickle

import h5py
import numpy as np
import pytest

from hpe_study.datasets import open_dataset
from hpe_study.errors import StudyError
from tests.datasets import raw_layouts


def test_the_challenge(tmp_path):
    px, mm = raw_layouts.h36m_challenge(tmp_path)
    records = open_dataset("h36m", tmp_path, "test")
    assert len(records) == 4
    for i, record in enumerate(records):
        np.testing.assert_allclose(record.joints2d, px[i])
        np.testing.assert_allclose(record.joints3d, mm[i])
        assert record.labelled.all()
        assert record.image == tmp_path / "h36m" / "ECCV18_Challenge" / "Val" / "IMG" / f"{i + 1:05d}.jpg"
        np.testing.assert_allclose(record.center, [20 + i, 22])
        assert record.side == 36
        assert np.isnan(record.intrinsics).all()
        assert record.meta["frame"] == i + 1
    assert records.label_files == [raw_layouts.cache_path(tmp_path)]
    assert len(open_dataset("h36m", tmp_path, "test", every=3)) == 2


def test_rows_in_another_order_keep_their_images(tmp_path):
    px, _ = raw_layouts.h36m_challenge(tmp_path, order=[2, 0, 3, 1])
    for record in open_dataset("h36m", tmp_path, "test"):
        np.testing.assert_allclose(record.joints2d, px[int(record.image.stem) - 1])


def test_one_flag_a_joint_is_enough_and_other_files_do_not_matter(tmp_path):
    """As another version of the cache might hold it: flags (18, 1), paths of another system; a stray file
    between the images."""
    px, _ = raw_layouts.h36m_challenge(tmp_path)
    path = raw_layouts.cache_path(tmp_path)
    rows = pickle.loads(path.read_bytes())
    for i, row in enumerate(rows):
        row["image"], row["joints_3d_vis"] = (
            f"D:\\h36m\\Val\\IMG\\{i + 1:05d}.jpg",
            np.arange(18)[:, None] != 3,
        )
    raw_layouts.save_pickle(path, rows)
    (tmp_path / "h36m" / "ECCV18_Challenge" / "Val" / "IMG" / "Thumbs.db").touch()
    for i, record in enumerate(open_dataset("h36m", tmp_path, "test", strict=True)):
        assert np.flatnonzero(~record.labelled).tolist() == [3]
        np.testing.assert_allclose(record.joints2d[record.labelled], np.delete(px[i], 3, 0))


def test_poses_of_other_images_are_found_out(tmp_path):
    raw_layouts.h36m_challenge(tmp_path)
    poses = tmp_path / "h36m" / "ECCV18_Challenge" / "Val" / "POSE"
    os.replace(poses / "00001.csv", poses / "00002.csv")
    with pytest.raises(
        StudyError, match=r"jnt_bbox_db.pkl: the pose of 00002.jpg is not that of .*00002.csv"
    ):
        open_dataset("h36m", tmp_path, "test")
    (poses / "00002.csv").write_text("1,2\n3")
    with pytest.raises(StudyError, match=r"00002.csv: not 17 lines"):
        open_dataset("h36m", tmp_path, "test")


def test_an_absent_frame_is_counted(tmp_path):
    raw_layouts.h36m_challenge(tmp_path, part="Train")
    (tmp_path / "h36m" / "ECCV18_Challenge" / "Train" / "IMG" / "00002.jpg").unlink()
    with pytest.warns(UserWarning, match="1 of 4 records left out"):
        records = open_dataset("h36m", tmp_path, "train")
    assert [record.meta["index"] for record in records] == [0, 2, 3]


def test_broken_and_foreign_caches_are_named(tmp_path):
    raw_layouts.h36m_challenge(tmp_path)
    path = raw_layouts.cache_path(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StudyError, match="jnt_bbox_db.pkl: truncated"):
        open_dataset("h36m", tmp_path, "test")
    raw_layouts.save_pickle(path, [{"image": "a05/00_000007.jpg"}])
    with pytest.raises(StudyError, match="does not end in a numbered image"):
        open_dataset("h36m", tmp_path, "test")
    raw_layouts.save_pickle(path, [{"image": "00001.jpg", "joints_3d": np.zeros((17, 2))}])
    with pytest.raises(StudyError, match="'joints_3d' of record 0"):
        open_dataset("h36m", tmp_path, "test")
    path.unlink()
    with pytest.raises(
        StudyError, match="HM36_eccv_challenge_Val_w288xh384_keypoint_jnt_bbox_db.pkl: not there"
    ):
        open_dataset("h36m", tmp_path, "test")


def test_the_full_set(tmp_path):
    px, mm = raw_layouts.h36m_full(tmp_path)
    with pytest.warns(UserWarning, match="not there: .*S11"):
        records = open_dataset("h36m", tmp_path, "test", layout="full")
    assert list(map(str, records.missing_parts)) == [
        f"{tmp_path / 'h36m' / 'S9'} (29 of 30 sequences)",
        str(tmp_path / "h36m" / "S11"),
    ]
    assert len(records) == 6
    for i, record in enumerate(records):
        np.testing.assert_allclose(record.joints2d, px[i], atol=1e-4)
        np.testing.assert_allclose(record.joints3d, mm[i], atol=1e-3)
        frame, camera = (1, 65, 129)[i % 3], (54138969, 60457274)[i // 3]
        assert (
            record.image
            == tmp_path / "h36m/S9/Walking-1/imageSequence" / str(camera) / f"img_{frame:06d}.jpg"
        )
        np.testing.assert_allclose(record.intrinsics, [1145 + i // 3, 1144 + i // 3, 512, 515])
        expected = {
            "subject": "S9",
            "sequence": "S9/Walking-1",
            "action": "Walking",
            "camera": str(camera),
            "frame": frame,
        }
        assert {key: record.meta[key] for key in expected} == expected


def test_the_full_set_is_not_taken_for_the_challenge(tmp_path):
    raw_layouts.h36m_full(tmp_path)
    with pytest.raises(StudyError, match="full Human3.6M is; set `layout: full`"):
        open_dataset("h36m", tmp_path, "test")
    with pytest.raises(StudyError, match="layout 'cdf' is not one of challenge, full"):
        open_dataset("h36m", tmp_path, "test", layout="cdf")
    with pytest.raises(StudyError, match="S1/Directions-1/annot.h5: not there"):
        open_dataset("h36m", tmp_path, "train", layout="full")


def test_a_broken_annotation_file_is_named(tmp_path):
    raw_layouts.h36m_full(tmp_path)
    path = tmp_path / "h36m" / "S9" / "Walking-1" / "annot.h5"
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(StudyError, match="annot.h5: truncated or not an HDF5 file"):
        open_dataset("h36m", tmp_path, "test", layout="full")


def test_the_cache_of_the_other_split_is_refused(tmp_path):
    raw_layouts.h36m_challenge(tmp_path, write_poses=False)
    raw_layouts.h36m_challenge(tmp_path, "Train")
    raw_layouts.cache_path(tmp_path).write_bytes(raw_layouts.cache_path(tmp_path, "Train").read_bytes())
    with pytest.raises(StudyError, match="is not of Val; this is the label cache of the other split"):
        open_dataset("h36m", tmp_path, "test")


def test_the_full_set_saved_again_by_others(tmp_path):
    """Numbers as reals and lists as columns are the same numbers; what is none is named."""
    px, _ = raw_layouts.h36m_full(tmp_path)
    path = tmp_path / "h36m" / "S9" / "Walking-1" / "annot.h5"
    with h5py.File(path, "r+") as file:
        for key in ("frame", "camera"):
            values = file[key][()].astype(float)[:, None]
            del file[key]
            file[key] = values
    with pytest.warns(UserWarning, match="not there"):
        records = open_dataset("h36m", tmp_path, "test", layout="full")
    assert len(records) == 6
    np.testing.assert_allclose(records[5].joints2d, px[5], atol=1e-4)
    whole = path.read_bytes()
    for key, value in (
        ("camera", [1, 2]),
        ("frame", [1.5] * 6),
        ("frame", 3),
        ("intrinsics", [1.0]),
        ("pose/2d", "text"),
    ):
        with h5py.File(path, "r+") as file:
            del file[key]
            file[key] = value
        with pytest.raises(StudyError, match="annot.h5"):
            open_dataset("h36m", tmp_path, "test", layout="full")
        path.write_bytes(whole)
