"""Movement in sequences: key poses a second apart, blended smoothly, so that neighbouring frames look alike and cameras agree.

A key depends only on its number, so any moment can be had without the ones before it.
"""

from dataclasses import dataclass

import numpy as np

from hpe_study.synthetic import contact, poses

SECONDS_A_KEY = 1.0
_WALKING = ("walk", "run")
_YAW = poses.INDEX["yaw"]


@dataclass(frozen=True, eq=False)
class Moment:
    """How somebody is at one time: angles (P,) in degrees, lift and position in m (world x and z), and what they do."""

    angles: np.ndarray
    lift: float
    position: tuple
    action: str


class Motion:
    """One person's movement. random(*key) gives a generator; themes: what `poses.sample` takes, one of them a key; contacts: or None.

    center (x, z), reach: m, where and how far about it the person moves; drift (x, z): m/s that the centre moves by.
    """

    def __init__(self, random, themes, contacts, center=(0.0, 0.0), reach=0.8, drift=(0.0, 0.0)):
        self._random, self._themes, self._contacts = random, themes, contacts
        self._center, self._reach, self._drift = np.asarray(center, float), reach, np.asarray(drift, float)

    def at(self, time):
        """The `Moment` at a time in seconds."""
        number = int(time // SECONDS_A_KEY)
        share = time / SECONDS_A_KEY - number
        share = share * share * (3 - 2 * share)  # rest at the keys, fastest between them
        (start, here), (end, there) = self._key(number), self._key(number + 1)
        if "sit" in (start.action, end.action):  # a chair neither slides nor rises
            there = here
            share = round(share) if start.action != end.action else share
        angles = start.angles + share * (end.angles - start.angles)
        turn = (end.angles[_YAW] - start.angles[_YAW] + 180) % 360 - 180
        angles[_YAW] = (start.angles[_YAW] + share * turn) % 360
        if self._contacts and self._contacts.depth(angles[None])[0] > 1.5 * contact.TOLERANCE:  # a limb would pass through the body
            angles = (start if share < 0.5 else end).angles
        lift = start.lift + share * (end.lift - start.lift)
        return Moment(angles, lift, tuple(here + share * (there - here)), (start if share < 0.5 else end).action)

    def _key(self, number):
        """(pose, place) of one key."""
        random = self._random("key", number)
        place = self._place(number)
        theme = self._themes[random.integers(len(self._themes))]
        pose = poses.sample(random, theme, self._contacts)
        if pose.action in _WALKING:  # people face where they walk
            ahead = self._place(number + 1) - place
            pose.angles[_YAW] = np.degrees(np.arctan2(ahead[0], ahead[1])) % 360
        return pose, place

    def _place(self, number):
        aimed = self._center + self._drift * number * SECONDS_A_KEY
        return aimed + self._random("place", number).uniform(-self._reach, self._reach, 2)
