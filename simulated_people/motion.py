"""Films of one person: clips of a few seconds, one after the other, from which single frames are taken.

A clip depends only on its number, so any frame can be had without the ones before it.
"""

from dataclasses import dataclass

import numpy as np

from simulated_people import sequences

_FPS = 10  # of the movement itself, of which frames are taken
_REMEMBERED = 2  # clips


@dataclass(frozen=True, eq=False)
class Moment:
    """How somebody is at one time: angles (P,) in degrees, place in m (world x and z), and what they do."""

    angles: np.ndarray
    position: tuple
    action: str


class Motion:
    """One person's movement.

    random(*key) gives a generator; actions: names of `poses.ACTIONS`, one of them for each clip; contacts:
    `contact.Contacts` or None.
    every: tenths of a second between frames; frames: of a clip. reach: m, how far off (0, 0) a clip takes
    place. heading: degrees, random where None. turning: degrees a second that walkers turn by, to either
    side: the larger the smaller their circle (at 100 its radius is about 0.8 m).
    """

    def __init__(self, random, actions, contacts, every=6, frames=5, reach=0.2, heading=None, turning=100):
        self._random, self._actions, self._contacts = random, actions, contacts
        self._every, self._frames, self._reach, self._heading, self._turning = (
            every,
            frames,
            reach,
            heading,
            turning,
        )
        self._clips = {}

    def at(self, frame):
        """The `Moment` of a frame, counted from 0."""
        number, place = divmod(frame, self._frames)
        action, angles, path = self._clip(number)
        return Moment(angles[place], tuple(path[place]), action)

    def _clip(self, number):
        """(action, angles (F, P), places (F, 2)) of one clip."""
        if number not in self._clips:
            random = self._random("clip", number)
            action = self._actions[random.integers(len(self._actions))]
            turning, about = (
                random.choice([-1, 1]) * self._turning,
                random.uniform(-self._reach, self._reach, 2),
            )
            frames = self._frames * self._every
            angles = sequences.sequence(random, action, frames, _FPS, self._contacts, self._heading, turning)
            path = about + sequences.path(action, angles, _FPS)
            while len(self._clips) >= _REMEMBERED:
                del self._clips[next(iter(self._clips))]
            self._clips[number] = action, angles[:: self._every], path[:: self._every]
        return self._clips[number]
