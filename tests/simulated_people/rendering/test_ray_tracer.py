"""The surroundings: rays against boxes, floor and walls, compared with a literal ray at each pixel."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from simulated_people.rendering.ray_tracer import FIRST_BOX, FLOOR, SKY, WALL, CameraTensors, trace_background
from simulated_people.rendering.scene_tensors import pack_scenes
from simulated_people.scenes import camera
from simulated_people.scenes.places import make_scene
from simulated_people.scenes.scene import Box, Surface


def _place(*boxes, room=(-4.0, 4.0, -5.0, 5.0, 3.0)):
    return replace(make_scene("studio", 0), boxes=boxes, room=room)


def _box(x, y, z, half=(0.4, 0.3, 0.2), yaw=0.0):
    return Box((x, y, z), half, yaw, Surface(), 0)


def _literal(view, place):
    """depth and thing at every pixel, one ray at a time."""
    depth, surface_id = np.full((view.height, view.width), 1e3), np.full((view.height, view.width), SKY)
    low_x, high_x, low_z, high_z, height = place.room
    for row in range(view.height):
        for column in range(view.width):
            ray = view.rotation.T @ np.array([(column - view.cx) / view.fx, (row - view.cy) / view.fy, 1.0])
            crossings = [(-view.position[1] / ray[1], FLOOR)] if ray[1] < 0 else []
            for axis, walls in ((0, (low_x, high_x)), (2, (low_z, high_z)), (1, (-1e3, height))):
                crossings.append(((walls[int(ray[axis] > 0)] - view.position[axis]) / ray[axis], WALL))
            for number, box in enumerate(place.boxes):
                c, s = np.cos(box.yaw), np.sin(box.yaw)
                turn = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])
                o, d = turn @ (view.position - box.centre), turn @ ray
                a, b = (-np.array(box.half) - o) / d, (np.array(box.half) - o) / d
                enter, leave = np.minimum(a, b).max(), np.maximum(a, b).min()
                if 0.05 < enter < leave:
                    crossings.append((enter, FIRST_BOX + number))
            depth[row, column], surface_id[row, column] = min(crossings)
    return depth, surface_id


@pytest.fixture(scope="module")
def furnished():
    rng = np.random.default_rng(0)
    return _place(
        *(
            _box(*rng.uniform([-2, 0.2, -2], [2, 1.5, 2]), rng.uniform(0.1, 0.6, 3), rng.uniform(0, 3))
            for _ in range(7)
        )
    )


VIEWS = (
    camera.pinhole((2.5, 1.4, 4), (0, 0.7, 0), 24, (30, 26)),
    camera.pinhole((-3, 2.2, -3), (0.2, 0.7, 0), 20, (22, 28)),
)


def test_rays_agree_with_a_literal_tracer(furnished):
    for view in VIEWS:
        seen = trace_background(CameraTensors.of([view], "cpu"), pack_scenes([furnished], "cpu"))
        depth, surface_id = _literal(view, furnished)
        same = seen.surface_id.view(view.height, view.width).numpy() == surface_id
        assert same.mean() > 0.995
        assert np.abs(seen.depth.view(view.height, view.width).numpy() - depth)[same].max() < 1e-3


def test_several_pictures_at_once_are_the_same_as_one_by_one(furnished):
    places = [furnished, _place(_box(0, 0.5, 0))]
    together = trace_background(CameraTensors.of(VIEWS, "cpu"), pack_scenes(places, "cpu"))
    start = 0
    for view, place in zip(VIEWS, places, strict=True):
        alone = trace_background(CameraTensors.of([view], "cpu"), pack_scenes([place], "cpu"))
        end = start + view.width * view.height
        assert (together.surface_id[start:end] == alone.surface_id).float().mean() > 0.998
        difference = (together.colour[:, start:end] - alone.colour).abs().amax(0)
        assert (difference < 1e-3).float().mean() > 0.99
        start = end


def test_normals_face_the_camera_and_have_length_one(furnished):
    views = CameraTensors.of([VIEWS[0]], "cpu")
    seen = trace_background(views, pack_scenes([furnished], "cpu"))
    assert torch.allclose(seen.normal.norm(dim=0), torch.ones(len(seen.depth)), atol=1e-4)
    towards = views.position[0][:, None] - seen.position
    assert ((seen.normal * towards).sum(0) > 0).float().mean() > 0.99


def test_a_small_box_is_seen_where_the_camera_projects_it():
    """Pixels of a 6 cm cube have their middle where the camera puts its centre: an integer is a pixel's
    centre."""
    view, centre = camera.pinhole((0.3, 1.2, 4), (0, 1, 0), 300, (121, 91)), np.array([0.21, 1.13, 0.05])
    seen = trace_background(
        CameraTensors.of([view], "cpu"),
        pack_scenes([_place(_box(*centre, half=(0.03, 0.03, 0.03), yaw=0.5))], "cpu"),
    )
    row, column = np.nonzero(seen.surface_id.view(91, 121).numpy() == FIRST_BOX)
    assert len(row) > 12
    assert np.allclose([column.mean(), row.mean()], view.project(view.to_camera(centre)), atol=0.3)


def test_the_open_air_has_sky_above_the_horizon():
    view = camera.pinhole((0, 1.5, 5), (0, 1.5, 0), 60, (40, 40))
    seen = trace_background(
        CameraTensors.of([view], "cpu"), pack_scenes([replace(_place(), room=None)], "cpu")
    )
    surface_id = seen.surface_id.view(40, 40)
    assert (surface_id[:18] == SKY).all()
    assert (surface_id[24:] == FLOOR).all()


def test_a_camera_inside_the_shadow_of_a_big_box_sees_it_all_around():
    """A box that reaches behind the camera fills its part of the picture."""
    view = camera.pinhole((0, 1.0, 3), (0, 1.0, 0), 30, (20, 20))
    wall = Box((0.9, 1.0, 2.5), (0.4, 1.0, 3.0), 0.0, Surface(), 0)
    surface_id = trace_background(
        CameraTensors.of([view], "cpu"), pack_scenes([_place(wall)], "cpu")
    ).surface_id.view(20, 20)
    assert (surface_id[:, -3:] == FIRST_BOX).any()
    assert (surface_id[:, :8] != FIRST_BOX).all()
