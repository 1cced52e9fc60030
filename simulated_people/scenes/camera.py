"""Pinhole cameras: framed on a person so that the crop gets a wanted size, or as a fixed rig around a stage.

World frame: metres, y up. Camera frame: x right, y down, z away. Pixels: an integer is a pixel's centre.
Azimuth 0 puts a camera at +z, in front of a person whose yaw is 0; azimuth 90 at +x, to that person's left.
"""

from dataclasses import dataclass

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


def _cross(a, b):
    """As `np.cross` of two vectors, at a tenth of its cost."""
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def look_at(position, target, roll=0.0):
    """(3, 3) world → camera rotation of a camera at `position` that looks at `target`; roll in degrees turns
    the picture clockwise."""
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


def around(target, azimuth, elevation, distance):
    """(3,) m: the place at `distance` from `target` in a direction given in degrees, at least 0.2 m above the
    floor."""
    a, e = np.deg2rad(azimuth), np.deg2rad(elevation)
    place = np.asarray(target, float) + distance * np.array(
        [np.cos(e) * np.sin(a), np.sin(e), np.cos(e) * np.cos(a)]
    )
    place[1] = max(place[1], 0.2)
    return place


def pinhole(position, target, focal, width, height, roll=0.0, number=0):
    """A camera with the principal point in the middle of the image. focal: px."""
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


def extent(camera, points):
    """px: the longer side of the bounding box of world points (K, 3) m."""
    px = camera.project(camera.to_camera(np.asarray(points, float)))
    return float((px.max(0) - px.min(0)).max())


def framed(
    points, azimuth, elevation, distance, size, width, height, at=(0.5, 0.5), padding=1.25, roll=0.0, number=0
):
    """A camera that sees world points (K, 3) m — a person's joints — `size` px large, at the place `at`
    (fractions) of the image.

    size: px of the square crop, i.e. of the longer side of the points' bounding box times `padding`.
    """
    points = np.asarray(points, float)
    target = (points.min(0) + points.max(0)) / 2
    position = around(target, azimuth, elevation, distance)
    focal, wanted = 1.0, np.array([at[0] * width, at[1] * height]) - 0.5
    for _ in range(5):  # turning the camera changes the size a little, and the size the place
        camera = pinhole(position, target, focal, width, height, roll, number)
        focal *= size / (padding * extent(camera, points))
        camera = pinhole(position, target, focal, width, height, roll, number)
        px = camera.project(camera.to_camera(points))
        off = ((px.min(0) + px.max(0)) / 2 - wanted) / focal * np.linalg.norm(target - position)
        target = target + off[0] * camera.rotation[0] + off[1] * camera.rotation[1]
    return pinhole(position, target, focal, width, height, roll, number)


def field_of_view(camera):
    """Degrees, horizontally."""
    return float(np.rad2deg(2 * np.arctan(camera.width / (2 * camera.fx))))


def rig(places, target, focal, width, height, numbers=None):
    """Fixed cameras at `places` (C, 3) m that look at `target`. focal, width, height: px, one value or one
    for each camera."""
    count = len(places)
    focal, width, height = (np.broadcast_to(value, count) for value in (focal, width, height))
    numbers = range(count) if numbers is None else numbers
    return [
        pinhole(place, target, f, w, h, number=n)
        for place, f, w, h, n in zip(places, focal, width, height, numbers, strict=False)
    ]


def ring(azimuths, elevations, distances, target, size_of_stage, size, width, height, numbers=None):
    """A rig by directions: a thing of `size_of_stage` m at `target` is seen `size` px large by every
    camera."""
    azimuths, elevations, distances = np.broadcast_arrays(azimuths, elevations, distances)
    places = [around(target, a, e, d) for a, e, d in zip(azimuths, elevations, distances, strict=False)]
    focal = [size * np.linalg.norm(place - np.asarray(target)) / size_of_stage for place in places]
    return rig(places, target, focal, width, height, numbers)


def laboratory_rig(size, width, height):
    """Four cameras in the corners of a capture volume of 4 m × 3 m, as in Human3.6M. size: px of a standing
    person's crop.

    The equipment of `scene`'s laboratory stands out of their sight of the people.
    """
    return ring(
        [30, 150, 210, 330],
        [11, 9, 12, 10],
        [5.2, 5.6, 5.3, 5.7],
        (0.0, 0.95, 0.0),
        1.25 * 1.72,
        size,
        width,
        height,
    )


def studio_rig(size, width, height, numbers=(0, 1, 2, 4, 5, 6, 7, 8)):
    """Eight cameras around a studio as in MPI-INF-3DHP's vnect set: five at chest height, three (1, 5, 6)
    high or low."""
    elevation = {1: 42, 5: -12, 6: 48}
    azimuths = [10 + 360 * k / len(numbers) for k in range(len(numbers))]
    return ring(azimuths, [elevation.get(n, 5) for n in numbers], [3.9 if n not in elevation else 3.6 for n in numbers],
                (0.0, 0.95, 0.0), 1.25 * 1.72, size, width, height, numbers)  # fmt: skip
