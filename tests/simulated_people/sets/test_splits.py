"""The plans of the stand-ins: training and test share nothing, and little stands before people but in
Occlusion-Person."""

import importlib

import numpy as np
import pytest

from hpe_study.skeletons import MPII16
from simulated_people import NAMES
from simulated_people.body.landmarks import rows_of
from simulated_people.people_sampling import landmarks_of
from simulated_people.scenes.placement import boxes_on_line
from simulated_people.sets import h36m, mpi_inf_3dhp
from simulated_people.spec import StandInSpec

RECORDS = {"train": 24, "test": 16}
MODULES = {"3dpw": "threedpw"}


def shots(name, split):
    """The shots of a small stand-in's split."""
    module = importlib.import_module(f"simulated_people.sets.{MODULES.get(name, name)}")
    spec = StandInSpec(name, *RECORDS.values(), size=40)
    return [
        planned.shot
        for item in range(module.item_count(spec, split))
        for planned in module.plan_item(spec, split, item)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_splits_share_no_person_no_moment_and_no_scene(name):
    train, test = shots(name, "train"), shots(name, "test")
    for what in (
        lambda shot: {actor.body for actor in shot.actors},
        lambda shot: {actor.pose.tobytes() for actor in shot.actors},
        lambda shot: {shot.scene.seed},
        lambda shot: {shot.seed},
    ):
        assert not set().union(*map(what, train)) & set().union(*map(what, test))


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"occlusion_person"}))
def test_little_stands_before_people(name):
    """Of the joints of whom a picture is taken, furniture, cars and houses hide less than one in twelve, and
    of nobody more than half."""
    hidden = []
    for shot in [*shots(name, "train"), *shots(name, "test")]:
        joints = landmarks_of(shot.actors[0])[rows_of(MPII16)]
        nearer = shot.camera.position + 0.97 * (
            joints - shot.camera.position
        )  # a seat touches, it does not stand before
        hidden.append(np.mean([boxes_on_line(shot.scene, shot.camera, joint).any() for joint in nearer]))
    assert np.mean(hidden) < 1 / 12
    assert np.max(hidden) <= 0.5


def test_3dhp_is_tested_on_24_sequences_of_as_many_people_a_third_outdoors():
    """The real set has six: an interval is as wide as the number of its people makes it."""
    module = mpi_inf_3dhp
    spec = StandInSpec("mpi_inf_3dhp", 8, 400, size=40)
    pieces = module._test_pieces(spec)
    assert {name for name, _ in pieces} == set(module.TEST_SEQUENCES)
    assert sum(module._is_valid(frame) for _, frames in pieces for frame in frames) == 400
    assert len({module._subjects(spec, "test")[name][0] for name in module.TEST_SEQUENCES}) == 24
    assert len(module.OUTDOORS) == 8
    assert set(module.OUTDOORS) >= {"TS5", "TS6"}


def test_h36m_is_tested_at_200_moments_of_every_action_and_person():
    spec = StandInSpec("h36m", 8, 800, size=40)
    moments = {h36m._moment("test", item) for item in range(h36m.item_count(spec, "test"))}
    assert len(moments) == 200
    assert {(person, action) for person, action, _ in moments} == {
        (person, action) for person in h36m.SUBJECTS["test"] for action in h36m.ACTIONS
    }
