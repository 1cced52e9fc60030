"""Parts that places share: room sizes, free spots, furniture along walls or in the way, light and sky."""

from collections.abc import Sequence

import numpy as np

from simulated_people.scenes import furniture
from simulated_people.scenes.scene import Box, Film, Sky, Spot

Points = Sequence[np.ndarray]  # (3,) m each, world


def enlarged_room(eyes: Points, spots: Points, room: tuple) -> tuple:
    """A room (see `Scene.room`) made large enough for the cameras at `eyes` and the people at `spots`."""
    x, z = [p[0] for p in eyes + spots], [p[2] for p in eyes + spots]
    height = max([room[4]] + [p[1] + 0.3 for p in eyes])
    return (
        min(room[0], min(x) - 0.3),
        max(room[1], max(x) + 0.3),
        min(room[2], min(z) - 0.3),
        max(room[3], max(z) + 0.3),
        height,
    )


def out_of_sight(x: float, z: float, eyes: Points, spots: Points, margin: float = 0.75) -> bool:
    """True where a thing at (x, z) stands neither on a person's spot nor between a camera and a person."""
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


def against_walls(rng: np.random.Generator, room: tuple) -> list[Box]:
    """Cabinets, shelves, pictures and doors along the walls of a room."""
    low_x, high_x, low_z, high_z, height = room
    boxes = []
    for object_id in range(200, 200 + rng.integers(2, 7)):
        wall, share = rng.integers(4), rng.uniform(0.12, 0.88)
        x = low_x + share * (high_x - low_x) if wall < 2 else (low_x, high_x)[wall - 2]
        z = low_z + share * (high_z - low_z) if wall >= 2 else (low_z, high_z)[wall]
        yaw = np.pi / 2 if wall >= 2 else 0.0
        if rng.random() < 0.6:  # a picture, a window or a door
            door = rng.random() < 0.25
            half = (0.45, 1.0, 0.03) if door else (rng.uniform(0.25, 0.8), rng.uniform(0.2, 0.5), 0.02)
            centre = (x, 1.0 if door else min(1.6, height - 0.6), z)
            boxes.append(Box(centre, half, yaw, furniture.random_surface(rng), object_id))
        else:
            kind = rng.choice(["cabinet", "shelf", "low", "sofa"])
            surface = furniture.random_surface(rng)
            boxes += furniture.piece(rng, kind, Spot(x, z, yaw), surface, object_id)
    return boxes


def in_the_way(rng: np.random.Generator, count: int, eyes: Points, spots: Points, first_id: int) -> list[Box]:
    """Pieces of furniture between people and cameras (about the people where there are no cameras).

    Args:
        rng: Decides.
        count: How many pieces.
        eyes: Where cameras are.
        spots: Where people are.
        first_id: Object id of the first piece.
    """
    boxes = []
    for object_id in range(first_id, first_id + count):
        spot = spots[rng.integers(len(spots))]
        toward = (eyes[rng.integers(len(eyes))] - spot)[[0, 2]] if eyes else rng.normal(size=2)
        toward = toward / max(np.linalg.norm(toward), 1e-6)
        side = np.array([toward[1], -toward[0]])
        x, z = spot[[0, 2]] + toward * rng.uniform(0.6, 1.25) + side * rng.normal(0, 0.3)
        kind = rng.choice(
            ["table", "chair", "low", "cabinet", "pole", "panel", "sofa"],
            p=[0.2, 0.2, 0.2, 0.12, 0.08, 0.12, 0.08],
        )
        here = Spot(x, z, rng.uniform(0, 2 * np.pi))
        surface, tallest = furniture.random_surface(rng), rng.uniform(0.5, 1.25)
        boxes += furniture.piece(rng, kind, here, surface, object_id, tallest)
    return boxes


def random_direction(rng: np.random.Generator, lowest: float = 0.5) -> tuple[float, float, float]:
    """A direction towards a lamp; lowest: its elevation in radians."""
    azimuth, elevation = rng.uniform(0, 2 * np.pi), rng.uniform(lowest, 1.25)
    return (np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth))


def random_film(rng: np.random.Generator) -> Film:
    """How some camera makes images from light."""
    return Film(
        rng.uniform(0.15, 0.25),
        rng.uniform(1.8, 2.3),
        rng.uniform(0.9, 1.15),
        tuple(1 + rng.normal(0, 0.04, 3)),
        rng.uniform(0.0, 0.025),
    )


def random_sky(rng: np.random.Generator) -> Sky:
    """A clear, an overcast or an evening sky."""
    skies = (
        ((0.85, 0.88, 0.92), (0.35, 0.55, 0.9)),
        ((0.85, 0.88, 0.92), (0.70, 0.72, 0.75)),
        ((0.95, 0.82, 0.65), (0.55, 0.55, 0.75)),
    )
    low, high = skies[rng.choice(3, p=[0.5, 0.35, 0.15])]
    return Sky(low, high, rng.uniform(0, 1.5), int(rng.integers(1000)))
