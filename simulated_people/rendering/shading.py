"""Noise, textures, light, shadows and film: what turns surfaces into colours.

All functions take flat lists of P points; vectors and colours are (3, P), one component per row, which is
several times faster than (P, 3).
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import torch

from simulated_people.scenes.scene import BRICKS, CHECKER, PLAIN, PLANKS, STRIPES, WINDOWS

_TILE = 1024  # cells along a side of the noise tile
_BLOB = 64  # cells per blob


def look_up(table: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Rows of a table (N, …) at index (P,); a single row is left to broadcast, which is much cheaper."""
    return table if len(table) == 1 else table.index_select(0, index)


@lru_cache
def _noise_tile(device):
    """(1024²,) smooth noise around 0.5 that repeats without a seam: four octaves, always the same."""
    generator, total, weight = torch.Generator().manual_seed(7), 0.0, 1.0
    for cells in (16, 32, 64, 128):
        grid = torch.rand(1, 1, cells, cells, generator=generator)
        grid = torch.nn.functional.pad(grid, (2, 2, 2, 2), mode="circular")
        step = _TILE // cells
        fine = torch.nn.functional.interpolate(grid, scale_factor=step, mode="bicubic", align_corners=False)[
            0, 0
        ]
        total = total + weight * fine[2 * step : -2 * step, 2 * step : -2 * step]
        weight *= 0.55
    total = (total - total.mean()) / total.std() * 0.18 + 0.5
    return total.clamp(0, 1).flatten().to(device)


@lru_cache
def _grain_tile(device):
    """(2^18,) normal deviates, always the same, and once more, so that a piece may start anywhere."""
    return torch.randn(1 << 18, generator=torch.Generator().manual_seed(11)).repeat(2).to(device)


def noise(u: torch.Tensor, v: torch.Tensor, seed: torch.Tensor) -> torch.Tensor:
    """Smooth noise (P,) in 0…1.

    Args:
        u: (P,) where; 1 unit is about one blob.
        v: (P,).
        seed: (P,) or (1,) numbers.
    """
    x = (u * _BLOB + seed * 151.7).floor().int() & (_TILE - 1)
    y = (v * _BLOB + seed * 365.3).floor().int() & (_TILE - 1)
    return _noise_tile(u.device).index_select(0, y * _TILE + x)


def _scatter(x, y):
    """A random-looking number in 0…1 for each pair of whole numbers."""
    return torch.frac(torch.sin(x * 12.9898 + y * 78.233) * 43758.5453).abs()


def texture(
    kind: torch.Tensor,
    u: torch.Tensor,
    v: torch.Tensor,
    seed: torch.Tensor,
    first: torch.Tensor,
    second: torch.Tensor,
) -> torch.Tensor:
    """Albedo (3, P) of surfaces, sRGB.

    Args:
        kind: (P,) int, the texture.
        u: (P,) m along the surface.
        v: (P,) m across.
        seed: (P,).
        first: (3, P) colour.
        second: (3, P) colour.
    """
    base = noise(u * 1.4, v * 1.4, seed)
    mask = base * 0.25
    for wanted in kind.bincount(minlength=PLAIN + 1).nonzero()[:, 0].tolist():
        if wanted == PLAIN:
            continue
        rows = (kind == wanted).nonzero()[:, 0]
        a, b = u.index_select(0, rows), v.index_select(0, rows)
        if wanted == CHECKER:
            value = ((a * 2).floor() + (b * 2).floor()) % 2
        elif wanted == PLANKS:
            plank = (a * 7).floor()
            value = 0.6 * _scatter(plank, (b * 0.8 + _scatter(plank, 0.0) * 3).floor()) + 0.4 * noise(
                a * 8, b * 0.7, seed.index_select(0, rows)
            )
        elif wanted == BRICKS:
            row = (b * 6).floor()
            value = ((((a * 3 + 0.5 * (row % 2)) % 1) < 0.06) | ((b * 6) % 1 < 0.12)).float()
        elif wanted == STRIPES:
            value = ((a * 4) % 1 < 0.5).float()
        elif wanted == WINDOWS:
            value = (((a * 0.45) % 1 < 0.55) & ((b * 0.4) % 1 > 0.45) & (b > 0.4)).float()
        else:
            value = (base.index_select(0, rows) * 2.2 - 0.6).clamp(0, 1)
        mask[rows] = value
    return first + (second - first) * (mask * 0.85 + 0.15 * base)


def srgb_to_linear(srgb: torch.Tensor) -> torch.Tensor:
    """Light from an sRGB colour (the square is close to the true curve and cheap)."""
    return srgb * srgb


def dot(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """(P,) products of two (3, P), or of (3, 1) and (3, P)."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def illuminate(
    lamp: Mapping[str, torch.Tensor], shot: torch.Tensor, normals: torch.Tensor, shadow: torch.Tensor
) -> torch.Tensor:
    """Light (3, P) that falls on points: a sky that is brighter above, and one lamp (the sun) with shadows.

    Args:
        lamp: direction (S, 3), ambient (S,), sun (S,), colour (S, 3) of S scenes.
        shot: (P,) scene of each point.
        normals: (3, P).
        shadow: (P,) 0 lit … 1 dark.
    """
    direction, colour = look_up(lamp["direction"], shot).T, look_up(lamp["colour"], shot).T
    ambient = look_up(lamp["ambient"], shot) * (0.70 + 0.30 * normals[1])
    direct = look_up(lamp["sun"], shot) * dot(normals, direction).clamp_min(0) * (1 - 0.85 * shadow)
    return ambient + direct * colour


class _Grid(NamedTuple):
    """A square map about a person."""

    size: int  # cells along a side
    reach: float  # m from the middle to the edge
    empty: float  # value of cells without points


_SHADOW = _Grid(96, 1.35, -9.0)  # how far the person reaches towards the lamp, m
_CONTACT = _Grid(48, 1.2, 0.0)  # how near the person comes to the floor, 0…1
_NEAR_FLOOR = 0.35  # m above the floor up to which a body still darkens it


class Shadows:
    """Shadow maps, one for each person, and a darker floor where bodies come near it.

    Lookups take one person per image at a time: the first of all images, then the second, …
    """

    def __init__(
        self, vertices: torch.Tensor, casting: torch.Tensor, shot: Sequence[int], direction: torch.Tensor
    ) -> None:
        """Shadow maps of N people.

        Args:
            vertices: (N, V, 3) m.
            casting: (N, V) bool, those that throw shadows.
            shot: (N,) number of each person's image.
            direction: (S, 3) towards the lamp of each image.
        """
        count, device = len(vertices), vertices.device
        around = [[-0.7, 0.3, 0.7, -0.3], [-0.3, -0.7, 0.3, 0.7]]  # cells, right and up
        self._around = torch.tensor(around, device=device)[..., None]
        self._turns = _turns(shot, len(direction), device)
        light = direction[torch.as_tensor(shot, device=device)]
        up = torch.tensor([0.0, 1.0, 0.0], device=device).expand_as(light)
        right = torch.nn.functional.normalize(torch.linalg.cross(up, light), dim=-1)
        # (N, 3, 3): right, up, towards the lamp
        self._axes = torch.stack([right, torch.linalg.cross(light, right), light], 1)
        self._centre = (vertices.amin(1) + vertices.amax(1)) / 2
        relative = vertices - self._centre[:, None]
        self._map = self._splat(_SHADOW, (relative @ self._axes.mT).unbind(-1), casting)
        near = (1 - vertices[..., 1] / _NEAR_FLOOR).clamp(0, 1)
        contact = self._splat(_CONTACT, (relative[..., 0], relative[..., 2], near), casting)
        contact = contact.view(count, 1, _CONTACT.size, _CONTACT.size)
        self._contact = torch.nn.functional.avg_pool2d(contact, 5, 1, 2).flatten(1)

    @staticmethod
    def _splat(grid: _Grid, points: Sequence[torch.Tensor], casting: torch.Tensor) -> torch.Tensor:
        """(N, size²) largest value in and around each cell; points: x, y and value, each (N, V)."""
        (x, y, value), size = points, grid.size
        count = len(x)
        column, row = ((axis / grid.reach * 0.5 + 0.5) * size for axis in (x, y))
        fits = casting & (column >= 0) & (column < size) & (row >= 0) & (row < size)
        cell = (
            torch.arange(count, device=x.device)[:, None] * size * size
            + row.clamp(0, size - 1).long() * size
            + column.clamp(0, size - 1).long()
        )
        cells = torch.full((count * size * size,), grid.empty, device=x.device)
        cells.scatter_reduce_(0, cell[fits], value[fits], "amax")
        return torch.nn.functional.max_pool2d(cells.view(count, 1, size, size), 3, 1, 1).flatten(1)

    def at(self, position: torch.Tensor, shot: torch.Tensor, bias: float) -> torch.Tensor:
        """(P,) 0 lit … 1 dark.

        Args:
            position: (3, P) m.
            shot: (P,) image of each point.
            bias: m, against self-shadowing.
        """
        return self._darkest(position, lambda person: self._cast(person, position, shot, bias))

    def contact(self, position: torch.Tensor, shot: torch.Tensor) -> torch.Tensor:
        """(P,) 0…1: how much nearby bodies take of the floor's sky light.

        Args:
            position: (3, P) m, on the floor.
            shot: (P,) image of each point.
        """
        return self._darkest(position, lambda person: self._touch(person, position, shot))

    def _darkest(self, position, of_person):
        """The largest of what the people of a point's own image do to it.

        Args:
            position: (3, P) m.
            of_person: Gives the (rows, values) of a person.
        """
        result = torch.zeros(position.shape[1], device=position.device)
        for person in self._turns:
            rows, values = of_person(person)
            result[rows] = torch.maximum(result.index_select(0, rows), values)
        return result

    def _cast(self, person, position, shot, bias):
        """Rows of the points that a person's shadow map covers, and how dark they are, 0…1."""
        size, axes, centre = _SHADOW.size, self._axes[person], self._centre[person]
        if len(axes) == 1:
            across, along, height = axes[0] @ position - (axes[0] @ centre[0])[:, None]
        else:
            middle = (axes @ centre[..., None])[..., 0]
            middle = torch.where(person[:, None] < 0, torch.inf, middle)  # people who are missing are far off
            across, along, height = (
                dot(look_up(axes[:, k], shot).T, position) - look_up(middle[:, k], shot) for k in range(3)
            )
        column, row = ((axis / _SHADOW.reach * 0.5 + 0.5) * size - 0.5 for axis in (across, along))
        rows = ((column > 1) & (column < size - 2) & (row > 1) & (row < size - 2)).nonzero()[:, 0]
        column, row, height = (value.index_select(0, rows) for value in (column, row, height + bias))
        dx, dy = self._around
        cell = (row + dy).round().int() * size + (column + dx).round().int()
        dark = self._looked_up(self._map, person, shot, rows, cell) > height
        return rows, dark.sum(0) / 4

    def _touch(self, person, position, shot):
        """Rows of the floor's points that a person is above, and how near the person is, 0…1."""
        size, centre = _CONTACT.size, self._centre[person]
        if len(centre) > 1:
            centre = torch.where(person[:, None] < 0, torch.inf, centre)
        column, row = (
            ((position[axis] - look_up(centre[:, axis], shot)) / _CONTACT.reach * 0.5 + 0.5) * size - 0.5
            for axis in (0, 2)
        )
        rows = ((column > 0) & (column < size - 1) & (row > 0) & (row < size - 1)).nonzero()[:, 0]
        column, row = column.index_select(0, rows), row.index_select(0, rows)
        left, top = column.floor(), row.floor()
        fx, fy = column - left, row - top
        cell = (top * size + left).int()
        a, b, c, d = (
            self._looked_up(self._contact, person, shot, rows, cell + step) for step in (0, 1, size, size + 1)
        )
        return rows, torch.lerp(torch.lerp(a, b, fx), torch.lerp(c, d, fx), fy)

    @staticmethod
    def _looked_up(
        maps: torch.Tensor,
        person: slice | torch.Tensor,
        shot: torch.Tensor,
        rows: torch.Tensor,
        cell: torch.Tensor,
    ) -> torch.Tensor:
        """Cells (…, P) of the maps (N, cells) of the people that points `rows` (P,) belong to."""
        if isinstance(person, slice):
            return maps[person.start].index_select(0, cell.flatten()).view(cell.shape)
        own = (person.int() * maps.shape[1]).index_select(0, shot.index_select(0, rows))
        return maps.flatten().index_select(0, (cell + own).flatten()).view(cell.shape)


def _turns(shot, shots, device):
    """Everybody, one person of each image at a time: tensors (S,) of people, −1 where an image has no more.

    For a single image slices of one, which cost nothing to take.
    """
    if shots == 1:
        return [slice(n, n + 1) for n in range(len(shot))]
    of_shot = [[n for n, own in enumerate(shot) if own == s] for s in range(shots)]
    most = max(map(len, of_shot), default=0)
    padded = [people + [-1] * (most - len(people)) for people in of_shot]
    return list(torch.tensor(padded, dtype=torch.int64, device=device).view(shots, most).T)


def develop(
    light: torch.Tensor,
    film: Mapping[str, torch.Tensor],
    brightness: torch.Tensor,
    seeds: Sequence[int],
    shot: torch.Tensor,
    starts: Sequence[int],
) -> torch.Tensor:
    """Images from light: exposure, a soft shoulder for the highlights, contrast, colour cast and noise.

    Args:
        light: (3, P).
        film: exposure, gamma, contrast, noise (S,) and white (S, 3) of S images.
        brightness: (S,) the light that is to become `exposure`.
        seeds: S ints, of the noise.
        shot: (P,) image of each column.
        starts: S + 1 columns at which the images start.

    Returns:
        (P, 3) uint8, sRGB.
    """
    gain = (film["exposure"] / brightness.clamp_min(0.01)).clamp(0.5, 2.5)
    x = light * look_up(gain, shot)
    # meets the straight part with the same slope, and never reaches 1
    x = torch.where(x < 0.5, x, 1 - 0.25 / x.clamp_min(0.5))
    x = x ** look_up(1 / film["gamma"], shot)
    x = ((x - 0.5) * look_up(film["contrast"], shot) + 0.5) * look_up(film["white"], shot).T
    x += _speckle(seeds, shot, starts, light.device) * look_up(film["noise"], shot)
    return (x.clamp_(0, 1) * 255 + 0.5).to(torch.uint8).T.contiguous()


def _speckle(seeds, shot, starts, device):
    """(3, P) normal deviates: each image a piece of the tile, which begins anew where it is too short."""
    grain = _grain_tile(device)
    period = len(grain) // 2
    first = [(seed * 7919 + 104729) % period for seed in seeds]
    if len(seeds) == 1:
        count = 3 * starts[1]
        long_enough = grain if count <= period else grain[:period].repeat(count // period + 2)
        return long_enough[first[0] : first[0] + count].view(3, -1)
    begin, end = (torch.tensor(edges, device=device) for edges in (starts[:-1], starts[1:]))
    offset = (torch.tensor(first, device=device) - begin).index_select(0, shot)
    place = torch.arange(starts[-1], device=device) + offset
    length = (end - begin).index_select(0, shot)
    rows = torch.stack([place, place + length, place + 2 * length]) % period
    return grain.index_select(0, rows.flatten()).view(3, -1)
