"""A z-buffer for triangles in plain tensors: every triangle is spread over the cells of its bounding box, the nearest hit wins.

Raster coordinates: the integer is a cell's centre. Depth is kept in whole micrometres with the triangle's number in the lower 32 bits,
so that the smallest key is the nearest triangle and a tie always falls the same way.
"""

from dataclasses import dataclass

import torch

EMPTY = torch.iinfo(torch.int64).max
NEAREST = 0.15  # m: triangles nearer to the camera are left out
SUB = 2  # samples a pixel and direction


@dataclass(frozen=True, eq=False)
class Windows:
    """The part of each image in which people are rasterised, at twice the resolution; the samples of a pixel lie side by side.

    left, top, width, height: (S,) int64 px; start: (S,) first pixel of each window in the flat list of all windows' pixels.
    """

    left: torch.Tensor
    top: torch.Tensor
    width: torch.Tensor
    height: torch.Tensor
    start: torch.Tensor
    pixels: int

    @classmethod
    def around(cls, low, high, images):
        """Windows around boxes low…high (S, 2) px, inside images (S, 2) (width, height) px; empty where high < low."""
        first = torch.minimum((low.floor() - 1).clamp_min(0).long(), images)
        last = torch.minimum((high.ceil() + 2).clamp_min(0).long(), images)
        size = (last - first).clamp_min(0)
        area = size[:, 0] * size[:, 1]
        return cls(first[:, 0], first[:, 1], size[:, 0], size[:, 1], area.cumsum(0) - area, int(area.sum()))

    def sample(self, shot, x, y):
        """Flat sample index of raster cells (x, y) of a shot's window."""
        pixel = self.start[shot] + (y >> 1) * self.width[shot] + (x >> 1)
        return pixel * (SUB * SUB) + ((y & 1) << 1) + (x & 1)

    def to_raster(self, shot, px):
        """Image px (…, 2) → raster cells of the shot's window, as real numbers."""
        return (px - torch.stack([self.left[shot], self.top[shot]], -1)) * SUB + (SUB - 1) / 2


def cells(left, top, width, height):
    """All cells of many rectangles: (owner, x, y), each (total,) int64, rectangle by rectangle, row by row. Inputs (M,) int64."""
    area = width * height
    owner = torch.repeat_interleave(area)
    within = torch.arange(len(owner), device=owner.device) - (area.cumsum(0) - area)[owner]
    # whole-number division is slow; in float64 the quotient is exact for any image
    row = ((within.double() + 0.5) / width.double()[owner]).long()
    return owner, left[owner] + within - row * width[owner], top[owner] + row


@dataclass(frozen=True, eq=False)
class Hits:
    """What is seen of the triangles, one row for each sample that shows one."""

    sample: torch.Tensor  # (P,) flat sample index
    person: torch.Tensor  # (P,)
    face: torch.Tensor  # (P,)
    depth: torch.Tensor  # (P,) m along the optical axis
    weights: torch.Tensor  # (P, 3) of the triangle's corners, corrected for perspective

    def interpolate(self, values, faces):
        """Values at the corners, (N, V, C) of each person or (V, C) of all → (P, C)."""
        corners = faces[self.face]
        if values.ndim == 3:
            corners = corners + (self.person * values.shape[1])[:, None]
            values = values.flatten(0, 1)
        return sum(values[corners[:, k]] * self.weights[:, k : k + 1] for k in range(3))


def rasterize(points, shot, faces, drawn, windows):
    """Hits of people's triangles.

    points: (N, V, 3) px, px, m (depth); shot: (N,) window of each person; faces: (F, 3); drawn: (N, F) bool; windows: `Windows`.
    Triangles that turn their back on the camera are left out.
    """
    count, vertices, _ = points.shape
    xy = windows.to_raster(shot[:, None], points[..., :2])
    x, y, depth = xy[..., 0].flatten(), xy[..., 1].flatten(), points[..., 2].flatten()
    corner = (faces[None] + (torch.arange(count, device=points.device) * vertices)[:, None, None]).view(-1, 3)
    xs, ys = x[corner], y[corner]  # (N·F, 3)
    area = (xs[:, 1] - xs[:, 0]) * (ys[:, 2] - ys[:, 0]) - (ys[:, 1] - ys[:, 0]) * (xs[:, 2] - xs[:, 0])
    width, height = (windows.width[shot] * SUB).repeat_interleave(len(faces)), (windows.height[shot] * SUB).repeat_interleave(len(faces))
    left, right = xs.amin(1).ceil().clamp_min(0), torch.minimum(xs.amax(1).floor(), width - 1)
    top, bottom = ys.amin(1).ceil().clamp_min(0), torch.minimum(ys.amax(1).floor(), height - 1)
    seen = drawn.view(-1) & (area < -1e-6) & (left <= right) & (top <= bottom) & (depth[corner].amin(1) > NEAREST)
    triangle = seen.nonzero()[:, 0]
    left, right, top, bottom = (side[triangle].long() for side in (left, right, top, bottom))
    owner, px, py = cells(left, top, right - left + 1, bottom - top + 1)

    # Edge functions are linear in x and y: weight_k = a_k x + b_k y + c_k
    xs, ys, area = xs[triangle].double(), ys[triangle].double(), area[triangle].double()
    x1, x2, y1, y2 = xs[:, [1, 2, 0]], xs[:, [2, 0, 1]], ys[:, [1, 2, 0]], ys[:, [2, 0, 1]]
    a, b = (y1 - y2) / area[:, None], (x2 - x1) / area[:, None]
    c = (x1 * y2 - x2 * y1) / area[:, None]
    edges = torch.cat([a, b, c], 1).float()
    # relative to the triangle's own corner the numbers stay small, which float32 needs
    edges[:, 6:] = (a * left[:, None] + b * top[:, None] + c).float()
    edge = edges[owner]
    dx, dy = (px - left[owner]).float(), (py - top[owner]).float()
    weight = edge[:, 0:3] * dx[:, None] + edge[:, 3:6] * dy[:, None] + edge[:, 6:9]
    inside = (weight >= 0).all(1).nonzero()[:, 0]
    owner, weight = owner[inside], weight[inside]
    weight = weight / depth[corner[triangle]][owner]
    total = weight.sum(1)
    key = ((1e6 / total).long() << 32) | inside

    people = torch.div(triangle, len(faces), rounding_mode="floor")
    sample = windows.sample(shot[people[owner]], px[inside], py[inside])
    buffer = torch.full((windows.pixels * SUB * SUB,), EMPTY, dtype=torch.int64, device=points.device)
    buffer.scatter_reduce_(0, sample, key, "amin")
    won = (buffer[sample] == key).nonzero()[:, 0]
    order = sample[won].argsort()
    won = won[order]
    who = owner[won]
    return Hits(sample[won], people[who], triangle[who] - people[who] * len(faces), 1 / total[won], weight[won] / total[won, None])
