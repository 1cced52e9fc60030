"""Places where people are photographed: a laboratory, a studio, rooms, halls, film sets, streets, fields.

A scene is a plain value; the same seed gives the same scene, and many cameras and images can share it.
World frame: metres, y up, floor at y = 0; people act around the origin unless `people` says otherwise.

>>> scene = make_scene("room", seed=3, cameras=[camera], people=[(0.0, 0.0)])
>>> scene = add_seat(scene, body, actor, seed=3)                        # something to sit on
>>> scene = resolve_intersections(scene, body.skin([actor]))            # no furniture through people
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from simulated_people.body.clothes import random_colour
from simulated_people.scenes import furniture
from simulated_people.scenes.camera import Camera
from simulated_people.scenes.layout import (
    against_walls,
    enlarged_room,
    in_the_way,
    out_of_sight,
    random_direction,
    random_film,
    random_sky,
)
from simulated_people.scenes.scene import (
    BLOTCHES,
    BRICKS,
    CHECKER,
    PLAIN,
    PLANKS,
    STRIPES,
    Box,
    Film,
    Lamp,
    Scene,
    Spot,
    Surface,
)

_GROUNDS = (
    (0.24, 0.38, 0.14), (0.45, 0.42, 0.38), (0.60, 0.51, 0.37), (0.34, 0.34, 0.35), (0.80, 0.82, 0.85),
    (0.24, 0.42, 0.22), (0.58, 0.30, 0.24),
)  # fmt: skip
_HALL_FLOORS = (
    (0.72, 0.52, 0.32), (0.66, 0.45, 0.27), (0.30, 0.45, 0.55), (0.62, 0.30, 0.25), (0.35, 0.52, 0.36),
)  # fmt: skip

# Equipment of the laboratory: x, z (m) and kind.
_EQUIPMENT = (
    (-3.9, -2.0, "cabinet"), (3.9, 1.5, "cabinet"), (1.0, 4.2, "low"), (-2.0, -4.3, "low"),
    (3.6, -3.6, "pole"), (-3.6, 3.6, "pole"), (-4.0, 0.6, "shelf"),
)  # fmt: skip
KINDS = ("laboratory", "studio", "outdoor", "street", "room", "hall", "film set")


def make_scene(
    kind: str,
    seed: int,
    cameras: Sequence[Camera] = (),
    people: Sequence[Sequence[float]] = ((0.0, 0.0),),
    occluders: int = 0,
) -> Scene:
    """A scene.

    Args:
        kind: Of `KINDS`.
        seed: The same seed gives the same scene.
        cameras: Those that are to look at it (or their positions): walls stay behind them, furniture out of
            their sight of the people.
        people: Where people will be, (x, z) m.
        occluders: How many pieces of furniture stand in the way on purpose.
    """
    rng = np.random.default_rng((KINDS.index(kind), seed))
    eyes = [np.asarray(getattr(camera, "position", camera), float) for camera in cameras]
    spots = [np.array([x, 0.0, z], float) for x, z in people]
    scene = _MAKERS[kind](rng, kind, seed, eyes, spots)
    if occluders:
        boxes = in_the_way(rng, occluders, eyes, spots, len(scene.boxes) + 1000)
        scene = replace(scene, boxes=scene.boxes + tuple(boxes))
    return scene


def _laboratory(rng, kind, seed, eyes, spots):
    """The one laboratory: brown floor, a red carpet, grey walls, equipment along them.

    It is the same for every seed.
    """
    fixed = np.random.default_rng(1)
    red = Surface(PLAIN, (0.55, 0.20, 0.16), (0.45, 0.16, 0.13))
    boxes = [Box((0.0, 0.004, 0.0), (2.2, 0.004, 2.2), 0.0, red, 0, walkable=True)]
    grey = Surface(PLAIN, (0.25, 0.25, 0.28), (0.2, 0.2, 0.2), seed=3)
    for object_id, (x, z, piece) in enumerate(_EQUIPMENT, 1):
        boxes += furniture.piece(fixed, piece, Spot(x, z), grey, object_id)
    floor = Surface(PLAIN, (0.45, 0.30, 0.20), (0.36, 0.22, 0.15), seed=3)
    wall = Surface(PLAIN, (0.62, 0.60, 0.56), (0.5, 0.5, 0.5), seed=4)
    room, lamp = enlarged_room(eyes, spots, (-4.2, 4.2, -4.6, 4.6, 3.2)), Lamp((0.25, 0.93, 0.27), 0.62, 0.5)
    return Scene(kind, seed, floor, wall, room, lamp, Film(0.2, noise=0.008), boxes=tuple(boxes))


def _studio(rng, kind, seed, eyes, spots):
    """A green-screen studio."""
    green = Surface(PLAIN, (0.22, 0.47, 0.24), (0.18, 0.40, 0.20), seed=5)
    room, lamp = enlarged_room(eyes, spots, (-5.6, 5.6, -5.6, 5.6, 4.5)), Lamp((0.2, 0.95, 0.2), 0.7, 0.4)
    return Scene(kind, seed, green, green, room, lamp, Film(0.2, noise=0.008))


def _room(rng, kind, seed, eyes, spots):
    """A room with furniture; a film set is one, too."""
    u, centre = rng.uniform, np.mean(spots, 0)
    west, east = centre[0] - u(2.2, 4.2), centre[0] + u(2.2, 4.2)
    room = enlarged_room(
        eyes, spots, (west, east, centre[2] - u(2.2, 4.2), centre[2] + u(2.2, 4.2), u(2.5, 3.4))
    )
    base = np.array(random_colour(rng, (0.1, 0.5), (0.3, 0.8)))
    wall = np.array(random_colour(rng, (0.02, 0.4), (0.4, 0.95)))
    texture = int(rng.choice([PLAIN, CHECKER, PLANKS, BLOTCHES], p=[0.25, 0.2, 0.45, 0.1]))
    floor = Surface(texture, base, base * u(0.5, 0.92), u(0.6, 1.5), int(rng.integers(1000)))
    texture = int(rng.choice([PLAIN, BRICKS, STRIPES], p=[0.75, 0.13, 0.12]))
    walls = Surface(texture, wall, wall * u(0.72, 0.96), u(0.6, 1.5), int(rng.integers(1000)))
    boxes = list(against_walls(rng, room))
    for object_id in range(100, 100 + rng.integers(2, 7)):
        angle, radius = u(0, 2 * np.pi), u(1.3, 2.8)
        x, z = centre[0] + radius * np.cos(angle), centre[2] + radius * np.sin(angle)
        if out_of_sight(x, z, eyes, spots):
            piece, spot = rng.choice(furniture.PIECES), Spot(x, z, u(0, 2 * np.pi))
            boxes += furniture.piece(rng, piece, spot, furniture.random_surface(rng), object_id)
    warm = u(0.72, 1.0)
    lamp = Lamp(random_direction(rng), u(0.45, 0.8), u(0.3, 0.7), (1.0, (1 + warm) / 2, warm))
    return Scene(kind, seed, floor, walls, room, lamp, random_film(rng), boxes=tuple(boxes))


def _hall(rng, kind, seed, eyes, spots):
    """A sports hall: wide and high, planks or a coloured floor with lines, stands along the walls."""
    half = rng.uniform(7, 14), rng.uniform(7, 14)
    room = enlarged_room(eyes, spots, (-half[0], half[0], -half[1], half[1], rng.uniform(5.5, 9)))
    wood = np.array(_HALL_FLOORS[rng.integers(len(_HALL_FLOORS))])
    wall = np.array(random_colour(rng, (0.02, 0.3), (0.5, 0.9)))
    boxes, white = [], Surface(PLAIN, (0.9, 0.9, 0.88), (0.85, 0.85, 0.85))
    for object_id in range(rng.integers(2, 5)):  # lines on the floor
        along, at = rng.random() < 0.5, rng.uniform(-4, 4)
        centre, size = (at if along else 0.0, 0.002, 0.0 if along else at), (0.03, 0.002, 8.0)
        boxes.append(Box(centre, size if along else size[::-1], 0.0, white, object_id, walkable=True))
    bench = furniture.random_surface(rng)
    for side in (-1, 1):  # stands
        for step in range(rng.integers(0, 4)):
            height = 0.25 * (step + 1)
            centre = (0.0, height, side * (half[1] - 2.6 + 0.7 * step))
            boxes.append(Box(centre, (half[0] * 0.8, height, 0.34), 0.0, bench, 50 + step))
    boxes += against_walls(rng, room)
    lamp = Lamp(random_direction(rng, 0.9), rng.uniform(0.55, 0.8), rng.uniform(0.3, 0.6))
    walls = Surface(
        int(rng.choice([PLAIN, BRICKS])), wall, wall * rng.uniform(0.7, 0.95), 0.7, int(rng.integers(1000))
    )
    floor = Surface(PLANKS if rng.random() < 0.6 else PLAIN, wood, wood * 0.85, 0.8, int(rng.integers(1000)))
    return Scene(kind, seed, floor, walls, room, lamp, random_film(rng), boxes=tuple(boxes))


def _outdoor(rng, kind, seed, eyes, spots):
    """A field, a beach, a sports ground: ground and sky, with trees, hedges and houses far off."""
    u, centre, toward = rng.uniform, np.mean(spots, 0), rng.uniform(0, 2 * np.pi)
    if eyes:
        away = centre - np.mean(eyes, 0)
        toward = np.arctan2(away[0], away[2])
    boxes, several = [], len(eyes) > 2
    for object_id in range(rng.integers(4, 12)):
        angle = toward + (u(-np.pi, np.pi) if several else u(-1.1, 1.1))
        radius = u(7, 26) + (6 if several else 0)
        x, z = centre[0] + radius * np.sin(angle), centre[2] + radius * np.cos(angle)
        make = furniture.tree if rng.random() < 0.5 else furniture.house
        boxes += make(rng, x, z, object_id)
    ground = np.array(_GROUNDS[rng.integers(len(_GROUNDS))])
    texture = int(rng.choice([PLAIN, BLOTCHES], p=[0.5, 0.5]))
    floor = Surface(texture, ground, ground * u(0.6, 0.92), u(0.4, 1.4), int(rng.integers(1000)))
    lamp = Lamp(random_direction(rng), u(0.42, 0.62), u(0.45, 1.0), (1.0, u(0.92, 1), u(0.78, 1)))
    return Scene(kind, seed, floor, floor, None, lamp, random_film(rng), random_sky(rng), tuple(boxes))


def _street(rng, kind, seed, eyes, spots):
    """A street or a square: paving, house fronts on two sides, some cars, posts and trees.

    It is wide enough to walk through with a camera.
    """
    u, heading, width = rng.uniform, rng.uniform(0, 2 * np.pi), rng.uniform(5.5, 10)
    along = np.array([np.sin(heading), np.cos(heading)])
    across = np.array([np.cos(heading), -np.sin(heading)])
    boxes, object_id, centre = [], 0, np.mean(spots, 0)[[0, 2]]
    for side in (-1, 1):
        at = -28.0
        while at < 28:
            front = u(3, 7)
            x, z = centre + along * (at + front) + across * side * (width + 3)
            boxes += furniture.house(rng, x, z, object_id, half=(3.0, u(2.2, 6), front), yaw=heading)
            at, object_id = at + 2 * front + rng.choice([0.0, 0.0, 2.0]), object_id + 1
        for _ in range(rng.integers(1, 4)):
            x, z = centre + along * u(-14, 14) + across * side * (width - u(0.9, 1.6))
            if out_of_sight(x, z, eyes, spots, 1.2):
                make = (furniture.car, furniture.tree, furniture.post)[rng.integers(3)]
                boxes += make(rng, x, z, object_id, yaw=heading)
            object_id += 1
    stone = np.array(random_colour(rng, (0.02, 0.2), (0.35, 0.7)))
    texture = int(rng.choice([PLAIN, CHECKER, BRICKS, BLOTCHES]))
    floor = Surface(texture, stone, stone * u(0.75, 0.95), u(0.6, 1.2), int(rng.integers(1000)))
    lamp = Lamp(random_direction(rng), u(0.45, 0.65), u(0.3, 0.9), (1.0, u(0.92, 1), u(0.8, 1)))
    return Scene(kind, seed, floor, floor, None, lamp, random_film(rng), random_sky(rng), tuple(boxes))


_MAKERS = {
    "laboratory": _laboratory,
    "studio": _studio,
    "outdoor": _outdoor,
    "street": _street,
    "room": _room,
    "hall": _hall,
    "film set": _room,
}
