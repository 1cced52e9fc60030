"""Movement: smooth, in place or on its way, and free of limbs in the body."""

import numpy as np
import pytest

from simulated_people import sequences
from simulated_people.contact import TOLERANCE
from simulated_people.landmarks import INDEX


@pytest.mark.parametrize("action", ["walk", "run", "stand", "sit", "throw", "dance", "lie"])
def test_a_sequence_is_smooth_and_repeatable(body, contacts, actor_of, action):
    angles = sequences.sequence(np.random.default_rng(2), action, 30, 30, contacts)
    again = sequences.sequence(np.random.default_rng(2), action, 30, 30, contacts)
    assert angles.shape == (30, len(sequences.ANGLES))
    assert np.array_equal(angles, again)
    who = actor_of(1)
    marks = np.stack(
        [body.place([actor_of(1, body=who.body, pose=pose, lift=0.0)]).landmarks[0] for pose in angles]
    )
    relative = marks - marks[:, [INDEX["pelvis"]]]
    fastest = np.linalg.norm(np.diff(relative, axis=0), axis=-1).max() * 30
    assert fastest < 14, "m/s; the hand of somebody who throws reaches 10"
    jerk = np.linalg.norm(np.diff(relative, n=2, axis=0), axis=-1).max() * 900
    assert jerk < 400, "m/s²"
    assert contacts.depth(angles).max() < 2 * TOLERANCE


def test_walkers_get_on_and_sitters_stay(contacts):
    rng = np.random.default_rng(0)
    walk = sequences.sequence(rng, "walk", 75, 25, contacts, heading=90, turning=0)
    way = sequences.path("walk", walk, 25)
    assert 0.7 < (way[-1, 0] - way[0, 0]) / 3 < 1.8, "m/s, towards +x"
    assert abs(way[-1, 1] - way[0, 1]) < 0.3
    run = sequences.path("run", sequences.sequence(rng, "run", 75, 25, contacts, heading=0, turning=0), 25)
    assert 2.0 < (run[-1, 1] - run[0, 1]) / 3 < 6.0
    assert not sequences.path("sit", sequences.sequence(rng, "sit", 20, 25), 25).any()


def test_somebody_who_sits_keeps_the_seat(contacts, body, actor_of):
    angles = sequences.sequence(np.random.default_rng(4), "sit", 40, 20, contacts)
    heights = [body.landmarks(actor_of(1, pose=pose, lift=0.0))["pelvis"][1] for pose in angles[::8]]
    assert np.ptp(heights) < 40
