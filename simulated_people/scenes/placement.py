"""People and things in one place: seats, free lines of sight, and no furniture that cuts into a body."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from simulated_people.body.landmarks import LANDMARK_INDEX
from simulated_people.body.model import Actor, Body, shared_body
from simulated_people.scenes import furniture
from simulated_people.scenes.camera import Camera
from simulated_people.scenes.scene import PLANKS, Box, Scene, Spot, Surface

# m per step, and steps that a thing is moved aside before it is removed.
_STEP, _STEPS = 0.15, 4


def add_seat(scene: Scene, body: Body, actor: Actor, seed: int = 0) -> Scene:
    """The scene with something under a person who sits, shaped so that it does not cut into legs.

    Args:
        scene: The place.
        body: The body model.
        actor: The person.
        seed: Decides on kind and colours.
    """
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
    if scene.kind == "laboratory":
        kinds, surface = (
            ["chair", "pedestal"],
            Surface(PLANKS, (0.36, 0.26, 0.17), (0.27, 0.19, 0.12), seed=9),
        )
    else:
        kinds, surface = ["chair", "stool", "block", "pedestal"], furniture.random_surface(rng)
        rng.shuffle(kinds)
    object_id, spot = 500 + len(scene.boxes), Spot(middle[0], middle[1], yaw)
    for kind in (*kinds, "cushion"):
        fitting = furniture.seat(kind, spot, top, surface, object_id)
        if not intersects(fitting, skin).any():
            break
    return replace(scene, boxes=scene.boxes + tuple(fitting))


def resolve_intersections(scene: Scene, skin: np.ndarray, move: bool = True) -> Scene:
    """The scene without furniture that cuts into people; the same object where nothing does.

    Args:
        scene: The place.
        skin: (..., 3) m, from `Body.skin`: the bodies of all people, in all images that share the
            scene.
        move: Move furniture aside where that helps, instead of removing it.
    """
    points = np.asarray(skin, np.float32).reshape(-1, 3)
    cut = intersects(scene.boxes, points)
    if not cut.any():
        return scene
    bad = {scene.boxes[k].object_id for k in np.flatnonzero(cut)}
    kept = [box for box in scene.boxes if box.object_id not in bad]
    for object_id in sorted(bad) if move else ():
        pieces = [box for box in scene.boxes if box.object_id == object_id]
        centre = np.mean([box.centre for box in pieces], 0)
        away = (centre - points[np.argmin(((points - centre) ** 2)[:, [0, 2]].sum(1))])[[0, 2]]
        away = away / max(np.linalg.norm(away), 1e-3)
        for step in range(1, _STEPS + 1):
            moved = [box.moved(*(away * _STEP * step)) for box in pieces]
            if not intersects(moved, points).any():
                kept += moved
                break
    return replace(scene, boxes=tuple(kept))


def intersects(boxes: Sequence[Box], points: np.ndarray, margin: float = 0.02) -> np.ndarray:
    """(boxes,) bool: which boxes bodies reach into.

    Args:
        boxes: Of a scene. Seats touch bodies by design: they are measured without the margin, a little lower.
        points: (K, 3) m, on the skin.
        margin: m that is to stay free about a box.
    """
    result = np.zeros(len(boxes), bool)
    if not len(points) or not len(boxes):
        return result
    low, high = points.T.min(1), points.T.max(1)
    centres, halves = (
        np.array([getattr(box, side) for box in boxes], float)[:, [0, 2]] for side in ("centre", "half")
    )
    away = np.abs(centres - np.clip(centres, low[[0, 2]], high[[0, 2]])).max(1) > np.hypot(*halves.T) + margin
    for k in np.flatnonzero(~away):
        box = boxes[k]
        if box.walkable:
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


def ground_point_at(
    camera: Camera, column: float, depth: float, height: float = 0.9
) -> tuple[tuple[float, float], float]:
    """The point of the ground where somebody stands who is seen at a column of the image.

    Args:
        camera: The view.
        column: Fraction of the image's width.
        depth: m from the camera, along its optical axis.
        height: m above the floor that the column is meant for.

    Returns:
        x and z (m, world), and the row (fraction) where that height is seen.
    """
    right, down, forward = camera.rotation
    across = depth * (column * camera.width - camera.cx) / camera.fx
    below = (height - camera.position[1] - across * right[1] - depth * forward[1]) / down[1]
    point = camera.position + across * right + below * down + depth * forward
    row = (below / depth * camera.fy + camera.cy) / camera.height
    return (float(point[0]), float(point[2])), float(row)


def add_seats(scene: Scene, actors: Sequence[Actor]) -> Scene:
    """The scene with something under everybody who sits."""
    for actor in actors:
        if actor.action == "sit":
            scene = add_seat(scene, shared_body("cpu"), actor, seed=actor.body)
    return scene


def clear_view(scene: Scene, camera: Camera, actors: Sequence[Actor]) -> Scene:
    """The scene without things that hide somebody's chest from the camera (what hides less stays)."""
    blocking = set()
    for actor in actors:
        chest = shared_body("cpu").place([actor]).landmarks[0, LANDMARK_INDEX["thorax"]]
        blocking |= {scene.boxes[k].object_id for k in np.flatnonzero(boxes_on_line(scene, camera, chest))}
    if not blocking:
        return scene
    return replace(scene, boxes=tuple(box for box in scene.boxes if box.object_id not in blocking))


def boxes_on_line(scene: Scene, camera: Camera, point: np.ndarray) -> np.ndarray:
    """(boxes,) bool: which boxes the line from the camera to a world point (3,) m goes through."""
    if not scene.boxes:
        return np.zeros(0, bool)
    centre, half = (
        np.array([getattr(box, name) for box in scene.boxes], float) for name in ("centre", "half")
    )
    yaw = np.array([box.yaw for box in scene.boxes])
    start, along = (
        _to_box_axes(vector, yaw) for vector in (camera.position - centre, point - camera.position)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.stack([(-half - start) / along, (half - start) / along])
    enter, leave = np.nanmax(ends.min(0), 1), np.nanmin(ends.max(0), 1)
    return (enter < leave) & (enter < 1) & (leave > 0)


def _to_box_axes(vector, yaw):
    """World vectors (…, 3) in the axes of boxes turned by `yaw` (N,) radians: (N, 3)."""
    x, y, z = np.broadcast_to(vector, (len(yaw), 3)).T
    return np.stack([x * np.cos(yaw) - z * np.sin(yaw), y, x * np.sin(yaw) + z * np.cos(yaw)], 1)
