"""People and things in one place: seats, free lines of sight, and no furniture that cuts into a body."""

from dataclasses import replace

import numpy as np

from simulated_people.body.landmarks import LANDMARK_INDEX
from simulated_people.body.model import shared_body
from simulated_people.people_sampling import landmarks_of
from simulated_people.scenes import furniture
from simulated_people.scenes.scene import PLANKS, Surface

_STEP, _STEPS = 0.15, 4  # m a step, and steps that a thing is moved aside before it is taken away


def add_seat(scene, body, actor, seed=0):
    """The scene with something under a person who sits, shaped so that it does not cut into legs."""
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
    paint = (
        furniture.random_surface(rng)
        if scene.kind != "laboratory"
        else Surface(PLANKS, (0.36, 0.26, 0.17), (0.27, 0.19, 0.12), seed=9)
    )
    kinds = ["chair", "stool", "block", "pedestal"]
    if scene.kind == "laboratory":
        kinds = ["chair", "pedestal"]
    else:
        rng.shuffle(kinds)
    object_id = 500 + len(scene.boxes)
    for kind in (*kinds, "cushion"):
        fitting = furniture.seat(kind, middle[0], middle[1], yaw, top, paint, object_id)
        if not intersects(fitting, skin).any():
            break
    return replace(scene, boxes=scene.boxes + tuple(fitting))


def resolve_intersections(scene, skin, move=True):
    """The scene without furniture that cuts into people: it is moved aside where that helps, and taken away
    where it does not.

    skin: (..., 3) m, from `Body.skin`: every place that bodies take in this scene, of all people, in all
    frames that share it. The same scene comes back when nothing is in the way.
    """
    points = np.asarray(skin, np.float32).reshape(-1, 3)
    cut = intersects(scene.boxes, points)
    if not cut.any():
        return scene
    bad = {scene.boxes[k].object_id for k in np.flatnonzero(cut)}
    kept = [box for box in scene.boxes if box.object_id not in bad]
    for object_id in sorted(bad) if move else ():
        pieces = [box for box in scene.boxes if box.object_id == object_id]
        place = np.mean([box.centre for box in pieces], 0)
        away = (place - points[np.argmin(((points - place) ** 2)[:, [0, 2]].sum(1))])[[0, 2]]
        away = away / max(np.linalg.norm(away), 1e-3)
        for step in range(1, _STEPS + 1):
            moved = [box.moved(*(away * _STEP * step)) for box in pieces]
            if not intersects(moved, points).any():
                kept += moved
                break
    return replace(scene, boxes=tuple(kept))


def intersects(boxes, points, margin=0.02):
    """(boxes,) bool: bodies reach into the box. Seats touch by design: they are measured without the margin,
    a little lower."""
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


def ground_point_at(camera, column, depth, height=0.9):
    """The ground point (x, z) m of somebody who is seen at a column (fraction of the picture's width),
    `depth` m from the camera.

    height: m above the floor that the column is meant for. The second value is the row (fraction) where that
    height is seen.
    """
    right, down, forward = camera.rotation
    across = depth * (column * camera.width - camera.cx) / camera.fx
    below = (height - camera.position[1] - across * right[1] - depth * forward[1]) / down[1]
    place = camera.position + across * right + below * down + depth * forward
    return (float(place[0]), float(place[2])), float((below / depth * camera.fy + camera.cy) / camera.height)


def add_seats(place, actors):
    """The scene with something under everybody who sits."""
    for actor in actors:
        if actor.action == "sit":
            place = add_seat(place, shared_body("cpu"), actor, seed=actor.body)
    return place


def clear_view(place, view, actors):
    """The scene without things that hide somebody's chest from the camera (what hides less stays)."""
    blocking = set()
    for actor in actors:
        blocking |= {
            place.boxes[k].object_id
            for k in np.flatnonzero(boxes_on_line(place, view, landmarks_of(actor)[LANDMARK_INDEX["thorax"]]))
        }
    return (
        replace(place, boxes=tuple(box for box in place.boxes if box.object_id not in blocking))
        if blocking
        else place
    )


def boxes_on_line(place, view, point):
    """(boxes,) bool: which of the scene's boxes the line from the camera to a world point (3,) m goes
    through."""
    if not place.boxes:
        return np.zeros(0, bool)
    centre, half = (
        np.array([getattr(box, name) for box in place.boxes], float) for name in ("centre", "half")
    )
    yaw = np.array([box.yaw for box in place.boxes])
    start, along = (_to_box_axes(vector, yaw) for vector in (view.position - centre, point - view.position))
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.stack([(-half - start) / along, (half - start) / along])
    enter, leave = np.nanmax(ends.min(0), 1), np.nanmin(ends.max(0), 1)
    return (enter < leave) & (enter < 1) & (leave > 0)


def _to_box_axes(vector, yaw):
    """World vectors (…, 3) in the axes of boxes turned by `yaw` (N,) radians: (N, 3)."""
    x, y, z = np.broadcast_to(vector, (len(yaw), 3)).T
    return np.stack([x * np.cos(yaw) - z * np.sin(yaw), y, x * np.sin(yaw) + z * np.cos(yaw)], 1)
