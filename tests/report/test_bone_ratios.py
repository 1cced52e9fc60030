"""How unequally limbs are stretched, by hand."""

import shutil

import numpy as np
import pandas as pd
import pytest

from hpe_study.report.bone_ratios import COLUMNS, PUBLISHED, bone_ratios, unevenness
from hpe_study.skeletons import BONE_GROUPS, CANONICAL_LENGTHS, MPII16
from hpe_study.study import Study


def straight_person(lengths):
    """(1, 16, 3): every limb along x, each bone of its canonical length."""
    pose = np.zeros((1, 16, 3))
    for group in ("arms", "legs"):
        for parent, child in BONE_GROUPS[group]:
            start = pose[0, MPII16.index(parent), 0]
            pose[0, MPII16.index(child), 0] = start + lengths[parent, child]
    return pose


@pytest.mark.parametrize("canonical", CANONICAL_LENGTHS)
def test_a_proportional_person_of_any_size_is_even(canonical):
    pose = straight_person(CANONICAL_LENGTHS[canonical])
    assert unevenness(0.3 * pose, canonical) == pytest.approx([0], abs=1e-9)


def test_a_doubled_forearm_by_hand():
    """Ratios 2, 1, 1, 1 in the arms: SD 0.433 over a mean of 1.25; the legs are even."""
    lengths = dict(CANONICAL_LENGTHS["drillis_contini"])
    lengths["r_elbow", "r_wrist"] *= 2
    assert unevenness(straight_person(lengths)) == pytest.approx([100 * 0.75**0.5 / 2 / 1.25 / 2])


def test_a_missing_joint_is_no_number():
    pose = straight_person(CANONICAL_LENGTHS["h36m"])
    pose[0, MPII16.index("l_wrist")] = np.nan
    assert np.isnan(unevenness(pose)).all()


def test_without_records_there_are_no_rows(tmp_path):
    (tmp_path / "params").mkdir()
    for name in ("demo", "geometry"):
        shutil.copy(f"params/{name}.yaml", tmp_path / "params")
    assert bone_ratios(Study(tmp_path / "params" / "geometry.yaml")).empty


def test_published_ratios_are_read_as_published(tmp_path):
    (tmp_path / "params").mkdir()
    for name in ("demo", "geometry", "reference_geometry"):
        shutil.copy(f"params/{name}.yaml", tmp_path / "params")
    study = Study(tmp_path / "params" / "reference_geometry.yaml")
    assert bone_ratios(study).empty
    study.folder.mkdir(parents=True)
    rows = pd.DataFrame([(0.01, 0, "model", "h36m", 12.5)], columns=COLUMNS)
    rows.to_csv(study.folder / PUBLISHED, index=False)
    pd.testing.assert_frame_equal(bone_ratios(study), rows)
