"""Samples the people of a data set: bodies kept apart by split, dressed, posed and put in their places."""

from functools import lru_cache

import numpy as np

from hpe_study.skeletons import MPII16
from simulated_people.body import kinematics
from simulated_people.body.clothes import sample_clothes
from simulated_people.body.landmarks import LANDMARK_INDEX
from simulated_people.body.model import Actor, shared_body
from simulated_people.motion.poses import sample_pose
from simulated_people.motion.self_collision import shared_self_collision

_SUBJECTS = (3907.0, 4295.0)  # mm, the real subjects' total bone length, smallest and largest


_TEST_EVERY = 5  # every fifth body of the pool plays in test splits only, in all sets alike


_IN_SKIRTS = ("stand", "walk", "dance")  # actions that a skirt is made for


def bodies_of_split(split):
    """(N,) indices of the bodies that may play in this split. The two splits share none, whatever the data
    set."""
    people = shared_body("cpu").people
    for_test = np.arange(len(people)) % _TEST_EVERY == _TEST_EVERY - 1
    return people[for_test if split == "test" else ~for_test]


def _new_person(rng, split, style="everyday"):
    """Somebody new: (body, clothes)."""
    index = int(rng.choice(bodies_of_split(split)))
    return index, sample_clothes(rng, bool(shared_body("cpu").female[index]), style)


@lru_cache
def _h36m_sized_bodies():
    """The bodies whose MPII-16 bones add up to what Human3.6M's subjects' do, each told by its sum in mm."""
    body = shared_body("cpu")
    ends = np.array([[LANDMARK_INDEX[parent], LANDMARK_INDEX[child]] for parent, child in MPII16.bones])
    joints = 1000 * body.skeletons(body.people, kinematics.pose_vector({}))
    sums = np.linalg.norm(joints[:, ends[:, 0]] - joints[:, ends[:, 1]], axis=-1).sum(1)
    return {
        int(index): float(total)
        for index, total in zip(body.people, sums, strict=True)
        if _SUBJECTS[0] <= total <= _SUBJECTS[1]
    }


def sample_subjects(spec, split, names, like_real=False):
    """The fixed people of a set's split, no two alike: name → (body, clothes). They wear no skirts: they also
    sit, kneel and kick.

    like_real: of the size of Human3.6M's subjects. A handful of people drawn from all sizes would make train
    and test differ in nothing so much as in stature.
    """
    rng = spec.rng(split, "company")
    candidates = (
        [index for index in bodies_of_split(split) if int(index) in _h36m_sized_bodies()]
        if like_real
        else bodies_of_split(split)
    )
    bodies = rng.choice(candidates, len(names), replace=False)
    female = shared_body("cpu").female
    return {
        name: (int(index), sample_clothes(rng, bool(female[index])) | {"skirt": 0.0})
        for name, index in zip(names, bodies, strict=True)
    }


def sample_person(rng, split, theme, position=(0.0, 0.0), heading=None, style="everyday", subject=""):
    """Somebody new in some pose of the theme, at `position` (m, world x and z)."""
    body, worn = _new_person(rng, split, style)
    pose = sample_pose(rng, theme, shared_self_collision(), heading=heading)
    if pose.action not in _IN_SKIRTS:
        worn = worn | {"skirt": 0.0}
    return Actor(body, worn, pose.angles, tuple(position), pose.lift, action=pose.action, subject=subject)


def subject_at(who, moment, subject):
    """One of a company at a `motion.Moment`. who: (body, clothes)."""
    return Actor(*who, moment.angles, moment.position, action=moment.action, subject=subject)


def landmarks_of(actor):
    """(L, 3) m, world: the actor's landmarks."""
    return shared_body("cpu").place([actor]).landmarks[0]


def draw_seed(rng):
    """A seed for an engine's part."""
    return int(rng.integers(2**31))
