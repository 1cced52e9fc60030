"""The body: people of plausible size, standing where they are told to."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hpe_study.skeletons import CANONICAL_LENGTH
from simulated_people.body.landmarks import LANDMARK_INDEX
from simulated_people.body.model import BODY, Body


def test_the_pool_holds_hundreds_of_people_of_both_sexes(body):
    assert len(body.people) > 500
    assert 1.42 < body.height[body.people].min() < 1.6
    assert 1.8 < body.height[body.people].max() < 2.0
    assert 0.3 < body.female[body.people].mean() < 0.7


def test_limb_lengths_are_human(body, actor_of):
    marks = (
        body.place([replace(actor_of(0), body=int(person)) for person in body.people[::10]]).landmarks * 1000
    )
    for (a, b), length in CANONICAL_LENGTH.items():
        measured = np.linalg.norm(marks[:, LANDMARK_INDEX[a]] - marks[:, LANDMARK_INDEX[b]], axis=1)
        # an average person is near the tables; the tables' shoulder and hip are wider than the joints'
        # centres
        assert 0.6 * length < np.median(measured) < 1.25 * length, (a, b)


def test_people_stand_on_the_floor_where_they_are_put(body, actor_of):
    actors = [actor_of(1, position=(1.5, -2.0)), actor_of(2, "jump", lift=0.3), actor_of(3, "lie")]
    placed = body.place(actors)
    for actor, vertices, marks in zip(actors, placed.vertices, placed.landmarks, strict=True):
        assert vertices[body.vertex_part == BODY, 1].min() == pytest.approx(actor.lift, abs=1e-5)
        assert np.allclose(marks[LANDMARK_INDEX["pelvis"]][[0, 2]], actor.position, atol=1e-5)


def test_a_person_has_the_same_bits_in_any_company(actor_of):
    actors = [actor_of(seed, "run") for seed in range(4)]
    alone = Body().place(actors[2:3]).vertices[0]
    together = Body().place(actors).vertices[2]
    assert torch.equal(alone, together)


def test_landmarks_lie_within_the_skin(body, actor_of):
    """A joint's nearest skin is a hand's breadth away at most, on all sides of the limb."""
    placed = body.place([actor_of(5)])
    skin = placed.vertices[0, body.vertex_part == BODY].numpy()
    for joint, reach in (
        ("l_knee", 0.09),
        ("r_elbow", 0.08),
        ("l_wrist", 0.06),
        ("r_ankle", 0.09),
        ("l_shoulder", 0.12),
    ):
        offset = skin - placed.landmarks[0, LANDMARK_INDEX[joint]]
        near = offset[np.linalg.norm(offset, axis=1) < reach]
        assert len(near) > 5, joint
        assert (near.min(0)[[0, 2]] < 0).all(), joint
        assert (near.max(0)[[0, 2]] > 0).all(), joint


def test_normals_point_outward(body):
    rest = body.rest(int(body.people[0]))
    chest = rest.vertices[:, 2].argmax()
    assert rest.normals[chest, 2] > 0.5
    assert torch.allclose(rest.normals.norm(dim=1), torch.ones(body.vertex_count), atol=1e-4)
