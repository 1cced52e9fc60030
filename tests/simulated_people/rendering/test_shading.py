"""Textures, light, shadows and film."""

import pytest
import torch

from simulated_people.rendering import shading


def _film(**changes):
    film = {
        "exposure": torch.tensor([0.2]),
        "gamma": torch.tensor([2.0]),
        "contrast": torch.tensor([1.0]),
        "white": torch.ones(1, 3),
        "noise": torch.zeros(1),
    }
    return film | changes


def test_noise_is_smooth_and_repeats_without_a_seam():
    u = torch.linspace(0, 40, 4001)
    value = shading.noise(u, torch.zeros_like(u), torch.tensor([0.0]))
    assert 0 <= value.min() < 0.3
    assert 0.7 < value.max() <= 1
    assert value.diff().abs().max() < 0.12
    whole = shading._TILE / shading._BLOB
    assert torch.equal(
        shading.noise(u, u, torch.tensor([0.0])), shading.noise(u + whole, u + whole, torch.tensor([0.0]))
    )


@pytest.mark.parametrize("kind", range(7))
def test_textures_stay_between_their_two_colours(kind):
    u, v = torch.rand(2, 500, generator=torch.Generator().manual_seed(0)) * 6
    first, second = (
        torch.tensor([[0.2], [0.4], [0.6]]).expand(3, 500),
        torch.tensor([[0.8], [0.3], [0.6]]).expand(3, 500),
    )
    albedo = shading.texture(torch.full((500,), kind), u, v, torch.full((500,), 3.0), first, second)
    assert albedo.shape == (3, 500)
    assert (albedo[0] >= 0.2 - 1e-6).all()
    assert (albedo[0] <= 0.8 + 1e-6).all()
    assert torch.allclose(albedo[2], first[2])
    assert albedo[0].std() > 0.01


def test_a_surface_that_faces_the_lamp_is_brightest_and_shadow_darkens():
    lamp = {
        "direction": torch.tensor([[0.0, 1, 0]]),
        "ambient": torch.tensor([0.5]),
        "sun": torch.tensor([0.6]),
        "colour": torch.ones(1, 3),
    }
    normals = torch.tensor([[0.0, 0, 1], [1, 0, 0], [0, -1, 0]])  # up, sideways (x = 0 row is irrelevant)
    shot = torch.zeros(3, dtype=torch.int64)
    lit, dark = (
        shading.illuminate(lamp, shot, normals, torch.full((3,), shadow))[0] for shadow in (0.0, 1.0)
    )
    assert lit[0] == lit.max()
    assert dark[0] < lit[0]
    assert torch.equal(lit[1:], dark[1:])


def test_a_body_throws_its_shadow_away_from_the_lamp():
    post = torch.stack([torch.zeros(200), torch.linspace(0, 1, 200), torch.zeros(200)], 1)[None]
    sunlight = torch.nn.functional.normalize(torch.tensor([[1.0, 1.0, 0.0]]), dim=1)
    shadows = shading.Shadows(post, torch.ones(1, 200, dtype=torch.bool), [0], sunlight)
    floor = torch.tensor(
        [[-0.5, 0.5, -0.5], [0.0, 0.0, 0.0], [0.0, 0.0, 0.6]]
    )  # behind the post, before it, aside
    assert shadows.at(floor, torch.zeros(3, dtype=torch.int64), 0.03).tolist() == [1.0, 0.0, 0.0]
    contact = shadows.contact(
        torch.tensor([[0.0, 0.8], [0.0, 0.0], [0.0, 0.0]]), torch.zeros(2, dtype=torch.int64)
    )
    assert contact[0] > 0.2
    assert contact[1] == 0


def test_people_of_other_pictures_throw_no_shadow_here():
    post = torch.stack([torch.zeros(200), torch.linspace(0, 1, 200), torch.zeros(200)], 1)[None]
    down = torch.tensor([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    shadows = shading.Shadows(post, torch.ones(1, 200, dtype=torch.bool), [1], down)
    assert shadows.at(torch.zeros(3, 2), torch.tensor([0, 1]), 0.03).tolist() == [0.0, 1.0]


def test_highlights_are_compressed_not_cut():
    ramp = torch.linspace(0, 3, 61).expand(3, -1)
    image = shading.develop(
        ramp, _film(), torch.tensor([0.2]), [0], torch.zeros(61, dtype=torch.int64), [0, 61]
    )
    assert (image[:, 0].int().diff() >= 0).all()
    assert image[0, 0] == 0
    assert image[20, 0] < 245
    assert image[-1, 0] < 255
    assert len(image[30:, 0].unique()) > 10, "bright places still differ"


def test_noise_belongs_to_the_shot():
    grey = torch.full((3, 900), 0.2)
    film = _film(noise=torch.tensor([0.03]))
    own = torch.zeros(900, dtype=torch.int64)
    first, again, other = (
        shading.develop(grey, film, torch.tensor([0.2]), [seed], own, [0, 900]) for seed in (5, 5, 6)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert 4 < first.float().std() < 11
    both, film = (
        torch.arange(2).repeat_interleave(900),
        {name: torch.cat([value, value]) for name, value in film.items()},
    )
    together = shading.develop(
        grey.repeat(1, 2), film, torch.tensor([0.2, 0.2]), [5, 6], both, [0, 900, 1800]
    )
    assert torch.equal(together, torch.cat([first, other]))
