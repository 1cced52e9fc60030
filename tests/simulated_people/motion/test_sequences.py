"""Movement: smooth, in place or on its way, and free of limbs in the body."""

import numpy as np
import pytest

from simulated_people.body.kinematics import ANGLE_INDEX, ANGLES
from simulated_people.body.landmarks import LANDMARK_INDEX
from simulated_people.motion.self_collision import TOLERANCE
from simulated_people.motion.sequences import Clips, Motion, Timing, ground_path, sequence
from simulated_people.spec import StandInSpec

SPEC = StandInSpec("test", 1, 1)
FRAMES = 16


@pytest.mark.parametrize("action", ["walk", "run", "stand", "sit", "throw", "dance", "lie"])
def test_a_sequence_is_smooth_and_repeatable(body, collision, actor_of, action):
    angles = sequence(np.random.default_rng(2), action, Timing(30, 30), collision)
    again = sequence(np.random.default_rng(2), action, Timing(30, 30), collision)
    assert angles.shape == (30, len(ANGLES))
    assert np.array_equal(angles, again)
    who = actor_of(1)
    marks = np.stack(
        [body.place([actor_of(1, body=who.body, pose=pose, lift=0.0)]).landmarks[0] for pose in angles]
    )
    relative = marks - marks[:, [LANDMARK_INDEX["pelvis"]]]
    fastest = np.linalg.norm(np.diff(relative, axis=0), axis=-1).max() * 30
    assert fastest < 14, "m/s; the hand of somebody who throws reaches 10"
    jerk = np.linalg.norm(np.diff(relative, n=2, axis=0), axis=-1).max() * 900
    assert jerk < 400, "m/s²"
    assert collision.penetration(angles).max() < 2 * TOLERANCE


def test_walkers_get_on_and_sitters_stay(collision):
    rng = np.random.default_rng(0)
    walk = sequence(rng, "walk", Timing(75, 25), collision, heading=90, turning=0)
    way = ground_path("walk", walk, 25)
    assert 0.7 < (way[-1, 0] - way[0, 0]) / 3 < 1.8, "m/s, towards +x"
    assert abs(way[-1, 1] - way[0, 1]) < 0.3
    run = ground_path("run", sequence(rng, "run", Timing(75, 25), collision, heading=0, turning=0), 25)
    assert 2.0 < (run[-1, 1] - run[0, 1]) / 3 < 6.0
    assert not ground_path("sit", sequence(rng, "sit", Timing(20, 25)), 25).any()


def test_somebody_who_sits_keeps_the_seat(collision, body, actor_of):
    angles = sequence(np.random.default_rng(4), "sit", Timing(40, 20), collision)
    heights = [body.landmarks(actor_of(1, pose=pose, lift=0.0))["pelvis"][1] for pose in angles[::8]]
    assert np.ptp(heights) < 40


def motion(*actions, **options):
    return Motion(lambda *key: SPEC.rng("sequence", *key), actions, None, Clips(frames=FRAMES, **options))


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
        index for name, index in ANGLE_INDEX.items() if not name.endswith(("arm_turn", "arm_twist"))
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
