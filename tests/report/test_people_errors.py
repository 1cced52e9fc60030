"""Errors of single joints against literal twins, their means against the study's own scores, and poses that
are far from the mean."""

import numpy as np
import pytest

from hpe_study.evaluation.scoring import values_2d
from hpe_study.report.people_errors import COLUMNS, MEAN, PeopleErrors, pose_distance
from hpe_study.skeletons import MPII16
from hpe_study.study import Run

RUN = Run(3, "mpii", "h36m", "h36m")


@pytest.fixture
def people(results):
    return PeopleErrors(results, {"A": [RUN.name], "none": ["not a run"]}, "h36m")


def test_a_row_is_one_joint_of_one_person(results, people):
    labels, predicted = results.labels("h36m"), results.prediction(RUN.name, "h36m")
    assert len(people.joints) == len(labels) * 16
    joint, root = MPII16.index("l_wrist"), MPII16.index("pelvis")
    row = people.joints.query("person == 3 and joint == 'l_wrist'").iloc[0]
    true = labels["joints3d"][3, joint] - labels["joints3d"][3, root]
    x, y, z = predicted.poses[3, joint] - predicted.poses[3, root] - true
    assert row["error"] == pytest.approx(np.sqrt(x * x + y * y + z * z))
    assert row["place"] == pytest.approx(np.hypot(x, y))
    assert row["depth"] == pytest.approx(abs(z))
    assert row["hidden"] == {1: "hidden", 0: "seen"}[int(labels["occluded"][3, joint])]


def test_means_are_the_scores_of_the_records(results, people):
    mean = people.means(people.joints, "error", ["arm"]).set_index("arm").loc["A"]
    known = results.of(RUN, "h36m").query("seed == 0").iloc[0]
    assert mean["value"] == pytest.approx(known["value"], abs=1e-3)
    assert mean["low"] == pytest.approx(known["low"], rel=0.02)
    assert mean["high"] == pytest.approx(known["high"], rel=0.02)
    hits = people.joints.dropna(subset="heads").assign(hit=lambda rows: 100.0 * (rows["heads"] <= 0.5))
    labels = results.labels("h36m")
    pckh = np.nanmean(values_2d(results.prediction(RUN.name, "h36m").joints, labels)["pckh"])
    assert people.means(hits, "hit", ["arm"])["value"].iloc[0] == pytest.approx(pckh)


def test_without_predictions_tables_are_empty(results):
    people = PeopleErrors(results, {"A": ["not a run"]}, "h36m")
    assert [*people.joints] == COLUMNS
    assert len(people.joints) == 0
    assert [*people.means(people.joints, "error", ["joint", "arm"])] == ["joint", "arm", *MEAN]


def test_poses_that_differ_by_their_heading_alone_are_equally_usual():
    pose = np.random.default_rng(0).normal(0, 300, (16, 3))
    turns = np.array([0.0, 1.0, 2.5])
    zero = np.zeros(3)
    turned = [
        pose @ np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]]) for a in turns
    ]
    np.testing.assert_allclose(pose_distance(np.array(turned)), zero, atol=1e-9)


def test_one_raised_wrist_is_its_share_of_the_distance():
    poses = np.repeat(np.random.default_rng(0).normal(0, 300, (1, 16, 3)), 4, 0)
    poses[0, MPII16.index("l_wrist"), 1] -= 160
    np.testing.assert_allclose(pose_distance(poses), np.array([120, 40, 40, 40]) / 16)


@pytest.mark.filterwarnings("error")
def test_a_person_without_a_known_joint_has_no_distance():
    poses = np.zeros((3, 16, 3))
    poses[1], poses[:, 4] = np.nan, np.nan
    np.testing.assert_array_equal(pose_distance(poses), [0, np.nan, 0])
