"""From shots to images: people are rasterised, their surroundings ray-traced, both lit by one lamp.

People are rasterised and lit at twice the resolution, and a pixel is the mean of its samples. The CPU renders
one shot at a time and CUDA many, by the same code; no random number belongs to a batch, so a shot gives the
same bytes in any company.

>>> frames = render(shots, Body())
>>> frames[0].image.shape, frames[0].people[0].px.shape
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
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
_SENSOR = (
    400  # px along the longer side of the sensor; a pixel of a smaller image averages several of its own
)
# A camera sharpens what its sensor saw: an average over a pixel's area alone is softer than any photograph.
_SHARPENING, _BLUR = 0.6, 1.0  # share that is added of what a blur (standard deviation, px) takes away


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
    """Light with the people in it, each sample shaded for itself, and the hits that nothing covers."""
    cameras, windows = surroundings.cameras, people.windows
    shot, x, y = rasterizer.cells(windows.left, windows.top, windows.width, windows.height)
    begin, width = torch.tensor(cameras.starts[:-1], device=light.device), cameras.size[:, 0].contiguous()
    pixel = begin.index_select(0, shot) + y * width.index_select(0, shot) + x
    behind = surroundings.background.depth.index_select(0, pixel.index_select(0, hits.sample >> 2))
    kept = hits.depth < behind
    hits = hits if kept.all() else hits.chosen(kept.nonzero()[:, 0])
    if not len(hits.sample):
        return light, hits

    samples = light.new_zeros(4, windows.pixels * rasterizer.SAMPLES)  # the light, and whether there is a hit
    samples[:3, hits.sample], samples[3, hits.sample] = _shade(hits, surroundings, people), 1
    mean = samples.view(4, windows.pixels, rasterizer.SAMPLES).mean(-1)
    light[:, pixel] = light.index_select(1, pixel) * (1 - mean[3]) + mean[:3]
    return light, hits


def _shade(hits, surroundings, people):
    """(3, P) light of the surfaces hit."""
    placed, faces = people.placed, people.body.faces
    corners = torch.cat([placed.normals, placed.vertices], -1).permute(2, 0, 1).contiguous()
    moving = hits.interpolate(corners, faces)
    normal, position = moving[:3], moving[3:]
    at = Regions(*hits.interpolate(people.body.regions.table(), faces))
    shot = people.shot.index_select(0, hits.person)
    albedo, cloth = paint_bodies(people.worn, at, hits.person)
    normal = _wrinkled(normal, at, cloth, shading.look_up(people.worn["seed"], hits.person))

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
    averaged = (cameras.size.amax(1) / _SENSOR).clamp_max(1)
    film = {**surroundings.tensors, "noise": surroundings.tensors["noise"] * averaged}
    pixels = shading.develop(light, film, brightness, seeds, cameras.shot, starts)
    if pixels.is_cuda:  # through memory that the GPU writes to itself, which is several times faster
        pixels = torch.empty(pixels.shape, dtype=pixels.dtype, pin_memory=True).copy_(pixels)
    pixels = pixels.numpy()
    return [
        _sharpened(pixels[starts[s] : starts[s + 1]].reshape(shot.camera.height, shot.camera.width, 3))
        for s, shot in enumerate(shots)
    ]


def _sharpened(image):
    """An image (H, W, 3) uint8 as a camera gives it."""
    return cv2.addWeighted(image, 1 + _SHARPENING, cv2.GaussianBlur(image, (0, 0), _BLUR), -_SHARPENING, 0)
