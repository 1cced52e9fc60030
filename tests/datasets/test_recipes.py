"""Approximate recipes: the errors that they state, and the measure of them on any data root."""

import json
import shutil

import numpy as np
import pytest
import torch

from hpe_study.datasets import open_dataset, recipes
from hpe_study.datasets.commands import main
from hpe_study.skeletons import H36M17, MPII16, convert
from simulated_people.body.clothes import sample_clothes
from simulated_people.body.landmarks import LANDMARKS
from simulated_people.body.model import Actor, Body
from simulated_people.motion.poses import sample_pose

THEMES = ("everyday", "sports", "film", "laboratory", "studio", "occlusion", "street")


@pytest.fixture(scope="module")
def crowd():
    """(700, L, 3) mm: the landmarks of simulated people of all shapes and poses."""
    rng, body = np.random.default_rng(0), Body()
    people = rng.choice(body.people, 700)
    angles = np.stack([sample_pose(rng, THEMES[i % len(THEMES)]).angles for i in range(len(people))])
    with torch.inference_mode():
        return 1000 * body.skeletons(people, angles)


def test_every_approximate_recipe_states_its_error_on_simulated_people(crowd):
    known = recipes.approximate()
    places = dict(zip(LANDMARKS, np.moveaxis(crowd, 1, 0), strict=True))
    measured = recipes.recipe_errors(places)
    assert len(measured) == len(known) == 7
    for joint, weights, distances in measured:
        recipe = known[joint, tuple(weights.items())]
        np.testing.assert_allclose(
            recipe.simulated, np.percentile(distances, [50, 25, 75]), atol=0.6, err_msg=joint
        )
        assert str(recipe.simulated[0]) in recipe.note


def test_skeletons_without_skin_are_those_of_placed_people():
    body = Body()
    rng = np.random.default_rng(3)
    drawn = sample_pose(rng, "sports")
    actor = Actor(int(body.people[7]), sample_clothes(rng), drawn.angles, lift=drawn.lift)
    placed = body.place([actor]).landmarks[0]
    alone = body.skeletons([actor.body], drawn.angles)[0]
    np.testing.assert_allclose(alone - alone[0], placed - placed[0], atol=1e-5)


def test_a_joint_of_the_recipe_itself_is_off_by_nothing():
    joints = np.random.default_rng(0).normal(size=(5, 16, 3))
    joints[:, MPII16.index("thorax")] = joints[:, MPII16.indices("l_shoulder r_shoulder")].mean(1)
    own = convert(joints, MPII16, H36M17)
    own[0, H36M17.index("spine")] += [3.0, 0.0, 4.0]
    own[1, H36M17.index("l_hip")] = np.nan
    found = {
        joint: distances for joint, _, distances in recipes.recipe_errors(recipes.places_of(own, H36M17))
    }
    assert set(found) == {"h36m.spine", "h36m.thorax"}
    np.testing.assert_allclose(found["h36m.spine"], [5, 0, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(found["h36m.thorax"], 0, atol=1e-12)


def test_of_a_data_root(stand_in, capsys):
    root = stand_in("h36m")
    rows = recipes.measured(open_dataset("h36m", root, "train"))
    assert {row["joint"] for row in rows} == {"h36m.spine", "h36m.thorax"}
    assert all("simulated" in row["set"] and row["unit"] == "mm" and 5 < row["median"] < 120 for row in rows)
    assert main(["recipes", str(root)]) == 0
    assert "h36m.spine" in capsys.readouterr().out


def test_a_root_without_sets_is_an_error(tmp_path, capsys):
    assert main(["recipes", str(tmp_path)]) == 1
    assert "none of the data sets is there" in capsys.readouterr().err


def test_of_real_people_as_the_note_says(real_data, tmp_path):
    """The upper neck along the line from thorax to head top, on MPII's validation people."""
    (tmp_path / "mpii" / "annot").mkdir(parents=True)
    (tmp_path / "mpii" / "images").mkdir()
    shutil.copy(real_data / "mpii" / "valid.json", tmp_path / "mpii" / "annot" / "valid.json")
    for record in json.loads((real_data / "mpii" / "valid.json").read_text()):
        (tmp_path / "mpii" / "images" / record["image"]).touch()
    (row,) = recipes.measured(open_dataset("mpii", tmp_path, "test"))
    assert "simulated" not in row["set"]
    np.testing.assert_allclose(
        [row["median"], row["lower quartile"], row["upper quartile"]], [0.12, 0.06, 0.22], atol=0.01
    )
