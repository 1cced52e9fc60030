"""Samples the people of a data set: bodies kept apart by split, dressed, posed and put in their places."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from hpe_study.skeletons import MPII16
from simulated_people.body import kinematics
from simulated_people.body.clothes import sample_clothes
from simulated_people.body.landmarks import LANDMARK_INDEX
from simulated_people.body.model import Actor, shared_body
from simulated_people.motion.poses import sample_pose
from simulated_people.motion.self_collision import shared_self_collision
from simulated_people.motion.sequences import Moment
from simulated_people.spec import StandInSpec

_H36M_BONE_SUMS = (3907.0, 4295.0)  # mm, Human3.6M's subjects: smallest and largest total bone length
_TEST_EVERY = 5  # every fifth body appears in test splits only, in all data sets alike
_IN_SKIRTS = ("stand", "walk", "dance")  # actions that a skirt is made for
Subject = tuple[int, dict]  # index of the body, clothes


def bodies_of_split(split: str) -> np.ndarray:
    """(N,) indices of the bodies of this split; train and test share none, in all data sets alike."""
    people = shared_body("cpu").people
    for_test = np.arange(len(people)) % _TEST_EVERY == _TEST_EVERY - 1
    return people[for_test if split == "test" else ~for_test]


@lru_cache
def _h36m_sized_bodies():
    """Bodies whose MPII-16 bones add up to what those of Human3.6M's subjects do: {index: total in mm}."""
    body = shared_body("cpu")
    ends = np.array([[LANDMARK_INDEX[parent], LANDMARK_INDEX[child]] for parent, child in MPII16.bones])
    joints = 1000 * body.skeletons(body.people, kinematics.pose_vector({}))
    sums = np.linalg.norm(joints[:, ends[:, 0]] - joints[:, ends[:, 1]], axis=-1).sum(1)
    return {
        int(index): float(total)
        for index, total in zip(body.people, sums, strict=True)
        if _H36M_BONE_SUMS[0] <= total <= _H36M_BONE_SUMS[1]
    }


def sample_subjects(
    spec: StandInSpec, split: str, names: Sequence[str], h36m_sized: bool = False
) -> dict[str, Subject]:
    """The fixed subjects of a split, no two alike, in no skirts (they also sit, kneel and kick).

    Args:
        spec: The stand-in; its seed decides.
        split: "train" or "test".
        names: One per subject.
        h36m_sized: Only bodies as large as Human3.6M's subjects. A handful of people of all sizes would make
            train and test differ mostly in stature.

    Returns:
        Each name's body and clothes.
    """
    rng = spec.rng(split, "company")
    candidates = bodies_of_split(split)
    if h36m_sized:
        candidates = [index for index in candidates if int(index) in _h36m_sized_bodies()]
    bodies = rng.choice(candidates, len(names), replace=False)
    female = shared_body("cpu").female
    return {
        name: (int(index), sample_clothes(rng, bool(female[index])) | {"skirt": 0.0})
        for name, index in zip(names, bodies, strict=True)
    }


def sample_person(
    rng: np.random.Generator,
    split: str,
    theme: str,
    position: Sequence[float] = (0.0, 0.0),
    heading: float | None = None,
    style: str = "everyday",
) -> Actor:
    """A new person in some pose.

    Args:
        rng: Decides on body, clothes and pose.
        split: "train" or "test"; they share no body.
        theme: Of `poses.THEMES`, or the name of an action.
        position: World x and z of the pelvis, m.
        heading: Yaw in degrees (0 faces +z); None: random.
        style: Of the clothes, "everyday" or "sport".
    """
    index = int(rng.choice(bodies_of_split(split)))
    clothes = sample_clothes(rng, bool(shared_body("cpu").female[index]), style)
    pose = sample_pose(rng, theme, shared_self_collision(), heading=heading)
    if pose.action not in _IN_SKIRTS:
        clothes = clothes | {"skirt": 0.0}
    return Actor(index, clothes, pose.angles, tuple(position), pose.lift, action=pose.action)


def subject_at(subject: Subject, moment: Moment, name: str) -> Actor:
    """A subject as it is at one moment of its movement."""
    body, clothes = subject
    return Actor(body, clothes, moment.angles, moment.position, action=moment.action, subject=name)


def landmarks_of(actor: Actor) -> np.ndarray:
    """(L, 3) m, world: the actor's landmarks."""
    return shared_body("cpu").place([actor]).landmarks[0]


def draw_seed(rng: np.random.Generator) -> int:
    """A seed for a scene or for the noise of an image."""
    return int(rng.integers(2**31))
