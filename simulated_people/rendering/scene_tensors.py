"""Scenes as tensors, many images at a time."""

from collections.abc import Sequence

import numpy as np
import torch

from simulated_people.scenes.scene import Scene


def pack_scenes(scenes: Sequence[Scene], device: str | torch.device) -> dict[str, torch.Tensor]:
    """S scenes as the tensors that `ray_tracer` and `shading` read; boxes and surfaces are flat lists."""

    def tensor(values, dtype=torch.float32):
        return torch.tensor(np.asarray(values), dtype=dtype, device=device)

    def each(name, values, *fields: str):
        return {f"{name}{field}": tensor([getattr(value, field) for value in values]) for field in fields}

    boxes = [(s, k, box) for s, scene in enumerate(scenes) for k, box in enumerate(scene.boxes)]
    surfaces = [
        surface
        for scene in scenes
        for surface in (scene.floor, scene.wall, *(box.surface for box in scene.boxes))
    ]
    counts = [2 + len(scene.boxes) for scene in scenes]
    room = np.array([scene.room or (-1e3, 1e3, -1e3, 1e3, 1e3) for scene in scenes], float)
    colours = tensor([[surface.first, surface.second] for surface in surfaces])
    direction = tensor([scene.lamp.direction for scene in scenes])
    return {
        "low_x": tensor(room[:, 0]),
        "high_x": tensor(room[:, 1]),
        "low_z": tensor(room[:, 2]),
        "high_z": tensor(room[:, 3]),
        "low_y": tensor(np.full(len(scenes), -1e3)),
        "high_y": tensor(room[:, 4]),
        "box_shot": tensor([s for s, _, _ in boxes], torch.int64),
        "box_number": tensor([k for _, k, _ in boxes], torch.int64),
        "box_centre": tensor([box.centre for *_, box in boxes]).reshape(-1, 3),
        "box_half": tensor([box.half for *_, box in boxes]).reshape(-1, 3),
        "box_yaw": tensor([box.yaw for *_, box in boxes]),
        "surface_start": tensor(np.cumsum([0, *counts[:-1]]), torch.int64),
        "texture": tensor([surface.texture for surface in surfaces], torch.int64),
        "texture_first": colours[:, 0].T.contiguous(),
        "texture_second": colours[:, 1].T.contiguous(),
        **each("texture_", surfaces, "scale", "seed"),
        **each("sky_", [scene.sky for scene in scenes], "low", "high", "cloud", "seed"),
        "direction": torch.nn.functional.normalize(direction, dim=-1),
        **each("", [scene.lamp for scene in scenes], "ambient", "sun", "colour"),
        **each("", [scene.film for scene in scenes], "exposure", "gamma", "contrast", "white", "noise"),
    }
