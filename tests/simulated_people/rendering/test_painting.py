"""Painting: garments, patterns and skin where they belong."""

import torch

from simulated_people.body.clothes import PATTERNS, pack_clothes
from simulated_people.rendering.painting import paint_bodies


def _painted(body, worn):
    """(3, V): the colour of each vertex."""
    everyone = torch.zeros(body.vertex_count, dtype=torch.int64)
    return paint_bodies(pack_clothes([worn], "cpu"), body.regions, everyone)


def test_garments_lie_where_they_belong(body, worn):
    colour, cloth = _painted(body, worn)
    at = body.regions
    skin_part = body.vertex_part == 0
    for where, expected in (
        (skin_part & (at.arm > 0.1) & (at.arm < 0.5), worn["top"]),
        (skin_part & (at.y > 0.1) & (at.y < 0.4) & (at.arm == 0) & (at.head + at.neck < 0.1), worn["top"]),
        (skin_part & (at.leg > 0.1) & (at.leg < 1.8) & (at.y < -0.2) & (at.foot < 0.3), worn["trousers"]),
        (skin_part & (at.arm > 0.8) & (at.arm < 2), worn["skin"]),
    ):
        assert where.sum() > 20
        assert torch.allclose(
            colour[:, where], torch.tensor(expected)[:, None].expand(-1, int(where.sum())), atol=0.01
        )
    assert cloth[skin_part & (at.arm > 0.8)].max() == 0


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
