"""Labels of a rendered image: where each landmark is, whether it is in the image, and what covers it."""

from dataclasses import dataclass

import numpy as np
import torch

from simulated_people.body.landmarks import FLESH
from simulated_people.body.model import BODY, Actor
from simulated_people.rendering import rasterizer


@dataclass(frozen=True, eq=False)
class PersonLabels:
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


_BEFORE_OTHERS = 0.01  # m: something else covers a landmark when it lies at least so much nearer


def label_people(shots, of_shot, people, body, projected, views, windows, nearest, background):
    """`Posed` people of each shot."""
    head = (body.regions.head > 0.5) & (body.regions.long_hair < 0.5)
    boxes = [
        _bounds(projected.index_select(1, part.nonzero()[:, 0])[..., :2])
        for part in (head, body.vertex_part == BODY)
    ]
    window = torch.stack(
        [windows.left, windows.top, windows.width, windows.height, windows.start], 1
    ).tolist()
    marks = [
        _marks(shots[s].camera, people.landmarks[n], views.starts[s], window[s])
        for n, s in enumerate(of_shot)
    ]
    surface, who = _nearest_at(marks, nearest, background)
    result = [[] for _ in shots]
    for n, s in enumerate(of_shot):
        camera, px, inside, *_ = marks[n]
        actor = shots[s].actors[len(result[s])]
        distance = camera[:, 2] - surface[n]  # along the optical axis, as a depth image has it
        in_front = np.where(inside, np.maximum(distance, 0) * 1000, np.nan)
        flesh = FLESH / 1000 * body.height[actor.body] / 1.7
        hidden = inside & (np.nan_to_num(distance) > np.where(who[n] == n, flesh, _BEFORE_OTHERS))
        bounds = (box[n] for box in boxes)
        result[s].append(
            PersonLabels(
                actor, people.landmarks[n] * 1000, camera * 1000, px, inside, in_front, hidden, *bounds
            )
        )
    return result


def _marks(view, world, start, window):
    """One person's landmarks (L, 3) m in a picture: in the camera's frame (m), px, inside the picture, first
    their pixels in the flat list of all pictures' pixels, last their samples in that of the windows' (−1
    outside); start: of the picture; window: left, top, width, height, start."""
    camera = view.to_camera(world)
    with np.errstate(divide="ignore", invalid="ignore"):
        px = view.project(camera)
    before = camera[:, 2] > rasterizer.NEAREST
    px = np.where(before[:, None], px, np.nan)
    size = np.array([view.width, view.height])
    inside = (
        before
        & (np.nan_to_num(px, nan=-9.0) >= -0.5).all(1)
        & (np.nan_to_num(px, nan=-9.0) < size - 0.5).all(1)
    )
    x, y = np.nan_to_num(px).T
    column, row = (
        np.clip(np.rint(x), 0, size[0] - 1).astype(int),
        np.clip(np.rint(y), 0, size[1] - 1).astype(int),
    )
    left, top, width, height, first = window
    fine_x, fine_y = np.rint((x - left) * 2 + 0.5).astype(int), np.rint((y - top) * 2 + 0.5).astype(int)
    within = inside & (fine_x >= 0) & (fine_y >= 0) & (fine_x < 2 * width) & (fine_y < 2 * height)
    sample = (
        (first + (fine_y >> 1) * width + (fine_x >> 1)) * rasterizer.SAMPLES
        + ((fine_y & 1) << 1)
        + (fine_x & 1)
    )
    return camera, px, inside, start + row * size[0] + column, np.where(within, sample, -1)


def _nearest_at(marks, hits, background):
    """What is nearest to the camera where the landmarks are: depth (N, L) m, NaN outside the picture, and
    person (N, L), −1 if nobody."""
    inside, pixel, sample = (np.stack([mark[k] for mark in marks]) for k in (2, 3, 4))
    depth = np.where(
        inside, background.depth[torch.from_numpy(pixel).to(background.depth.device)].cpu().numpy(), np.nan
    )
    who = np.full(sample.shape, -1)
    if len(hits.sample):
        wanted = torch.from_numpy(sample).to(hits.sample.device)
        row = torch.searchsorted(hits.sample, wanted).clamp_max(len(hits.sample) - 1)
        found = (hits.sample[row] == wanted).cpu().numpy()
        depth, who = (
            np.where(found, column[row].cpu().numpy(), value)
            for column, value in ((hits.depth, depth), (hits.person, who))
        )
    return depth, who


def _bounds(points):
    """(N, P, 2) → (N, 4): low and high."""
    return torch.cat([points.amin(1), points.amax(1)], 1).cpu().numpy().astype(np.float64)
