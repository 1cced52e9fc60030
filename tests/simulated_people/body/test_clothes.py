"""Clothes: drawn repeatably, thick where there is cloth."""

import numpy as np
import pytest

from simulated_people.body.clothes import pack_clothes, sample_clothes, thickness


def test_the_same_generator_gives_the_same_clothes():
    assert sample_clothes(np.random.default_rng(1), True) == sample_clothes(np.random.default_rng(1), True)


def test_men_and_athletes_wear_no_skirts():
    rng = np.random.default_rng(2)
    assert not any(sample_clothes(rng, False)["skirt"] for _ in range(60))
    assert not any(sample_clothes(rng, True, "sport")["skirt"] for _ in range(60))
    assert any(sample_clothes(rng, True)["skirt"] for _ in range(60))


def test_cloth_stands_off_the_skin(body, worn):
    off = thickness(pack_clothes([worn, worn | {"top_thickness": 0.03}], "cpu"), body.regions)
    at = body.regions
    sleeve = (at.arm > 0.1) & (at.arm < 0.5)
    assert off[0, sleeve].median() == pytest.approx(worn["top_thickness"])
    assert off[1, sleeve].median() == pytest.approx(0.03)
    assert off[0, (at.hand > 0.9)].max() == 0


def test_regions_follow_the_limbs(body):
    at, rest = body.regions, body.vertex_part == 0
    hands, feet = rest & (at.hand > 0.9), rest & (at.foot > 0.9)
    assert at.arm[hands].min() > 1.8
    assert at.leg[feet].median() > 1.9
    assert at.arm[feet].max() == 0
    assert at.leg[hands].max() == 0
    assert at.table().shape == (11, body.vertex_count)
