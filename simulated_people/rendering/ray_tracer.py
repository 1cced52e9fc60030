"""The background, by casting one ray through every pixel: floor, walls of a room, boxes and the sky.

The pixels of all images form one flat list, image by image, row by row. Rays have unit depth, so the
parameter of a hit is its depth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from simulated_people.rendering import rasterizer, shading
from simulated_people.scenes.camera import Camera

SKY, FLOOR, WALL, FIRST_BOX = -1, 0, 1, 2
_FAR, _NEAR = 60.0, 0.05  # m
_OPEN = 100.0  # m; walls further off are none
_CELLS_AT_ONCE = 16_000_000  # of boxes' rectangles in several images


@dataclass(frozen=True, eq=False)
class CameraTensors:
    """Cameras of S images as tensors, and where the pixels of each lie in the flat list."""

    rotation: torch.Tensor  # (S, 3, 3) world → camera
    position: torch.Tensor  # (S, 3) m
    focal: torch.Tensor  # (S, 2) px
    centre: torch.Tensor  # (S, 2) px
    size: torch.Tensor  # (S, 2) int64: width, height
    starts: list  # S + 1 first pixels
    shot: torch.Tensor  # (Npix,) image of each pixel
    x: torch.Tensor  # (Npix,) px
    y: torch.Tensor

    @classmethod
    def of(cls, cameras: Sequence[Camera], device: str | torch.device) -> "CameraTensors":
        """The cameras of several images, in this order."""

        def tensor(values, dtype=torch.float32):
            return torch.tensor(values, dtype=dtype, device=device)

        size = tensor([[c.width, c.height] for c in cameras], torch.int64)
        starts = [0, *np.cumsum([camera.width * camera.height for camera in cameras]).tolist()]
        shot = torch.repeat_interleave(size[:, 0] * size[:, 1], output_size=starts[-1])
        if len(cameras) == 1:
            x = torch.arange(cameras[0].width, device=device).repeat(cameras[0].height)
            y = torch.arange(cameras[0].height, device=device).repeat_interleave(cameras[0].width)
        else:
            width = size[:, 0].index_select(0, shot)
            first = tensor(starts[:-1], torch.int64).index_select(0, shot)
            place = torch.arange(starts[-1], device=device) - first
            y = torch.div(place, width, rounding_mode="floor")
            x = place - y * width
        return cls(
            tensor([c.rotation.tolist() for c in cameras]),
            tensor([c.position.tolist() for c in cameras]),
            tensor([[c.fx, c.fy] for c in cameras]),
            tensor([[c.cx, c.cy] for c in cameras]),
            size,
            starts,
            shot,
            x.float(),
            y.float(),
        )

    def project(self, points: torch.Tensor, shot: torch.Tensor) -> torch.Tensor:
        """World points (N, V, 3) m, seen by the cameras of images (N,): (N, V, 3) px, px, depth in m."""
        seen = (points - self.position[shot][:, None]) @ self.rotation[shot].mT
        depth = seen[..., 2:]
        px = seen[..., :2] / depth.clamp_min(0.02) * self.focal[shot][:, None] + self.centre[shot][:, None]
        return torch.cat([px, depth], -1)


@dataclass(frozen=True, eq=False)
class Background:
    """What is seen of the surroundings at every pixel of the flat list."""

    depth: torch.Tensor  # (Npix,) m along the optical axis
    surface_id: torch.Tensor  # (Npix,) SKY, FLOOR, WALL, or FIRST_BOX + number of the box
    position: torch.Tensor  # (3, Npix) m
    normal: torch.Tensor  # (3, Npix)
    colour: torch.Tensor  # (3, Npix) albedo as light; the sky's own light where there is SKY


@dataclass(frozen=True, eq=False)
class _Boxes:
    """The B boxes of all scenes, as their cameras see them."""

    shot: torch.Tensor  # (B,) image
    table: torch.Tensor  # (B, 8): cosine, sine of the yaw, half sizes, the camera's place in the box's axes
    low: torch.Tensor  # (B, 2) px, the rectangle in the image; empty where out of sight
    high: torch.Tensor
    nearest: torch.Tensor  # (B,) m, least depth of the corners


def trace_background(cameras: CameraTensors, tensors: Mapping[str, torch.Tensor]) -> Background:
    """The background of S images; tensors: of their scenes, see `pack_scenes`."""
    shot = cameras.shot
    centre, focal = shading.look_up(cameras.centre, shot).T, shading.look_up(cameras.focal, shot).T
    x, y = (cameras.x - centre[0]) / focal[0], (cameras.y - centre[1]) / focal[1]
    in_camera = torch.stack([x, y, torch.ones_like(x)])
    if len(cameras.rotation) == 1:
        ray = cameras.rotation[0].T @ in_camera  # (3, Npix)
    else:
        ray = (cameras.rotation[shot] * in_camera.T[:, :, None]).sum(1).T.contiguous()
    origin = [shading.look_up(cameras.position[:, axis], shot) for axis in range(3)]
    depth, surface_id, normal = _floor_and_walls(ray, origin, shot, tensors)
    depth, surface_id, normal = _put_boxes(cameras, tensors, ray, depth, surface_id, normal)

    position = torch.stack([o + r * depth for o, r in zip(origin, ray, strict=True)])
    colour = shading.srgb_to_linear(_albedo(tensors, shot, surface_id, position, normal))
    outside = (surface_id == SKY).nonzero()[:, 0]
    if len(outside):
        sky = _sky(tensors, shot.index_select(0, outside), ray.index_select(1, outside))
        colour[:, outside] = shading.srgb_to_linear(sky)
    return Background(depth, surface_id, position, normal, colour)


def _floor_and_walls(ray, origin, shot, tensors):
    """Depth (Npix,), surface (Npix,) and normal (3, Npix) of the floor, walls and ceiling, or of the sky."""
    ground = -origin[1] / ray[1]
    ground = torch.where((ground > 1e-3) & (ground < _FAR), ground, 1e3)
    depth, surface_id = ground, torch.where(ground < 1e3, FLOOR, SKY)
    axis_hit = torch.ones_like(surface_id)  # the axis along which the surface faces; y for floors
    facing = torch.ones_like(depth)
    for axis, side in ((0, "x"), (2, "z"), (1, "y")) if bool((tensors["high_y"] < _OPEN).any()) else ():
        low = shading.look_up(tensors[f"low_{side}"], shot)
        high = shading.look_up(tensors[f"high_{side}"], shot)
        reach = (torch.where(ray[axis] > 0, high, low) - origin[axis]) / ray[axis]
        nearer = (reach > 1e-3) & (reach < depth) & (high < _OPEN)
        depth, surface_id = torch.where(nearer, reach, depth), torch.where(nearer, WALL, surface_id)
        axis_hit = torch.where(nearer, axis, axis_hit)
        facing = torch.where(nearer, -torch.sign(ray[axis]), facing)
    return depth, surface_id, torch.stack([(axis_hit == axis) * facing for axis in range(3)])


def _put_boxes(cameras, tensors, ray, depth, surface_id, normal):
    """Put the boxes before what has been hit."""
    shot = tensors["box_shot"]
    if not len(shot):
        return depth, surface_id, normal
    low, high, nearest = _outlines(cameras, tensors)
    cosine, sine, half = tensors["box_yaw"].cos(), tensors["box_yaw"].sin(), tensors["box_half"]
    away = cameras.position[shot] - tensors["box_centre"]
    away = torch.stack(
        [away[:, 0] * cosine - away[:, 2] * sine, away[:, 1], away[:, 0] * sine + away[:, 2] * cosine], 1
    )
    table = torch.cat([cosine[:, None], sine[:, None], half, away], 1)
    boxes = _Boxes(shot, table, low, high, nearest)
    seen = ((high > low).all(1) & (nearest < 1e3)).nonzero()[:, 0]
    if len(cameras.starts) == 2:
        order = seen[nearest[seen].argsort(stable=True)]
        depth, surface_id = _boxes_of_one(cameras, ray, depth, surface_id, boxes, order)
    else:
        depth, surface_id = _boxes_of_many(cameras, ray, depth, surface_id, boxes, seen)
    return depth, _numbered(surface_id, tensors), _box_normals(ray, depth, surface_id, normal, table)


def _boxes_of_one(cameras, ray, depth, surface_id, boxes, order):
    """Depth and surface of one image: box after box on its own rectangle, in this order (the nearest first).

    Boxes that are all hidden are left out.
    """
    width, height = cameras.size[0].tolist()
    ray = ray.view(3, height, width)
    depth, surface_id = depth.view(height, width).clone(), surface_id.view(height, width).clone()
    upright = _upright(ray[1])
    outline, turns = torch.cat([boxes.low, boxes.high], 1).tolist(), boxes.table[:, :2].tolist()
    for box in order.tolist():
        x0, y0, x1, y1 = outline[box]
        part = (slice(y0, y1), slice(x0, x1))
        if bool(boxes.nearest[box] > depth[part].amax()):
            continue
        own = (ray[0][part], upright[part], ray[2][part])
        enter, leave = _crossed(own, turns[box], *boxes.table[box, 2:, None, None].chunk(2))
        hit = (enter < leave) & (enter > _NEAR) & (enter < depth[part])
        depth[part] = torch.where(hit, enter, depth[part])
        surface_id[part] = torch.where(hit, box + FIRST_BOX, surface_id[part])
    return depth.flatten(), surface_id.flatten()


def _boxes_of_many(cameras, ray, depth, surface_id, boxes, chosen):
    """The same of several images: the chosen boxes' rectangles as pixels, of which the nearest hits stay."""
    first = torch.tensor(cameras.starts[:-1], device=depth.device)
    areas = (boxes.high - boxes.low).index_select(0, chosen).prod(1).tolist()
    # of positive numbers the bits sort as the numbers do
    before = (depth.view(torch.int32).long() << 32) | 0xFFFFFFFF
    best = before.clone()
    for own in chosen.split(_lengths(areas)):
        left, top = boxes.low.index_select(0, own).T
        wide, tall = (boxes.high - boxes.low).index_select(0, own).T
        owner, x, y = rasterizer.cells(left, top, wide, tall)
        image = boxes.shot.index_select(0, own)
        start, row = first.index_select(0, image), cameras.size[:, 0].index_select(0, image)
        pixel = start.index_select(0, owner) + y * row.index_select(0, owner) + x
        rx, ry, rz = ray.index_select(1, pixel)
        c, s, *sizes = boxes.table.index_select(0, own).T.contiguous().index_select(1, owner)
        enter, leave = _crossed((rx, _upright(ry), rz), (c, s), *torch.stack(sizes).chunk(2))
        hit = ((enter < leave) & (enter > _NEAR)).nonzero()[:, 0]
        box = own.index_select(0, owner.index_select(0, hit))
        key = (enter.index_select(0, hit).view(torch.int32).long() << 32) | box
        best.scatter_reduce_(0, pixel.index_select(0, hit), key, "amin")
    won = best != before
    depth = torch.where(won, (best >> 32).int().view(torch.float32), depth)
    return depth, torch.where(won, (best & 0xFFFFFFFF) + FIRST_BOX, surface_id)


def _lengths(areas):
    """How many rectangles to take at a time: they have at most `_CELLS_AT_ONCE` pixels, or are one."""
    lengths, cells = [], _CELLS_AT_ONCE
    for area in areas:
        if cells + area > _CELLS_AT_ONCE:
            lengths.append(0)
            cells = 0
        lengths[-1] += 1
        cells += area
    return lengths


def _upright(ray):
    """One over the vertical part of rays, finite."""
    return 1 / torch.where(ray.abs() < 1e-7, 1e-7, ray)


def _crossed(ray, turn, extent, origin):
    """Where rays enter and leave a box, as depths.

    Args:
        ray: x, one over y, and z of the rays (…,).
        turn: Cosine and sine of the box's yaw.
        extent: (3, …) half its size, m.
        origin: (3, …) of the rays, m, in the box's axes.
    """
    (rx, upright, rz), (c, s) = ray, turn
    slope = torch.stack([1 / (rx * c - rz * s), upright, 1 / (rx * s + rz * c)])
    middle, span = slope * -origin, slope.abs() * extent
    return (middle - span).amax(0), (middle + span).amin(0)


def _outlines(cameras, tensors):
    """Each box's rectangle in its image, low and high (B, 2) px, and the least depth of its corners (B,) m.

    The rectangle is empty where the box is out of sight.
    """
    shot, half, yaw = tensors["box_shot"], tensors["box_half"], tensors["box_yaw"]
    ends = (-1.0, 1.0)
    signs = torch.tensor([[a, b, c] for a in ends for b in ends for c in ends], device=yaw.device)
    corner, cosine, sine = signs * half[:, None], yaw.cos()[:, None], yaw.sin()[:, None]
    x, y, z = corner.unbind(-1)
    turned = torch.stack([x * cosine + z * sine, y, z * cosine - x * sine], -1)
    seen = cameras.project(turned + tensors["box_centre"][:, None], shot)
    nearest, size = seen[..., 2].amin(1), cameras.size[shot]
    around = (nearest < _NEAR)[:, None]  # the box reaches behind the camera: it may fill the image
    first, last = (
        edge.clamp(-1e6, 1e6).long() for edge in (seen[..., :2].amin(1).floor(), seen[..., :2].amax(1).ceil())
    )
    low = torch.where(around, 0, first).clamp_min(0)
    high = torch.minimum(torch.where(around, size, last + 1), size)
    high = torch.where((seen[..., 2].amax(1) > _NEAR)[:, None], high, 0)
    return torch.minimum(low, size), high, nearest


def _numbered(surface_id, tensors):
    """Boxes of the flat list by their numbers within their own scenes."""
    numbers = torch.cat(
        [torch.arange(FIRST_BOX, device=surface_id.device), tensors["box_number"] + FIRST_BOX]
    )
    return torch.where(surface_id >= FIRST_BOX, numbers[surface_id.clamp_min(0)], surface_id)


def _box_normals(ray, depth, surface_id, normal, table):
    """The normals, with those of the boxes' sides put in.

    The side is the one that the hit point, in the box's own axes, lies on.
    """
    rows = (surface_id >= FIRST_BOX).nonzero()[:, 0]
    c, s, hx, hy, hz, ox, oy, oz = table.T.contiguous().index_select(
        1, surface_id.index_select(0, rows) - FIRST_BOX
    )
    rx, ry, rz = ray.index_select(1, rows) * depth.index_select(0, rows)
    x, y, z = (ox + rx * c - rz * s) / hx, (oy + ry) / hy, (oz + rx * s + rz * c) / hz
    largest = torch.maximum(torch.maximum(x.abs(), y.abs()), z.abs())
    nx, ny, nz = (torch.where(v.abs() == largest, torch.sign(v), 0) for v in (x, y, z))
    normal = normal.clone()
    normal[:, rows] = torch.stack([nx * c + nz * s, ny, nz * c - nx * s])
    return normal


def _albedo(tensors, shot, surface_id, position, normal):
    """(3, Npix) sRGB of the surfaces' textures; u and v run along the surface."""
    row = surface_id.clamp_min(0)
    if len(tensors["low_x"]) > 1:
        row = row + tensors["surface_start"][shot]
    kind, seed, scale = (
        tensors[name].index_select(0, row) for name in ("texture", "texture_seed", "texture_scale")
    )
    colours = [tensors[name].index_select(1, row) for name in ("texture_first", "texture_second")]
    level, sideways = normal[1].abs() > 0.7, normal[0].abs() > normal[2].abs()
    u = torch.where(level | ~sideways, position[0], position[2]) * scale
    v = torch.where(level, position[2], position[1]) * scale
    return shading.texture(kind, u, v, seed, *colours)


def _sky(tensors, shot, ray):
    """(3, P) sRGB: a gradient from the horizon up, and clouds."""
    unit = ray / shading.dot(ray, ray).sqrt()
    share = (unit[1] * 1.5 + 0.25).clamp(0, 1)
    cloud = shading.noise(
        torch.atan2(unit[0], unit[2]) * 1.05, unit[1] * 2.1, shading.look_up(tensors["sky_seed"], shot)
    )
    low, high = shading.look_up(tensors["sky_low"], shot).T, shading.look_up(tensors["sky_high"], shot).T
    return (
        low + (high - low) * share + (cloud - 0.5).clamp_min(0) * shading.look_up(tensors["sky_cloud"], shot)
    )
