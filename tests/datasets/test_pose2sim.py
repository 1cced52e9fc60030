"""Pose2Sim's demo: cameras, moments and frames of videos, the copy in the package, and files that do not fit."""

import numpy as np
import pytest

from hpe_study.datasets import open_dataset
from hpe_study.datasets.base import MissingSetError
from hpe_study.datasets.pose2sim import SCALE, read_cameras, read_trc
from hpe_study.errors import StudyError
from hpe_study.skeletons import BODY25B, MPII16, convert
from hpe_study.utils.pictures import read_picture
from tests.datasets import raw_layouts


def test_joints_in_each_cameras_frame_and_their_frame_of_the_video(tmp_path):
    world = raw_layouts.pose2sim(tmp_path)
    records = open_dataset("pose2sim", tmp_path, "test")
    assert len(records) == 2 * 3
    assert len(open_dataset("pose2sim", tmp_path, "train")) == 0
    record = records[4]
    expected = 1000 * (world[1] + [0, 0, 4])
    np.testing.assert_allclose(record.joints3d, expected)
    np.testing.assert_allclose(record.joints2d, 500 * expected[:, :2] / expected[:, 2:] + [320, 240])
    assert (record.meta["camera"], record.meta["frame"]) == ("cam_02", 1)
    assert abs(read_picture(record.image).mean() - 140) < 3
    assert abs(read_picture(records[0].image).mean() - 40) < 3  # back to an earlier frame
    assert [len(open_dataset("pose2sim", tmp_path, "test", every=n)) for n in (2, 3)] == [4, 2]
    with pytest.raises(StudyError, match=r"cam01.avi: has no frame 3"):
        read_picture(records[0].image.with_name("3"))


def test_joints_are_found_by_their_names(tmp_path):
    world = raw_layouts.pose2sim(tmp_path)
    path = tmp_path / "pose2sim" / "made_up.trc"
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    for i, row in enumerate(rows[3:]):  # the first joint's columns behind the others'
        rows[3 + i] = row[:2] + row[5:] + row[2:5]
    path.write_text("\n".join("\t".join(row) for row in rows))
    frames, joints = read_trc(path)
    assert frames.tolist() == [0, 1, 2]
    np.testing.assert_allclose(joints[:, 1:], world[:, 1:])
    common = convert(joints, BODY25B, MPII16)
    assert np.isfinite(common).all()
    np.testing.assert_allclose(
        common[:, MPII16.index("pelvis")], joints[:, BODY25B.indices("r_hip l_hip")].mean(1)
    )


def test_the_copy_in_the_package_stands_in_and_is_seldom_wanted_twice(tmp_path):
    records = open_dataset("pose2sim", tmp_path, "test")
    assert (len(records), records.simulated, records.info.pseudo) == (400, False, False)
    assert len({(record.meta["sequence"], record.meta["frame"]) for record in records}) == 100
    with pytest.raises(MissingSetError, match="pose2sim: not there"):
        open_dataset("pose2sim", tmp_path, "test", packaged=False)
    files = [path for path in (records.root / "pose2sim").iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 4_000_000
    assert "BSD 3-Clause" in (records.root / "pose2sim" / "LICENSE").read_text()
    record = records[250]
    height, width, _ = read_picture(record.image).shape
    assert (width, height) == (270, 480)
    assert ((record.joints2d > 0) & (record.joints2d < [width, height])).all()
    ratio = record.joints3d[:, :2] / record.joints3d[:, 2:]
    np.testing.assert_allclose(
        ratio * record.intrinsics[:2] + record.intrinsics[2:], record.joints2d, atol=0.1
    )


def test_the_copy_is_the_real_set(tmp_path, real_data):
    real, copy = (open_dataset("pose2sim", root, "test") for root in (real_data, tmp_path))
    assert len(real) == len(copy)
    for row in (0, 137, 399):
        np.testing.assert_array_equal(real[row].joints3d, copy[row].joints3d)
        np.testing.assert_allclose((real[row].joints2d + 0.5) * SCALE - 0.5, copy[row].joints2d, atol=1e-6)
    thighs = [np.linalg.norm(real[i].joints3d[0] - real[i].joints3d[1]) for i in range(100)]
    assert (np.mean(thighs), np.std(thighs)) == (pytest.approx(413, abs=1), pytest.approx(12, abs=1))


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("made_up.trc", "RHip", "Hip", r"made_up.trc: has no RHip; its joints must be those of BODY_25B"),
        ("made_up.trc", "60\tm", "60\tinch", r"made_up.trc: is not a .trc file in m or mm"),
        ("made_up.trc", "2\t0.0", "2\tzero", r"made_up.trc: holds what is no number"),
        ("made_up.trc", "\n2\t", "\n2\n2\t", r"made_up.trc: has lines of other lengths"),
        ("Calib_made_up.toml", "rotation", "turn", r"Calib_made_up.toml: cam_01 has no rotation"),
        ("Calib_made_up.toml", "fisheye = false", "fisheye = true", r"cam_01 is a fish-eye camera"),
        ("Calib_made_up.toml", "cam_02", "cam_07", r"pose2sim: has no video of cam_07"),
        ("Calib_made_up.toml", "[cam", "[[", r"Calib_made_up.toml: is no TOML file"),
        ("Calib_made_up.toml", "matrix", "m", r"Calib_made_up.toml: names no camera"),
        ("Calib_made_up.toml", "0.0, 1.0]]", "0.0, 1.0], [1, 2, 3]]", r"cam_01.matrix has shape \(4, 3\)"),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path, name, old, new, message):
    raw_layouts.pose2sim(tmp_path)
    path = tmp_path / "pose2sim" / name
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(StudyError, match=message):
        open_dataset("pose2sim", tmp_path, "test")


def test_two_files_of_joints_are_one_too_many(tmp_path):
    raw_layouts.pose2sim(tmp_path)
    folder = tmp_path / "pose2sim"
    (folder / "other.trc").write_bytes((folder / "made_up.trc").read_bytes())
    with pytest.raises(StudyError, match=r"has 2 files \*.trc"):
        open_dataset("pose2sim", tmp_path, "test")
    (folder / "other.trc").rename(folder / "other_filt_butterworth.trc")
    assert len(open_dataset("pose2sim", tmp_path, "test")) == 6
    assert read_cameras(folder / "Calib_made_up.toml").keys() == {"cam_01", "cam_02"}
