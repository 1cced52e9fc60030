"""Scenes: repeatable, around their cameras, with nothing through people and something under those who sit."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from simulated_people.rendering.scene_tensors import pack_scenes
from simulated_people.scenes import camera, furniture
from simulated_people.scenes.placement import add_seat, intersects, resolve_intersections
from simulated_people.scenes.places import KINDS, make_scene
from simulated_people.scenes.scene import Box, Spot, Surface


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


def test_things_in_people_are_moved_or_taken_away(body, actor_of):
    skin = body.skin([actor_of(0)])
    paint = Surface()
    through = Box((0.0, 0.5, 0.0), (0.1, 0.5, 0.1), 0.3, paint, object_id=1)
    leg_of_the_same = Box((0.6, 0.5, 0.0), (0.1, 0.5, 0.1), 0.0, paint, object_id=1)
    apart = Box((2.0, 0.5, 0.0), (0.1, 0.5, 0.1), 0.0, paint, object_id=2)
    carpet = Box((0.0, 0.004, 0.0), (2.0, 0.004, 2.0), 0.0, paint, object_id=3, walkable=True)
    place = replace(make_scene("studio", 0), boxes=(through, leg_of_the_same, apart, carpet))
    dropped = resolve_intersections(place, skin, move=False)
    assert [box.object_id for box in dropped.boxes] == [2, 3], "the piece goes as a whole"
    moved = resolve_intersections(place, skin)
    assert not intersects(moved.boxes, skin[0]).any()
    assert resolve_intersections(dropped, skin) is dropped, "what is clear comes back as it is"


def test_a_thin_pole_through_the_chest_is_noticed(body, actor_of):
    skin = body.skin([actor_of(0)])
    pole = Box((0.0, 1.1, 0.0), (0.02, 1.1, 0.02), 0.0, Surface(), object_id=1)
    assert (
        resolve_intersections(replace(make_scene("studio", 0), boxes=(pole,)), skin, move=False).boxes == ()
    )


@pytest.mark.parametrize("kind", ["room", "laboratory"])
def test_people_who_sit_get_a_seat_that_touches_them(body, actor_of, kind):
    fitted = 0
    for seed in range(12):
        actor = actor_of(seed, "sit", position=(0.3, -0.4))
        place = add_seat(make_scene(kind, seed), body, actor, seed)
        seats = [box for box in place.boxes if box.seat]
        top = max(box.centre[1] + box.half[1] for box in seats[:1])
        hips = body.landmarks(actor)["pelvis"] / 1000
        assert 0.03 < hips[1] - top < 0.22, "the flesh below the hips"
        assert np.hypot(seats[0].centre[0] - hips[0], seats[0].centre[2] - hips[2]) < 0.15
        fitted += not intersects(seats, body.skin([actor])[0]).any()
    assert fitted >= 11


@pytest.mark.parametrize("kind", [*furniture.PIECES, "panel"])
def test_furniture_stands_on_the_floor(kind):
    boxes = furniture.piece(np.random.default_rng(0), kind, Spot(1.0, 2.0, 0.7), Surface(), 4)
    assert min(box.centre[1] - box.half[1] for box in boxes) < 0.12
    assert {box.object_id for box in boxes} == {4}
    assert all(min(box.half) > 0 for box in boxes)
    assert np.hypot(*(np.mean([box.centre for box in boxes], 0)[[0, 2]] - [1.0, 2.0])) < 0.3


def test_pack_lays_scenes_side_by_side():
    places = [make_scene("room", 1), make_scene("outdoor", 2)]
    packed = pack_scenes(places, "cpu")
    assert len(packed["box_shot"]) == sum(len(place.boxes) for place in places)
    assert packed["surface_start"].tolist() == [0, 2 + len(places[0].boxes)]
    assert packed["texture_first"].shape == (3, sum(2 + len(place.boxes) for place in places))


def test_cameras_of_a_rig_can_be_given_as_they_are():
    rig = camera.laboratory_rig(64, 100)
    assert make_scene("laboratory", 0, rig).room[1] >= max(view.position[0] for view in rig)
