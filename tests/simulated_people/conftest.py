"""What the tests of the simulated people share."""

import numpy as np
import pytest
import torch

from simulated_people.body.clothes import sample_clothes
from simulated_people.body.model import Actor, Body
from simulated_people.motion.poses import sample_pose
from simulated_people.motion.self_collision import SelfCollision
from simulated_people.rendering.render import Shot
from simulated_people.scenes import camera
from simulated_people.scenes.places import make_scene


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def body():
    return Body()


@pytest.fixture(scope="session")
def collision(body):
    return SelfCollision(body)


@pytest.fixture(scope="session")
def actor_of(body):
    """actor_of(seed, action="stand", **fields) → an Actor."""

    def make(seed, action="stand", **fields):
        rng = np.random.default_rng(seed)
        drawn, person = sample_pose(rng, action), int(rng.choice(body.people))
        values = {"body": person, "pose": drawn.angles, "lift": drawn.lift, "action": action}
        return Actor(clothes=sample_clothes(rng, bool(body.female[person])), **values | fields)

    return make


@pytest.fixture(scope="session")
def shot_of(body, actor_of):
    """shot_of(seed, action="stand", kind="studio", width=80, height=72, size=56, **fields of Shot) → a Shot
    of one person."""

    def make(seed, action="stand", kind="studio", width=80, height=72, size=56, **fields):
        actor = actor_of(seed, action)
        view = camera.framed(body.place([actor]).landmarks[0], (30 * seed, 8, 4), size, (width, height))
        return Shot((actor,), view, make_scene(kind, seed, [view]), seed, **fields)

    return make


@pytest.fixture
def worn():
    """Clothes of one colour each: a red top with short sleeves, long blue trousers."""
    plain = {"pattern": 0, "sleeve": 0.6, "trouser_length": 1.9, "hem": 0.0}
    plain |= {"skin": (0.8, 0.6, 0.5), "top": (1.0, 0.0, 0.0), "top_second": (1.0, 0.0, 0.0)}
    plain |= {"trousers": (0.0, 0.0, 1.0), "skirt": 0.0, "long_hair": 0.0, "hat": 0.0}
    return sample_clothes(np.random.default_rng(0)) | plain
