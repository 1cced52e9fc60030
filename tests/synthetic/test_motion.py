"""Sequences: smooth, the same whenever they are asked, walkers facing where they go."""

import numpy as np
import pytest

from hpe_study.synthetic import poses
from hpe_study.synthetic.brief import Brief
from hpe_study.synthetic.motion import Motion

BRIEF = Brief("test", 1, 1)
YAW = poses.INDEX["yaw"]


def motion(themes, **options):
    return Motion(lambda *key: BRIEF.random("sequence", *key), themes, None, **options)


def test_a_moment_does_not_depend_on_what_was_asked_before():
    moving = motion(("stand", "walk"))
    forward = [moving.at(time).angles for time in np.arange(0, 5, 0.5)]
    backward = [motion(("stand", "walk")).at(time).angles for time in np.arange(0, 5, 0.5)[::-1]][::-1]
    np.testing.assert_array_equal(forward, backward)


def test_neighbouring_moments_look_alike():
    moving = motion(("stand", "bend", "lunge"))
    moments = [moving.at(time) for time in np.arange(0, 6, 0.01)]
    steps = np.abs(np.diff([moment.angles for moment in moments], axis=0))
    steps[:, YAW] = np.abs((steps[:, YAW] + 180) % 360 - 180)
    assert steps.max() < 4  # degrees in a hundredth of a second
    assert np.abs(np.diff([moment.position for moment in moments], axis=0)).max() < 0.05  # m


@pytest.mark.parametrize("drift", [(0.0, 2.0), (2.0, 0.0), (0.0, -2.0)])
def test_walkers_face_where_they_go(drift):
    moving = motion(("walk",), reach=0.1, drift=drift)
    yaw = moving.at(2.0).angles[YAW]
    assert np.cos(np.radians(yaw) - np.arctan2(*drift)) > 0.95  # yaw 0 faces +z


def test_who_sits_keeps_the_place_and_does_not_hover_up():
    moving = motion(("sit", "stand"), reach=1.0)
    for second in range(8):
        early, late = moving.at(second + 0.1), moving.at(second + 0.4)
        if early.action == "sit":
            assert early.position == late.position
