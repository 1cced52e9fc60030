"""A z-buffer for triangles in plain tensors: each triangle is spread over its cells, the nearest hit wins.

Raster coordinates: an integer is a cell's centre. Depth is kept in whole micrometres with the triangle's
number in the lower 32 bits: the smallest key is the nearest triangle, and ties always fall the same way.
"""

from dataclasses import dataclass

import torch

EMPTY = torch.iinfo(torch.int64).max
NEAREST = 0.15  # m: triangles nearer to the camera are left out
SUB = 2  # samples per pixel and direction
SAMPLES = SUB**2  # per pixel


@dataclass(frozen=True, eq=False)
class Windows:
    """The part of each image in which people are rasterised, at twice the resolution.

    The samples of a pixel lie side by side in the flat list of all windows' samples.
    """

    left: torch.Tensor  # (S,) int64 px
    top: torch.Tensor
    width: torch.Tensor
    height: torch.Tensor
    start: torch.Tensor  # (S,) first pixel of each window in the flat list of all windows' pixels
    pixels: int

    @classmethod
    def around(cls, low: torch.Tensor, high: torch.Tensor, images: torch.Tensor) -> "Windows":
        """Windows around boxes.

        Args:
            low: (S, 2) px.
            high: (S, 2) px; a window is empty where high < low.
            images: (S, 2) width and height of the images, px.
        """
        first = torch.minimum((low.floor() - 1).clamp_min(0).long(), images)
        last = torch.minimum((high.ceil() + 2).clamp_min(0).long(), images)
        size = (last - first).clamp_min(0)
        area = size[:, 0] * size[:, 1]
        return cls(first[:, 0], first[:, 1], size[:, 0], size[:, 1], area.cumsum(0) - area, int(area.sum()))

    def row(self, shot: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """The part of a sample's flat index that the cells of a raster row share."""
        start, width = self.start, self.width
        if len(start) > 1:
            start, width = start.index_select(0, shot), width.index_select(0, shot)
        return (start + (y >> 1) * width) * (SUB * SUB) + ((y & 1) << 1)

    @staticmethod
    def column(x: torch.Tensor) -> torch.Tensor:
        """The part of the index that the cells of a raster column share."""
        return (x >> 1) * (SUB * SUB) + (x & 1)

    def to_raster(self, shot: torch.Tensor, px: torch.Tensor) -> torch.Tensor:
        """Image px (…, 2) as raster cells of the shot's window, real numbers."""
        return (px - torch.stack([self.left[shot], self.top[shot]], -1)) * SUB + (SUB - 1) / 2


def cells(
    left: torch.Tensor, top: torch.Tensor, width: torch.Tensor, height: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """All cells of many rectangles, rectangle by rectangle, row by row.

    Args:
        left: (M,) int64.
        top: (M,).
        width: (M,).
        height: (M,).

    Returns:
        Rectangle, x and y of each cell, each (total,) int32.
    """
    of_row, y = _rows(top, height)
    row, x = _rows(left.index_select(0, of_row), width.index_select(0, of_row))
    return of_row.index_select(0, row), x, y.index_select(0, row)


def _rows(first, count):
    """Runs of whole numbers, one after the other, without a whole-number division, which is slow.

    Args:
        first: (M,) int64, first number of each run.
        count: (M,) int64, its length.

    Returns:
        Run and number, each (total,) int32.
    """
    run = torch.repeat_interleave(count).int()
    offset = (first - (count.cumsum(0) - count)).int()
    return run, torch.arange(len(run), device=count.device).int() + offset.index_select(0, run)


@dataclass(frozen=True, eq=False)
class Hits:
    """What is seen of the triangles, one row per sample that shows one."""

    sample: torch.Tensor  # (P,) flat sample index
    person: torch.Tensor  # (P,)
    face: torch.Tensor  # (P,)
    depth: torch.Tensor  # (P,) m along the optical axis
    weights: torch.Tensor  # (3, P) of the triangle's corners, corrected for perspective

    def chosen(self, rows: torch.Tensor) -> "Hits":
        """Some of the hits."""
        return Hits(
            *(getattr(self, name).index_select(0, rows) for name in ("sample", "person", "face", "depth")),
            self.weights.index_select(1, rows),
        )

    def interpolate(self, values: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
        """Values given at the vertices, at the hits.

        Args:
            values: (C, N, V) of each person, or (C, V) of all.
            faces: (F, 3).

        Returns:
            (C, P).
        """
        corners = faces.int().index_select(0, self.face).T.contiguous()
        if values.ndim == 3:
            corners += self.person.int() * values.shape[2]
            values = values.flatten(1)
        first, second, third = (
            values.index_select(1, corner).mul_(weight)
            for corner, weight in zip(corners, self.weights, strict=True)
        )
        return first.add_(second).add_(third)


def rasterize(
    points: torch.Tensor, shot: torch.Tensor, faces: torch.Tensor, drawn: torch.Tensor, windows: Windows
) -> Hits:
    """What is seen of people's triangles; those that turn their back on the camera are left out.

    Args:
        points: (N, V, 3) px, px, depth in m.
        shot: (N,) window of each person.
        faces: (F, 3).
        drawn: (N, F) bool.
        windows: Of the images.
    """
    count, vertices, _ = points.shape
    xy = windows.to_raster(shot[:, None], points[..., :2])
    x, y, depth = xy[..., 0].flatten(), xy[..., 1].flatten(), points[..., 2].flatten()
    # corners in rows, (3, N·F): sums and extremes over the first dimension are many times faster than over a
    # last one of three
    offset = (torch.arange(count, device=points.device) * vertices)[:, None]
    corner = (faces.T[:, None] + offset).reshape(3, -1)
    xs, ys = (axis.index_select(0, corner.flatten()).view(3, -1) for axis in (x, y))
    area = (xs[1] - xs[0]) * (ys[2] - ys[0]) - (ys[1] - ys[0]) * (xs[2] - xs[0])
    width, height = (
        (size[shot] * SUB - 1).repeat_interleave(len(faces)) for size in (windows.width, windows.height)
    )
    left, right = xs.amin(0).ceil().clamp_min(0), torch.minimum(xs.amax(0).floor(), width)
    top, bottom = ys.amin(0).ceil().clamp_min(0), torch.minimum(ys.amax(0).floor(), height)
    seen = drawn.view(-1) & (area < -1e-6) & (left <= right) & (top <= bottom)
    seen &= (depth > NEAREST).index_select(0, corner.flatten()).view(3, -1).all(0)
    triangle = seen.nonzero()[:, 0]
    left, right, top, bottom, area = (
        value.index_select(0, triangle) for value in (left, right, top, bottom, area)
    )

    # Edge functions are linear: a dx + b dy + c, with dx and dy from the triangle's first cell so that the
    # numbers stay small. Divided by the corners' depths they are weights that are right in perspective, and
    # their sum is one over the depth.
    xs, ys = (axis.index_select(1, triangle) - origin for axis, origin in ((xs, left), (ys, top)))
    near = 1 / depth.index_select(0, corner.index_select(1, triangle).flatten()).view(3, -1) / area
    x1, x2, y1, y2 = xs[[1, 2, 0]], xs[[2, 0, 1]], ys[[1, 2, 0]], ys[[2, 0, 1]]
    edges = torch.cat([(y1 - y2) * near, (x2 - x1) * near, (x1 * y2 - x2 * y1) * near])
    owner, py, row, px, weight = _covered(edges, left, top, right - left, bottom - top)
    inverse_depth = weight.sum(0)
    key = ((1e6 / inverse_depth).long() << 32) | torch.arange(len(px), device=px.device)

    chosen = triangle.index_select(0, owner)
    person = torch.div(chosen, len(faces), rounding_mode="floor") if count > 1 else torch.zeros_like(chosen)
    sample = windows.row(shot.index_select(0, person), py).index_select(0, row) + windows.column(px)
    buffer = torch.full((windows.pixels * SUB * SUB,), EMPTY, dtype=torch.int64, device=points.device)
    buffer.scatter_reduce_(0, sample, key, "amin")
    sample = (buffer != EMPTY).nonzero()[:, 0]
    won = buffer.index_select(0, sample) & 0xFFFFFFFF
    row, inverse_depth = row.index_select(0, won), inverse_depth.index_select(0, won)
    person, chosen = person.index_select(0, row), chosen.index_select(0, row)
    return Hits(
        sample,
        person,
        chosen - person * len(faces),
        1 / inverse_depth,
        weight.index_select(1, won) / inverse_depth,
    )


def _covered(edges, left, top, wide, tall):
    """The cells inside triangles.

    The zeros of the edge functions give the covered interval of each row: bounding boxes have three times as
    many cells as triangles.

    Args:
        edges: (9, T), of three functions a, b and c of a dx + b dy + c, which is not negative inside.
        left: (T,) first cell.
        top: (T,).
        wide: (T,) how far the last cell is from the first.
        tall: (T,).

    Returns:
        Of each triangle's rows (R,) the triangle and y, of each cell (P,) its row and x, all int32, and the
        three edge functions there, (3, P).
    """
    of_row, y = _rows(top.long(), tall.long() + 1)
    slope, rise, rest = edges.index_select(1, of_row).split(3)
    rest = rest + rise * (y - top.index_select(0, of_row))
    zero = -rest / slope
    first = torch.where(slope > 0, zero, -torch.inf).amax(0).ceil().clamp_min(0)
    last = torch.minimum(
        torch.where(slope < 0, zero, torch.inf).amin(0).floor(), wide.index_select(0, of_row)
    )
    last = torch.where(((slope == 0) & (rest < 0)).any(0), -1, last)
    row, dx = _rows(first.clamp_max(2**30).long(), (last - first + 1).clamp_min(0).long())
    weight = slope.index_select(1, row).mul_(dx).add_(rest.index_select(1, row)).clamp_min_(0)
    return of_row, y, row, dx + left.int().index_select(0, of_row).index_select(0, row), weight
