"""SPIN's fits beside LSP's photographs: which are used, and tables that are not of them."""

import numpy as np
import pytest

from hpe_study.datasets import open_dataset
from hpe_study.datasets.lsp_pseudo3d import FITTED, held_out
from hpe_study.errors import StudyError
from tests.datasets import raw_layouts


def test_good_fits_of_the_first_half_are_the_test_set(tmp_path):
    joints2d, joints3d = raw_layouts.lsp(tmp_path), raw_layouts.spin_fits(tmp_path, 3)
    records = open_dataset("lsp_pseudo3d", tmp_path, "test")
    assert [record.image.name for record in records] == ["im0001.jpg", "im0003.jpg"]
    assert records.left_out == {"the fit is not good": 1}
    assert records.info.pseudo
    np.testing.assert_allclose(records[1].joints3d[:13], 1000 * joints3d[2])
    assert np.isnan(records[1].joints3d[13]).all()
    np.testing.assert_allclose(records[1].joints2d, joints2d[2])


def test_fits_of_the_extension_are_the_training_set(tmp_path):
    raw_layouts.lsp_extended(tmp_path)
    order = np.array([4, 0, 2])
    joints = raw_layouts.spin_fits(tmp_path, 3, "lspet_pseudo3d.npz", index0=order)
    records = open_dataset("lsp_pseudo3d", tmp_path, "train")
    assert [record.image.name for record in records] == ["im00005.jpg", "im00003.jpg"]
    np.testing.assert_allclose(records[1].joints3d[:13], 1000 * joints[2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"X_spin": None}, r"has no X_spin; this is not a table of fits"),
        ({"X_spin": np.zeros((3, 14, 3))}, r"X_spin has shape \(3, 14, 3\)"),
        ({"good": np.ones(2, bool)}, r"good has shape \(2,\)"),
        ({"index0": np.array([0, 1, 3])}, r"has fits of row 3, but .*joints.mat has 3 photographs"),
        ({"index0": np.array([0, 1, 1])}, r"names a photograph twice"),
        ({"names": np.array(FITTED[::-1])}, r"its joints must be r_ankle r_knee"),
        ({"names": np.array([{}])}, r"is no npz file"),
        (
            {"X_spin": None, "pose": np.zeros((3, 72)), "betas": np.zeros((3, 10))},
            r"holds SMPL's parameters, not joints",
        ),
    ],
)
def test_other_tables_are_one_line(tmp_path, changes, message):
    raw_layouts.lsp(tmp_path)
    raw_layouts.spin_fits(tmp_path, 3, **changes)
    with pytest.raises(StudyError, match=message):
        open_dataset("lsp_pseudo3d", tmp_path, "test")


def test_a_damaged_or_absent_table_is_one_line(tmp_path):
    raw_layouts.lsp(tmp_path)
    with pytest.raises(StudyError, match=r"spin_fits: not there.*SPIN.*expected in spin_fits"):
        open_dataset("lsp_pseudo3d", tmp_path, "test")
    raw_layouts.spin_fits(tmp_path, 3)
    path = tmp_path / "spin_fits" / "lsp_train_pseudo3d.npz"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(StudyError, match=r"pseudo3d.npz: is no npz file"):
        open_dataset("lsp_pseudo3d", tmp_path, "test")
    with pytest.raises(StudyError, match="people 'some' is not one of all, held_out"):
        open_dataset("lsp_pseudo3d", tmp_path, "test", people="some")


def test_the_photographs_held_out_are_fixed():
    assert len(set(held_out())) == 250
    assert held_out()[:5].tolist() == [2, 8, 9, 11, 14]


def test_the_real_fits(real_data):
    assert [len(open_dataset("lsp_pseudo3d", real_data, split)) for split in ("train", "test")] == [4058, 936]
