"""From shots to images: people are rasterised, their surroundings ray-traced, both lit by one lamp.

People are rasterised at twice the resolution. A pixel's coverage is counted in samples; each surface that a
pixel shows is lit once, between the samples that show it. The CPU renders one shot at a time and CUDA many,
by the same code; no random number belongs to a batch, so a shot gives the same bytes in any company.

>>> frames = render(shots, Body())
>>> frames[0].image.shape, frames[0].people[0].px.shape
"""

from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
import torch

from simulated_people.body.clothes import Regions, pack_clothes
from simulated_people.body.model import BODY, HAIR, SKIRT
from simulated_people.rendering import rasterizer, shading
from simulated_people.rendering.labels import label_people
from simulated_people.rendering.painting import paint_bodies
from simulated_people.rendering.ray_tracer import FLOOR, SKY, CameraTensors, trace_background
from simulated_people.rendering.scene_tensors import pack_scenes
from simulated_people.scenes.camera import Camera
from simulated_people.scenes.placement import resolve_intersections


@dataclass(frozen=True, eq=False)
class Shot:
    """What one image shows. `scene` is made by `scene.*`; `seed` drives the sensor noise."""

    actors: tuple
    camera: Camera
    scene: object
    seed: int = 0
    clipping: bool = (
        False  # True lets things of the scene cut into people; otherwise such things are taken away
    )


@dataclass(frozen=True, eq=False)
class Frame:
    """A rendered image, (H, W, 3) uint8 RGB, with its people in the order of the shot's actors."""

    image: np.ndarray
    people: list = field(default_factory=list)
    shot: Shot | None = None


_PIXELS_AT_ONCE = 8_000_000  # of CUDA batches; half as many took 1.2 GB
_ONE_SURFACE = 0.03  # m: neighbouring samples of a person that differ more in depth show two surfaces


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
    scenes = _cleared(shots, of_shot, people, body)
    views, tensors, background = _surroundings([shot.camera for shot in shots], scenes, body.device)
    if not actors:
        image = _develop(shots, tensors, views, _lit_backdrop(background, tensors, views, None))
        return [Frame(picture, [], shot) for picture, shot in zip(image, shots, strict=True)]

    shot_of = torch.tensor(of_shot, device=body.device)
    worn = pack_clothes([actor.clothes for actor in actors], body.device)
    drawn, casting = (_shown(part, worn) for part in (body.face_part, body.vertex_part))

    projected = views.project(people.vertices, shot_of)
    windows = _windows(projected, casting, of_shot, views)
    hits = rasterizer.rasterize(projected, shot_of, body.faces, drawn, windows)
    shadows = shading.Shadows(people.vertices, casting, of_shot, tensors["direction"])
    light = _lit_backdrop(background, tensors, views, shadows)
    light, nearest = _add_people(
        light, hits, background, tensors, views, windows, people, worn, shot_of, shadows, body
    )
    images = _develop(shots, tensors, views, light)
    marks = label_people(shots, of_shot, people, body, projected, views, windows, nearest, background)
    return [Frame(image, posed, shot) for image, posed, shot in zip(images, marks, shots, strict=True)]


def _shown(part, worn):
    """(N, …) bool: which faces or vertices, by their part of the mesh, belong to what each of N people
    wears."""
    skirt, hair = (worn[name][:, None] > 0.5 for name in ("skirt", "long_hair"))
    return (part == BODY) | (part == SKIRT) & skirt | (part == HAIR) & hair


def _cleared(shots, of_shot, people, body):
    """The shots' scenes, without things that cut into people where that is not wanted."""
    if people is None or all(shot.clipping for shot in shots):
        return [shot.scene for shot in shots]
    skin = body.skin_of(people)
    start, own = np.searchsorted(of_shot, [np.arange(len(shots)), np.arange(len(shots)) + 1]), []
    for shot, first, last in zip(shots, *start, strict=True):
        own.append(
            shot.scene
            if shot.clipping or first == last
            else resolve_intersections(shot.scene, skin[first:last], move=False)
        )
    return own


# ---- surroundings
# ----------------------------------------------------------------------------------------------------------------------


_remembered = OrderedDict()  # fixed cameras see the same empty scene again and again
_REMEMBERED_PIXELS = 1_500_000


def _surroundings(cameras, scenes, device):
    """`Views`, scene tensors and `Backdrop`; those of a single picture are kept for the next picture of the
    same camera and scene."""
    key = (id(cameras[0]), id(scenes[0]), device) if len(cameras) == 1 else None
    if key in _remembered:
        _remembered.move_to_end(key)
        return _remembered[key][:3]
    views, tensors = CameraTensors.of(cameras, device), pack_scenes(scenes, device)
    result = views, tensors, trace_background(views, tensors)
    if key:
        _remembered[key] = (*result, cameras[0], scenes[0])  # both are kept, so their ids stay taken
        while (
            sum(entry[0].starts[-1] for entry in _remembered.values()) > _REMEMBERED_PIXELS
            and len(_remembered) > 1
        ):
            _remembered.popitem(last=False)
    return result


def _lit_backdrop(background, tensors, views, shadows):
    """(3, Npix) light of the surroundings."""
    shadow, ground = torch.zeros_like(background.depth), 1.0
    if shadows is not None:
        shadow = shadows.at(background.position, views.shot, 0.03)
        ground = 1 - 0.55 * shadows.contact(background.position, views.shot) * (
            background.surface_id == FLOOR
        )
    light = background.colour * shading.illuminate(tensors, views.shot, background.normal, shadow) * ground
    return _softened(
        torch.where(background.surface_id == SKY, background.colour, light), background.surface_id, views
    )


def _softened(light, surface_id, views):
    """The light with the stairs smoothed out where one thing ends and another begins (the surroundings have
    one sample a pixel)."""
    edge = torch.zeros(len(surface_id), dtype=torch.bool, device=surface_id.device)
    edge[:-1] = surface_id[1:] != surface_id[:-1]
    if len(views.size) == 1:
        row = int(views.size[0, 0])
        edge[:-row] |= surface_id[row:] != surface_id[:-row]
    else:
        width, height = views.size.index_select(0, views.shot).T
        below = torch.where(views.y < height - 1, width, 0) + torch.arange(
            len(surface_id), device=surface_id.device
        )
        edge |= surface_id.index_select(0, below) != surface_id
    rows = edge.nonzero()[:, 0]
    x, y = views.x.index_select(0, rows), views.y.index_select(0, rows)
    width, height = shading.look_up(views.size, views.shot.index_select(0, rows)).T
    around = (
        rows,
        rows - (x > 0).long(),
        rows + (x < width - 1).long(),
        rows - (y > 0) * width,
        rows + (y < height - 1) * width,
    )
    light[:, rows] = sum(light.index_select(1, neighbour) for neighbour in around) / len(around)
    return light


# ---- people
# ----------------------------------------------------------------------------------------------------------------------------


def _windows(projected, counted, of_shot, views):
    """The windows that hold all people of each image."""
    low = torch.full((len(views.size), 2), 1e6, device=projected.device)
    high = -low
    valid = (counted & (projected[..., 2] > rasterizer.NEAREST))[..., None]
    people_low = torch.where(valid, projected[..., :2], 1e6).amin(1)
    people_high = torch.where(valid, projected[..., :2], -1e6).amax(1)
    own = torch.tensor(of_shot, device=projected.device)[:, None].expand(-1, 2)
    low, high = (
        low.scatter_reduce(0, own, people_low, "amin"),
        high.scatter_reduce(0, own, people_high, "amax"),
    )
    return rasterizer.Windows.around(low, high, views.size)


def _add_people(light, hits, background, tensors, views, windows, people, worn, shot_of, shadows, body):
    """Light with the people in it, and the hits that nothing covers.

    Each pixel is covered by its samples, and lit once for each surface of somebody that it shows.
    """
    shot, x, y = rasterizer.cells(windows.left, windows.top, windows.width, windows.height)
    begin, width = torch.tensor(views.starts[:-1], device=light.device), views.size[:, 0].contiguous()
    pixel = begin.index_select(0, shot) + y * width.index_select(0, shot) + x
    behind = background.depth.index_select(0, pixel.index_select(0, hits.sample >> 2))
    kept = hits.depth < behind
    hits = hits if kept.all() else hits.chosen(kept.nonzero()[:, 0])
    if not len(hits.sample):
        return light, hits

    start, length = _surfaces(hits)
    colour = _shade(
        hits.chosen(start),
        hits.chosen(start + length - 1),
        tensors,
        views,
        people,
        worn,
        shot_of,
        shadows,
        body,
    )
    colour *= length / rasterizer.SAMPLES
    place = pixel.index_select(0, hits.sample.index_select(0, start) >> 2)
    first = _changes(place)  # surface of each pixel; the others come behind it, one after the other
    place, own = place.index_select(0, first), _lengths(first, len(place))
    covered = _lengths(start.index_select(0, first), len(hits.sample)) / rasterizer.SAMPLES
    mixed = light.index_select(1, place) * (1 - covered) + colour.index_select(1, first)
    for turn in range(1, rasterizer.SAMPLES):
        more = (own > turn).nonzero()[:, 0]
        mixed[:, more] += colour.index_select(1, first.index_select(0, more) + turn)
    light[:, place] = mixed
    return light, hits


def _changes(*columns):
    """Where a run of equal rows begins in a list: (R,) rows. columns: (P,) each; P > 0."""
    new = torch.ones_like(columns[0], dtype=torch.bool)
    new[1:] = False
    for column in columns:
        new[1:] |= column[1:] != column[:-1]
    return new.nonzero()[:, 0]


def _lengths(starts, total):
    """The lengths of runs that begin at `starts` in a list of `total`."""
    return torch.diff(starts, append=starts.new_tensor([total]))


def _surfaces(hits):
    """Runs of a pixel's hits that show one surface of one person: where each starts (R,), and its length
    (R,)."""
    new = torch.ones_like(hits.sample, dtype=torch.bool)
    new[1:] = (hits.depth[1:] - hits.depth[:-1]).abs() > _ONE_SURFACE
    start = _changes(hits.sample >> 2, hits.person, new.cumsum(0))
    return start, _lengths(start, len(new))


def _shade(hits, others, tensors, views, people, worn, shot_of, shadows, body):
    """(3, R) light of surfaces, each given by the first and the last of its hits: what lies between the two
    is shaded."""
    corners = torch.cat([people.normals, people.vertices], -1).permute(2, 0, 1).contiguous()
    moving = (hits.interpolate(corners, body.faces) + others.interpolate(corners, body.faces)) / 2
    normal, position = moving[:3], moving[3:]
    table = body.regions.table()
    at = Regions(*(hits.interpolate(table, body.faces) + others.interpolate(table, body.faces)) / 2)
    shot = shot_of.index_select(0, hits.person)
    albedo, cloth = paint_bodies(worn, at, hits.person)

    fold, depth = shading.look_up(worn["seed"], hits.person), 0.14 * cloth + 0.02
    normal = torch.stack([
        normal[0] + depth * torch.sin(at.x * 61 + torch.sin(at.y * 37) * 2 + fold),
        normal[1] + depth * torch.sin(at.y * 53 + torch.sin(at.x * 45 + at.z * 30) * 2 + fold),
        normal[2] + depth * torch.sin(at.z * 57 + at.y * 29),
    ])  # fmt: skip
    normal = normal / shading.dot(normal, normal).sqrt()
    towards = shading.look_up(views.position, shot).T - position
    rim = (1 - (shading.dot(normal, towards) / shading.dot(towards, towards).sqrt()).clamp(0, 1)) ** 3
    shadow = shadows.at(position, shot, 0.09)
    return (
        shading.srgb_to_linear(albedo) * shading.illuminate(tensors, shot, normal, shadow) * (1 - 0.3 * rim)
    )


def _develop(shots, tensors, views, light):
    """Images (H, W, 3) uint8."""
    starts = views.starts
    brightness = torch.stack([light[:, starts[s] : starts[s + 1]].mean() for s in range(len(shots))])
    flat = shading.develop(light, tensors, brightness, [shot.seed for shot in shots], views.shot, starts)
    flat = _fetched(flat).numpy()
    return [
        flat[starts[s] : starts[s + 1]].reshape(shot.camera.height, shot.camera.width, 3)
        for s, shot in enumerate(shots)
    ]


def _fetched(values):
    """A tensor on the CPU; from a GPU through memory that it writes to itself, which is several times
    faster."""
    return (
        torch.empty(values.shape, dtype=values.dtype, pin_memory=True).copy_(values)
        if values.is_cuda
        else values
    )


# ---- labels
# ----------------------------------------------------------------------------------------------------------------------------
