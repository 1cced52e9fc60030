"""Films of one person: the same whenever they are asked, smooth within a clip, walkers in circles or straight
on."""

import numpy as np
import pytest

from simulated_people import poses
from simulated_people.brief import Brief
from simulated_people.motion import Motion

BRIEF = Brief("test", 1, 1)
FRAMES = 16


def motion(*actions, **options):
    return Motion(lambda *key: BRIEF.random("sequence", *key), actions, None, frames=FRAMES, **options)


def test_a_moment_does_not_depend_on_what_was_asked_before():
    moving, frames = motion("stand", "walk", "lunge"), range(0, 5 * FRAMES, 7)
    forward = [moving.at(frame).angles for frame in frames]
    backward = [motion("stand", "walk", "lunge").at(frame).angles for frame in reversed(frames)][::-1]
    np.testing.assert_array_equal(forward, backward)


def test_neighbouring_frames_look_alike_and_the_action_stays_within_a_clip():
    moving = motion("stand", "sit", "walk", every=1)
    moments = [moving.at(frame) for frame in range(FRAMES)]
    assert len({moment.action for moment in moments}) == 1
    steady = [
        index for name, index in poses.INDEX.items() if not name.endswith(("arm_turn", "arm_twist"))
    ]  # a hanging arm turns freely
    assert (
        np.abs(np.diff([moment.angles[steady] for moment in moments], axis=0)).max() < 50
    )  # degrees in a tenth of a second
    assert np.abs(np.diff([moment.position for moment in moments], axis=0)).max() < 0.25  # m


@pytest.mark.parametrize("heading", [0.0, 90.0, 200.0])
def test_walkers_go_where_they_face(heading):
    moving = motion("walk", heading=heading, turning=0)
    way = np.subtract(moving.at(FRAMES - 1).position, moving.at(0).position)
    assert way @ [np.sin(np.radians(heading)), np.cos(np.radians(heading))] > 0.98 * np.linalg.norm(way) > 3


def test_walkers_in_the_laboratory_stay_in_it():
    places = np.array([motion("walk", reach=0.6).at(frame).position for frame in range(FRAMES)])
    assert np.abs(places).max() < 2.2
