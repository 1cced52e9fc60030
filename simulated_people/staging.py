"""People and things in one place: something to sit on, and nothing through anybody. `scene` offers these
functions as its own."""

from dataclasses import replace

import numpy as np

from simulated_people import furniture
from simulated_people.furniture import Surface
from simulated_people.shading import PLANKS

_STEP, _STEPS = 0.15, 4  # m a step, and steps that a thing is moved aside before it is taken away


def seat(scene, body, actor, seed=0):
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
        furniture.paint(rng)
        if scene.kind != "laboratory"
        else Surface(PLANKS, (0.36, 0.26, 0.17), (0.27, 0.19, 0.12), seed=9)
    )
    kinds = ["chair", "stool", "block", "pedestal"]
    if scene.kind == "laboratory":
        kinds = ["chair", "pedestal"]
    else:
        rng.shuffle(kinds)
    thing = 500 + len(scene.boxes)
    for kind in (*kinds, "cushion"):
        fitting = furniture.seat(kind, middle[0], middle[1], yaw, top, paint, thing)
        if not cut_into(fitting, skin).any():
            break
    return replace(scene, boxes=scene.boxes + tuple(fitting))


def clear(scene, skin, move=True):
    """The scene without furniture that cuts into people: it is moved aside where that helps, and taken away
    where it does not.

    skin: (..., 3) m, from `Body.skin`: every place that bodies take in this scene, of all people, in all
    frames that share it. The same scene comes back when nothing is in the way.
    """
    points = np.asarray(skin, np.float32).reshape(-1, 3)
    cut = cut_into(scene.boxes, points)
    if not cut.any():
        return scene
    bad = {scene.boxes[k].thing for k in np.flatnonzero(cut)}
    kept = [box for box in scene.boxes if box.thing not in bad]
    for thing in sorted(bad) if move else ():
        pieces = [box for box in scene.boxes if box.thing == thing]
        place = np.mean([box.centre for box in pieces], 0)
        away = (place - points[np.argmin(((points - place) ** 2)[:, [0, 2]].sum(1))])[[0, 2]]
        away = away / max(np.linalg.norm(away), 1e-3)
        for step in range(1, _STEPS + 1):
            moved = [box.moved(*(away * _STEP * step)) for box in pieces]
            if not cut_into(moved, points).any():
                kept += moved
                break
    return replace(scene, boxes=tuple(kept))


def cut_into(boxes, points, margin=0.02):
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
