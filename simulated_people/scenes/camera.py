"""Pinhole cameras: framed on a person so that the crop gets a wanted size, or as a fixed rig around a stage.

World frame: metres, y up. Camera frame: x right, y down, z away. Pixels: an integer is a pixel's centre.
Azimuth 0 puts a camera at +z, in front of a person whose yaw is 0; azimuth 90 at +x, to that person's left.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PADDING = 1.25  # side of a person's square crop, in longer sides of the joints' bounding box
STANDING_CROP = PADDING * 1.72  # m, side of the crop of somebody who stands upright


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera: x_cam = rotation · (x_world − position), u = fx·X/Z + cx."""

    rotation: np.ndarray  # (3, 3) world → camera
    position: np.ndarray  # (3,) m, world
    fx: float  # px
    fy: float
    cx: float
    cy: float
    width: int  # px
    height: int
    number: int = 0  # the data set's own camera id

    def to_camera(self, world: np.ndarray) -> np.ndarray:
        """(..., 3) m, world → (..., 3) m, camera frame."""
        return (world - self.position) @ self.rotation.T

    def project(self, camera: np.ndarray) -> np.ndarray:
        """(..., 3) camera frame, any unit → (..., 2) px."""
        xy = camera[..., :2] / camera[..., 2:]
        return xy * np.array([self.fx, self.fy]) + np.array([self.cx, self.cy])


def look_at(position: Sequence[float], target: Sequence[float], roll: float = 0.0) -> np.ndarray:
    """(3, 3) world → camera rotation of a camera at `position` that looks at `target`.

    Args:
        position: (3,) m, world.
        target: (3,) m, world.
        roll: Degrees; turns the image clockwise.
    """
    forward = np.asarray(target, float) - np.asarray(position, float)
    forward /= np.linalg.norm(forward)
    up = np.array([0.0, 1.0, 0.0]) if abs(forward[1]) < 0.999 else np.array([0.0, 0.0, 1.0])
    right = _cross(forward, up)
    right /= np.linalg.norm(right)
    down = _cross(forward, right)
    angle = np.deg2rad(roll)
    return np.stack(
        [np.cos(angle) * right - np.sin(angle) * down, np.sin(angle) * right + np.cos(angle) * down, forward]
    )


def _cross(a, b):
    """As `np.cross` of two vectors, at a tenth of its cost."""
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def around(target: Sequence[float], azimuth: float, elevation: float, distance: float) -> np.ndarray:
    """(3,) m: the point at `distance` m from `target` in a direction (degrees), at least 0.2 m high."""
    a, e = np.deg2rad(azimuth), np.deg2rad(elevation)
    point = np.asarray(target, float) + distance * np.array(
        [np.cos(e) * np.sin(a), np.sin(e), np.cos(e) * np.cos(a)]
    )
    point[1] = max(point[1], 0.2)
    return point


def pinhole(
    position: Sequence[float],
    target: Sequence[float],
    focal: float,
    image_size: tuple[int, int],
    roll: float = 0.0,
    number: int = 0,
) -> Camera:
    """A camera that looks at `target`, with its principal point in the middle of the image.

    Args:
        position: (3,) m, world.
        target: (3,) m, world.
        focal: Focal length, px.
        image_size: Width and height, px.
        roll: Degrees; turns the image clockwise.
        number: The data set's own camera id.
    """
    width, height = image_size
    return Camera(
        look_at(position, target, roll),
        np.asarray(position, float),
        float(focal),
        float(focal),
        (width - 1) / 2,
        (height - 1) / 2,
        int(width),
        int(height),
        number,
    )


def framed(
    points: np.ndarray,
    direction: tuple[float, float, float],
    size: float,
    image_size: tuple[int, int],
    at: tuple[float, float] = (0.5, 0.5),
    roll: float = 0.0,
) -> Camera:
    """A camera that sees points at a wanted size and place of its image.

    Args:
        points: (K, 3) m, world; a person's joints.
        direction: Azimuth and elevation (degrees) of the camera as seen from the points, and distance (m).
        size: Side of the points' square crop, px: the longer side of their bounding box times `PADDING`.
        image_size: Width and height, px.
        at: Where the middle of the points' bounding box is to be, as fractions of the image.
        roll: Degrees; turns the image clockwise.
    """
    points, (width, height) = np.asarray(points, float), image_size
    target = (points.min(0) + points.max(0)) / 2
    position = around(target, *direction)
    focal, wanted = 1.0, np.array([at[0] * width, at[1] * height]) - 0.5
    for _ in range(5):  # turning the camera changes the size a little, and the size changes the place
        camera = pinhole(position, target, focal, image_size, roll)
        focal *= size / (PADDING * _extent(camera, points))
        camera = pinhole(position, target, focal, image_size, roll)
        px = camera.project(camera.to_camera(points))
        off = ((px.min(0) + px.max(0)) / 2 - wanted) / focal * np.linalg.norm(target - position)
        target = target + off[0] * camera.rotation[0] + off[1] * camera.rotation[1]
    return pinhole(position, target, focal, image_size, roll)


def _extent(camera, points):
    """Longer side, px, of the bounding box of world points (K, 3) m."""
    px = camera.project(camera.to_camera(points))
    return float((px.max(0) - px.min(0)).max())


def ring(
    directions: np.ndarray, target: Sequence[float], size: float, image_size: tuple[int, int]
) -> list[Camera]:
    """Fixed cameras about one point, numbered from 0, which all see a standing person equally large.

    Args:
        directions: (C, 3) azimuth and elevation (degrees) and distance (m) of each, as seen from the target.
        target: (3,) m, world.
        size: Side of a standing person's square crop, px.
        image_size: Width and height, px.
    """
    positions = [around(target, *direction) for direction in directions]
    focal = [size * np.linalg.norm(position - np.asarray(target)) / STANDING_CROP for position in positions]
    return [
        pinhole(position, target, f, image_size, number=number)
        for number, (position, f) in enumerate(zip(positions, focal, strict=True))
    ]


def laboratory_rig(size: float, side: int) -> list[Camera]:
    """Four cameras in the corners of a capture volume of 4 m × 3 m, as in Human3.6M.

    The equipment of the laboratory scene stands out of their sight of the people.

    Args:
        size: Side of a standing person's square crop, px.
        side: Of the square images, px.
    """
    directions = np.array([(30, 11, 5.2), (150, 9, 5.6), (210, 12, 5.3), (330, 10, 5.7)])
    return ring(directions, (0.0, 0.95, 0.0), size, (side, side))
