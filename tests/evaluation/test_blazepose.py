"""BlazePose on the study's test sets: its landmarks in the study's joints, misses counted, a missing environment."""

import os
import sys

import numpy as np
import pytest

from hpe_study.errors import StudyError
from hpe_study.evaluation import blazepose
from hpe_study.evaluation.blazepose import ENVIRONMENT, JOINTS, LANDMARK_ROWS, Landmarks, detect
from hpe_study.skeletons import MPII16


def oracle(store, found):
    """What BlazePose would give if it were right about everybody, and found those."""
    left, top, side = store["region"].T.astype(float)
    corner = np.stack([left - 0.5, top - 0.5], 1)[:, None]
    joints = (store["joints2d"] - corner) / side[:, None, None]
    poses = (store["joints3d"] - store["joints3d"][:, [6]]).astype(float)
    lacking = np.setdiff1d(np.arange(16), JOINTS)
    joints[:, lacking] = np.nan
    poses[:, np.setdiff1d(lacking, [6])] = np.nan
    for array in (joints, poses):
        array[~found] = np.nan
    return Landmarks(found, joints, poses)


def table(seen, store):
    return {row["metric"]: row for row in blazepose.scores(seen, store)}


def test_who_is_not_found_is_wrong_in_2d_and_left_out_in_3d(stick_stores):
    store = stick_stores["3d", "test"]
    found = np.arange(len(store)) % 4 > 0
    rows = table(oracle(store, found), store)
    labelled = store["labelled"][:, JOINTS].sum(1)
    assert rows["found"]["value"] == pytest.approx(100 * found.mean())
    assert rows["pckh"]["value"] == pytest.approx(100 * labelled[found].sum() / labelled.sum())
    assert rows["pckh_found"]["value"] == 100
    assert rows["mpjpe"]["value"] < 1e-3
    assert rows["ordinal"]["value"] == 100
    assert {row["scorer"] for row in rows.values()} == {"BlazePose"}


def test_somebody_else_in_the_picture_is_a_miss(stick_stores):
    store = stick_stores["3d", "test"]
    seen = oracle(store, np.ones(len(store), bool))
    seen.joints[:2] = seen.joints[:2] * 0.1
    rows = table(seen, store)
    assert rows["found"]["value"] == pytest.approx(100 * (1 - 2 / len(store)))
    assert rows["pckh_found"]["value"] == 100


def test_nobody_found_is_no_error(stick_stores):
    store = stick_stores["3d", "test"]
    rows = table(oracle(store, np.zeros(len(store), bool)), store)
    assert rows["pckh"]["value"] == rows["found"]["value"] == 0
    assert "mpjpe" not in rows


def test_landmarks_become_joints_of_mpii(tmp_path):
    """A stub in BlazePose's place counts its pictures; landmark k lies at k/100."""
    stub = (
        "import sys, glob, numpy as np; n = len(glob.glob(sys.argv[2] + '/*.png'))\n"
        "k = np.arange(33.0)[None, :, None] / 100\n"
        "np.savez(sys.argv[3], found=np.ones(n, bool), visible=np.ones((n, 33)),"
        " image=np.tile(k, (n, 1, 2)), world=np.tile(k, (n, 1, 3)))\n"
    )
    python = tmp_path / ENVIRONMENT / "bin" / "python"
    python.parent.mkdir(parents=True)
    (tmp_path / "stub.py").write_text(stub)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path}/stub.py" "$@"\n')
    os.chmod(python, 0o755)
    seen = detect([np.zeros((8, 8, 3), np.uint8)] * 3, tmp_path)
    assert seen.found.tolist() == [True] * 3
    wrist, hips = MPII16.index("l_wrist"), LANDMARK_ROWS["l_hip"] + LANDMARK_ROWS["r_hip"]
    assert seen.joints[0, wrist].tolist() == [0.15, 0.15]
    assert seen.poses[0, MPII16.index("pelvis"), 0] == pytest.approx(10 * hips / 2)
    assert np.isnan(seen.joints[:, MPII16.index("head_top")]).all()
    python.write_text("#!/bin/sh\necho out of luck >&2\nexit 3\n")
    with pytest.raises(StudyError, match=r"BlazePose failed \(out of luck\); run: make blazepose"):
        detect([], tmp_path)


def test_without_its_environment_one_line_says_what_to_run(tmp_path):
    with pytest.raises(StudyError, match=r"not installed; run: make blazepose$"):
        detect([], tmp_path)
