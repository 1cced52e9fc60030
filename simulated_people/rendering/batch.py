"""What is known of a batch of shots while it is rendered: their empty places, and their people."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from simulated_people.body.clothes import pack_clothes
from simulated_people.body.model import BODY, HAIR, SKIRT, Actor, Body, Placed
from simulated_people.rendering.rasterizer import NEAREST, Windows
from simulated_people.rendering.ray_tracer import Background, CameraTensors, trace_background
from simulated_people.rendering.scene_tensors import pack_scenes
from simulated_people.rendering.shading import Shadows
from simulated_people.scenes.camera import Camera
from simulated_people.scenes.scene import Scene

_PIXELS_KEPT = 1_500_000
_kept = OrderedDict()  # fixed cameras see the same empty scene again and again


@dataclass(frozen=True, eq=False)
class Surroundings:
    """The empty places of a batch of shots, as their cameras see them."""

    cameras: CameraTensors
    tensors: dict  # of the scenes, see `pack_scenes`
    background: Background

    @classmethod
    def of(cls, cameras: Sequence[Camera], scenes: Sequence[Scene], device: torch.device) -> "Surroundings":
        """The surroundings of shots; those of a single shot are kept for others of that camera and scene."""
        key = (id(cameras[0]), id(scenes[0]), device) if len(cameras) == 1 else None
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key][0]
        views, tensors = CameraTensors.of(cameras, device), pack_scenes(scenes, device)
        result = cls(views, tensors, trace_background(views, tensors))
        if key:
            _kept[key] = (result, cameras[0], scenes[0])  # both are kept, so their ids stay taken
            while sum(kept.pixels for kept, *_ in _kept.values()) > _PIXELS_KEPT and len(_kept) > 1:
                _kept.popitem(last=False)
        return result

    @property
    def pixels(self) -> int:
        """How many pixels all images have."""
        return self.cameras.starts[-1]


@dataclass(frozen=True, eq=False)
class People:
    """The N people of a batch of shots, dressed, placed and seen by their cameras."""

    body: Body
    placed: Placed
    worn: dict  # their clothes, see `pack_clothes`
    shot: torch.Tensor  # (N,) number of each one's shot
    projected: torch.Tensor  # (N, V, 3) px, px, depth in m
    windows: Windows
    shadows: Shadows

    @classmethod
    def of(
        cls,
        body: Body,
        placed: Placed,
        actors: Sequence[Actor],
        shots: Sequence[int],
        surroundings: Surroundings,
    ) -> "People":
        """The people of a batch; shots: the number of each one's shot."""
        shot, views = torch.tensor(shots, device=body.device), surroundings.cameras
        worn = pack_clothes([actor.clothes for actor in actors], body.device)
        counted = worn_parts(body.vertex_part, worn)
        projected = views.project(placed.vertices, shot)
        windows = windows_around(projected, counted, shot, views.size)
        shadows = Shadows(placed.vertices, counted, shots, surroundings.tensors["direction"])
        return cls(body, placed, worn, shot, projected, windows, shadows)

    @property
    def drawn(self) -> torch.Tensor:
        """(N, F) bool: the triangles of what each person wears."""
        return worn_parts(self.body.face_part, self.worn)


def worn_parts(part: torch.Tensor, worn: dict) -> torch.Tensor:
    """(N, …) bool: which faces or vertices, by their part of the mesh (…,), belong to what N people wear."""
    skirt, hair = (worn[name][:, None] > 0.5 for name in ("skirt", "long_hair"))
    return (part == BODY) | (part == SKIRT) & skirt | (part == HAIR) & hair


def windows_around(
    projected: torch.Tensor, counted: torch.Tensor, shot: torch.Tensor, sizes: torch.Tensor
) -> Windows:
    """The windows that hold all people of each image.

    Args:
        projected: (N, V, 3) px, px, depth in m.
        counted: (N, V) bool, vertices that are drawn.
        shot: (N,) number of each person's image.
        sizes: (S, 2) width and height of the images, px.
    """
    low = torch.full((len(sizes), 2), 1e6, device=projected.device)
    high = -low
    valid = (counted & (projected[..., 2] > NEAREST))[..., None]
    people_low = torch.where(valid, projected[..., :2], 1e6).amin(1)
    people_high = torch.where(valid, projected[..., :2], -1e6).amax(1)
    own = shot[:, None].expand(-1, 2)
    low = low.scatter_reduce(0, own, people_low, "amin")
    high = high.scatter_reduce(0, own, people_high, "amax")
    return Windows.around(low, high, sizes)
