"""BlazePose on the study's test sets: its landmarks in the study's joints, misses counted, a missing environment."""

import os
import sys

import numpy as np
import pytest

from hpe_study.errors import StudyError
from hpe_study.evaluation import blazepose
from hpe_study.evaluation.blazepose import (
    ENVIRONMENT,
    FOUND,
    JOINTS,
    LANDMARK_ROWS,
    MISSES,
    Landmarks,
    detect,
)
from hpe_study.evaluation.prediction_file import Predictions
from hpe_study.skeletons import MPII16
from hpe_study.skeletons.bone_lengths import mean_bone_lengths


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
    found = blazepose.rows(blazepose.scores_of_landmarks(seen, store), store)
    return {(row["scorer"], row["metric"]): row for row in found}


def test_who_is_not_found_is_wrong_in_2d_and_left_out_in_3d(stick_stores):
    store = stick_stores["3d", "test"]
    found = np.arange(len(store)) % 4 > 0
    rows = table(oracle(store, found), store)
    labelled = store["labelled"][:, JOINTS].sum(1)
    assert rows[MISSES, "found"]["value"] == pytest.approx(100 * found.mean())
    assert rows[MISSES, "pckh"]["value"] == pytest.approx(100 * labelled[found].sum() / labelled.sum())
    assert rows[MISSES, "pckh"]["n"] == len(store)
    assert rows[FOUND, "pckh"]["value"] == 100
    assert rows[FOUND, "pckh"]["n"] == rows[FOUND, "mpjpe"]["n"] == found.sum()
    assert rows[FOUND, "mpjpe"]["value"] < 1e-3
    assert rows[FOUND, "ordinal"]["value"] == 100
    assert rows[FOUND, "exchanged"]["value"] == 0
    assert (MISSES, "mpjpe") not in rows


def test_somebody_else_in_the_picture_is_a_miss(stick_stores):
    store = stick_stores["3d", "test"]
    seen = oracle(store, np.ones(len(store), bool))
    seen.joints[:2] = seen.joints[:2] * 0.1
    rows = table(seen, store)
    assert rows[MISSES, "found"]["value"] == pytest.approx(100 * (1 - 2 / len(store)))
    assert rows[FOUND, "pckh"]["value"] == 100


def test_nobody_found_is_no_error(stick_stores):
    store = stick_stores["3d", "test"]
    rows = table(oracle(store, np.zeros(len(store), bool)), store)
    assert rows[MISSES, "pckh"]["value"] == rows[MISSES, "found"]["value"] == 0
    assert not [key for key in rows if key[0] == FOUND]


def test_a_run_is_scored_on_the_joints_that_both_have(stick_stores):
    """Joints that BlazePose lacks may be anywhere; of those that it has, one of twelve is wrong."""
    store = stick_stores["3d", "test"]
    joints = store.boxes.to_fraction(store["joints2d"]).astype(float)
    joints[:, np.setdiff1d(np.arange(16), [*JOINTS, 6])] += 1.0
    depth = store["depth"].astype(float)
    bones = mean_bone_lengths(store["joints3d"])
    right = blazepose.scores_of_run(Predictions(joints, depth, depth), store, bones)
    assert np.nanmean(right["pckh"][1]) == np.nanmean(right["ordinal"][1]) == 100
    assert (~np.isnan(right["pckh"][1])).sum() == store["labelled"][:, JOINTS].sum()
    joints[:, JOINTS[0]] += 1.0
    wrong = blazepose.scores_of_run(Predictions(joints, depth, depth), store, bones)
    assert np.nanmean(wrong["pckh"][1]) == pytest.approx(100 * 11 / 12)


def test_more_pictures_than_one_process_looks_at_keep_their_order(monkeypatch):
    def some(pictures, home):
        numbers = np.array([picture[0, 0, 0] for picture in pictures], int)
        return Landmarks(numbers % 2 > 0, np.zeros((len(numbers), 16, 2)), np.zeros((len(numbers), 16, 3)))

    monkeypatch.setattr(blazepose, "_detect_some", some)
    monkeypatch.setattr(blazepose, "is_installed", lambda home: True)
    monkeypatch.setattr(blazepose, "PICTURES", 3)
    for count in (0, 1, 3, 7):
        seen = detect((np.full((2, 2, 3), number, np.uint8) for number in range(count)), None)
        assert seen.found.tolist() == [number % 2 > 0 for number in range(count)]


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
