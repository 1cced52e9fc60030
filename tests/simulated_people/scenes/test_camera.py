"""Cameras: right-handed, aimed, and as large as asked."""

import numpy as np
import pytest

from simulated_people.scenes import camera


def test_axes_are_right_down_and_away():
    view = camera.pinhole((0, 1, 5), (0, 1, 0), 100, (64, 48))
    assert np.allclose(view.rotation @ view.rotation.T, np.eye(3))
    assert np.linalg.det(view.rotation) == pytest.approx(1)
    assert np.allclose(view.to_camera(np.array([[0.0, 1, 0]])), [[0, 0, 5]])
    left_of_a_person_who_faces_the_camera = view.to_camera(np.array([1.0, 1, 0]))
    assert left_of_a_person_who_faces_the_camera[0] == pytest.approx(1), "is to the right in the picture"
    assert view.to_camera(np.array([0.0, 2, 0]))[1] == pytest.approx(-1), "up is −y"


def test_the_target_is_seen_in_the_middle():
    view = camera.pinhole((3, 2, -4), (0.3, 0.9, 0.1), 200, (101, 81))
    assert np.allclose(view.project(view.to_camera(np.array([0.3, 0.9, 0.1]))), [50, 40])


def test_roll_turns_the_picture_clockwise():
    view = camera.pinhole((0, 1, 5), (0, 1, 0), 100, (64, 64), roll=90)
    above = view.to_camera(np.array([0.0, 2, 0]))
    assert np.allclose(above[:2], [1, 0]), "what was above is now to the right"


@pytest.mark.parametrize("at", [(0.5, 0.5), (0.3, 0.6), (0.75, 0.4)])
@pytest.mark.parametrize("roll", [0, 25])
def test_framing_gives_the_size_and_the_place(at, roll):
    points = np.random.default_rng(0).normal(size=(16, 3)) * [0.3, 0.5, 0.2] + [1, 0.9, -2]
    view = camera.framed(points, (40, 10, 4), size=100, image_size=(240, 180), at=at, roll=roll)
    px = view.project(view.to_camera(points))
    assert 1.25 * (px.max(0) - px.min(0)).max() == pytest.approx(100, rel=0.01)
    assert np.allclose((px.max(0) + px.min(0)) / 2, np.array(at) * [240, 180] - 0.5, atol=1)


def test_azimuth_0_looks_a_person_in_the_face():
    assert np.allclose(camera.around((0, 1, 0), 0, 0, 3), [0, 1, 3])
    assert np.allclose(camera.around((0, 1, 0), 90, 0, 3), [3, 1, 0])
    assert camera.around((0, 1, 0), 0, -80, 3)[1] >= 0.2, "not under the floor"


def test_a_rig_sees_a_standing_person_at_the_size_asked_for_from_all_sides():
    directions = [(10 + 45 * k, elevation, 3.8) for k, elevation in enumerate((5, 42, 5, 5, -12, 48, 5, 5))]
    laboratory = camera.laboratory_rig(128, 200)
    studio = camera.ring(directions, (0.0, 0.95, 0.0), 128, (200, 200))
    assert len(laboratory) == 4
    assert [view.number for view in studio] == list(range(8))
    stand = np.array([[0, 0.05, 0], [0, 1.75, 0]])
    for view in laboratory + studio:
        px = view.project(view.to_camera(stand))
        assert 60 < np.ptp(px, axis=0).max() < 140
        assert (px > 0).all()
        assert (px < 200).all()
    heights = [view.position[1] for view in studio]
    assert max(heights) > 2.5
    assert min(heights) < 0.6
