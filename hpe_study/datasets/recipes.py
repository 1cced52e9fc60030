"""How far joints that are made by an approximate recipe lie from the labelled ones, wherever a set labels
both.

The sets name no place twice, so most recipes cannot be measured on real people: nobody labelled LSP's neck
and MPII's upper neck on the same person. What can is what this module measures, on whatever data root it is
given, simulated or real.
"""

import warnings

import numpy as np
import pandas as pd

from hpe_study.datasets import NAMES, info, open_dataset
from hpe_study.datasets.base import SPLITS, MissingSet
from hpe_study.errors import StudyError
from hpe_study.skeletons import ALL, MPII16, convert, sources

COLUMNS = ["set", "joint", "made of", "n", "median", "lower quartile", "upper quartile", "unit"]
RECORDS = 2000  # of a set, evenly spaced
MM, HEAD_SIZES = "mm", "head sizes"


def approximate():
    """{(joint, its parents' weights): `Recipe`}: every recipe that only comes close, by joints' keys (see
    `Skeleton.key`)."""
    found = {}
    for source in ALL:
        for target in ALL:
            for joint, recipe in zip(target.joints, sources(source, target), strict=True):
                if recipe and not recipe.exact:
                    weights = tuple((source.key(parent), weight) for parent, weight in recipe.weights.items())
                    found[target.key(joint), weights] = recipe
    return found


def recipe_errors(places):
    """[(joint, {parent: weight}, distances (N,))] of every approximate recipe whose joint and parents are
    known.

    places: joint's key → (N, D) of N people, in any one unit; NaN where missing. Distances are in that unit,
    NaN where a joint is missing.
    """
    rows = []
    for joint, weights in approximate():
        if joint in places and all(parent in places for parent, _ in weights):
            made = sum(weight * places[parent] for parent, weight in weights)
            rows.append((joint, dict(weights), np.linalg.norm(made - places[joint], axis=-1)))
    return rows


def places_of(joints, skeleton):
    """{key: (N, D)} of joints (N, J, D) of a skeleton: its own, and those of MPII-16 that follow from them
    exactly."""
    places = dict(
        zip(map(MPII16.key, MPII16.joints), np.moveaxis(convert(joints, skeleton, MPII16), 1, 0), strict=True)
    )
    followed = [recipe is not None and recipe.exact for recipe in sources(skeleton, MPII16)]
    exact = {key: place for (key, place), follows in zip(places.items(), followed, strict=True) if follows}
    return exact | dict(zip(map(skeleton.key, skeleton.joints), np.moveaxis(joints, 1, 0), strict=True))


def measured(records, layout=""):
    """Rows (dicts of `COLUMNS`) of a reader's records, in mm where they have 3D, else in the person's head
    sizes. layout: for the name."""
    chosen = [
        records[i]
        for i in np.unique(np.linspace(0, len(records) - 1, min(len(records), RECORDS)).round().astype(int))
    ]
    deep = any(np.isfinite(record.joints3d).any() for record in chosen)
    joints = np.stack([record.joints3d if deep else record.joints2d / record.head_size for record in chosen])
    layout = f" ({layout})" if layout else ""
    people = f"{records.name}{layout} {records.split}, {len(chosen):,} people" + (
        ", simulated" if records.simulated else ""
    )
    rows = []
    for joint, weights, distances in recipe_errors(places_of(joints, records.skeleton)):
        known = distances[np.isfinite(distances)]
        if known.size:
            low, middle, high = np.percentile(known, [25, 50, 75])
            made = " + ".join(f"{weight:g} {parent}" for parent, weight in weights.items())
            rows.append(
                dict(
                    zip(
                        COLUMNS,
                        [people, joint, made, known.size, middle, low, high, MM if deep else HEAD_SIZES],
                        strict=True,
                    )
                )
            )
    return rows


def measured_under(root):
    """A table (`COLUMNS`) of all that can be measured of the sets under a data root. Raises `StudyError`
    where there is no set."""
    rows, found = [], False
    for name in NAMES:
        for layout, options in (info(name).layouts or {"": {}}).items():
            for split in SPLITS:
                try:
                    records = open_dataset(name, root, split, **options)
                except MissingSet:
                    continue
                except StudyError as error:
                    warnings.warn(f"{name} {split} is left out: {error}", stacklevel=2)
                    continue
                found = True
                rows += measured(records, layout) if len(records) else []
    if not found:
        raise StudyError(
            f"{root}: none of the data sets is there; `python -m hpe_study.datasets check {root}` says what"
            " is looked for"
        )
    return pd.DataFrame(rows, columns=COLUMNS)
