"""The surroundings, by casting a ray through every pixel: floor, walls of a room, boxes and the sky.

Pixels of all images form one flat list, image by image, row by row. Rays have unit depth, so a hit's parameter is its depth.
"""

from dataclasses import dataclass

import torch

from hpe_study.synthetic import shading
from hpe_study.synthetic.raster import cells

SKY, FLOOR, WALL, FIRST_BOX = -1, 0, 1, 2
_FAR, _NEAR = 60.0, 0.05  # m


@dataclass(frozen=True, eq=False)
class Views:
    """Cameras of S images as tensors, and where each one's pixels lie in the flat list."""

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
    def of(cls, cameras, device):
        def tensor(values, dtype=torch.float32):
            return torch.tensor(values, dtype=dtype, device=device)

        size = tensor([[c.width, c.height] for c in cameras], torch.int64)
        zero = torch.zeros(len(cameras), dtype=torch.int64, device=device)
        shot, x, y = cells(zero, zero, size[:, 0], size[:, 1])
        starts = [0]
        for camera in cameras:
            starts.append(starts[-1] + camera.width * camera.height)
        return cls(tensor([c.rotation.tolist() for c in cameras]), tensor([c.position.tolist() for c in cameras]),
                   tensor([[c.fx, c.fy] for c in cameras]), tensor([[c.cx, c.cy] for c in cameras]), size, starts, shot, x.float(), y.float())  # fmt: skip

    def project(self, points, shot):
        """World points (N, V, 3) m seen by the cameras of shots (N,) → (N, V, 3): px, px, depth in m."""
        seen = (points - self.position[shot][:, None]) @ self.rotation[shot].mT
        depth = seen[..., 2:]
        return torch.cat([seen[..., :2] / depth.clamp_min(0.02) * self.focal[shot][:, None] + self.centre[shot][:, None], depth], -1)


@dataclass(frozen=True, eq=False)
class Backdrop:
    """What is seen of the surroundings at every pixel of the flat list."""

    depth: torch.Tensor  # (Npix,) m along the optical axis
    thing: torch.Tensor  # (Npix,) SKY, FLOOR, WALL, or FIRST_BOX + number of the box
    position: torch.Tensor  # (Npix, 3) m
    normal: torch.Tensor  # (Npix, 3)
    colour: torch.Tensor  # (Npix, 3) albedo as light; the sky's own light where `thing` is SKY


def trace(views, stage):
    """`Backdrop` of the scenes `stage` (tensors of S scenes, see `scene.pack`) in `views`."""
    shot = views.shot
    in_camera = torch.stack([
        (views.x - shading.spread(views.centre[:, 0], shot)) / shading.spread(views.focal[:, 0], shot),
        (views.y - shading.spread(views.centre[:, 1], shot)) / shading.spread(views.focal[:, 1], shot),
        torch.ones_like(views.x),
    ])  # fmt: skip
    if len(views.rotation) == 1:
        ray = views.rotation[0].T @ in_camera  # (3, Npix)
    else:
        ray = (views.rotation[shot] * in_camera.T[:, :, None]).sum(1).T.contiguous()
    origin = [shading.spread(views.position[:, axis], shot) for axis in range(3)]

    ground = -origin[1] / ray[1]
    ground = torch.where((ground > 1e-3) & (ground < _FAR), ground, 1e3)
    depth, thing = ground, torch.where(ground < 1e3, FLOOR, SKY)
    axis_hit = torch.ones_like(thing)  # the axis along which the surface faces; for floors y
    facing = torch.ones_like(depth)
    for axis, side in ((0, "x"), (2, "z"), (1, "y")):
        low, high = shading.spread(stage[f"low_{side}"], shot), shading.spread(stage[f"high_{side}"], shot)
        reach = (torch.where(ray[axis] > 0, high, low) - origin[axis]) / ray[axis]
        nearer = (reach > 1e-3) & (reach < depth) & (high < 1e2)
        depth, thing = torch.where(nearer, reach, depth), torch.where(nearer, WALL, thing)
        axis_hit, facing = torch.where(nearer, axis, axis_hit), torch.where(nearer, -torch.sign(ray[axis]), facing)
    normal = torch.zeros(len(depth), 3, device=depth.device).scatter_(1, axis_hit[:, None], facing[:, None])
    depth, thing, normal = _boxes(views, stage, ray, depth, thing, normal)

    position = torch.stack([o + r * depth for o, r in zip(origin, ray)], 1)
    colour = shading.linear(_albedo(stage, shot, thing, position, normal))
    outside = (thing == SKY).nonzero()[:, 0]
    if len(outside):
        colour[outside] = shading.linear(_sky(stage, shot[outside], ray[:, outside]))
    return Backdrop(depth, thing, position, normal, colour)


def _boxes(views, stage, ray, depth, thing, normal):
    """Put the boxes before what has been hit: each box is tested on the pixels of its bounding rectangle only."""
    shot, centre, half, yaw = stage["box_shot"], stage["box_centre"], stage["box_half"], stage["box_yaw"]
    if not len(shot):
        return depth, thing, normal
    cosine, sine = yaw.cos(), yaw.sin()
    signs = torch.tensor([[a, b, c] for a in (-1.0, 1.0) for b in (-1.0, 1.0) for c in (-1.0, 1.0)], device=yaw.device)
    corner = signs * half[:, None]
    turned = torch.stack([corner[..., 0] * cosine[:, None] + corner[..., 2] * sine[:, None], corner[..., 1],
                          corner[..., 2] * cosine[:, None] - corner[..., 0] * sine[:, None]], -1)  # fmt: skip
    seen = views.project(turned + centre[:, None], shot)
    around = (seen[..., 2].amin(1) < _NEAR)[:, None]  # the box reaches behind the camera: it may fill the picture
    size = views.size[shot]
    low = torch.where(around, 0, seen[..., :2].amin(1).floor().clamp(-1e6, 1e6).long()).clamp_min(0)
    high = torch.minimum(torch.where(around, size, seen[..., :2].amax(1).ceil().clamp(-1e6, 1e6).long() + 1), size)
    extent = torch.where((seen[..., 2].amax(1) > _NEAR)[:, None], (high - low).clamp_min(0), 0)
    extent = torch.where((extent > 0).all(1, keepdim=True), extent, 0)
    box, x, y = cells(low[:, 0], low[:, 1], extent[:, 0], extent[:, 1])
    first = torch.tensor(views.starts[:-1], device=box.device)
    pixel = first[shot][box] + y * size[box, 0] + x

    # in the box's own axes
    offset = views.position[shot] - centre
    ox, oz = offset[:, 0] * cosine - offset[:, 2] * sine, offset[:, 0] * sine + offset[:, 2] * cosine
    rx, ry, rz = ray[0][pixel], ray[1][pixel], ray[2][pixel]
    c, s = cosine[box], sine[box]
    direction = (rx * c - rz * s, ry, rx * s + rz * c)
    enter, leave = [], []
    for axis, (o, d) in enumerate(zip((ox, offset[:, 1], oz), direction)):
        slope = 1 / torch.where(d.abs() < 1e-7, 1e-7, d)
        span, middle = half[:, axis][box] * slope.abs(), o[box] * slope
        enter.append(-middle - span)
        leave.append(span - middle)
    into, axis = torch.stack(enter).max(0)
    hit = ((into < torch.stack(leave).amin(0)) & (into > _NEAR) & (into < depth[pixel])).nonzero()[:, 0]

    key = ((into[hit] * 1e6).long() << 32) | hit
    nearest = torch.full((len(depth),), torch.iinfo(torch.int64).max, device=depth.device)
    nearest.scatter_reduce_(0, pixel[hit], key, "amin")
    won = hit[nearest[pixel[hit]] == key]
    where, which, axis = pixel[won], box[won], axis[won]
    sign = -torch.sign(torch.stack(direction)[axis, won])
    along = torch.stack([(axis == k).float() * sign for k in range(3)])
    c, s = cosine[which], sine[which]
    depth, thing, normal = depth.clone(), thing.clone(), normal.clone()
    depth[where], thing[where] = into[won], FIRST_BOX + stage["box_number"][which]
    normal[where] = torch.stack([along[0] * c + along[2] * s, along[1], along[2] * c - along[0] * s], 1)
    return depth, thing, normal


def _albedo(stage, shot, thing, position, normal):
    """(Npix, 3) sRGB of the surfaces' textures; u and v run along the surface."""
    row = thing.clamp_min(0)
    if len(stage["low_x"]) > 1:
        row = row + stage["surface_start"][shot]
    scale = stage["texture_scale"][row]
    flat, sideways = normal[:, 1].abs() > 0.7, normal[:, 0].abs() > normal[:, 2].abs()
    u = torch.where(flat | ~sideways, position[:, 0], position[:, 2]) * scale
    v = torch.where(flat, position[:, 2], position[:, 1]) * scale
    return shading.texture(stage["texture"][row], u, v, stage["texture_seed"][row], stage["texture_first"][row], stage["texture_second"][row])


def _sky(stage, shot, ray):
    """(P, 3) sRGB: a gradient from the horizon up, and clouds."""
    unit = ray / ray.norm(dim=0)
    share = (unit[1] * 1.5 + 0.25).clamp(0, 1)[:, None]
    cloud = shading.noise(torch.atan2(unit[0], unit[2]) * 1.05, unit[1] * 2.1, shading.spread(stage["sky_seed"], shot))
    colour = shading.spread(stage["sky_low"], shot) * (1 - share) + shading.spread(stage["sky_high"], shot) * share
    return colour + ((cloud - 0.5).clamp_min(0) * shading.spread(stage["cloud"], shot))[:, None]
