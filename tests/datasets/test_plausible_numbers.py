"""Numbers that no person has are refused by name; joints too close for a crop are left out and counted."""

import json
import pickle

import h5py
import numpy as np
import pytest
import scipy.io

from hpe_study.datasets import open_dataset
from hpe_study.errors import StudyError
from tests.datasets import raw_layouts as raw

TOO_CLOSE = "labelled joints too close together for a crop"


def one_joint_of_lsp(root):
    raw.lsp(root)
    path = root / "lsp" / "joints.mat"
    joints = scipy.io.loadmat(path)["joints"]
    joints[:2, 1:, 4] = np.nan
    raw.save_mat(path, joints=joints)


def one_joint_of_lsp_extended(root):
    raw.lsp_extended(root)
    path = root / "lsp_extended" / "joints.mat"
    joints = scipy.io.loadmat(path)["joints"]
    joints[1:, 2, 4] = 0
    raw.save_mat(path, joints=joints)


def one_joint_of_flic(root):
    raw.flic(root)
    path = root / "flic" / "examples.mat"
    examples = scipy.io.loadmat(path)["examples"]
    examples[0, 2]["coords"][:, 1:] = np.nan
    examples[0, 2]["torsobox"] = np.array([[30.0, 30, 30, 30]])
    raw.save_mat(path, examples=examples)


def one_joint_of_mpii(root):
    raw.mpii_json(root)
    path = root / "mpii" / "annot" / "valid.json"
    people = json.loads(path.read_text())
    people[1] |= {"joints_vis": [0] * 15 + [1], "scale": 1e-9}
    path.write_text(json.dumps(people))


def one_joint_of_h36m(root):
    raw.h36m_full(root)
    path = root / "h36m" / "S9" / "Walking-1" / "annot.h5"
    with h5py.File(path, "r+") as file:
        poses = file["pose/2d"][()]
        poses[1, 1:] = np.nan
        file["pose/2d"][...] = poses


def one_joint_of_threedpw(root):
    raw.threedpw(root)
    path = root / "3dpw" / "sequenceFiles" / "test" / "downtown_walk_00.pkl"
    data = pickle.loads(path.read_bytes())
    data["jointPositions"][0][1, 3:] = np.tile([0, 0, 99.0], 23)  # behind the camera
    raw.save_pickle(path, data)


@pytest.mark.filterwarnings("ignore:.*not there")
@pytest.mark.parametrize(
    ("write", "name", "split", "options", "reason"),
    [
        (one_joint_of_lsp, "lsp", "test", {}, TOO_CLOSE),
        (one_joint_of_lsp_extended, "lsp_extended", "train", {}, TOO_CLOSE),
        (one_joint_of_flic, "flic", "test", {}, TOO_CLOSE),
        (one_joint_of_mpii, "mpii", "test", {}, TOO_CLOSE),
        (one_joint_of_h36m, "h36m", "test", {"layout": "full"}, TOO_CLOSE),
        (one_joint_of_threedpw, "3dpw", "test", {}, "person not in the picture"),
    ],
)
def test_one_labelled_joint_makes_no_crop(tmp_path, write, name, split, options, reason):
    write(tmp_path)
    records = open_dataset(name, tmp_path, split, **options)
    assert records.left_out[reason] == (2 if name == "3dpw" else 1)  # 3DPW leaves out one more there
    assert all(record.side > 4 for record in records)


@pytest.mark.filterwarnings("ignore:.*not there")
@pytest.mark.parametrize("value", [1e300, -1e39, 2147483648.0, np.inf, 3e5])
@pytest.mark.parametrize("key", ["annot2", "annot3", "univ_annot3"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_absurd_numbers_of_3dhp_are_named(tmp_path, split, key, value):
    if split == "train":
        raw.mpi_inf_3dhp_train(tmp_path, frames=2)
        path = tmp_path / "mpi_inf_3dhp" / "S1" / "Seq1" / "annot.mat"
        cells = {name: array for name, array in scipy.io.loadmat(path).items() if not name.startswith("__")}
        cells[key][0, 0][0, 5] = value
        raw.save_mat(path, **cells)
    else:
        raw.mpi_inf_3dhp_test(tmp_path)
        path = tmp_path / "mpi_inf_3dhp" / "mpi_inf_3dhp_test_set" / "TS1" / "annot_data.mat"
        with h5py.File(path, "r+") as file:
            file[key][0, 0, 2, 1] = value
    records = open_dataset("mpi_inf_3dhp", tmp_path, split)
    with pytest.raises(StudyError, match="000001.jpg: a [23]D joint of its label lies more than"):
        records[0]
    assert np.isfinite(records[1].joints3d).all()
