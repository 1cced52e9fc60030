"""What people wear: sampled at random, and the thickness it gives the body.

A garment is a region of the body's rest pose (how far along the arm, the leg, how high up), so it moves with
the body; `rendering.painting` colours it. Colours are sRGB in 0…1.
"""

import colorsys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import torch

SKIN = (
    (0.90, 0.73, 0.63),
    (0.86, 0.66, 0.54),
    (0.78, 0.58, 0.45),
    (0.67, 0.48, 0.36),
    (0.53, 0.37, 0.27),
    (0.40, 0.27, 0.19),
    (0.31, 0.21, 0.16),
)
HAIR = (
    (0.07, 0.06, 0.06),
    (0.13, 0.09, 0.07),
    (0.26, 0.17, 0.11),
    (0.42, 0.29, 0.17),
    (0.66, 0.52, 0.31),
    (0.52, 0.50, 0.48),
    (0.36, 0.15, 0.08),
)
_HAIR_SHARE = (0.25, 0.2, 0.2, 0.12, 0.1, 0.08, 0.05)
PATTERNS = ("plain", "stripes", "bars", "checks", "print", "blotches")
_PATTERN_SHARE = (0.5, 0.14, 0.1, 0.08, 0.12, 0.06)
_COLOURS = ("skin", "hair", "top", "top_second", "trousers", "shoes")
_NUMBERS = (
    "pattern", "pattern_size", "sleeve", "trouser_length", "skirt", "skirt_length", "long_hair", "bald",
    "hat", "top_thickness", "trouser_thickness", "hem", "seed",
)  # fmt: skip


def random_colour(
    rng: np.random.Generator,
    saturation: tuple[float, float] = (0.1, 0.9),
    value: tuple[float, float] = (0.12, 0.9),
) -> tuple[float, float, float]:
    """A random sRGB colour, rather muted; saturation and value: ranges."""
    low, high = saturation
    return colorsys.hsv_to_rgb(rng.random(), low + (high - low) * rng.beta(1.1, 2.0), rng.uniform(*value))


def sample_clothes(rng: np.random.Generator, female: bool = False, style: str = "everyday") -> dict:
    """Clothes for one person, as a plain dict of numbers and colours.

    Args:
        rng: Decides.
        female: Of the body; women may wear skirts.
        style: "everyday" or "sport" (shorts, no skirts).
    """
    sport = style == "sport"
    hat = rng.random() < (0.05 if sport else 0.1)
    shorts = rng.random() < (0.6 if sport else 0.24)
    return {
        "skin": SKIN[rng.integers(len(SKIN))],
        "hair": HAIR[rng.choice(len(HAIR), p=_HAIR_SHARE)],
        "top": random_colour(rng),
        "top_second": random_colour(rng),
        "trousers": random_colour(rng, (0.05, 0.6), (0.06, 0.6))
        if rng.random() < 0.75
        else random_colour(rng),
        "shoes": random_colour(rng, (0.0, 0.5), (0.05, 0.9)),
        "pattern": int(rng.choice(len(PATTERNS), p=_PATTERN_SHARE)),
        "pattern_size": rng.uniform(0.6, 1.8),
        # along the limb: 0 at shoulder or hip, 1 at elbow or knee, 2 at wrist or ankle
        "sleeve": (0.12, rng.uniform(0.45, 0.75), rng.uniform(1.75, 1.93))[
            rng.choice(3, p=(0.3, 0.5, 0.2) if sport else (0.1, 0.48, 0.42))
        ],
        "trouser_length": (
            rng.uniform(0.35, 0.85) if shorts else (rng.uniform(1.2, 1.6) if rng.random() < 0.1 else 1.93)
        ),
        "skirt": float(female and not sport and rng.random() < 0.22),
        "skirt_length": rng.uniform(0.5, 1.0),
        "long_hair": float(not hat and rng.random() < (0.55 if female else 0.06)),
        "bald": float(rng.random() < (0.02 if female else 0.12)),
        "hat": float(hat),
        "top_thickness": rng.uniform(0.004, 0.018),  # m
        "trouser_thickness": rng.uniform(0.004, 0.014),
        "hem": rng.uniform(-0.10, 0.07),  # m above the hips
        "seed": float(rng.integers(1000)),
    }


def pack_clothes(clothes: Sequence[Mapping], device: str | torch.device) -> dict[str, torch.Tensor]:
    """The clothes of N people as tensors: colours (N, 3), numbers (N,)."""
    rows = [
        [part for name in _COLOURS for part in worn[name]] + [worn[name] for name in _NUMBERS]
        for worn in clothes
    ]
    colours, numbers = torch.tensor(rows, dtype=torch.float32, device=device).split(
        (3 * len(_COLOURS), len(_NUMBERS)), 1
    )
    columns = numbers.T.contiguous()  # one transfer for all, which are looked up one by one
    return dict(zip(_COLOURS, colours.unflatten(1, (-1, 3)).unbind(1), strict=True)) | dict(
        zip(_NUMBERS, columns, strict=True)
    )


@dataclass(frozen=True, eq=False)
class Regions:
    """Where on the body each vertex (or pixel) lies; (V,) each, from the mean body's rest pose."""

    head: torch.Tensor  # share of the head bone
    neck: torch.Tensor
    hand: torch.Tensor
    foot: torch.Tensor
    arm: torch.Tensor  # along the arm: 0 shoulder, 1 elbow, 2 wrist, more on the hand; 0 elsewhere
    leg: torch.Tensor  # along the leg: 0 hip, 1 knee, 2 ankle
    skirt: torch.Tensor  # 1 on the part
    long_hair: torch.Tensor
    x: torch.Tensor  # m from the hips: left, up, forward
    y: torch.Tensor
    z: torch.Tensor

    @classmethod
    def of(
        cls,
        vertices: torch.Tensor,
        points: Mapping[str, torch.Tensor],
        weights: Mapping[str, torch.Tensor],
        part: torch.Tensor,
    ) -> "Regions":
        """The regions of a mesh.

        Args:
            vertices: (V, 3) of the mean body at rest, m.
            points: {name: (3,)} joints of the mean body at rest, m.
            weights: {bone: (V,)} skinning weights.
            part: (V,) part of the mesh: 0 body, 1 skirt, 2 long hair.
        """

        def share(*parts: str) -> torch.Tensor:
            """(V,) total weight of the bones with one of the parts in their names."""
            bones = [weight for bone, weight in weights.items() if any(part in bone for part in parts)]
            return torch.stack(bones, 1).sum(1)

        def along(start, middle, end, inside, reach):
            """(V,) place along a limb: 0 at its start, 1 in the middle, 2 at its end; 0 off the limb."""
            a, b, c = points[start], points[middle], points[end]
            upper = (vertices - a) @ (b - a) / ((b - a) @ (b - a))
            lower = (vertices - b) @ (c - b) / ((c - b) @ (c - b))
            return torch.where(
                inside > 0.35, torch.where(lower > 0, 1 + lower.clamp(0, reach), upper.clamp(0, 1)), 0
            )

        arm = leg = torch.zeros(len(vertices), device=vertices.device)
        for side in ("Left", "Right"):
            in_arm = share(f"{side}Arm", f"{side}ForeArm", f"{side}Hand", f"{side}Finger", f"{side[0]}Thumb")
            arm = torch.maximum(arm, along(f"{side}Arm", f"{side}ForeArm", f"{side}Hand", in_arm, 1.6))
            in_leg = share(f"{side}UpLeg", f"{side}Leg", f"{side}Foot", f"{side}ToeBase")
            leg = torch.maximum(leg, along(f"{side}UpLeg", f"{side}Leg", f"{side}Foot", in_leg, 1.3))
        hand, foot = share("Hand", "Thumb", "Finger"), share("Foot", "Toe")
        skirt, long_hair = (part == 1).float(), (part == 2).float()
        x, y, z = vertices.unbind(1)
        return cls(share("Head"), share("Neck"), hand, foot, arm, leg, skirt, long_hair, x, y, z)

    def chosen(self, rows: torch.Tensor, names: Sequence[str]) -> SimpleNamespace:
        """Some of the rows, and of them these regions only."""
        return SimpleNamespace(**{name: getattr(self, name).index_select(0, rows) for name in names})

    def table(self) -> torch.Tensor:
        """(11, V): the regions in the order of the fields."""
        return torch.stack(list(self.__dict__.values()))


def thickness(worn: Mapping[str, torch.Tensor], at: Regions) -> torch.Tensor:
    """How far clothes, hair and shoes stand off the skin.

    Args:
        worn: From `pack_clothes`.
        at: Of the V vertices.

    Returns:
        (N, V) m.
    """
    w = {name: value[:, None] for name, value in worn.items() if value.ndim == 1}
    top = (at.arm < w["sleeve"]) & (at.y > w["hem"]) & (at.head + at.neck < 0.4) & (at.hand < 0.4)
    trousers = (at.leg < w["trouser_length"]) & (at.y <= w["hem"] + 0.02) & (at.arm <= 0) & (at.foot < 0.5)
    scalp = (at.head > 0.5) & (at.y - 0.70 - 0.9 * (at.z - 0.03) > 0.03)
    return (
        top * w["top_thickness"]
        + trousers * w["trouser_thickness"]
        + scalp * (0.012 * (1 - w["bald"]) + 0.012 * w["hat"])
        + (at.foot > 0.5) * 0.008
    )
