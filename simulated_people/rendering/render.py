"""From shots to images: people are rasterised, their surroundings ray-traced, both lit by one lamp.

People are rasterised at twice the resolution. A pixel's coverage is counted in samples; each surface that a
pixel shows is lit once, between the samples that show it. The CPU renders one shot at a time and CUDA many,
by the same code; no random number belongs to a batch, so a shot gives the same bytes in any company.

>>> frames = render(shots, Body())
>>> frames[0].image.shape, frames[0].people[0].px.shape
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from simulated_people.body.clothes import Regions
from simulated_people.body.model import Body
from simulated_people.rendering import rasterizer, shading
from simulated_people.rendering.batch import People, Surroundings
from simulated_people.rendering.labels import PersonLabels, label_people
from simulated_people.rendering.painting import paint_bodies
from simulated_people.rendering.ray_tracer import FLOOR, SKY
from simulated_people.scenes.camera import Camera
from simulated_people.scenes.placement import resolve_intersections
from simulated_people.scenes.scene import Scene

_PIXELS_AT_ONCE = 8_000_000  # of CUDA batches; half as many took 1.2 GB
_ONE_SURFACE = 0.03  # m: neighbouring samples of a person that differ more in depth show two surfaces


@dataclass(frozen=True, eq=False)
class Shot:
    """What one image shows."""

    actors: tuple
    camera: Camera
    scene: Scene
    seed: int = 0  # of the sensor noise
    clipping: bool = False  # let things of the scene cut into people, instead of removing such things


@dataclass(frozen=True, eq=False)
class Frame:
    """A rendered image with its labels."""

    image: np.ndarray  # (H, W, 3) uint8 RGB
    people: list[PersonLabels] = field(default_factory=list)  # in the order of the shot's actors
    shot: Shot | None = None


@torch.no_grad()
def render(shots: Sequence[Shot], body: Body, device: str | torch.device = "cpu") -> list[Frame]:
    """Render shots.

    Args:
        shots: Any number.
        body: The body model, moved to `device` where it is elsewhere.
        device: "cpu", "cuda", …

    Returns:
        The frames of the shots, in their order.
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
    placed = body.place(actors) if actors else None
    scenes = _cleared(shots, of_shot, placed, body)
    surroundings = Surroundings.of([shot.camera for shot in shots], scenes, body.device)
    if not actors:
        images = _develop(shots, surroundings, _lit_background(surroundings, None))
        return [Frame(image, [], shot) for image, shot in zip(images, shots, strict=True)]

    people = People.of(body, placed, actors, of_shot, surroundings)
    hits = rasterizer.rasterize(people.projected, people.shot, body.faces, people.drawn, people.windows)
    light = _lit_background(surroundings, people.shadows)
    light, hits = _add_people(light, hits, surroundings, people)
    images = _develop(shots, surroundings, light)
    labels = label_people(shots, surroundings, people, hits)
    return [Frame(image, own, shot) for image, own, shot in zip(images, labels, shots, strict=True)]


def _cleared(shots, of_shot, placed, body):
    """The shots' scenes, without things that cut into people where that is not wanted."""
    if placed is None or all(shot.clipping for shot in shots):
        return [shot.scene for shot in shots]
    skin, scenes = body.skin_of(placed), []
    starts = np.searchsorted(of_shot, np.arange(len(shots) + 1))
    for shot, first, last in zip(shots, starts[:-1], starts[1:], strict=True):
        keep = shot.clipping or first == last
        scenes.append(shot.scene if keep else resolve_intersections(shot.scene, skin[first:last], move=False))
    return scenes


def _lit_background(surroundings, shadows):
    """(3, Npix) light of the empty places, with the shadows of people (or None)."""
    background, shot = surroundings.background, surroundings.cameras.shot
    shadow, ground = torch.zeros_like(background.depth), 1.0
    if shadows is not None:
        shadow = shadows.at(background.position, shot, 0.03)
        on_floor = background.surface_id == FLOOR
        ground = 1 - 0.55 * shadows.contact(background.position, shot) * on_floor
    light = shading.illuminate(surroundings.tensors, shot, background.normal, shadow)
    light = background.colour * light * ground
    light = torch.where(background.surface_id == SKY, background.colour, light)
    return _anti_aliased(light, background.surface_id, surroundings.cameras)


def _anti_aliased(light, surface_id, cameras):
    """The light, averaged with its neighbours where one surface ends and another begins.

    The background has one sample per pixel, so its edges would be stairs.
    """
    edge = torch.zeros(len(surface_id), dtype=torch.bool, device=surface_id.device)
    edge[:-1] = surface_id[1:] != surface_id[:-1]
    if len(cameras.size) == 1:
        row = int(cameras.size[0, 0])
        edge[:-row] |= surface_id[row:] != surface_id[:-row]
    else:
        width, height = cameras.size.index_select(0, cameras.shot).T
        below = torch.where(cameras.y < height - 1, width, 0)
        below = below + torch.arange(len(surface_id), device=surface_id.device)
        edge |= surface_id.index_select(0, below) != surface_id
    rows = edge.nonzero()[:, 0]
    x, y = cameras.x.index_select(0, rows), cameras.y.index_select(0, rows)
    width, height = shading.look_up(cameras.size, cameras.shot.index_select(0, rows)).T
    around = (
        rows,
        rows - (x > 0).long(),
        rows + (x < width - 1).long(),
        rows - (y > 0) * width,
        rows + (y < height - 1) * width,
    )
    light[:, rows] = sum(light.index_select(1, neighbour) for neighbour in around) / len(around)
    return light


def _add_people(light, hits, surroundings, people):
    """Light with the people in it, and the hits that nothing covers.

    Each pixel is covered by its samples, and lit once for each surface of somebody that it shows.
    """
    cameras, windows = surroundings.cameras, people.windows
    shot, x, y = rasterizer.cells(windows.left, windows.top, windows.width, windows.height)
    begin, width = torch.tensor(cameras.starts[:-1], device=light.device), cameras.size[:, 0].contiguous()
    pixel = begin.index_select(0, shot) + y * width.index_select(0, shot) + x
    behind = surroundings.background.depth.index_select(0, pixel.index_select(0, hits.sample >> 2))
    kept = hits.depth < behind
    hits = hits if kept.all() else hits.chosen(kept.nonzero()[:, 0])
    if not len(hits.sample):
        return light, hits

    start, length = _surfaces(hits)
    colour = _shade(hits.chosen(start), hits.chosen(start + length - 1), surroundings, people)
    colour *= length / rasterizer.SAMPLES
    place = pixel.index_select(0, hits.sample.index_select(0, start) >> 2)
    first = _changes(place)  # first surface of each pixel; its others follow one after the other
    place, own = place.index_select(0, first), _lengths(first, len(place))
    covered = _lengths(start.index_select(0, first), len(hits.sample)) / rasterizer.SAMPLES
    mixed = light.index_select(1, place) * (1 - covered) + colour.index_select(1, first)
    for turn in range(1, rasterizer.SAMPLES):
        more = (own > turn).nonzero()[:, 0]
        mixed[:, more] += colour.index_select(1, first.index_select(0, more) + turn)
    light[:, place] = mixed
    return light, hits


def _changes(*columns: torch.Tensor) -> torch.Tensor:
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
    """Runs of a pixel's hits that show one surface of one person: start (R,) and length (R,) of each."""
    new = torch.ones_like(hits.sample, dtype=torch.bool)
    new[1:] = (hits.depth[1:] - hits.depth[:-1]).abs() > _ONE_SURFACE
    start = _changes(hits.sample >> 2, hits.person, new.cumsum(0))
    return start, _lengths(start, len(new))


def _shade(first, last, surroundings, people):
    """(3, R) light of surfaces, each shaded half-way between its first and its last hit."""
    placed, faces = people.placed, people.body.faces
    corners = torch.cat([placed.normals, placed.vertices], -1).permute(2, 0, 1).contiguous()
    moving = (first.interpolate(corners, faces) + last.interpolate(corners, faces)) / 2
    normal, position = moving[:3], moving[3:]
    table = people.body.regions.table()
    at = Regions(*(first.interpolate(table, faces) + last.interpolate(table, faces)) / 2)
    shot = people.shot.index_select(0, first.person)
    albedo, cloth = paint_bodies(people.worn, at, first.person)
    normal = _wrinkled(normal, at, cloth, shading.look_up(people.worn["seed"], first.person))

    towards = shading.look_up(surroundings.cameras.position, shot).T - position
    rim = (1 - (shading.dot(normal, towards) / shading.dot(towards, towards).sqrt()).clamp(0, 1)) ** 3
    shadow = people.shadows.at(position, shot, 0.09)
    light = shading.illuminate(surroundings.tensors, shot, normal, shadow)
    return shading.srgb_to_linear(albedo) * light * (1 - 0.3 * rim)


def _wrinkled(normal, at, cloth, seed):
    """Normals (3, R) with folds: deep ones in cloth (R,), traces of them elsewhere."""
    depth = 0.14 * cloth + 0.02
    normal = torch.stack([
        normal[0] + depth * torch.sin(at.x * 61 + torch.sin(at.y * 37) * 2 + seed),
        normal[1] + depth * torch.sin(at.y * 53 + torch.sin(at.x * 45 + at.z * 30) * 2 + seed),
        normal[2] + depth * torch.sin(at.z * 57 + at.y * 29),
    ])  # fmt: skip
    return normal / shading.dot(normal, normal).sqrt()


def _develop(shots, surroundings, light):
    """Images (H, W, 3) uint8 from their light (3, Npix)."""
    cameras, starts = surroundings.cameras, surroundings.cameras.starts
    brightness = torch.stack([light[:, starts[s] : starts[s + 1]].mean() for s in range(len(shots))])
    seeds = [shot.seed for shot in shots]
    pixels = shading.develop(light, surroundings.tensors, brightness, seeds, cameras.shot, starts)
    if pixels.is_cuda:  # through memory that the GPU writes to itself, which is several times faster
        pixels = torch.empty(pixels.shape, dtype=pixels.dtype, pin_memory=True).copy_(pixels)
    pixels = pixels.numpy()
    return [
        pixels[starts[s] : starts[s + 1]].reshape(shot.camera.height, shot.camera.width, 3)
        for s, shot in enumerate(shots)
    ]
