"""The values that describe a place: surfaces, boxes, light, sky and film.

World frame: metres, y up, floor at y = 0. Colours are sRGB in 0…1.
"""

from dataclasses import dataclass, replace

PLAIN, CHECKER, PLANKS, BRICKS, STRIPES, BLOTCHES, WINDOWS = range(7)


@dataclass(frozen=True, eq=False)
class Surface:
    """A texture with two sRGB colours; scale: repetitions a metre against the texture's own."""

    texture: int = PLAIN
    first: tuple = (0.5, 0.5, 0.5)
    second: tuple = (0.4, 0.4, 0.4)
    scale: float = 1.0
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Box:
    """An upright box. `object_id` is the number of the piece it is a part of: a piece is moved or taken away as a
    whole."""

    centre: tuple  # m
    half: tuple  # m, half sizes along its own axes
    yaw: float  # radians about y
    surface: Surface
    object_id: int = 0
    walkable: bool = False  # a carpet or a line on the floor: people stand on it
    seat: bool = False  # made to be touched

    def moved(self, x, z):
        """The box elsewhere."""
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
