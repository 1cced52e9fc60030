"""Places where people are photographed: a laboratory, a green studio, rooms, halls, film sets, streets and fields.

A scene is a plain value: boxes, a room or the open air, one lamp, the film in the camera. The same seed gives the same scene; it can be shared
by any number of cameras and frames. World frame: metres, y up, floor at y = 0; people act around the origin unless told otherwise.

>>> place = make("room", seed=3, cameras=[camera], people=[(0.0, 0.0)])
>>> place = seat(place, body, actor, seed=3)          # something under a person who sits
>>> place = clear(place, body.skin(actors))               # nothing cuts into people
"""

from dataclasses import dataclass, replace

import numpy as np
import torch

from hpe_study.synthetic import furniture
from hpe_study.synthetic.clothes import colour
from hpe_study.synthetic.furniture import Box, Surface
from hpe_study.synthetic.shading import BLOTCHES, BRICKS, CHECKER, PLAIN, PLANKS, STRIPES

KINDS = ("laboratory", "studio", "outdoor", "street", "room", "hall", "film set")
_MOVES = 0.15, 4  # m a step and steps that a thing is moved aside before it is taken away


@dataclass(frozen=True)
class Lamp:
    """One directed light and the light from everywhere; 1 shows a white surface white."""

    direction: tuple  # towards the lamp
    ambient: float
    sun: float
    colour: tuple = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Film:
    """How light becomes a picture."""

    exposure: float = 0.22  # mean light that the picture is to have, of 1
    gamma: float = 2.0
    contrast: float = 1.0
    white: tuple = (1.0, 1.0, 1.0)
    noise: float = 0.01


@dataclass(frozen=True)
class Sky:
    low: tuple = (0.85, 0.88, 0.92)
    high: tuple = (0.35, 0.55, 0.9)
    cloud: float = 0.8
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Scene:
    """A place. room: (low x, high x, low z, high z, height) m, or None in the open."""

    kind: str
    seed: int
    floor: Surface
    wall: Surface
    room: tuple | None
    lamp: Lamp
    film: Film
    sky: Sky = Sky()
    boxes: tuple = ()


def make(kind, seed, cameras=(), people=((0.0, 0.0),), occluders=0):
    """A scene of one of `KINDS`.

    cameras: the `Camera`s (or their positions) that are to look at it: walls stay behind them, furniture out of their sight of the people;
    people: where people will be, (x, z) m; occluders: how many pieces of furniture stand in the way on purpose.
    """
    rng = np.random.default_rng((KINDS.index(kind), seed))
    eyes = [np.asarray(getattr(camera, "position", camera), float) for camera in cameras]
    spots = [np.array([x, 0.0, z], float) for x, z in people]
    scene = {"laboratory": _laboratory, "studio": _studio, "outdoor": _outdoor, "street": _street, "room": _room, "hall": _hall,
             "film set": _room}[kind](rng, kind, seed, eyes, spots)  # fmt: skip
    if occluders:
        scene = replace(scene, boxes=scene.boxes + tuple(_in_the_way(rng, occluders, eyes, spots, len(scene.boxes) + 1000)))
    return scene


# ---- the kinds of place ----------------------------------------------------------------------------------------------------------------


def _laboratory(rng, kind, seed, eyes, spots):
    """One laboratory for everybody: brown floor, a red carpet, grey walls, equipment along them. Only the sensor differs by seed."""
    fixed = np.random.default_rng(1)
    boxes = [Box((0.0, 0.004, 0.0), (2.2, 0.004, 2.2), 0.0, Surface(PLAIN, (0.55, 0.20, 0.16), (0.45, 0.16, 0.13)), 0, walkable=True)]
    grey = Surface(PLAIN, (0.25, 0.25, 0.28), (0.2, 0.2, 0.2), seed=3)
    for thing, (x, z, piece) in enumerate(((-3.9, -2.0, "cabinet"), (3.9, 1.5, "cabinet"), (1.0, 4.2, "low"), (-2.0, -4.3, "low"),
                                           (3.6, -3.6, "pole"), (-3.6, 3.6, "pole"), (-4.0, 0.6, "shelf")), 1):  # fmt: skip
        boxes += furniture.piece(fixed, piece, x, z, 0.0, grey, thing)
    return Scene(kind, seed, Surface(PLAIN, (0.45, 0.30, 0.20), (0.36, 0.22, 0.15), seed=3), Surface(PLAIN, (0.62, 0.60, 0.56), (0.5, 0.5, 0.5), seed=4),
                 _around(eyes, spots, (-4.2, 4.2, -4.6, 4.6, 3.2)), Lamp((0.25, 0.93, 0.27), 0.62, 0.5), Film(0.2, noise=0.008), boxes=tuple(boxes))  # fmt: skip


def _studio(rng, kind, seed, eyes, spots):
    green = Surface(PLAIN, (0.22, 0.47, 0.24), (0.18, 0.40, 0.20), seed=5)
    return Scene(kind, seed, green, green, _around(eyes, spots, (-5.6, 5.6, -5.6, 5.6, 4.5)), Lamp((0.2, 0.95, 0.2), 0.7, 0.4), Film(0.2, noise=0.008))


def _room(rng, kind, seed, eyes, spots):
    centre = np.mean(spots, 0)
    room = (centre[0] - rng.uniform(2.2, 4.2), centre[0] + rng.uniform(2.2, 4.2), centre[2] - rng.uniform(2.2, 4.2),
            centre[2] + rng.uniform(2.2, 4.2), rng.uniform(2.5, 3.4))  # fmt: skip
    room = _around(eyes, spots, room)
    base, wall = np.array(colour(rng, (0.1, 0.5), (0.3, 0.8))), np.array(colour(rng, (0.02, 0.4), (0.4, 0.95)))
    floor = Surface(int(rng.choice([PLAIN, CHECKER, PLANKS, BLOTCHES], p=[0.25, 0.2, 0.45, 0.1])), base, base * rng.uniform(0.5, 0.92),
                    rng.uniform(0.6, 1.5), int(rng.integers(1000)))  # fmt: skip
    walls = Surface(int(rng.choice([PLAIN, BRICKS, STRIPES], p=[0.75, 0.13, 0.12])), wall, wall * rng.uniform(0.72, 0.96),
                    rng.uniform(0.6, 1.5), int(rng.integers(1000)))  # fmt: skip
    boxes = list(_against_walls(rng, room))
    for thing in range(100, 100 + rng.integers(2, 7)):
        angle, radius = rng.uniform(0, 2 * np.pi), rng.uniform(1.3, 2.8)
        x, z = centre[0] + radius * np.cos(angle), centre[2] + radius * np.sin(angle)
        if _out_of_sight(x, z, eyes, spots):
            boxes += furniture.piece(rng, rng.choice(furniture.PIECES), x, z, rng.uniform(0, 2 * np.pi), _paint(rng), thing)
    warm = rng.uniform(0.72, 1.0)
    lamp = Lamp(_direction(rng), rng.uniform(0.45, 0.8), rng.uniform(0.3, 0.7), (1.0, (1 + warm) / 2, warm))
    return Scene(kind, seed, floor, walls, room, lamp, _film(rng), boxes=tuple(boxes))


def _hall(rng, kind, seed, eyes, spots):
    """A sports hall: wide and high, planks or a coloured floor with lines, stands along the walls."""
    half = rng.uniform(7, 14), rng.uniform(7, 14)
    room = _around(eyes, spots, (-half[0], half[0], -half[1], half[1], rng.uniform(5.5, 9)))
    wood = ((0.72, 0.52, 0.32), (0.66, 0.45, 0.27), (0.30, 0.45, 0.55), (0.62, 0.30, 0.25), (0.35, 0.52, 0.36))[rng.integers(5)]
    wood = np.array(wood)
    wall = np.array(colour(rng, (0.02, 0.3), (0.5, 0.9)))
    boxes, white = [], Surface(PLAIN, (0.9, 0.9, 0.88), (0.85, 0.85, 0.85))
    for k in range(rng.integers(2, 5)):  # lines on the floor
        along, at = rng.random() < 0.5, rng.uniform(-4, 4)
        boxes.append(Box((at if along else 0.0, 0.002, 0.0 if along else at), (0.03 if along else 8.0, 0.002, 8.0 if along else 0.03), 0.0, white, k, walkable=True))
    bench = _paint(rng)
    for side in (-1, 1):  # stands
        for step in range(rng.integers(0, 4)):
            boxes.append(Box((0.0, 0.25 * (step + 1), side * (half[1] - 2.6 + 0.7 * step)), (half[0] * 0.8, 0.25 * (step + 1), 0.34), 0.0, bench, 50 + step))
    boxes += _against_walls(rng, room)
    lamp = Lamp(_direction(rng, 0.9), rng.uniform(0.55, 0.8), rng.uniform(0.3, 0.6))
    walls = Surface(int(rng.choice([PLAIN, BRICKS])), wall, wall * rng.uniform(0.7, 0.95), 0.7, int(rng.integers(1000)))
    return Scene(kind, seed, Surface(PLANKS if rng.random() < 0.6 else PLAIN, wood, wood * 0.85, 0.8, int(rng.integers(1000))), walls, room, lamp,
                 _film(rng), boxes=tuple(boxes))  # fmt: skip


_GROUNDS = ((0.24, 0.38, 0.14), (0.45, 0.42, 0.38), (0.60, 0.51, 0.37), (0.34, 0.34, 0.35), (0.80, 0.82, 0.85), (0.24, 0.42, 0.22), (0.58, 0.30, 0.24))


def _outdoor(rng, kind, seed, eyes, spots):
    """A field, a beach, a sports ground: ground and sky, with trees, hedges and houses far off."""
    centre, toward = np.mean(spots, 0), rng.uniform(0, 2 * np.pi)
    if eyes:
        away = centre - np.mean(eyes, 0)
        toward = np.arctan2(away[0], away[2])
    boxes, several = [], len(eyes) > 2
    for thing in range(rng.integers(4, 12)):
        angle = toward + (rng.uniform(-np.pi, np.pi) if several else rng.uniform(-1.1, 1.1))
        radius = rng.uniform(7, 26) + (6 if several else 0)
        x, z = centre[0] + radius * np.sin(angle), centre[2] + radius * np.cos(angle)
        boxes += furniture.tree(rng, x, z, thing) if rng.random() < 0.5 else furniture.house(rng, x, z, thing)
    ground = np.array(_GROUNDS[rng.integers(len(_GROUNDS))])
    floor = Surface(int(rng.choice([PLAIN, BLOTCHES], p=[0.5, 0.5])), ground, ground * rng.uniform(0.6, 0.92), rng.uniform(0.4, 1.4), int(rng.integers(1000)))
    lamp = Lamp(_direction(rng), rng.uniform(0.42, 0.62), rng.uniform(0.45, 1.0), (1.0, rng.uniform(0.92, 1), rng.uniform(0.78, 1)))
    return Scene(kind, seed, floor, floor, None, lamp, _film(rng), _sky(rng), tuple(boxes))


def _street(rng, kind, seed, eyes, spots):
    """A street or a square: paving, house fronts on two sides, some cars, posts and trees; wide enough to walk through with a camera."""
    heading, width = rng.uniform(0, 2 * np.pi), rng.uniform(5.5, 10)
    along, across = np.array([np.sin(heading), np.cos(heading)]), np.array([np.cos(heading), -np.sin(heading)])
    boxes, thing, centre = [], 0, np.mean(spots, 0)[[0, 2]]
    for side in (-1, 1):
        at = -28.0
        while at < 28:
            front = rng.uniform(3, 7)
            x, z = centre + along * (at + front) + across * side * (width + 3)
            boxes += furniture.house(rng, x, z, thing, half=(3.0, rng.uniform(2.2, 6), front), yaw=heading)
            at, thing = at + 2 * front + rng.choice([0.0, 0.0, 2.0]), thing + 1
        for _ in range(rng.integers(1, 4)):
            x, z = centre + along * rng.uniform(-14, 14) + across * side * (width - rng.uniform(0.9, 1.6))
            if _out_of_sight(x, z, eyes, spots, 1.2):
                boxes += (furniture.car, furniture.tree, furniture.post)[rng.integers(3)](rng, x, z, thing, yaw=heading)
            thing += 1
    stone = np.array(colour(rng, (0.02, 0.2), (0.35, 0.7)))
    floor = Surface(int(rng.choice([PLAIN, CHECKER, BRICKS, BLOTCHES])), stone, stone * rng.uniform(0.75, 0.95), rng.uniform(0.6, 1.2), int(rng.integers(1000)))
    lamp = Lamp(_direction(rng), rng.uniform(0.45, 0.65), rng.uniform(0.3, 0.9), (1.0, rng.uniform(0.92, 1), rng.uniform(0.8, 1)))
    return Scene(kind, seed, floor, floor, None, lamp, _film(rng), _sky(rng), tuple(boxes))


# ---- parts -----------------------------------------------------------------------------------------------------------------------------


def _around(eyes, spots, room):
    """The room, made large enough for the cameras and the people."""
    x, z = [p[0] for p in eyes + spots], [p[2] for p in eyes + spots]
    height = max([room[4]] + [p[1] + 0.3 for p in eyes])
    return min(room[0], min(x) - 0.3), max(room[1], max(x) + 0.3), min(room[2], min(z) - 0.3), max(room[3], max(z) + 0.3), height


def _out_of_sight(x, z, eyes, spots, margin=0.75):
    """True where a piece at (x, z) neither stands on a person's spot nor between a camera and a person."""
    here = np.array([x, 0.0, z])
    for spot in spots:
        if np.hypot(*(here - spot)[[0, 2]]) < margin:
            return False
        for eye in eyes:
            line = (spot - eye)[[0, 2]]
            share = np.clip(((here - eye)[[0, 2]] @ line) / max(line @ line, 1e-6), 0, 1)
            if np.hypot(*((here - eye)[[0, 2]] - share * line)) < margin:
                return False
    return True


def _against_walls(rng, room):
    """Cabinets, shelves, pictures and doors on the walls."""
    low_x, high_x, low_z, high_z, height = room
    boxes = []
    for k in range(rng.integers(2, 7)):
        wall, share = rng.integers(4), rng.uniform(0.12, 0.88)
        x = low_x + share * (high_x - low_x) if wall < 2 else (low_x, high_x)[wall - 2]
        z = low_z + share * (high_z - low_z) if wall >= 2 else (low_z, high_z)[wall]
        turn = np.pi / 2 if wall >= 2 else 0.0
        if rng.random() < 0.6:  # a picture, a window or a door
            door = rng.random() < 0.25
            half = (0.45, 1.0, 0.03) if door else (rng.uniform(0.25, 0.8), rng.uniform(0.2, 0.5), 0.02)
            boxes.append(Box((x, 1.0 if door else min(1.6, height - 0.6), z), half, turn, _paint(rng), 200 + k))
        else:
            boxes += furniture.piece(rng, rng.choice(["cabinet", "shelf", "low", "sofa"]), x, z, turn, _paint(rng), 200 + k)
    return boxes


def _in_the_way(rng, count, eyes, spots, thing):
    """Furniture between people and cameras (around the people where there are many cameras)."""
    boxes = []
    for k in range(count):
        spot = spots[rng.integers(len(spots))]
        toward = (eyes[rng.integers(len(eyes))] - spot)[[0, 2]] if eyes else rng.normal(size=2)
        toward = toward / max(np.linalg.norm(toward), 1e-6)
        side = np.array([toward[1], -toward[0]])
        x, z = spot[[0, 2]] + toward * rng.uniform(0.6, 1.25) + side * rng.normal(0, 0.3)
        kind = rng.choice(["table", "chair", "low", "cabinet", "pole", "panel", "sofa"], p=[0.2, 0.2, 0.2, 0.12, 0.08, 0.12, 0.08])
        boxes += furniture.piece(rng, kind, x, z, rng.uniform(0, 2 * np.pi), _paint(rng), thing + k, tallest=rng.uniform(0.5, 1.25))
    return boxes


def _paint(rng):
    first = np.array(colour(rng, (0.05, 0.6), (0.15, 0.85)))
    return Surface(int(rng.choice([PLAIN, PLANKS, BLOTCHES], p=[0.55, 0.37, 0.08])), first, first * rng.uniform(0.5, 0.85), 1.0, int(rng.integers(1000)))


def _direction(rng, lowest=0.5):
    azimuth, elevation = rng.uniform(0, 2 * np.pi), rng.uniform(lowest, 1.25)
    return (np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth))


def _film(rng):
    return Film(rng.uniform(0.15, 0.25), rng.uniform(1.8, 2.3), rng.uniform(0.9, 1.15), tuple(1 + rng.normal(0, 0.04, 3)), rng.uniform(0.0, 0.025))


def _sky(rng):
    low, high = (((0.85, 0.88, 0.92), (0.35, 0.55, 0.9)), ((0.85, 0.88, 0.92), (0.70, 0.72, 0.75)), ((0.95, 0.82, 0.65), (0.55, 0.55, 0.75)))[
        rng.choice(3, p=[0.5, 0.35, 0.15])]  # fmt: skip
    return Sky(low, high, rng.uniform(0, 1.5), int(rng.integers(1000)))


# ---- people and things -----------------------------------------------------------------------------------------------------------------


def seat(scene, body, actor, seed=0):
    """The scene with something under a person who sits, shaped so that it does not cut into legs."""
    skin = body.skin([actor])[0]
    marks = body.landmarks(actor)
    hips, knees = marks["pelvis"] / 1000, (marks["l_knee"] + marks["r_knee"]) / 2000
    yaw = float(np.arctan2(knees[0] - hips[0], knees[2] - hips[2]))
    middle = hips[[0, 2]] + 0.06 * np.array([np.sin(yaw), np.cos(yaw)])
    regions = body.regions
    resting = ((regions.leg < 0.9) & (regions.arm <= 0))[body.vertex_part == 0].cpu().numpy()
    x, z = skin[:, 0] - middle[0], skin[:, 2] - middle[1]
    across, along = x * np.cos(yaw) - z * np.sin(yaw), x * np.sin(yaw) + z * np.cos(yaw)
    top = float(skin[resting & (np.abs(across) < 0.23) & (np.abs(along) < 0.21), 1].min())
    if top < 0.12:
        return scene
    rng = np.random.default_rng((77, seed))
    paint = _paint(rng) if scene.kind != "laboratory" else Surface(PLANKS, (0.36, 0.26, 0.17), (0.27, 0.19, 0.12), seed=9)
    kinds = ["chair", "stool", "block", "pedestal"]
    if scene.kind == "laboratory":
        kinds = ["chair", "pedestal"]
    else:
        rng.shuffle(kinds)
    thing = 500 + len(scene.boxes)
    candidates = [furniture.seat(kind, middle[0], middle[1], yaw, top, paint, thing) for kind in [*kinds, "cushion"]]
    fitting = next((boxes for boxes in candidates if not _cut(boxes, skin).any()), candidates[-1])
    return replace(scene, boxes=scene.boxes + tuple(fitting))


def clear(scene, skin, move=True):
    """The scene without furniture that cuts into people: it is moved aside where that helps, and taken away where it does not.

    skin: (..., 3) m, from `Body.skin`: every place that bodies take in this scene, of all people, in all frames that share it. The same
    scene comes back when nothing is in the way.
    """
    points = np.asarray(skin, np.float32).reshape(-1, 3)
    cut = _cut(scene.boxes, points)
    if not cut.any():
        return scene
    bad = {scene.boxes[k].thing for k in np.flatnonzero(cut)}
    kept = [box for box in scene.boxes if box.thing not in bad]
    for thing in sorted(bad) if move else ():
        pieces = [box for box in scene.boxes if box.thing == thing]
        place = np.mean([box.centre for box in pieces], 0)
        away = (place - points[np.argmin(((points - place) ** 2)[:, [0, 2]].sum(1))])[[0, 2]]
        away = away / max(np.linalg.norm(away), 1e-3)
        for step in range(1, _MOVES[1] + 1):
            moved = [box.moved(*(away * _MOVES[0] * step)) for box in pieces]
            if not _cut(moved, points).any():
                kept += moved
                break
    return replace(scene, boxes=tuple(kept))


def _cut(boxes, points, margin=0.02):
    """(boxes,) bool: bodies reach into the box. Seats touch by design: they are measured without the margin, a little lower."""
    result = np.zeros(len(boxes), bool)
    if not len(points):
        return result
    low, high = points.min(0), points.max(0)
    for k, box in enumerate(boxes):
        reach = np.hypot(box.half[0], box.half[2]) + margin
        away = (np.abs(box.centre[0] - np.clip(box.centre[0], low[0], high[0])) > reach) or (
            np.abs(box.centre[2] - np.clip(box.centre[2], low[2], high[2])) > reach)  # fmt: skip
        if box.walkable or away:
            continue
        room = -0.012 if box.seat else margin
        x, z = points[:, 0] - box.centre[0], points[:, 2] - box.centre[2]
        c, s = np.cos(box.yaw), np.sin(box.yaw)
        inside = (
            (np.abs(x * c - z * s) < box.half[0] + room)
            & (np.abs(x * s + z * c) < box.half[2] + room)
            & (np.abs(points[:, 1] - box.centre[1]) < box.half[1] + room)
        )
        result[k] = inside.any()
    return result


# ---- as tensors ------------------------------------------------------------------------------------------------------------------------


def pack(scenes, device):
    """The scenes as the tensors that `trace.trace` and `shading` read: S scenes, their boxes and surfaces in flat lists."""

    def tensor(values, dtype=torch.float32):
        return torch.tensor(np.asarray(values), dtype=dtype, device=device)

    boxes = [(s, k, box) for s, scene in enumerate(scenes) for k, box in enumerate(scene.boxes)]
    surfaces = [surface for scene in scenes for surface in (scene.floor, scene.wall, *(box.surface for box in scene.boxes))]
    counts = [2 + len(scene.boxes) for scene in scenes]
    room = np.array([scene.room or (-1e3, 1e3, -1e3, 1e3, 1e3) for scene in scenes], float)
    colours = tensor([[surface.first, surface.second] for surface in surfaces])
    return {
        "low_x": tensor(room[:, 0]), "high_x": tensor(room[:, 1]), "low_z": tensor(room[:, 2]), "high_z": tensor(room[:, 3]),
        "low_y": tensor(np.full(len(scenes), -1e3)), "high_y": tensor(room[:, 4]),
        "box_shot": tensor([s for s, _, _ in boxes], torch.int64), "box_number": tensor([k for _, k, _ in boxes], torch.int64),
        "box_centre": tensor([box.centre for *_, box in boxes]).reshape(-1, 3), "box_half": tensor([box.half for *_, box in boxes]).reshape(-1, 3),
        "box_yaw": tensor([box.yaw for *_, box in boxes]),
        "surface_start": tensor(np.cumsum([0, *counts[:-1]]), torch.int64),
        "texture": tensor([surface.texture for surface in surfaces], torch.int64), "texture_first": colours[:, 0].T.contiguous(), "texture_second": colours[:, 1].T.contiguous(),
        "texture_scale": tensor([surface.scale for surface in surfaces]), "texture_seed": tensor([surface.seed for surface in surfaces]),
        "sky_low": tensor([scene.sky.low for scene in scenes]), "sky_high": tensor([scene.sky.high for scene in scenes]),
        "cloud": tensor([scene.sky.cloud for scene in scenes]), "sky_seed": tensor([scene.sky.seed for scene in scenes]),
        "direction": torch.nn.functional.normalize(tensor([scene.lamp.direction for scene in scenes]), dim=-1),
        "ambient": tensor([scene.lamp.ambient for scene in scenes]), "sun": tensor([scene.lamp.sun for scene in scenes]),
        "colour": tensor([scene.lamp.colour for scene in scenes]),
        "exposure": tensor([scene.film.exposure for scene in scenes]), "gamma": tensor([scene.film.gamma for scene in scenes]),
        "contrast": tensor([scene.film.contrast for scene in scenes]), "white": tensor([scene.film.white for scene in scenes]),
        "noise": tensor([scene.film.noise for scene in scenes]),
    }  # fmt: skip
