"""From shots to frames: people are rasterised at twice the resolution, their surroundings ray-traced, both lit by one lamp with shadows.

The CPU takes one shot at a time and CUDA many, by the same code; nothing is drawn at random for a batch, so a shot gives the same bytes
whoever shares the call with it.

>>> frames = render(shots, Body())
>>> frames[0].image.shape, frames[0].people[0].px.shape
"""

from collections import OrderedDict

import numpy as np
import torch

from hpe_study.synthetic import clothes, raster, shading, staging, trace
from hpe_study.synthetic.body import HAIR, SKIRT
from hpe_study.synthetic.landmarks import FLESH
from hpe_study.synthetic.shots import Frame, Posed
from hpe_study.synthetic.stage import pack

_PIXELS_AT_ONCE = 4_000_000  # of CUDA batches
_SAMPLES = raster.SUB**2
_BEFORE_OTHERS = 0.01  # m: something else covers a landmark when it lies at least so much nearer


@torch.no_grad()
def render(shots, body, device="cpu"):
    """Frames of the shots, in their order.

    shots: `Shot`s; body: `Body` (moved to `device` where it is elsewhere); device: "cpu", "cuda", …
    """
    body = body.to(device)
    return [frame for batch in _batches(shots, body.device) for frame in _render(batch, body)]


def _batches(shots, device):
    if device.type == "cpu":
        return [[shot] for shot in shots]
    batches, pixels = [], np.inf
    for shot in shots:
        size = shot.camera.width * shot.camera.height
        if pixels + size > _PIXELS_AT_ONCE:
            batches.append([])
            pixels = 0
        batches[-1].append(shot)
        pixels += size
    return batches


def _render(shots, body):
    actors = [actor for shot in shots for actor in shot.actors]
    of_shot = [s for s, shot in enumerate(shots) for _ in shot.actors]
    people = body.place(actors) if actors else None
    scenes = [
        shot.scene if shot.clipping or not shot.actors else staging.clear(shot.scene, body.skin(shot.actors), move=False) for shot in shots
    ]
    views, stage, backdrop = _surroundings([shot.camera for shot in shots], scenes, body.device)
    if not actors:
        image = _develop(shots, stage, views, _lit_backdrop(backdrop, stage, views, None))
        return [Frame(picture, [], shot) for picture, shot in zip(image, shots, strict=True)]

    shot_of = torch.tensor(of_shot, device=body.device)
    worn = clothes.pack([actor.clothes for actor in actors], body.device)
    drawn = torch.ones(len(actors), len(body.faces), dtype=torch.bool, device=body.device)
    drawn[:, body.face_part == SKIRT] = (worn["skirt"] > 0.5)[:, None]
    drawn[:, body.face_part == HAIR] = (worn["long_hair"] > 0.5)[:, None]
    casting = torch.ones(len(actors), body.vertex_count, dtype=torch.bool, device=body.device)
    casting[:, body.vertex_part == SKIRT] = (worn["skirt"] > 0.5)[:, None]
    casting[:, body.vertex_part == HAIR] = (worn["long_hair"] > 0.5)[:, None]

    seen = views.project(people.vertices, shot_of)
    windows = _windows(seen, casting, of_shot, views)
    hits = raster.rasterize(seen, shot_of, body.faces, drawn, windows)
    shadows = shading.Shadows(people.vertices, casting, of_shot, stage["direction"])
    light = _lit_backdrop(backdrop, stage, views, shadows)
    light, nearest = _add_people(light, hits, backdrop, stage, views, windows, people, worn, shot_of, shadows, body)
    images = _develop(shots, stage, views, light)
    marks = _labels(shots, of_shot, people, body, seen, views, windows, nearest, backdrop)
    return [Frame(image, posed, shot) for image, posed, shot in zip(images, marks, shots, strict=True)]


# ---- surroundings ----------------------------------------------------------------------------------------------------------------------

_remembered = OrderedDict()  # fixed cameras see the same empty scene again and again
_REMEMBERED_PIXELS = 1_500_000


def _surroundings(cameras, scenes, device):
    """`Views`, scene tensors and `Backdrop`; those of a single picture are kept for the next picture of the same camera and scene."""
    key = (id(cameras[0]), id(scenes[0]), device) if len(cameras) == 1 else None
    if key in _remembered:
        _remembered.move_to_end(key)
        return _remembered[key][:3]
    views, stage = trace.Views.of(cameras, device), pack(scenes, device)
    result = views, stage, trace.trace(views, stage)
    if key:
        _remembered[key] = (*result, cameras[0], scenes[0])  # both are kept, so their ids stay taken
        while sum(entry[0].starts[-1] for entry in _remembered.values()) > _REMEMBERED_PIXELS and len(_remembered) > 1:
            _remembered.popitem(last=False)
    return result


def _lit_backdrop(backdrop, stage, views, shadows):
    """(3, Npix) light of the surroundings."""
    shadow, ground = torch.zeros_like(backdrop.depth), 1.0
    if shadows is not None:
        shadow = shadows.at(backdrop.position, views.starts, 0.03)
        ground = 1 - 0.55 * shadows.contact(backdrop.position, views.starts) * (backdrop.thing == trace.FLOOR)
    light = backdrop.colour * shading.illuminate(stage, views.shot, backdrop.normal, shadow) * ground
    return _softened(torch.where(backdrop.thing == trace.SKY, backdrop.colour, light), backdrop.thing, views)


def _softened(light, thing, views):
    """The light with the stairs smoothed out where one thing ends and another begins (the surroundings have one sample a pixel)."""
    edge = torch.zeros(len(thing), dtype=torch.bool, device=thing.device)
    edge[:-1] = thing[1:] != thing[:-1]
    for s, (width, height) in enumerate(views.size.tolist()):
        picture = thing[views.starts[s] : views.starts[s + 1]].view(height, width)
        edge[views.starts[s] : views.starts[s + 1]].view(height, width)[:-1] |= picture[1:] != picture[:-1]
    rows = edge.nonzero()[:, 0]
    x, y = views.x.index_select(0, rows), views.y.index_select(0, rows)
    width, height = shading.spread(views.size, views.shot.index_select(0, rows)).T
    around = (rows, rows - (x > 0).long(), rows + (x < width - 1).long(), rows - (y > 0) * width, rows + (y < height - 1) * width)
    light[:, rows] = sum(light.index_select(1, neighbour) for neighbour in around) / len(around)
    return light


# ---- people ----------------------------------------------------------------------------------------------------------------------------


def _windows(seen, counted, of_shot, views):
    """The windows that hold all people of each image."""
    low = torch.full((len(views.size), 2), 1e6, device=seen.device)
    high = -low
    valid = (counted & (seen[..., 2] > raster.NEAREST))[..., None]
    people_low = torch.where(valid, seen[..., :2], 1e6).amin(1)
    people_high = torch.where(valid, seen[..., :2], -1e6).amax(1)
    for n, s in enumerate(of_shot):
        low[s], high[s] = torch.minimum(low[s], people_low[n]), torch.maximum(high[s], people_high[n])
    return raster.Windows.around(low, high, views.size)


def _add_people(light, hits, backdrop, stage, views, windows, people, worn, shot_of, shadows, body):
    """Light with the people in it, and the nearest surfaces: per sample of the windows (depth in m, person or −1)."""
    shot, x, y = raster.cells(windows.left, windows.top, windows.width, windows.height)
    first, width = torch.tensor(views.starts[:-1], device=light.device), views.size[:, 0].contiguous()
    pixel = first.index_select(0, shot) + y * width.index_select(0, shot) + x
    depth = backdrop.depth[pixel].repeat_interleave(_SAMPLES)
    owner = torch.full_like(depth, -1, dtype=torch.int64)
    kept = (hits.depth < depth.index_select(0, hits.sample)).nonzero()[:, 0]
    hits = hits.chosen(kept)
    depth[hits.sample], owner[hits.sample] = hits.depth, hits.person

    colour = _shade(hits, stage, views, people, worn, shot_of, shadows, body)
    touched = torch.zeros(len(pixel), dtype=torch.bool, device=light.device)
    touched[hits.sample >> 2] = True
    touched = touched.nonzero()[:, 0]
    row = torch.empty(len(pixel), dtype=torch.int64, device=light.device)
    row[touched] = torch.arange(len(touched), device=light.device)
    samples = light.index_select(1, pixel[touched]).repeat_interleave(_SAMPLES, 1)
    samples[:, row.index_select(0, hits.sample >> 2) * _SAMPLES + (hits.sample & 3)] = colour
    light[:, pixel[touched]] = samples.view(3, -1, _SAMPLES).mean(2)
    return light, (depth, owner)


def _shade(hits, stage, views, people, worn, shot_of, shadows, body):
    """(3, P) light of the hits."""
    moving = hits.interpolate(torch.cat([people.normals, people.vertices], -1).permute(2, 0, 1).contiguous(), body.faces)
    normal, position = moving[:3], moving[3:]
    at = clothes.Regions(*hits.interpolate(body.regions.table(), body.faces))
    shot = shot_of.index_select(0, hits.person)
    albedo, cloth = clothes.paint(worn, at, hits.person)

    fold, depth = shading.spread(worn["seed"], hits.person), 0.14 * cloth + 0.02
    normal = torch.stack([
        normal[0] + depth * torch.sin(at.x * 61 + torch.sin(at.y * 37) * 2 + fold),
        normal[1] + depth * torch.sin(at.y * 53 + torch.sin(at.x * 45 + at.z * 30) * 2 + fold),
        normal[2] + depth * torch.sin(at.z * 57 + at.y * 29),
    ])  # fmt: skip
    normal = normal / shading.dot(normal, normal).sqrt()
    towards = shading.spread(views.position, shot).T - position
    rim = (1 - (shading.dot(normal, towards) / shading.dot(towards, towards).sqrt()).clamp(0, 1)) ** 3
    shadow = _own_shadow(shadows, position, shot, len(views.size))
    return shading.linear(albedo) * shading.illuminate(stage, shot, normal, shadow) * (1 - 0.3 * rim)


def _own_shadow(shadows, position, shot, shots):
    """(P,) shadow on body points; `shadows` wants them shot by shot."""
    if shots == 1:
        return shadows.at(position, [0, len(shot)], 0.09)
    order = shot.argsort(stable=True)
    starts = torch.searchsorted(shot[order], torch.arange(shots + 1, device=shot.device)).tolist()
    shadow = torch.empty(len(shot), device=shot.device)
    shadow[order] = shadows.at(position.index_select(1, order), starts, 0.09)
    return shadow


def _develop(shots, stage, views, light):
    """Images (H, W, 3) uint8."""
    starts = views.starts
    brightness = torch.stack([light[:, starts[s] : starts[s + 1]].mean() for s in range(len(shots))])
    flat = shading.develop(light, stage, brightness, [shot.seed for shot in shots], starts).cpu().numpy()
    return [flat[starts[s] : starts[s + 1]].reshape(shot.camera.height, shot.camera.width, 3) for s, shot in enumerate(shots)]


# ---- labels ----------------------------------------------------------------------------------------------------------------------------


def _labels(shots, of_shot, people, body, seen, views, windows, nearest, backdrop):
    """`Posed` people of each shot."""
    head = ((body.regions.head > 0.5) & (body.regions.long_hair < 0.5)).cpu().numpy()
    skin = (body.vertex_part == 0).cpu().numpy()
    depth, owner = (value.cpu().numpy() for value in nearest)
    behind = backdrop.depth.cpu().numpy()
    left, top, width, height, start = (getattr(windows, name).tolist() for name in ("left", "top", "width", "height", "start"))
    outline = seen[..., :2].cpu().numpy().astype(np.float64)
    result = [[] for _ in shots]
    for n, s in enumerate(of_shot):
        shot, actor = shots[s], shots[s].actors[len(result[s])]
        world = people.landmarks[n]
        camera = shot.camera.to_camera(world)
        with np.errstate(divide="ignore", invalid="ignore"):
            px = shot.camera.project(camera)
        before = camera[:, 2] > raster.NEAREST
        px = np.where(before[:, None], px, np.nan)
        size = np.array([shot.camera.width, shot.camera.height])
        inside = before & (np.nan_to_num(px, nan=-9.0) >= -0.5).all(1) & (np.nan_to_num(px, nan=-9.0) < size - 0.5).all(1)

        surface, who = np.full(len(px), np.nan), np.full(len(px), -1)
        x, y = np.nan_to_num(px).T
        column, row = np.clip(np.rint(x), 0, size[0] - 1).astype(int), np.clip(np.rint(y), 0, size[1] - 1).astype(int)
        surface[inside] = behind[views.starts[s] + row * size[0] + column][inside]
        fine_x, fine_y = np.rint((x - left[s]) * 2 + 0.5).astype(int), np.rint((y - top[s]) * 2 + 0.5).astype(int)
        within = inside & (fine_x >= 0) & (fine_y >= 0) & (fine_x < 2 * width[s]) & (fine_y < 2 * height[s])
        fx, fy = fine_x[within], fine_y[within]
        sample = (start[s] + (fy >> 1) * width[s] + (fx >> 1)) * _SAMPLES + ((fy & 1) << 1) + (fx & 1)
        surface[within], who[within] = depth[sample], owner[sample]

        distance = camera[:, 2] - surface  # along the optical axis, as a depth image has it
        in_front = np.where(inside, np.maximum(distance, 0) * 1000, np.nan)
        flesh = FLESH / 1000 * body.height[actor.body] / 1.7
        hidden = inside & (np.nan_to_num(distance) > np.where(who == n, flesh, _BEFORE_OTHERS))
        result[s].append(
            Posed(actor, world * 1000, camera * 1000, px, inside, in_front, hidden, _bounds(outline[n, head]), _bounds(outline[n, skin]))
        )
    return result


def _bounds(points):
    return np.concatenate([points.min(0), points.max(0)])
