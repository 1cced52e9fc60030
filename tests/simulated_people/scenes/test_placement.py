"""People and things in one place: seats, free views, nothing through a body."""

from dataclasses import replace

import numpy as np
import pytest

from simulated_people.people_sampling import sample_person
from simulated_people.scenes import camera
from simulated_people.scenes.placement import (
    add_seat,
    clear_view,
    ground_point_at,
    intersects,
    resolve_intersections,
)
from simulated_people.scenes.places import make_scene
from simulated_people.scenes.scene import Box, Surface


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


@pytest.mark.parametrize("elevation", [-5, 0, 20])
def test_somebody_is_seen_at_the_column_asked_for(elevation):
    position = camera.around((0.3, 0.9, -0.2), 130, elevation, 4.0)
    view = camera.pinhole(position, (0.0, 1.0, 0.0), 150.0, (200, 120))
    (x, z), row = ground_point_at(view, 0.3, 6.0)
    seen = view.to_camera(np.array([x, 0.9, z]))
    np.testing.assert_allclose(view.project(seen), [0.3 * 200, row * 120], atol=1e-9)
    assert seen[2] == pytest.approx(6.0)


def test_what_hides_a_chest_is_taken_away_and_what_hides_legs_stays():
    actor = sample_person(np.random.default_rng(0), "train", "stand")
    view = camera.pinhole((3.0, 1.2, 3.0), (0.0, 1.2, 0.0), 150.0, (200, 120))
    place = make_scene("outdoor", 0, [view])
    surface = place.floor
    wall = Box((1.5, 1.0, 1.5), (1.0, 1.0, 0.1), np.pi / 4, surface, 901)
    bench = Box((1.5, 0.2, 1.5), (1.0, 0.2, 0.1), np.pi / 4, surface, 902)
    behind = Box((-3.0, 1.0, -3.0), (1.0, 1.0, 0.1), np.pi / 4, surface, 903)
    beside = Box((2.6, 1.0, 0.4), (1.0, 1.0, 0.1), np.pi / 4, surface, 904)
    seen = clear_view(replace(place, boxes=(wall, bench, behind, beside)), view, [actor])
    assert seen.boxes == (bench, behind, beside)
