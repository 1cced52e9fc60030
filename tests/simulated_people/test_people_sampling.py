"""People kept apart by split, and places in the picture."""

from dataclasses import replace

import numpy as np
import pytest

from simulated_people.body.model import shared_body
from simulated_people.people_sampling import bodies_of_split, sample_person, sample_subjects
from simulated_people.scenes import camera
from simulated_people.scenes.placement import clear_view, ground_point_at
from simulated_people.scenes.places import make_scene
from simulated_people.scenes.scene import Box
from simulated_people.spec import StandInSpec


def test_bodies_of_train_and_test_are_all_of_the_pool_and_never_the_same():
    train, test = set(bodies_of_split("train")), set(bodies_of_split("test"))
    assert not train & test
    assert train | test == set(shared_body("cpu").people)
    assert len(test) > 100


def test_a_company_has_no_two_alike_and_is_the_same_every_time():
    spec = StandInSpec("h36m", 1, 1)
    company = sample_subjects(spec, "train", ["S1", "S5", "S6", "S7", "S8"])
    assert len({body for body, _ in company.values()}) == 5
    assert company == sample_subjects(spec, "train", ["S1", "S5", "S6", "S7", "S8"])
    other = sample_subjects(spec, "test", ["S9", "S11"])
    assert not any(worn == theirs for _, worn in company.values() for _, theirs in other.values())


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
