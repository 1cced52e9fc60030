"""Labels of a rendered image: where each landmark is, whether it is in the image, and what covers it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from simulated_people.body.landmarks import FLESH
from simulated_people.body.model import BODY, Actor
from simulated_people.rendering import rasterizer
from simulated_people.rendering.batch import People, Surroundings
from simulated_people.rendering.rasterizer import Hits


@dataclass(frozen=True, eq=False)
class PersonLabels:
    """One person of a frame, landmark by landmark (L of them, named by `landmarks.LANDMARKS`)."""

    actor: Actor
    world: np.ndarray  # (L, 3) mm, world
    camera: np.ndarray  # (L, 3) mm, camera frame
    px: np.ndarray  # (L, 2) px
    inside: np.ndarray  # (L,) bool: within the image and before the camera
    # (L,) mm: how far before the landmark the nearest surface on its ray lies; 0 where none does, NaN
    # outside the image
    in_front: np.ndarray
    # (L,) bool: inside, and covered by the person's own body (beyond `FLESH`), another person or a thing
    hidden: np.ndarray
    head_box: np.ndarray  # (4,) x1 y1 x2 y2 px around the head
    box: np.ndarray  # (4,) x1 y1 x2 y2 px around the whole body's projection, not clipped to the image


class _Projection(NamedTuple):
    """One person's landmarks in an image."""

    camera: np.ndarray  # (L, 3) m, camera frame
    px: np.ndarray  # (L, 2)
    inside: np.ndarray  # (L,) bool
    pixel: np.ndarray  # (L,) in the flat list of all images' pixels
    sample: np.ndarray  # (L,) in that of the windows' samples, −1 outside


_BEFORE_OTHERS = 0.01  # m: something else covers a landmark when it lies at least so much nearer


def label_people(
    shots: Sequence, surroundings: Surroundings, people: People, hits: Hits
) -> list[list[PersonLabels]]:
    """The labels of all people of each shot.

    Args:
        shots: The `Shot`s.
        surroundings: Of the shots.
        people: Of the shots.
        hits: What is seen of the people in front of their surroundings.
    """
    body, placed, windows = people.body, people.placed, people.windows
    head = (body.regions.head > 0.5) & (body.regions.long_hair < 0.5)
    boxes = [
        _bounds(people.projected.index_select(1, part.nonzero()[:, 0])[..., :2])
        for part in (head, body.vertex_part == BODY)
    ]
    window = torch.stack([windows.left, windows.top, windows.width, windows.height, windows.start], 1)
    window, of_shot, starts = window.tolist(), people.shot.tolist(), surroundings.cameras.starts
    projections = [
        _project(shots[s].camera, placed.landmarks[n], starts[s], window[s]) for n, s in enumerate(of_shot)
    ]
    surface, owner = _nearest_at(projections, hits, surroundings.background)
    result = [[] for _ in shots]
    for n, s in enumerate(of_shot):
        camera, px, inside, *_ = projections[n]
        actor = shots[s].actors[len(result[s])]
        distance = camera[:, 2] - surface[n]  # along the optical axis, as a depth image has it
        in_front = np.where(inside, np.maximum(distance, 0) * 1000, np.nan)
        flesh = FLESH / 1000 * body.height[actor.body] / 1.7
        hidden = inside & (np.nan_to_num(distance) > np.where(owner[n] == n, flesh, _BEFORE_OTHERS))
        world, bounds = placed.landmarks[n] * 1000, (box[n] for box in boxes)
        result[s].append(PersonLabels(actor, world, camera * 1000, px, inside, in_front, hidden, *bounds))
    return result


def _project(view, world, start, window):
    """The `_Projection` of one person's landmarks.

    Args:
        view: The camera.
        world: (L, 3) m.
        start: First pixel of the image in the flat list.
        window: left, top, width, height (px) and start of the image's window.
    """
    camera = view.to_camera(world)
    with np.errstate(divide="ignore", invalid="ignore"):
        px = view.project(camera)
    before = camera[:, 2] > rasterizer.NEAREST
    px = np.where(before[:, None], px, np.nan)
    size = np.array([view.width, view.height])
    known = np.nan_to_num(px, nan=-9.0)
    inside = before & (known >= -0.5).all(1) & (known < size - 0.5).all(1)
    x, y = np.nan_to_num(px).T
    column = np.clip(np.rint(x), 0, size[0] - 1).astype(int)
    row = np.clip(np.rint(y), 0, size[1] - 1).astype(int)
    left, top, width, height, first = window
    fine_x, fine_y = np.rint((x - left) * 2 + 0.5).astype(int), np.rint((y - top) * 2 + 0.5).astype(int)
    within = inside & (fine_x >= 0) & (fine_y >= 0) & (fine_x < 2 * width) & (fine_y < 2 * height)
    sample = (first + (fine_y >> 1) * width + (fine_x >> 1)) * rasterizer.SAMPLES
    sample = sample + ((fine_y & 1) << 1) + (fine_x & 1)
    return _Projection(camera, px, inside, start + row * size[0] + column, np.where(within, sample, -1))


def _nearest_at(projections, hits, background):
    """What is nearest to the camera at N people's landmarks.

    Returns:
        Depth (N, L) m, NaN outside the image, and person (N, L), −1 where there is no person.
    """
    inside, pixel, sample = (
        np.stack([getattr(one, name) for one in projections]) for name in ("inside", "pixel", "sample")
    )
    at = background.depth[torch.from_numpy(pixel).to(background.depth.device)].cpu().numpy()
    depth, owner = np.where(inside, at, np.nan), np.full(sample.shape, -1)
    if len(hits.sample):
        wanted = torch.from_numpy(sample).to(hits.sample.device)
        row = torch.searchsorted(hits.sample, wanted).clamp_max(len(hits.sample) - 1)
        seen = (hits.sample[row] == wanted).cpu().numpy()
        depth = np.where(seen, hits.depth[row].cpu().numpy(), depth)
        owner = np.where(seen, hits.person[row].cpu().numpy(), owner)
    return depth, owner


def _bounds(points):
    """(N, P, 2) → (N, 4): the box around the points."""
    return torch.cat([points.amin(1), points.amax(1)], 1).cpu().numpy().astype(np.float64)
