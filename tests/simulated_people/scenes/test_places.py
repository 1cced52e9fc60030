"""Scenes: repeatable, around their cameras, with nothing through people and something under those who sit."""

import numpy as np
import pytest
import torch

from simulated_people.rendering.scene_tensors import pack_scenes
from simulated_people.scenes import camera
from simulated_people.scenes.places import KINDS, make_scene


def _same(a, b):
    left, right = (pack_scenes([place], "cpu") for place in (a, b))
    return all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_place(kind):
    eyes = [np.array([3.0, 1.5, 4.0])]
    assert _same(make_scene(kind, 4, eyes), make_scene(kind, 4, eyes))
    if kind not in ("laboratory", "studio"):
        assert not _same(make_scene(kind, 4, eyes), make_scene(kind, 5, eyes))


@pytest.mark.parametrize("kind", ["laboratory", "studio", "room", "hall", "film set"])
def test_rooms_hold_their_cameras_and_people(kind):
    eyes, people = [np.array([7.0, 2.0, -9.0]), np.array([-6.0, 4.8, 1.0])], [(0.5, 0.5), (-3.0, 1.0)]
    low_x, high_x, low_z, high_z, height = make_scene(kind, 1, eyes, people).room
    for x, y, z in [*eyes, *((x, 1.0, z) for x, z in people)]:
        assert low_x < x < high_x
        assert low_z < z < high_z
        assert y < height


def test_furniture_keeps_out_of_the_line_of_sight_unless_asked():
    eye = np.array([0.0, 1.4, 5.0])
    free, blocked = make_scene("room", 8, [eye]), make_scene("room", 8, [eye], occluders=3)
    assert len(blocked.boxes) > len(free.boxes)
    for box in free.boxes:
        if box.object_id >= 200:  # on the walls
            continue
        assert np.hypot(box.centre[0], box.centre[2]) > 0.4
        assert not (abs(box.centre[0]) < 0.15 and 0 < box.centre[2] < 5)


def test_cameras_of_a_rig_can_be_given_as_they_are():
    rig = camera.laboratory_rig(64, 100)
    assert make_scene("laboratory", 0, rig).room[1] >= max(view.position[0] for view in rig)
