"""Clothes: drawn repeatably, thick where there is cloth, painted where they belong."""

import numpy as np
import pytest
import torch

from simulated_people.body.clothes import PATTERNS, pack_clothes, sample_clothes, thickness
from simulated_people.rendering.painting import paint_bodies

_RED, _BLUE, _SKIN = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.8, 0.6, 0.5)


@pytest.fixture
def worn():
    plain = sample_clothes(np.random.default_rng(0))
    return plain | {"skin": _SKIN, "top": _RED, "top_second": _RED, "trousers": _BLUE, "sleeve": 0.6, "trouser_length": 1.9, "hem": 0.0,
                    "skirt": 0.0, "long_hair": 0.0, "hat": 0.0, "pattern": 0}  # fmt: skip


def _painted(body, worn):
    """(3, V): the colour of each vertex."""
    everyone = torch.zeros(body.vertex_count, dtype=torch.int64)
    return paint_bodies(pack_clothes([worn], "cpu"), body.regions, everyone)


def test_the_same_generator_gives_the_same_clothes():
    assert sample_clothes(np.random.default_rng(1), True) == sample_clothes(np.random.default_rng(1), True)


def test_men_and_athletes_wear_no_skirts():
    rng = np.random.default_rng(2)
    assert not any(sample_clothes(rng, False)["skirt"] for _ in range(60))
    assert not any(sample_clothes(rng, True, "sport")["skirt"] for _ in range(60))
    assert any(sample_clothes(rng, True)["skirt"] for _ in range(60))


def test_garments_lie_where_they_belong(body, worn):
    colour, cloth = _painted(body, worn)
    at = body.regions
    skin_part = body.vertex_part == 0
    for where, expected in (
        (skin_part & (at.arm > 0.1) & (at.arm < 0.5), _RED),
        (skin_part & (at.y > 0.1) & (at.y < 0.4) & (at.arm == 0) & (at.head + at.neck < 0.1), _RED),
        (skin_part & (at.leg > 0.1) & (at.leg < 1.8) & (at.y < -0.2) & (at.foot < 0.3), _BLUE),
        (skin_part & (at.arm > 0.8) & (at.arm < 2), _SKIN),
    ):
        assert where.sum() > 20
        assert torch.allclose(
            colour[:, where], torch.tensor(expected)[:, None].expand(-1, int(where.sum())), atol=0.01
        )
    assert cloth[skin_part & (at.arm > 0.8)].max() == 0


def test_cloth_stands_off_the_skin(body, worn):
    off = thickness(pack_clothes([worn, worn | {"top_thickness": 0.03}], "cpu"), body.regions)
    at = body.regions
    sleeve = (at.arm > 0.1) & (at.arm < 0.5)
    assert off[0, sleeve].median() == pytest.approx(worn["top_thickness"])
    assert off[1, sleeve].median() == pytest.approx(0.03)
    assert off[0, (at.hand > 0.9)].max() == 0


def test_patterns_mix_two_colours(body, worn):
    for pattern in range(1, len(PATTERNS)):
        colour, _ = _painted(body, worn | {"pattern": pattern, "top_second": (0.0, 1.0, 0.0)})
        torso = (
            (body.regions.y > 0.15)
            & (body.regions.y < 0.45)
            & (body.regions.arm == 0)
            & (body.vertex_part == 0)
        )
        assert 0.005 < (colour[1, torso] > 0.4).float().mean() < 0.95, PATTERNS[pattern]


def test_regions_follow_the_limbs(body):
    at, rest = body.regions, body.vertex_part == 0
    hands, feet = rest & (at.hand > 0.9), rest & (at.foot > 0.9)
    assert at.arm[hands].min() > 1.8
    assert at.leg[feet].median() > 1.9
    assert at.arm[feet].max() == 0
    assert at.leg[hands].max() == 0
    assert at.table().shape == (11, body.vertex_count)
