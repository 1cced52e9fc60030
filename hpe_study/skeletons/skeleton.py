"""Joint sets by name, and the one way from one to another.

A skeleton is declared once, as a line of joint names in the order of its data set. Left/right partners, indices and
bones follow from the names. `convert` multiplies by one matrix that is built from names and written recipes; the same
call serves 2D and 3D, prediction and truth.

A name means one place on the body throughout the project. Where a data set uses a word for a place of its own ("neck" is
five different places in these seven sets), the skeleton lists it under `own`, and nobody else's joint of that
name is taken for it. Orders and meanings: the data sets' own documentation, see `hpe_study.datasets`.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

import numpy as np
import torch

_BY_NAME = {}  # every skeleton that was made, by its name


@dataclass(frozen=True)
class Recipe:
    """How a joint is made of others: weights that sum to 1. `exact` is False where it only comes close; `note` says how close.

    simulated: how far it is off on 700 simulated people in everyday, sports and laboratory poses, (median, lower, upper quartile) in mm,
    measured by `tests/datasets/test_recipes.py`. Their joints lie where the real sets' are thought to lie: it is no measure of real labels,
    which `python -m hpe_study.datasets recipes ROOT` takes where a set has both places.
    """

    weights: MappingProxyType
    exact: bool = True
    note: str = ""
    simulated: tuple | None = None


def define_recipe(exact=True, note="", simulated=None, **weights):
    if abs(sum(weights.values()) - 1) > 1e-9:
        raise ValueError(f"recipe weights sum to {sum(weights.values())}, not 1")
    if simulated:
        note += "; on simulated people off by {} mm (median, inter-quartile {}–{})".format(*simulated)
    return Recipe(MappingProxyType(weights), exact, note, simulated)


@dataclass(frozen=True, eq=False)
class Skeleton:
    """A named joint set: `joints` in order, `bones` as (parent, child) names, a `root`, and recipes for joints it lacks."""

    name: str
    joints: tuple
    bones: tuple
    root: str
    own: frozenset = frozenset()  # names whose meaning is this family's own
    family: str = ""
    recipes: MappingProxyType = field(default_factory=lambda: MappingProxyType({}))

    def __len__(self):
        return len(self.joints)

    def __repr__(self):
        return f"Skeleton({self.name}, {len(self)} joints)"

    def __reduce__(self):
        return (by_name, (self.name,))

    def index(self, joint):
        """Position of a joint by name."""
        return self.joints.index(joint)

    def indices(self, joints):
        """Positions of several joints, given as a list or as one line of names."""
        return [self.index(joint) for joint in (joints.split() if isinstance(joints, str) else joints)]

    def root_relative(self, joints: np.ndarray) -> np.ndarray:
        """(…, J, 3) joints relative to the skeleton's root."""
        return joints - joints[..., [self.index(self.root)], :]

    @property
    def flip(self):
        """Permutation that exchanges left and right partners."""
        return [self.joints.index(mirrored(joint)) for joint in self.joints]

    @property
    def bone_indices(self):
        """Bones as (parent, child) index pairs."""
        return [(self.index(parent), self.index(child)) for parent, child in self.bones]

    def key(self, joint):
        """The joint's name with its meaning: qualified by the family where the word is the family's own."""
        return f"{self.family}.{joint}" if joint in self.own else joint


def mirrored(joint):
    front = "mid_" if joint.startswith("mid_") else ""  # FLIC's mid_l_upper_arm
    side = joint[len(front) :][:2]
    return front + {"l_": "r_", "r_": "l_"}.get(side, side) + joint[len(front) + 2 :]


def define_skeleton(name, joints, chains, root, own="", family="", **recipes):
    joints = tuple(joints.split())
    bones = tuple(
        pair
        for chain in chains.split()
        for pair in zip(chain.split("-")[:-1], chain.split("-")[1:], strict=True)
    )
    unknown = {joint for bone in bones for joint in bone} - set(joints)
    if unknown or root not in joints or len(set(joints)) != len(joints):
        raise ValueError(f"{name}: bones, root and joints do not fit ({sorted(unknown)})")
    recipes = {key.replace("__", "."): recipe for key, recipe in recipes.items()}
    _BY_NAME[name] = Skeleton(
        name, joints, bones, root, frozenset(own.split()), family or name, MappingProxyType(recipes)
    )
    return _BY_NAME[name]


def by_name(name):
    """The skeleton of that name (`"mpii16"`, …)."""
    if name not in _BY_NAME:
        raise KeyError(f"no skeleton {name!r}; there are {', '.join(_BY_NAME)}")
    return _BY_NAME[name]


def sources(source, target):
    """For each joint of `target`: the `Recipe` that makes it of `source`'s joints, or None where it cannot be made."""
    keys = {source.key(joint): joint for joint in source.joints}
    named = [
        define_recipe(**{keys[target.key(joint)]: 1.0}) if target.key(joint) in keys else None
        for joint in target.joints
    ]
    return [
        own or source.recipes.get(target.key(joint)) for own, joint in zip(named, target.joints, strict=True)
    ]


@lru_cache
def conversion_matrix(source, target):
    """(J_target, J_source) float64 weights; a row of zeros for a joint that `source` cannot give."""
    matrix = np.zeros((len(target), len(source)))
    for row, recipe in enumerate(sources(source, target)):
        for joint, weight in (recipe.weights if recipe else {}).items():
            matrix[row, source.index(joint)] = weight
    matrix.setflags(write=False)
    return matrix


def convert(joints, source, target):
    """Joints of one skeleton in another.

    joints: (..., J_source, D) array or tensor in any unit and frame (the weights sum to 1, so both are kept); NaN where missing.
    Returns (..., J_target, D) of the same kind; NaN where a joint, or a parent that its recipe needs, is missing.
    Raises ValueError where the joints' count is not the source's.
    """
    if joints.shape[-2] != len(source):
        raise ValueError(
            f"{tuple(joints.shape)} is not (…, {len(source)}, D), the shape of {source.name} joints"
        )
    matrix = conversion_matrix(source, target)
    if isinstance(joints, torch.Tensor):
        weights = torch.tensor(matrix, dtype=joints.dtype, device=joints.device)
        missing = joints.isnan()
        result = weights @ joints.nan_to_num(0.0)
        lacking = (weights != 0).to(joints.dtype) @ missing.to(joints.dtype) > 0
        return result.masked_fill(lacking | (weights == 0).all(1)[:, None], torch.nan)
    joints = np.asarray(joints)
    weights = matrix.astype(joints.dtype if np.issubdtype(joints.dtype, np.floating) else float)
    missing = np.isnan(joints)
    result = weights @ np.where(missing, 0, joints)
    lacking = (weights != 0).astype(float) @ missing.astype(float) > 0
    result[lacking | np.broadcast_to((weights == 0).all(1)[:, None], lacking.shape)] = np.nan
    return result
