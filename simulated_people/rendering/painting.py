"""The colours of bodies: skin, garments with patterns, hair and faces, computed pixel by pixel.

Garments are regions of the body's rest pose (see `clothes.Regions`), so their edges stay sharp at any
resolution. Colours are sRGB in 0…1; lists of P pixels are (3, P), one component per row.
"""

from collections.abc import Mapping

import torch

from simulated_people.body.clothes import PATTERNS, Regions
from simulated_people.rendering import shading

# Colours of a body's surface; a pixel has the last of them that applies.
_TONES = ("skin", "trousers", "top", "shoes", "hair", "top_second")
_TROUSERS, _TOP, _SHOES, _HAIR, _SECOND = range(1, len(_TONES))


def paint_bodies(
    worn: Mapping[str, torch.Tensor], at: Regions, owner: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Colour and cloth of body pixels.

    Args:
        worn: From `pack_clothes`.
        at: Interpolated at the P pixels.
        owner: (P,) person of each pixel.

    Returns:
        Albedo (3, P) in sRGB, and cloth (P,): 1 where there is fabric (which wrinkles), 0 on skin, hair and
        shoes.
    """
    number = lambda name: shading.look_up(worn[name], owner)  # noqa: E731
    sleeve, hem = number("sleeve"), number("hem")
    trousers = (
        (at.leg < number("trouser_length"))
        & (at.y <= hem)
        & (at.arm <= 0.02)
        & (at.foot < 0.5)
        & (at.hand < 0.3)
    )
    top = (
        (at.arm < sleeve)
        & (at.y > hem)
        & (at.head < 0.5)
        & (at.neck < 0.55)
        & (at.hand < 0.5)
        & (at.y < 0.585)
    )
    top |= (at.arm > 0.05) & (at.arm < sleeve) & (at.hand < 0.5)
    skirt, head, loose_hair = at.skirt > 0.5, at.head > 0.5, at.long_hair > 0.5
    hair = head & (at.y - 0.70 - 0.9 * (at.z - 0.03) > 0.035) & (number("bald") < 0.5)
    # long hair hangs in strips: what is seen between them is hair as well
    behind = (
        (number("long_hair") > 0.5)
        & (at.z < 0.06 - 0.35 * (at.y - 0.62).clamp_min(0))
        & (at.y > 0.5)
        & (at.arm <= 0)
    )
    hair |= loose_hair | behind & ((at.head + at.neck > 0.3) | (at.z < -0.02))
    hat = head & (at.y > 0.765) & (number("hat") > 0.5) & ~loose_hair

    tone = torch.zeros(len(at.x), dtype=torch.int32, device=at.x.device)  # of `_TONES`
    for layer, where in (
        (_TROUSERS, trousers),
        (_TOP, top),
        (_SHOES, at.foot > 0.5),
        (_TROUSERS, skirt),
        (_HAIR, hair),
        (_SECOND, hat),
    ):
        tone = torch.where(where, layer, tone)
    palette = torch.stack([worn[name] for name in _TONES], 1).flatten(0, 1).T.contiguous()  # (3, N · tones)
    colours = palette.index_select(1, tone if len(worn["seed"]) == 1 else owner.int() * len(_TONES) + tone)

    _print_tops(colours, tone == _TOP, worn, at, owner)
    _comb(colours, tone == _HAIR, worn, at, owner)
    _draw_faces(colours, head & (at.z > 0.06) & ~skirt & ~loose_hair, worn, at, owner)
    return colours.clamp(0, 1), (trousers | top | skirt).float()


def _print_tops(colours, where, worn, at, owner):
    """Put the tops' patterns, of their second colour, into `colours` (3, P) where (P,) there are tops."""
    kinds = set(worn["pattern"].int().tolist()) - {0}
    if not kinds:
        return
    rows = where.nonzero()[:, 0]
    at, person = at.chosen(rows, ("x", "y", "z")), owner.index_select(0, rows)
    number = {name: shading.look_up(worn[name], person) for name in ("pattern", "pattern_size", "seed")}
    mask, second = _pattern(number, at, sorted(kinds)), shading.look_up(worn["top_second"], person).T
    colours[:, rows] = colours.index_select(1, rows) * (1 - mask) + second * mask


def _comb(colours, where, worn, at, owner):
    """Put strands into the hair."""
    rows = where.nonzero()[:, 0]
    strands = _strands(worn, at.chosen(rows, ("x", "y", "z")), owner.index_select(0, rows))
    colours[:, rows] = colours.index_select(1, rows) * strands


def _strands(worn, at, owner):
    """(P,) brightness of hair."""
    seed = shading.look_up(worn["seed"], owner)
    return 0.8 + 0.45 * shading.noise(at.x * 22 + at.z * 9, at.y * 5 + at.z * 3, seed)


def _draw_faces(colours, where, worn, at, owner):
    """Put eyes, brows and a mouth into `colours` (3, P) where (P,) there are faces."""
    rows = where.nonzero()[:, 0]
    at, person = at.chosen(rows, ("x", "y", "z")), owner.index_select(0, rows)
    side, face = at.x.abs(), colours.index_select(1, rows)
    eye = ((side - 0.031) / 0.015) ** 2 + ((at.y - 0.705) / 0.007) ** 2 < 1
    brow = ((side - 0.032).abs() < 0.02) & ((at.y - 0.724 - 0.1 * (side - 0.03)).abs() < 0.004)
    mouth = (at.x / 0.024) ** 2 + ((at.y - 0.624) / 0.007) ** 2 < 1
    hair_tone = shading.look_up(worn["hair"], person).T * _strands(worn, at, person)
    face = torch.where(eye, 0.13, face)
    face = torch.where(brow, hair_tone * 0.8, face)
    lips = torch.tensor([[0.78], [0.52], [0.52]], device=colours.device)
    colours[:, rows] = torch.where(mouth, face * lips, face)


def _pattern(number, at, kinds):
    """(P,) share of the top's second colour; kinds: the patterns that occur, the others are not computed."""
    across, up = (at.x * 6 + at.z * 1.5) * number["pattern_size"], at.y * 6 * number["pattern_size"]
    drawing = {
        "stripes": lambda: ((up * 2) % 1 < 0.5).float(),
        "bars": lambda: ((across * 1.5) % 1 < 0.35).float(),
        "checks": lambda: (((across * 1.2) % 1 < 0.5).float() + ((up * 1.2) % 1 < 0.5).float()) * 0.5,
        "print": lambda: ((at.x.abs() < 0.09) & ((at.y - 0.38).abs() < 0.06) & (at.z > 0.02)).float(),
        "blotches": lambda: shading.noise(across * 2, up * 2, number["seed"]).round(),
    }
    result = torch.zeros_like(across)
    for kind in kinds:
        result = torch.where(number["pattern"] == kind, drawing[PATTERNS[kind]](), result)
    return result
