"""Noise, textures, light, shadows and film: everything that turns surfaces into colours. Flat lists of points throughout."""

from functools import lru_cache

import torch

PLAIN, CHECKER, PLANKS, BRICKS, STRIPES, BLOTCHES = range(6)
_TILE = 256


def spread(table, index):
    """table (N, …) looked up at index (P,); a single row is left to broadcast, which is much cheaper."""
    return table if len(table) == 1 else table[index]


@lru_cache
def _noise_tile(device):
    """(256, 256) smooth noise around 0.5 that repeats without a seam: four octaves, always the same."""
    generator, total, weight = torch.Generator().manual_seed(7), 0.0, 1.0
    for cells in (16, 32, 64, 128):
        grid = torch.rand(1, 1, cells, cells, generator=generator)
        grid = torch.nn.functional.pad(grid, (2, 2, 2, 2), mode="circular")
        step = _TILE // cells
        fine = torch.nn.functional.interpolate(grid, scale_factor=step, mode="bicubic", align_corners=False)[0, 0]
        total = total + weight * fine[2 * step : -2 * step, 2 * step : -2 * step]
        weight *= 0.55
    total = (total - total.mean()) / total.std() * 0.18 + 0.5
    return total.clamp(0, 1).flatten().to(device)


@lru_cache
def _grain_tile(device):
    """(2^18,) normal deviates, always the same."""
    return torch.randn(1 << 18, generator=torch.Generator().manual_seed(11)).to(device)


def noise(u, v, seed):
    """Smooth noise in 0…1 at (P,) places; 1 unit of u, v is about one blob. seed: (P,) or (1,) numbers."""
    x, y = u * 16 + seed * 37.7, v * 16 + seed * 91.3
    left, top = x.floor(), y.floor()
    fx, fy = x - left, y - top
    left, top = left.long() & (_TILE - 1), (top.long() & (_TILE - 1)) * _TILE
    right, bottom = (left + 1) & (_TILE - 1), (top + _TILE) & (_TILE * _TILE - 1)
    tile = _noise_tile(u.device)
    upper = torch.lerp(tile[top + left], tile[top + right], fx)
    return torch.lerp(upper, torch.lerp(tile[bottom + left], tile[bottom + right], fx), fy)


def _scatter(x, y):
    """A random-looking number in 0…1 for each pair of whole numbers."""
    return torch.frac(torch.sin(x * 12.9898 + y * 78.233) * 43758.5453).abs()


def texture(kind, u, v, seed, first, second):
    """Albedo (P, 3), sRGB. kind: (P,) int; u, v: (P,) m on the surface; seed: (P,); first, second: (P, 3) colours."""
    base = noise(u * 1.4, v * 1.4, seed)
    mask = base * 0.25
    for wanted in torch.unique(kind).tolist():
        if wanted == PLAIN:
            continue
        rows = (kind == wanted).nonzero()[:, 0]
        a, b = u[rows], v[rows]
        if wanted == CHECKER:
            value = ((a * 2).floor() + (b * 2).floor()) % 2
        elif wanted == PLANKS:
            plank = (a * 7).floor()
            value = 0.6 * _scatter(plank, (b * 0.8 + _scatter(plank, plank * 0) * 3).floor()) + 0.4 * noise(a * 8, b * 0.7, seed[rows])
        elif wanted == BRICKS:
            row = (b * 6).floor()
            value = ((((a * 3 + 0.5 * (row % 2)) % 1) < 0.06) | ((b * 6) % 1 < 0.12)).float()
        elif wanted == STRIPES:
            value = ((a * 4) % 1 < 0.5).float()
        else:
            value = (base[rows] * 2.2 - 0.6).clamp(0, 1)
        mask[rows] = value
    mask = (mask * 0.85 + 0.15 * base)[:, None]
    return first * (1 - mask) + second * mask


def linear(srgb):
    """Light from an sRGB colour (the square is close to the true curve and cheap)."""
    return srgb * srgb


def illuminate(lamp, shot, normals, shadow):
    """(P, 3) light that falls on points: a sky that is brighter above, and one lamp (the sun) with shadows.

    lamp: dict of direction (S, 3), ambient (S,), sun (S,), colour (S, 3); shot: (P,); normals: (P, 3); shadow: (P,) 0 lit … 1 dark.
    """
    facing = (normals * spread(lamp["direction"], shot)).sum(-1).clamp_min(0)
    ambient = spread(lamp["ambient"], shot) * (0.70 + 0.30 * normals[:, 1])
    direct = spread(lamp["sun"], shot) * facing * (1 - 0.85 * shadow)
    return ambient[:, None] + direct[:, None] * spread(lamp["colour"], shot)


class Shadows:
    """Shadow maps, one for each person, and a darker floor where bodies come near it.

    vertices: (N, V, 3) m of which `casting` (N, V) bool throw shadows; shot: (N,) list of ints; direction: (S, 3) towards the lamp.
    """

    SIZE, REACH = 96, 1.35  # cells; m from the middle of the person to the map's edge
    FLOOR_SIZE, FLOOR_REACH, NEAR = 48, 1.2, 0.35  # m: how far above the floor a body still darkens it

    def __init__(self, vertices, casting, shot, direction):
        count, device = len(vertices), vertices.device
        self._of_shot = [[n for n in range(count) if shot[n] == s] for s in range(len(direction))]
        light = direction[torch.as_tensor(shot, device=device)]
        up = torch.tensor([0.0, 1.0, 0.0], device=device).expand_as(light)
        right = torch.nn.functional.normalize(torch.linalg.cross(up, light), dim=-1)
        self._axes = torch.stack([right, torch.linalg.cross(light, right), light], 1)  # (N, 3, 3): right, up, towards the lamp
        self._centre = (vertices.amin(1) + vertices.amax(1)) / 2
        relative = vertices - self._centre[:, None]
        across, along, height = (relative @ self._axes.mT).unbind(-1)
        self._map = self._splat(across, along, height, casting, self.SIZE, self.REACH, -9.0)
        near = (1 - vertices[..., 1] / self.NEAR).clamp(0, 1)
        contact = self._splat(relative[..., 0], relative[..., 2], near, casting, self.FLOOR_SIZE, self.FLOOR_REACH, 0.0)
        soft = torch.nn.functional.avg_pool2d(contact.view(count, 1, self.FLOOR_SIZE, self.FLOOR_SIZE), 5, 1, 2)
        self._contact = soft.flatten(1)

    @staticmethod
    def _splat(x, y, value, casting, size, reach, empty):
        """(N, size²) largest value of the points in and around each cell."""
        count = len(x)
        column, row = ((axis / reach * 0.5 + 0.5) * size for axis in (x, y))
        fits = casting & (column >= 0) & (column < size) & (row >= 0) & (row < size)
        cell = torch.arange(count, device=x.device)[:, None] * size * size + row.clamp(0, size - 1).long() * size + column.clamp(0, size - 1).long()
        grid = torch.full((count * size * size,), empty, device=x.device)
        grid.scatter_reduce_(0, cell[fits], value[fits], "amax")
        return torch.nn.functional.max_pool2d(grid.view(count, 1, size, size), 3, 1, 1).flatten(1)

    def at(self, position, starts, bias):
        """(P,) 0 lit … 1 dark. position: (P, 3) m, the points of shot s being rows starts[s]…starts[s+1]; bias: m, against self-shadowing."""
        shadow = torch.zeros(len(position), device=position.device)
        for s, people in enumerate(self._of_shot):
            rows = slice(starts[s], starts[s + 1])
            for n in people:
                shadow[rows] = torch.maximum(shadow[rows], self._cast(n, position[rows], bias))
        return shadow

    def _cast(self, n, position, bias):
        across, along, height = ((position - self._centre[n]) @ self._axes[n].T).unbind(-1)
        size = self.SIZE
        column, row = ((axis / self.REACH * 0.5 + 0.5) * size - 0.5 for axis in (across, along))
        shadow = torch.zeros_like(height)
        inside = ((column > 1) & (column < size - 2) & (row > 1) & (row < size - 2)).nonzero()[:, 0]
        column, row, height = column[inside], row[inside], height[inside] + bias
        grid, total = self._map[n], 0
        for dx, dy in ((-0.7, -0.3), (0.3, -0.7), (0.7, 0.3), (-0.3, 0.7)):
            total = total + (grid[(row + dy).round().long() * size + (column + dx).round().long()] > height)
        shadow[inside] = total / 4
        return shadow

    def contact(self, position, starts):
        """(P,) 0…1: how much nearby bodies take of the floor's sky light. position: (P, 3) m on the floor, by shots as in `at`."""
        taken = torch.zeros(len(position), device=position.device)
        size = self.FLOOR_SIZE
        for s, people in enumerate(self._of_shot):
            rows = slice(starts[s], starts[s + 1])
            for n in people:
                relative = position[rows] - self._centre[n]
                column, row = ((relative[:, axis] / self.FLOOR_REACH * 0.5 + 0.5) * size - 0.5 for axis in (0, 2))
                inside = ((column > 0) & (column < size - 1) & (row > 0) & (row < size - 1)).nonzero()[:, 0]
                column, row = column[inside], row[inside]
                left, top = column.floor(), row.floor()
                fx, fy = column - left, row - top
                cell = (top * size + left).long()
                grid = self._contact[n]
                value = torch.lerp(torch.lerp(grid[cell], grid[cell + 1], fx), torch.lerp(grid[cell + size], grid[cell + size + 1], fx), fy)
                here = taken[rows]
                here[inside] = torch.maximum(here[inside], value)
        return taken


def develop(light, film, brightness, seed, starts):
    """uint8 sRGB from light (P, 3): exposure, a soft shoulder for the highlights, contrast, colour cast and sensor noise.

    film: dict of exposure, gamma, contrast, noise (S,) and white (S, 3); brightness: (S,) the light that is to become `exposure`;
    seed: list of S ints; starts: S + 1 rows at which the shots' pixels start.
    """
    result = torch.empty(light.shape, dtype=torch.uint8, device=light.device)
    grain = _grain_tile(light.device)
    for s, number in enumerate(seed):
        rows = slice(starts[s], starts[s + 1])
        gain = (film["exposure"][s] / brightness[s].clamp_min(0.01)).clamp(0.5, 2.5)
        x = light[rows] * gain
        x = torch.where(x < 0.5, x, 1 - 0.25 / x.clamp_min(0.5))  # meets the straight part with the same slope, never reaches 1
        x = x.clamp(0, 1) ** (1 / film["gamma"][s])
        x = ((x - 0.5) * film["contrast"][s] + 0.5) * film["white"][s]
        first = (number * 7919 + 104729) % (len(grain) // 2)
        speckle = grain.roll(-first)[: x.numel()] if x.numel() <= len(grain) else grain.repeat(x.numel() // len(grain) + 1)[first:][: x.numel()]
        result[rows] = ((x + speckle.view_as(x) * film["noise"][s]).clamp(0, 1) * 255 + 0.5).to(torch.uint8)
    return result
