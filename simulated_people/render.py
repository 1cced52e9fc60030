"""From shots to frames: people are rasterised at twice the resolution, their surroundings ray-traced, both
lit by one lamp with shadows. How much of a pixel somebody covers is counted in samples; what is seen there is
lit once a surface, between the samples that show it.

The CPU takes one shot at a time and CUDA many, by the same code; nothing is drawn at random for a batch, so a
shot gives the same bytes whoever shares the call with it.

>>> frames = render(shots, Body())
>>> frames[0].image.shape, frames[0].people[0].px.shape
"""

from collections import OrderedDict

import numpy as np
import torch

from simulated_people import clothes, raster, shading, staging, trace
from simulated_people.body import BODY, HAIR, SKIRT
from simulated_people.landmarks import FLESH
from simulated_people.shots import Frame, Posed
from simulated_people.stage import pack

_PIXELS_AT_ONCE = 8_000_000  # of CUDA batches; half as many took 1.2 GB
_SAMPLES = raster.SUB**2
_ONE_SURFACE = 0.03  # m: neighbouring samples of a person that differ more in depth show two surfaces
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
    scenes = _cleared(shots, of_shot, people, body)
    views, stage, backdrop = _surroundings([shot.camera for shot in shots], scenes, body.device)
    if not actors:
        image = _develop(shots, stage, views, _lit_backdrop(backdrop, stage, views, None))
        return [Frame(picture, [], shot) for picture, shot in zip(image, shots, strict=True)]

    shot_of = torch.tensor(of_shot, device=body.device)
    worn = clothes.pack([actor.clothes for actor in actors], body.device)
    drawn, casting = (_shown(part, worn) for part in (body.face_part, body.vertex_part))

    seen = views.project(people.vertices, shot_of)
    windows = _windows(seen, casting, of_shot, views)
    hits = raster.rasterize(seen, shot_of, body.faces, drawn, windows)
    shadows = shading.Shadows(people.vertices, casting, of_shot, stage["direction"])
    light = _lit_backdrop(backdrop, stage, views, shadows)
    light, nearest = _add_people(
        light, hits, backdrop, stage, views, windows, people, worn, shot_of, shadows, body
    )
    images = _develop(shots, stage, views, light)
    marks = _labels(shots, of_shot, people, body, seen, views, windows, nearest, backdrop)
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
            else staging.clear(shot.scene, skin[first:last], move=False)
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
    views, stage = trace.Views.of(cameras, device), pack(scenes, device)
    result = views, stage, trace.trace(views, stage)
    if key:
        _remembered[key] = (*result, cameras[0], scenes[0])  # both are kept, so their ids stay taken
        while (
            sum(entry[0].starts[-1] for entry in _remembered.values()) > _REMEMBERED_PIXELS
            and len(_remembered) > 1
        ):
            _remembered.popitem(last=False)
    return result


def _lit_backdrop(backdrop, stage, views, shadows):
    """(3, Npix) light of the surroundings."""
    shadow, ground = torch.zeros_like(backdrop.depth), 1.0
    if shadows is not None:
        shadow = shadows.at(backdrop.position, views.shot, 0.03)
        ground = 1 - 0.55 * shadows.contact(backdrop.position, views.shot) * (backdrop.thing == trace.FLOOR)
    light = backdrop.colour * shading.illuminate(stage, views.shot, backdrop.normal, shadow) * ground
    return _softened(torch.where(backdrop.thing == trace.SKY, backdrop.colour, light), backdrop.thing, views)


def _softened(light, thing, views):
    """The light with the stairs smoothed out where one thing ends and another begins (the surroundings have
    one sample a pixel)."""
    edge = torch.zeros(len(thing), dtype=torch.bool, device=thing.device)
    edge[:-1] = thing[1:] != thing[:-1]
    if len(views.size) == 1:
        row = int(views.size[0, 0])
        edge[:-row] |= thing[row:] != thing[:-row]
    else:
        width, height = views.size.index_select(0, views.shot).T
        below = torch.where(views.y < height - 1, width, 0) + torch.arange(len(thing), device=thing.device)
        edge |= thing.index_select(0, below) != thing
    rows = edge.nonzero()[:, 0]
    x, y = views.x.index_select(0, rows), views.y.index_select(0, rows)
    width, height = shading.spread(views.size, views.shot.index_select(0, rows)).T
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


def _windows(seen, counted, of_shot, views):
    """The windows that hold all people of each image."""
    low = torch.full((len(views.size), 2), 1e6, device=seen.device)
    high = -low
    valid = (counted & (seen[..., 2] > raster.NEAREST))[..., None]
    people_low = torch.where(valid, seen[..., :2], 1e6).amin(1)
    people_high = torch.where(valid, seen[..., :2], -1e6).amax(1)
    own = torch.tensor(of_shot, device=seen.device)[:, None].expand(-1, 2)
    low, high = (
        low.scatter_reduce(0, own, people_low, "amin"),
        high.scatter_reduce(0, own, people_high, "amax"),
    )
    return raster.Windows.around(low, high, views.size)


def _add_people(light, hits, backdrop, stage, views, windows, people, worn, shot_of, shadows, body):
    """Light with the people in it, and the hits that nothing covers.

    Each pixel is covered by its samples, and lit once for each surface of somebody that it shows.
    """
    shot, x, y = raster.cells(windows.left, windows.top, windows.width, windows.height)
    begin, width = torch.tensor(views.starts[:-1], device=light.device), views.size[:, 0].contiguous()
    pixel = begin.index_select(0, shot) + y * width.index_select(0, shot) + x
    behind = backdrop.depth.index_select(0, pixel.index_select(0, hits.sample >> 2))
    kept = hits.depth < behind
    hits = hits if kept.all() else hits.chosen(kept.nonzero()[:, 0])
    if not len(hits.sample):
        return light, hits

    start, length = _surfaces(hits)
    colour = _shade(
        hits.chosen(start),
        hits.chosen(start + length - 1),
        stage,
        views,
        people,
        worn,
        shot_of,
        shadows,
        body,
    )
    colour *= length / _SAMPLES
    place = pixel.index_select(0, hits.sample.index_select(0, start) >> 2)
    first = _changes(place)  # surface of each pixel; the others come behind it, one after the other
    place, own = place.index_select(0, first), _lengths(first, len(place))
    covered = _lengths(start.index_select(0, first), len(hits.sample)) / _SAMPLES
    mixed = light.index_select(1, place) * (1 - covered) + colour.index_select(1, first)
    for turn in range(1, _SAMPLES):
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


def _shade(hits, others, stage, views, people, worn, shot_of, shadows, body):
    """(3, R) light of surfaces, each given by the first and the last of its hits: what lies between the two
    is shaded."""
    corners = torch.cat([people.normals, people.vertices], -1).permute(2, 0, 1).contiguous()
    moving = (hits.interpolate(corners, body.faces) + others.interpolate(corners, body.faces)) / 2
    normal, position = moving[:3], moving[3:]
    table = body.regions.table()
    at = clothes.Regions(*(hits.interpolate(table, body.faces) + others.interpolate(table, body.faces)) / 2)
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
    shadow = shadows.at(position, shot, 0.09)
    return shading.linear(albedo) * shading.illuminate(stage, shot, normal, shadow) * (1 - 0.3 * rim)


def _develop(shots, stage, views, light):
    """Images (H, W, 3) uint8."""
    starts = views.starts
    brightness = torch.stack([light[:, starts[s] : starts[s + 1]].mean() for s in range(len(shots))])
    flat = shading.develop(light, stage, brightness, [shot.seed for shot in shots], views.shot, starts)
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


def _labels(shots, of_shot, people, body, seen, views, windows, nearest, backdrop):
    """`Posed` people of each shot."""
    head = (body.regions.head > 0.5) & (body.regions.long_hair < 0.5)
    boxes = [
        _bounds(seen.index_select(1, part.nonzero()[:, 0])[..., :2])
        for part in (head, body.vertex_part == BODY)
    ]
    window = torch.stack(
        [windows.left, windows.top, windows.width, windows.height, windows.start], 1
    ).tolist()
    marks = [
        _marks(shots[s].camera, people.landmarks[n], views.starts[s], window[s])
        for n, s in enumerate(of_shot)
    ]
    surface, who = _nearest_at(marks, nearest, backdrop)
    result = [[] for _ in shots]
    for n, s in enumerate(of_shot):
        camera, px, inside, *_ = marks[n]
        actor = shots[s].actors[len(result[s])]
        distance = camera[:, 2] - surface[n]  # along the optical axis, as a depth image has it
        in_front = np.where(inside, np.maximum(distance, 0) * 1000, np.nan)
        flesh = FLESH / 1000 * body.height[actor.body] / 1.7
        hidden = inside & (np.nan_to_num(distance) > np.where(who[n] == n, flesh, _BEFORE_OTHERS))
        bounds = (box[n] for box in boxes)
        result[s].append(
            Posed(actor, people.landmarks[n] * 1000, camera * 1000, px, inside, in_front, hidden, *bounds)
        )
    return result


def _marks(view, world, start, window):
    """One person's landmarks (L, 3) m in a picture: in the camera's frame (m), px, inside the picture, first
    their pixels in the flat list of all pictures' pixels, last their samples in that of the windows' (−1
    outside); start: of the picture; window: left, top, width, height, start."""
    camera = view.to_camera(world)
    with np.errstate(divide="ignore", invalid="ignore"):
        px = view.project(camera)
    before = camera[:, 2] > raster.NEAREST
    px = np.where(before[:, None], px, np.nan)
    size = np.array([view.width, view.height])
    inside = (
        before
        & (np.nan_to_num(px, nan=-9.0) >= -0.5).all(1)
        & (np.nan_to_num(px, nan=-9.0) < size - 0.5).all(1)
    )
    x, y = np.nan_to_num(px).T
    column, row = (
        np.clip(np.rint(x), 0, size[0] - 1).astype(int),
        np.clip(np.rint(y), 0, size[1] - 1).astype(int),
    )
    left, top, width, height, first = window
    fine_x, fine_y = np.rint((x - left) * 2 + 0.5).astype(int), np.rint((y - top) * 2 + 0.5).astype(int)
    within = inside & (fine_x >= 0) & (fine_y >= 0) & (fine_x < 2 * width) & (fine_y < 2 * height)
    sample = (first + (fine_y >> 1) * width + (fine_x >> 1)) * _SAMPLES + ((fine_y & 1) << 1) + (fine_x & 1)
    return camera, px, inside, start + row * size[0] + column, np.where(within, sample, -1)


def _nearest_at(marks, hits, backdrop):
    """What is nearest to the camera where the landmarks are: depth (N, L) m, NaN outside the picture, and
    person (N, L), −1 if nobody."""
    inside, pixel, sample = (np.stack([mark[k] for mark in marks]) for k in (2, 3, 4))
    depth = np.where(
        inside, backdrop.depth[torch.from_numpy(pixel).to(backdrop.depth.device)].cpu().numpy(), np.nan
    )
    who = np.full(sample.shape, -1)
    if len(hits.sample):
        wanted = torch.from_numpy(sample).to(hits.sample.device)
        row = torch.searchsorted(hits.sample, wanted).clamp_max(len(hits.sample) - 1)
        found = (hits.sample[row] == wanted).cpu().numpy()
        depth, who = (
            np.where(found, column[row].cpu().numpy(), value)
            for column, value in ((hits.depth, depth), (hits.person, who))
        )
    return depth, who


def _bounds(points):
    """(N, P, 2) → (N, 4): low and high."""
    return torch.cat([points.amin(1), points.amax(1)], 1).cpu().numpy().astype(np.float64)
