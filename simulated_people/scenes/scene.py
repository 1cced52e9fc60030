"""The values that describe a place: surfaces, boxes, light, sky and film.

World frame: metres, y up, floor at y = 0. Colours are sRGB in 0…1.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

# Textures.
PLAIN, CHECKER, PLANKS, BRICKS, STRIPES, BLOTCHES, WINDOWS = range(7)


class Spot(NamedTuple):
    """Where a thing stands."""

    x: float  # m, world
    z: float
    yaw: float = 0.0  # radians about y


@dataclass(frozen=True, eq=False)
class Surface:
    """A texture with two colours."""

    texture: int = PLAIN
    first: tuple = (0.5, 0.5, 0.5)
    second: tuple = (0.4, 0.4, 0.4)
    scale: float = 1.0  # how often the texture repeats, against its usual size
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Box:
    """An upright box."""

    centre: tuple  # m
    half: tuple  # m, half sizes along its own axes
    yaw: float  # radians about y
    surface: Surface
    object_id: int = 0  # boxes of one piece of furniture share it, and are moved or removed together
    walkable: bool = False  # a carpet or a line on the floor: people stand on it
    seat: bool = False  # made to be touched

    def moved(self, x: float, z: float) -> "Box":
        """The box x and z m further on."""
        return replace(self, centre=(self.centre[0] + x, self.centre[1], self.centre[2] + z))


@dataclass(frozen=True)
class Lamp:
    """One directed light and the light from everywhere; 1 shows a white surface white."""

    direction: tuple  # towards the lamp
    ambient: float
    sun: float
    colour: tuple = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Film:
    """How light becomes an image (a camera's sensor and its processing)."""

    exposure: float = 0.22  # mean brightness that the image is to have, of 1
    gamma: float = 2.0
    contrast: float = 1.0
    white: tuple = (1.0, 1.0, 1.0)  # colour cast
    noise: float = 0.01  # standard deviation, of 1


@dataclass(frozen=True)
class Sky:
    """A gradient with clouds."""

    low: tuple = (0.85, 0.88, 0.92)
    high: tuple = (0.35, 0.55, 0.9)
    cloud: float = 0.8  # how bright clouds are
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Scene:
    """A place."""

    kind: str  # of `places.KINDS`
    seed: int
    floor: Surface
    wall: Surface
    room: tuple | None  # low x, high x, low z, high z, height (m); None in the open
    lamp: Lamp
    film: Film
    sky: Sky = Sky()
    boxes: tuple = ()
