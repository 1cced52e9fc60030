"""Things made of boxes: furniture, seats, trees, houses, cars. Metres, y up, standing on the floor."""

import numpy as np

from simulated_people.body.clothes import random_colour
from simulated_people.scenes.scene import BLOTCHES, PLAIN, PLANKS, WINDOWS, Box, Spot, Surface

PIECES = ("table", "chair", "cabinet", "sofa", "shelf", "low", "pole")


def random_surface(rng: np.random.Generator) -> Surface:
    """The surface of some piece of furniture."""
    first = np.array(random_colour(rng, (0.05, 0.6), (0.15, 0.85)))
    return Surface(
        int(rng.choice([PLAIN, PLANKS, BLOTCHES], p=[0.55, 0.37, 0.08])),
        first,
        first * rng.uniform(0.5, 0.85),
        1.0,
        int(rng.integers(1000)),
    )


def _assembled(parts, spot, surface, object_id, seat=False):
    """Parts, given as (x, y, z, half x, half y, half z) about the spot, as boxes of the world."""
    x, z, yaw = spot
    c, s = np.cos(yaw), np.sin(yaw)
    return [
        Box((x + px * c + pz * s, py, z - px * s + pz * c), (hx, hy, hz), yaw, surface, object_id, seat=seat)
        for px, py, pz, hx, hy, hz in parts
    ]


def _legs(width, depth, height, thickness):
    return [
        (a * width, height / 2, b * depth, thickness, height / 2, thickness) for a in (-1, 1) for b in (-1, 1)
    ]


def piece(
    rng: np.random.Generator, kind: str, spot: Spot, surface: Surface, object_id: int, tallest: float = np.inf
) -> list[Box]:
    """One piece of furniture of a random size.

    Args:
        rng: Decides on the size.
        kind: Of `PIECES`, or "panel".
        spot: Where it stands.
        surface: Of all its parts.
        object_id: Shared by all its parts.
        tallest: m, for solid pieces that would hide everything.
    """
    u = rng.uniform
    if kind == "table":
        w, d, h = u(0.4, 0.8), u(0.3, 0.5), u(0.6, 0.8)
        parts = [(0, h, 0, w, 0.025, d), *_legs(w - 0.04, d - 0.04, h, 0.03)]
    elif kind == "chair":
        h = u(0.4, 0.5)
        parts = [
            (0, h, 0, 0.22, 0.03, 0.22),
            (0, h + 0.25, -0.22, 0.22, 0.25, 0.02),
            *_legs(0.19, 0.19, h, 0.02),
        ]
    elif kind == "sofa":
        w = u(0.6, 1.0)
        parts = [
            (0, 0.22, 0, w, 0.22, 0.4),
            (0, 0.5, -0.35, w, 0.35, 0.1),
            (-w, 0.35, 0, 0.09, 0.33, 0.4),
            (w, 0.35, 0, 0.09, 0.33, 0.4),
        ]
    elif kind == "shelf":
        w, h = u(0.3, 0.5), min(u(0.7, 1.7), tallest)
        parts = [(0, h * (k + 0.5) / 4, 0, w, 0.02, 0.18) for k in range(4)] + [
            (a * w, h / 2, 0, 0.02, h / 2, 0.18) for a in (-1, 1)
        ]
    elif kind == "pole":
        parts = [(0, 1.1, 0, 0.05, 1.1, 0.05)]
    elif kind == "panel":
        h = min(u(0.4, 0.9), tallest / 2)
        parts = [(0, h, 0, u(0.15, 0.4), h, 0.02)]
    elif kind == "low":
        h = min(u(0.15, 0.4), tallest / 2)
        parts = [(0, h, 0, u(0.3, 0.9), h, u(0.15, 0.4))]
    elif kind == "cabinet":
        h = min(u(0.4, 1.0), tallest / 2)
        w, d = u(0.25, 0.6), u(0.2, 0.35)
        parts = [
            (0, h, 0, w, h, d),
            *((0, h * (0.4 + 0.5 * k), 0, w * 0.96, h * 0.03, d + 0.012) for k in range(3)),
        ]
    else:
        raise ValueError(f"no furniture {kind!r}")
    return _assembled(parts, spot, surface, object_id)


def seat(kind: str, spot: Spot, top: float, surface: Surface, object_id: int) -> list[Box]:
    """Something to sit on.

    Args:
        kind: "chair", "stool", "block", "pedestal", or "cushion" (which always fits).
        spot: Where it stands; the sitter looks along its yaw.
        top: Height of its upper side, m.
        surface: Of all its parts.
        object_id: Shared by all its parts.
    """
    board = (0, top - 0.02, 0, 0.22, 0.02, 0.20)
    parts = {
        "chair": [board, (0, top + 0.24, -0.24, 0.20, 0.24, 0.015), *_legs(0.19, 0.17, top - 0.04, 0.018)],
        "stool": [board, *_legs(0.19, 0.17, top - 0.04, 0.018)],
        "block": [(0, top / 2, -0.02, 0.28, top / 2, 0.20)],
        "pedestal": [
            board,
            (0, top / 2 - 0.02, -0.05, 0.05, top / 2 - 0.02, 0.05),
            (0, 0.012, -0.05, 0.2, 0.012, 0.14),
        ],
        "cushion": [(0, top - 0.02, -0.03, 0.14, 0.02, 0.12)],  # what always fits
    }[kind]
    return _assembled(parts, spot, surface, object_id, seat=True)


def tree(rng: np.random.Generator, x: float, z: float, object_id: int, yaw: float = 0.0) -> list[Box]:
    """A trunk with a crown of three boxes, or a hedge."""
    green = np.array((rng.uniform(0.1, 0.3), rng.uniform(0.28, 0.45), rng.uniform(0.06, 0.18)))
    leaves = Surface(BLOTCHES, green, green * 0.5, rng.uniform(1.0, 2.5), int(rng.integers(1000)))
    if rng.random() < 0.3:
        half = (rng.uniform(1, 5), rng.uniform(0.4, 1.2), rng.uniform(0.3, 0.6))
        return [Box((x, half[1], z), half, rng.uniform(0, np.pi), leaves, object_id)]
    height, crown = rng.uniform(1.2, 2.6), rng.uniform(0.7, 1.8)
    bark = Surface(PLANKS, (0.30, 0.22, 0.15), (0.2, 0.15, 0.1), 3.0, int(rng.integers(1000)))
    boxes = [Box((x, height / 2, z), (0.13, height / 2, 0.13), rng.uniform(0, np.pi), bark, object_id)]
    for k in range(3):
        size = crown * (1 - 0.22 * k)
        boxes.append(
            Box(
                (x + rng.normal(0, 0.2), height + crown * (0.5 + 0.55 * k), z + rng.normal(0, 0.2)),
                (size, crown * 0.45, size), rng.uniform(0, np.pi), leaves, object_id,
            ),
        )  # fmt: skip
    return boxes


def house(
    rng: np.random.Generator,
    x: float,
    z: float,
    object_id: int,
    half: tuple[float, float, float] | None = None,
    yaw: float | None = None,
) -> list[Box]:
    """A house with rows of windows on its walls; half sizes (m) and yaw are random where None."""
    half = (rng.uniform(2, 5), rng.uniform(1.5, 4.5), rng.uniform(2, 5)) if half is None else half
    yaw = rng.uniform(0, np.pi) if yaw is None else yaw
    wall = np.array((rng.uniform(0.45, 0.9),) * 3) * np.array((1, rng.uniform(0.85, 1), rng.uniform(0.7, 1)))
    glass = np.array((0.22, 0.27, 0.33)) * rng.uniform(0.7, 1.4)
    front = Surface(WINDOWS, wall, glass, rng.uniform(0.8, 1.2), int(rng.integers(1000)))
    return [Box((x, half[1], z), half, yaw, front, object_id)]


def car(rng: np.random.Generator, x: float, z: float, object_id: int, yaw: float = 0.0) -> list[Box]:
    """A parked car, along `yaw`."""
    colours = (
        (0.75, 0.75, 0.77),
        (0.12, 0.12, 0.14),
        (0.55, 0.10, 0.10),
        (0.12, 0.22, 0.45),
        (0.85, 0.85, 0.82),
    )
    paint = np.array(colours[rng.integers(5)])
    metal, dark = Surface(PLAIN, paint, paint * 0.85), Surface(PLAIN, (0.1, 0.12, 0.14), (0.16, 0.18, 0.2))
    shell = [(0, 0.62, 0, 0.85, 0.36, 2.1)]
    cabin_and_wheels = [
        (0, 1.2, -0.2, 0.72, 0.26, 1.05), (0, 0.3, 1.3, 0.86, 0.3, 0.3), (0, 0.3, -1.3, 0.86, 0.3, 0.3),
    ]  # fmt: skip
    spot = Spot(x, z, yaw)
    return _assembled(shell, spot, metal, object_id) + _assembled(cabin_and_wheels, spot, dark, object_id)


def post(rng: np.random.Generator, x: float, z: float, object_id: int, yaw: float = 0.0) -> list[Box]:
    """A lamp post or a bollard."""
    height, surface = rng.choice([0.5, 1.9]), Surface(PLAIN, (0.25, 0.26, 0.27), (0.2, 0.2, 0.2))
    return [Box((x, height, z), (0.06, height, 0.06), yaw, surface, object_id)]
