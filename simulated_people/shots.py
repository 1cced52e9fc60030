"""What is photographed: people, a camera, a scene; and what comes back: a frame with every joint known.

World frame: metres, y up, floor at y = 0. Camera frame: x right, y down, z away. Pixels: the integer is a
pixel's centre.
"""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera. x_cam = rotation · (x_world − position); u = fx·X/Z + cx with u = 0 at the first
    pixel's centre."""

    rotation: np.ndarray  # (3, 3) world → camera
    position: np.ndarray  # (3,) m, world
    fx: float  # px
    fy: float
    cx: float
    cy: float
    width: int  # px
    height: int
    number: int = 0  # the data set's own camera id

    def to_camera(self, world):
        """(..., 3) m world → (..., 3) m camera."""
        return (world - self.position) @ self.rotation.T

    def project(self, camera):
        """(..., 3) camera frame, any unit → (..., 2) px."""
        xy = camera[..., :2] / camera[..., 2:]
        return xy * np.array([self.fx, self.fy]) + np.array([self.cx, self.cy])


@dataclass(frozen=True, eq=False)
class Actor:
    """One person at one moment."""

    body: int  # index into the body model's pool of sampled people
    clothes: dict  # as `clothes.sample` makes it
    pose: np.ndarray  # (P,) anatomical angles in degrees, order `poses.ANGLES`
    position: tuple = (0.0, 0.0)  # m, world x and z of the pelvis' ground point
    lift: float | None = (
        # m between the floor and the body's lowest point; None: `pelvis_height` says how high the person is
        0.0
    )
    pelvis_height: float = 0.0  # m between the floor and the mid-hip, where `lift` is None
    action: str = ""
    subject: str = ""  # who this is, in the data set's own words


@dataclass(frozen=True, eq=False)
class Shot:
    """What one image shows. `scene` is made by `scene.*`; `seed` drives the sensor noise."""

    actors: tuple
    camera: Camera
    scene: object
    seed: int = 0
    clipping: bool = (
        False  # True lets things of the scene cut into people; otherwise such things are taken away
    )


@dataclass(frozen=True, eq=False)
class Posed:
    """One person of a frame, landmark by landmark (names: `body.LANDMARKS`, L of them)."""

    actor: Actor
    world: np.ndarray  # (L, 3) mm, world
    camera: np.ndarray  # (L, 3) mm, camera frame
    px: np.ndarray  # (L, 2) px
    inside: np.ndarray  # (L,) bool: within the image and before the camera
    # (L,) mm: how far the nearest surface on the landmark's ray lies before it (0 where none does; NaN
    # outside the image)
    in_front: np.ndarray
    hidden: (
        np.ndarray
    )  # (L,) bool: inside, and covered by the person's own body (beyond the flesh), another person or a thing
    head_box: np.ndarray  # (4,) x1 y1 x2 y2 px around the head
    box: np.ndarray  # (4,) x1 y1 x2 y2 px around the whole body's projection, not clipped to the image


@dataclass(frozen=True, eq=False)
class Frame:
    """A rendered image, (H, W, 3) uint8 RGB, with its people in the order of the shot's actors."""

    image: np.ndarray
    people: list = field(default_factory=list)
    shot: Shot | None = None
