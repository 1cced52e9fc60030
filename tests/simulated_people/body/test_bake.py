"""The parts of the baking that need none of its packages, and the asset that it left."""

import numpy as np

from simulated_people.body import bake
from simulated_people.body.model import ASSET, Body


def test_principal_components_give_shapes_back():
    rng = np.random.default_rng(0)
    shapes = (rng.normal(size=(60, 5)) @ rng.normal(size=(5, 90)) + rng.normal(size=90)).reshape(60, 30, 3)
    mean, basis, coefficients = bake.principal_components(shapes)
    assert coefficients.shape == (60, bake.COMPONENTS)
    assert np.allclose(mean + np.einsum("nk,kpc->npc", coefficients, basis), shapes)


def test_landmarks_are_found_where_they_are_on_a_body():
    """On the asset's own average body the search lands on the landmarks that the asset holds."""
    with np.load(ASSET) as data:
        names, mean = list(data["joint_names"]), data["mean_j"]
    place = dict(zip(names, mean, strict=True))
    assert place["headtop"][1] == max(point[1] for point in mean)
    assert place["nose"][2] > place["l_eye"][2] > place["l_ear"][2]
    assert place["l_toe"][2] > place["l_heel"][2] + 0.2
    assert place["l_ear"][0] > 0 > place["r_ear"][0]


def test_the_asset_is_small_and_comes_with_its_licence():
    assert ASSET.stat().st_size < 600_000
    assert "CC0" in (ASSET.parent / "LICENSE.txt").read_text()
    body = Body()
    assert (body.vertex_count, len(body.faces), len(body.bones)) == (3401, 6288, 31)
