"""How far joints that are derived by an approximate recipe lie from the labelled ones.

No two sets label the same point, so most recipes cannot be measured on real people: nobody labelled LSP's
neck and MPII's upper neck on the same person. What can be measured, on any data root, are sets that
label both the joint and those it is derived from.
"""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from hpe_study.datasets import NAMES, info, open_dataset
from hpe_study.datasets.arrays import evenly_spaced
from hpe_study.datasets.base import SPLITS, MissingSetError, Records
from hpe_study.errors import StudyError
from hpe_study.skeletons import ALL, MPII16, Recipe, Skeleton, convert, sources

COLUMNS = ["set", "joint", "made of", "n", "median", "lower quartile", "upper quartile", "unit"]
RECORDS = 2000  # of a set, evenly spaced
MM, HEAD_SIZES = "mm", "head sizes"


def approximate() -> dict[tuple, Recipe]:
    """All recipes that are not exact: (joint's `Skeleton.key`, its parents' and weights) → recipe."""
    recipes = {}
    for source in ALL:
        for target in ALL:
            for joint, recipe in zip(target.joints, sources(source, target), strict=True):
                if recipe and not recipe.exact:
                    weights = tuple((source.key(parent), weight) for parent, weight in recipe.weights.items())
                    recipes[target.key(joint), weights] = recipe
    return recipes


def recipe_errors(places: dict[str, np.ndarray]) -> list[tuple[str, dict[str, float], np.ndarray]]:
    """Measure every approximate recipe whose joint and parents are known: joint, weights, distances (N,).

    `places`: joint's key → (N, D) of N people, in any one unit, as the result; NaN where missing.
    """
    rows = []
    for joint, weights in approximate():
        if joint in places and all(parent in places for parent, _ in weights):
            derived = sum(weight * places[parent] for parent, weight in weights)
            rows.append((joint, dict(weights), np.linalg.norm(derived - places[joint], axis=-1)))
    return rows


def places_of(joints: np.ndarray, skeleton: Skeleton) -> dict[str, np.ndarray]:
    """{key: (N, D)} of joints (N, J, D): a skeleton's own, and those of MPII-16 that follow exactly."""
    common, places = convert(joints, skeleton, MPII16), {}
    for column, (joint, recipe) in enumerate(zip(MPII16.joints, sources(skeleton, MPII16), strict=True)):
        if recipe is not None and recipe.exact:
            places[MPII16.key(joint)] = common[:, column]
    return places | {skeleton.key(joint): joints[:, i] for i, joint in enumerate(skeleton.joints)}


def measured(records: Records, layout: str = "") -> list[dict]:
    """Rows of `COLUMNS` of a reader's records, in mm where the set has 3D, else in head sizes."""
    chosen = [records[i] for i in evenly_spaced(len(records), RECORDS)]
    is_3d = any(np.isfinite(record.joints3d).any() for record in chosen)
    joints = np.stack([record.joints3d if is_3d else record.joints2d / record.head_size for record in chosen])
    layout = f" ({layout})" if layout else ""
    simulated = ", simulated" if records.simulated else ""
    people = f"{records.name}{layout} {records.split}, {len(chosen):,} people{simulated}"
    rows = []
    for joint, weights, distances in recipe_errors(places_of(joints, records.skeleton)):
        known = distances[np.isfinite(distances)]
        if known.size:
            low, middle, high = np.percentile(known, [25, 50, 75])
            parents = " + ".join(f"{weight:g} {parent}" for parent, weight in weights.items())
            values = [people, joint, parents, known.size, middle, low, high, MM if is_3d else HEAD_SIZES]
            rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows


def measured_under(root: str | Path) -> pd.DataFrame:
    """A table (`COLUMNS`) of all that can be measured of the sets under a root; `StudyError` without any."""
    rows, any_set = [], False
    for name in NAMES:
        for layout, options in (info(name).layouts or {"": {}}).items():
            for split in SPLITS:
                try:
                    records = open_dataset(name, root, split, **options)
                    rows += measured(records, layout) if len(records) else []
                    any_set = True
                except MissingSetError:
                    continue
                except StudyError as error:
                    warnings.warn(f"{name} {split} is left out: {error}", stacklevel=2)
    if not any_set:
        command = f"python -m hpe_study.datasets check {root}"
        raise StudyError(f"{root}: none of the data sets is there; `{command}` says what is looked for")
    return pd.DataFrame(rows, columns=COLUMNS)
