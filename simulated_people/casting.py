"""Who is filmed: people kept apart by split, dressed, posed and put in their places."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from hpe_study.skeletons import MPII16
from simulated_people import clothes, kinematics, poses, scene
from simulated_people.filming import body_on, contacts
from simulated_people.landmarks import INDEX
from simulated_people.shots import Actor

_SUBJECTS = (3907.0, 4295.0)  # mm, the real subjects' total bone length, smallest and largest
_TEST_EVERY = 5  # every fifth body of the pool plays in test splits only, in all sets alike
_IN_SKIRTS = ("stand", "walk", "dance")  # actions that a skirt is made for


def pool(split):
    """(N,) indices of the bodies that may play in this split. The two splits share none, whatever the data
    set."""
    people = body_on("cpu").people
    for_test = np.arange(len(people)) % _TEST_EVERY == _TEST_EVERY - 1
    return people[for_test if split == "test" else ~for_test]


def person(random, split, style="everyday"):
    """Somebody new: (body, clothes)."""
    index = int(random.choice(pool(split)))
    return index, clothes.sample(random, bool(body_on("cpu").female[index]), style)


@lru_cache
def grown_up():
    """The bodies whose MPII-16 bones add up to what Human3.6M's subjects' do, each told by its sum in mm."""
    body = body_on("cpu")
    ends = np.array([[INDEX[parent], INDEX[child]] for parent, child in MPII16.bones])
    points = 1000 * body.skeletons(body.people, kinematics.vector({}))
    sums = np.linalg.norm(points[:, ends[:, 0]] - points[:, ends[:, 1]], axis=-1).sum(1)
    return {
        int(index): float(total)
        for index, total in zip(body.people, sums, strict=True)
        if _SUBJECTS[0] <= total <= _SUBJECTS[1]
    }


def company(brief, split, names, like_real=False):
    """The fixed people of a set's split, no two alike: name → (body, clothes). They wear no skirts: they also
    sit, kneel and kick.

    like_real: of the size of Human3.6M's subjects. A handful of people drawn from all sizes would make train
    and test differ in nothing so much as in stature.
    """
    random = brief.random(split, "company")
    candidates = [index for index in pool(split) if int(index) in grown_up()] if like_real else pool(split)
    bodies = random.choice(candidates, len(names), replace=False)
    female = body_on("cpu").female
    return {
        name: (int(index), clothes.sample(random, bool(female[index])) | {"skirt": 0.0})
        for name, index in zip(names, bodies, strict=True)
    }


def extra(random, split, theme, position=(0.0, 0.0), heading=None, style="everyday", subject=""):
    """Somebody new in some pose of the theme, at `position` (m, world x and z)."""
    body, worn = person(random, split, style)
    pose = poses.sample(random, theme, contacts(), heading=heading)
    if pose.action not in _IN_SKIRTS:
        worn = worn | {"skirt": 0.0}
    return Actor(body, worn, pose.angles, tuple(position), pose.lift, action=pose.action, subject=subject)


def performer(who, moment, subject):
    """One of a company at a `motion.Moment`. who: (body, clothes)."""
    return Actor(*who, moment.angles, moment.position, action=moment.action, subject=subject)


def points(actor):
    """(L, 3) m, world: the actor's landmarks."""
    return body_on("cpu").place([actor]).landmarks[0]


def behind_column(camera, column, depth, height=0.9):
    """The ground point (x, z) m of somebody who is seen at a column (fraction of the picture's width),
    `depth` m from the camera.

    height: m above the floor that the column is meant for. The second value is the row (fraction) where that
    height is seen.
    """
    right, down, forward = camera.rotation
    across = depth * (column * camera.width - camera.cx) / camera.fx
    below = (height - camera.position[1] - across * right[1] - depth * forward[1]) / down[1]
    place = camera.position + across * right + below * down + depth * forward
    return (float(place[0]), float(place[2])), float((below / depth * camera.fy + camera.cy) / camera.height)


def with_seats(place, actors):
    """The scene with something under everybody who sits."""
    for actor in actors:
        if actor.action == "sit":
            place = scene.seat(place, body_on("cpu"), actor, seed=actor.body)
    return place


def in_view(place, view, actors):
    """The scene without things that hide somebody's chest from the camera (what hides less stays)."""
    blocking = set()
    for actor in actors:
        blocking |= {
            place.boxes[k].thing for k in np.flatnonzero(before(place, view, points(actor)[INDEX["thorax"]]))
        }
    return (
        replace(place, boxes=tuple(box for box in place.boxes if box.thing not in blocking))
        if blocking
        else place
    )


def before(place, view, point):
    """(boxes,) bool: which of the scene's boxes the line from the camera to a world point (3,) m goes
    through."""
    if not place.boxes:
        return np.zeros(0, bool)
    centre, half = (
        np.array([getattr(box, name) for box in place.boxes], float) for name in ("centre", "half")
    )
    yaw = np.array([box.yaw for box in place.boxes])
    start, along = (_turned(vector, yaw) for vector in (view.position - centre, point - view.position))
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.stack([(-half - start) / along, (half - start) / along])
    enter, leave = np.nanmax(ends.min(0), 1), np.nanmin(ends.max(0), 1)
    return (enter < leave) & (enter < 1) & (leave > 0)


def _turned(vector, yaw):
    """World vectors (…, 3) in the axes of boxes turned by `yaw` (N,) radians: (N, 3)."""
    x, y, z = np.broadcast_to(vector, (len(yaw), 3)).T
    return np.stack([x * np.cos(yaw) - z * np.sin(yaw), y, x * np.sin(yaw) + z * np.cos(yaw)], 1)


def seed(random):
    """A seed for an engine's part."""
    return int(random.integers(2**31))
