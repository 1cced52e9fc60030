"""Parts that places share: room sizes, free spots, furniture along walls or in the way, light and sky."""

import numpy as np

from simulated_people.scenes import furniture
from simulated_people.scenes.scene import Box, Film, Sky


def enlarged_room(eyes, spots, room):
    """The room, made large enough for the cameras and the people."""
    x, z = [p[0] for p in eyes + spots], [p[2] for p in eyes + spots]
    height = max([room[4]] + [p[1] + 0.3 for p in eyes])
    return (
        min(room[0], min(x) - 0.3),
        max(room[1], max(x) + 0.3),
        min(room[2], min(z) - 0.3),
        max(room[3], max(z) + 0.3),
        height,
    )


def out_of_sight(x, z, eyes, spots, margin=0.75):
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


def against_walls(rng, room):
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
            boxes.append(
                Box(
                    (x, 1.0 if door else min(1.6, height - 0.6), z),
                    half,
                    turn,
                    furniture.random_surface(rng),
                    200 + k,
                )
            )
        else:
            boxes += furniture.piece(
                rng,
                rng.choice(["cabinet", "shelf", "low", "sofa"]),
                x,
                z,
                turn,
                furniture.random_surface(rng),
                200 + k,
            )
    return boxes


def in_the_way(rng, count, eyes, spots, object_id):
    """Furniture between people and cameras (around the people where there are many cameras)."""
    boxes = []
    for k in range(count):
        spot = spots[rng.integers(len(spots))]
        toward = (eyes[rng.integers(len(eyes))] - spot)[[0, 2]] if eyes else rng.normal(size=2)
        toward = toward / max(np.linalg.norm(toward), 1e-6)
        side = np.array([toward[1], -toward[0]])
        x, z = spot[[0, 2]] + toward * rng.uniform(0.6, 1.25) + side * rng.normal(0, 0.3)
        kind = rng.choice(
            ["table", "chair", "low", "cabinet", "pole", "panel", "sofa"],
            p=[0.2, 0.2, 0.2, 0.12, 0.08, 0.12, 0.08],
        )
        boxes += furniture.piece(
            rng,
            kind,
            x,
            z,
            rng.uniform(0, 2 * np.pi),
            furniture.random_surface(rng),
            object_id + k,
            tallest=rng.uniform(0.5, 1.25),
        )
    return boxes


def random_direction(rng, lowest=0.5):
    azimuth, elevation = rng.uniform(0, 2 * np.pi), rng.uniform(lowest, 1.25)
    return (np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth))


def random_film(rng):
    return Film(
        rng.uniform(0.15, 0.25),
        rng.uniform(1.8, 2.3),
        rng.uniform(0.9, 1.15),
        tuple(1 + rng.normal(0, 0.04, 3)),
        rng.uniform(0.0, 0.025),
    )


def random_sky(rng):
    resolve_intersections, overcast, evening = (
        ((0.85, 0.88, 0.92), (0.35, 0.55, 0.9)),
        ((0.85, 0.88, 0.92), (0.70, 0.72, 0.75)),
        ((0.95, 0.82, 0.65), (0.55, 0.55, 0.75)),
    )
    low, high = (resolve_intersections, overcast, evening)[rng.choice(3, p=[0.5, 0.35, 0.15])]
    return Sky(low, high, rng.uniform(0, 1.5), int(rng.integers(1000)))
