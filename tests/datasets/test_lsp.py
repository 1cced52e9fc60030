"""LSP and LSP-Extended: what the flag means, who trains, midpoints, and labels that do not fit their
images."""

import numpy as np
import pytest
import scipy.io

from hpe_study.datasets import open_dataset
from hpe_study.errors import StudyError
from hpe_study.skeletons import LSP14, MPII16, convert
from tests.datasets import raw_layouts


def test_the_first_half_trains_after_the_extension_and_the_second_tests(tmp_path):
    joints, extended = raw_layouts.lsp(tmp_path), raw_layouts.lsp_extended(tmp_path)
    train, test = (open_dataset("lsp", tmp_path, split) for split in ("train", "test"))
    names = [f"{record.image.parts[-3]}/{record.image.name}" for record in train]
    assert names == [f"lsp_extended/im{i:05d}.jpg" for i in range(1, 6)] + [
        f"lsp/im{i:04d}.jpg" for i in (1, 2, 3)
    ]
    assert [record.image.name for record in test] == ["im0004.jpg", "im0005.jpg", "im0006.jpg"]
    extended[0, 8] = np.nan
    for record, expected in zip((*train, *test), (*extended, *joints), strict=True):
        np.testing.assert_allclose(record.joints2d, expected)
        high, low = np.nanmax(expected, 0), np.nanmin(expected, 0)
        assert record.side == pytest.approx(1.25 * (high - low).max())
        np.testing.assert_allclose(record.center, (high + low) / 2)
    assert test.label_files == [tmp_path / "lsp" / "joints.mat"]


def test_the_flags_mean_occluded_here_and_labelled_there(tmp_path):
    raw_layouts.lsp(tmp_path)
    raw_layouts.lsp_extended(tmp_path)
    train = open_dataset("lsp", tmp_path, "train")
    assert np.flatnonzero(~train[0].labelled).tolist() == [8]
    assert (train[0].occluded == -1).all()
    assert train[-1].labelled.all()
    assert np.flatnonzero(train[-1].occluded == 1).tolist() == [3]
    thorax = MPII16.index("thorax")
    assert np.isnan(convert(train[0].joints2d, LSP14, MPII16)[thorax]).all()
    np.testing.assert_allclose(
        convert(train[1].joints2d, LSP14, MPII16)[thorax], train[1].joints2d[[8, 9]].mean(0)
    )


def test_the_extension_alone_only_trains(tmp_path):
    raw_layouts.lsp_extended(tmp_path)
    assert len(open_dataset("lsp_extended", tmp_path, "train")) == 5
    assert len(open_dataset("lsp_extended", tmp_path, "test")) == 0


def test_a_part_of_the_extension_can_be_kept_for_validation(tmp_path):
    raw_layouts.lsp_extended(tmp_path)
    names = [
        {record.image.name for record in open_dataset("lsp_extended", tmp_path, split, validation=2)}
        for split in ("train", "test")
    ]
    assert [len(part) for part in names] == [3, 2]
    assert not names[0] & names[1]


def test_one_of_the_two_is_enough_and_reported(tmp_path):
    raw_layouts.lsp(tmp_path)
    with pytest.warns(UserWarning, match="lsp train: not there: .*lsp_extended"):
        assert len(open_dataset("lsp", tmp_path, "train")) == 3
    with pytest.raises(StudyError, match="not there: .*lsp_extended.*strict"):
        open_dataset("lsp", tmp_path, "train", strict=True)
    assert len(open_dataset("lsp", tmp_path, "test", strict=True)) == 3


@pytest.mark.parametrize(
    ("scale", "size"), [(1.0, (240, 220)), (4.0, (48, 44))], ids=["small labels", "large labels"]
)
def test_labels_of_the_other_download_are_found_out(tmp_path, scale, size):
    raw_layouts.lsp(tmp_path, scale=scale, size=size)
    with pytest.raises(
        StudyError, match=r"lsp/joints.mat: its labels reach .* come from different downloads"
    ):
        open_dataset("lsp", tmp_path, "test")


def test_both_downloads_are_read(tmp_path):
    raw_layouts.lsp(tmp_path / "small")
    raw_layouts.lsp(tmp_path / "large", scale=4.0, size=(192, 176))
    small, large = (open_dataset("lsp", tmp_path / size, "test")[0] for size in ("small", "large"))
    np.testing.assert_allclose(large.joints2d, 4 * small.joints2d)
    assert large.head_size == pytest.approx(4 * small.head_size)


def test_one_joints_file_in_the_others_place_is_found_out(tmp_path):
    raw_layouts.lsp(tmp_path)
    raw_layouts.lsp_extended(tmp_path)
    (tmp_path / "lsp_extended" / "joints.mat").replace(tmp_path / "lsp" / "joints.mat")
    with pytest.raises(StudyError, match=r"lsp/joints.mat: joints has shape \(14, 3, 5\), not 3 × 14 × any"):
        open_dataset("lsp", tmp_path, "test")


def test_a_truncated_image_is_named(tmp_path):
    raw_layouts.lsp(tmp_path)
    (tmp_path / "lsp" / "images" / "im0004.jpg").write_bytes(b"\xff\xd8")
    with pytest.raises(StudyError, match="im0004.jpg: truncated or not an image"):
        open_dataset("lsp", tmp_path, "test")


def test_half_a_coordinate_is_no_label(tmp_path):
    raw_layouts.lsp_extended(tmp_path)
    path = tmp_path / "lsp_extended" / "joints.mat"
    labels = scipy.io.loadmat(path)["joints"]
    labels[2, 0, 1] = np.nan
    raw_layouts.save_mat(path, joints=labels)
    record = open_dataset("lsp_extended", tmp_path, "train")[1]
    assert np.isnan(record.joints2d[2]).all()
    assert np.flatnonzero(~record.labelled).tolist() == [2]
