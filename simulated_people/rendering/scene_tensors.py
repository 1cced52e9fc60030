"""Scenes as tensors, many images at a time."""

import numpy as np
import torch


def pack_scenes(scenes, device):
    """The scenes (`scene.Scene`) as the tensors that `trace` and `shading` read: S scenes, their boxes and
    surfaces in flat lists."""

    def tensor(values, dtype=torch.float32):
        return torch.tensor(np.asarray(values), dtype=dtype, device=device)

    boxes = [(s, k, box) for s, scene in enumerate(scenes) for k, box in enumerate(scene.boxes)]
    surfaces = [
        surface
        for scene in scenes
        for surface in (scene.floor, scene.wall, *(box.surface for box in scene.boxes))
    ]
    counts = [2 + len(scene.boxes) for scene in scenes]
    room = np.array([scene.room or (-1e3, 1e3, -1e3, 1e3, 1e3) for scene in scenes], float)
    colours = tensor([[surface.first, surface.second] for surface in surfaces])
    return {
        "low_x": tensor(room[:, 0]), "high_x": tensor(room[:, 1]), "low_z": tensor(room[:, 2]), "high_z": tensor(room[:, 3]),
        "low_y": tensor(np.full(len(scenes), -1e3)), "high_y": tensor(room[:, 4]),
        "box_shot": tensor([s for s, _, _ in boxes], torch.int64), "box_number": tensor([k for _, k, _ in boxes], torch.int64),
        "box_centre": tensor([box.centre for *_, box in boxes]).reshape(-1, 3),
        "box_half": tensor([box.half for *_, box in boxes]).reshape(-1, 3),
        "box_yaw": tensor([box.yaw for *_, box in boxes]),
        "surface_start": tensor(np.cumsum([0, *counts[:-1]]), torch.int64),
        "texture": tensor([surface.texture for surface in surfaces], torch.int64),
        "texture_first": colours[:, 0].T.contiguous(), "texture_second": colours[:, 1].T.contiguous(),
        "texture_scale": tensor([surface.scale for surface in surfaces]), "texture_seed": tensor([surface.seed for surface in surfaces]),
        "sky_low": tensor([scene.sky.low for scene in scenes]), "sky_high": tensor([scene.sky.high for scene in scenes]),
        "cloud": tensor([scene.sky.cloud for scene in scenes]), "sky_seed": tensor([scene.sky.seed for scene in scenes]),
        "direction": torch.nn.functional.normalize(tensor([scene.lamp.direction for scene in scenes]), dim=-1),
        "ambient": tensor([scene.lamp.ambient for scene in scenes]), "sun": tensor([scene.lamp.sun for scene in scenes]),
        "colour": tensor([scene.lamp.colour for scene in scenes]),
        "exposure": tensor([scene.film.exposure for scene in scenes]), "gamma": tensor([scene.film.gamma for scene in scenes]),
        "contrast": tensor([scene.film.contrast for scene in scenes]), "white": tensor([scene.film.white for scene in scenes]),
        "noise": tensor([scene.film.noise for scene in scenes]),
    }  # fmt: skip
