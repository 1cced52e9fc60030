"""Joint sets by name, and the one way from one to another.

A skeleton is declared once, as a line of joint names in the order of its data set. Left/right partners,
indices and bones follow from the names. `convert` multiplies by one matrix built from names and written
recipes; the same call serves 2D and 3D, prediction and truth.

A name means one place on the body throughout the project. Where a data set uses a word for a place of its own
("neck" is five different places in these seven sets), the skeleton lists it under `own`, and no other set's
joint of that name is taken for it. Orders and meanings: the data sets' own documentation, see
`hpe_study.datasets`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    import torch  # takes seconds to load, and most commands do not need it

Array = TypeVar("Array", np.ndarray, "torch.Tensor")
_BY_NAME: dict[str, "Skeleton"] = {}


@dataclass(frozen=True)
class Recipe:
    """How a joint is derived from others."""

    weights: MappingProxyType  # {joint: weight}; they sum to 1
    exact: bool = True  # False where the joint is only approximated
    note: str = ""  # how close it comes
    # its error on 700 simulated people in everyday, sports and laboratory poses, (median, lower, upper
    # quartile) in mm, measured by `tests/datasets/test_recipes.py`. Their joints lie where the real sets' are
    # thought to lie, so it does not measure real labels; `python -m hpe_study.datasets recipes ROOT` does,
    # where a set has both joints.
    simulated: tuple | None = None


def define_recipe(
    exact: bool = True, note: str = "", simulated: tuple | None = None, **weights: float
) -> Recipe:
    """Make a `Recipe`; arguments as there, the weights by joint name."""
    if abs(sum(weights.values()) - 1) > 1e-9:
        raise ValueError(f"recipe weights sum to {sum(weights.values())}, not 1")
    if simulated:
        note += "; on simulated people off by {} mm (median, inter-quartile {}–{})".format(*simulated)
    return Recipe(MappingProxyType(weights), exact, note, simulated)


@dataclass(frozen=True, eq=False)
class Skeleton:
    """A named joint set."""

    name: str  # unique among all skeletons
    joints: tuple  # names in the order of the data set
    bones: tuple  # (parent, child) names
    root: str  # the joint that poses are relative to
    own: frozenset = frozenset()  # names whose meaning is this family's own
    family: str = ""  # qualifies the names in `own`
    # {joint that it lacks, by `key`: how it is derived}
    recipes: MappingProxyType = field(default_factory=lambda: MappingProxyType({}))

    def __len__(self) -> int:
        return len(self.joints)

    def __repr__(self) -> str:
        return f"Skeleton({self.name}, {len(self)} joints)"

    def __reduce__(self) -> tuple:
        return (by_name, (self.name,))

    def index(self, joint: str) -> int:
        """Position of a joint by name."""
        return self.joints.index(joint)

    def indices(self, joints: str | Iterable[str]) -> list[int]:
        """Positions of several joints, given as a list or as one line of names."""
        return [self.index(joint) for joint in (joints.split() if isinstance(joints, str) else joints)]

    def root_relative(self, joints: np.ndarray) -> np.ndarray:
        """(…, J, 3) joints relative to the skeleton's root."""
        return joints - joints[..., [self.index(self.root)], :]

    @property
    def flip(self) -> list[int]:
        """Permutation that exchanges left and right partners."""
        return [self.joints.index(mirrored(joint)) for joint in self.joints]

    @property
    def bone_indices(self) -> list[tuple[int, int]]:
        """Bones as (parent, child) index pairs."""
        return [(self.index(parent), self.index(child)) for parent, child in self.bones]

    def key(self, joint: str) -> str:
        """The joint's name with its meaning: qualified by the family where the word is the family's own."""
        return f"{self.family}.{joint}" if joint in self.own else joint


def mirrored(joint: str) -> str:
    """The joint's partner on the other side of the body; a joint in the middle is its own."""
    front = "mid_" if joint.startswith("mid_") else ""  # FLIC's mid_l_upper_arm
    side = joint[len(front) :][:2]
    return front + {"l_": "r_", "r_": "l_"}.get(side, side) + joint[len(front) + 2 :]


def define_skeleton(
    name: str, joints: str, chains: str, root: str, own: str = "", family: str = "", **recipes: Recipe
) -> Skeleton:
    """Make a `Skeleton` and register it by name; lists are words in one line.

    Args:
        name: see `Skeleton`.
        joints: names in the order of the data set.
        chains: bones as chains of joints: "pelvis-r_hip-r_knee".
        root: see `Skeleton`.
        own: names whose meaning is this family's own.
        family: qualifies them; by default the name.
        **recipes: how joints that it lacks are derived; `lsp__neck` stands for another family's `lsp.neck`.
    """
    joints = tuple(joints.split())
    bones = tuple(bone for chain in chains.split() for bone in pairwise(chain.split("-")))
    unknown = {joint for bone in bones for joint in bone} - set(joints)
    if unknown or root not in joints or len(set(joints)) != len(joints):
        raise ValueError(f"{name}: bones, root and joints do not fit ({sorted(unknown)})")
    recipes = MappingProxyType({key.replace("__", "."): recipe for key, recipe in recipes.items()})
    _BY_NAME[name] = Skeleton(name, joints, bones, root, frozenset(own.split()), family or name, recipes)
    return _BY_NAME[name]


def by_name(name: str) -> Skeleton:
    """The skeleton of that name (`"mpii16"`, …)."""
    if name not in _BY_NAME:
        raise KeyError(f"no skeleton {name!r}; there are {', '.join(_BY_NAME)}")
    return _BY_NAME[name]


def sources(source: Skeleton, target: Skeleton) -> list[Recipe | None]:
    """For each joint of `target`: how it is derived from `source`'s joints, None where it cannot be."""
    named = {source.key(joint): define_recipe(**{joint: 1.0}) for joint in source.joints}
    keys = map(target.key, target.joints)
    return [named.get(key) or source.recipes.get(key) for key in keys]


@lru_cache
def conversion_matrix(source: Skeleton, target: Skeleton) -> np.ndarray:
    """(J_target, J_source) float64 weights; a row of zeros for a joint that `source` cannot give."""
    matrix = np.zeros((len(target), len(source)))
    for row, recipe in enumerate(sources(source, target)):
        for joint, weight in (recipe.weights if recipe else {}).items():
            matrix[row, source.index(joint)] = weight
    matrix.setflags(write=False)
    return matrix


def convert(joints: Array, source: Skeleton, target: Skeleton) -> Array:
    """Convert joints of one skeleton to another.

    The joints (..., J, D) are an array or tensor in any unit and frame (the weights sum to 1, so both are
    kept), NaN where missing; so are the result's (..., J_target, D), NaN where a recipe lacks one.
    """
    if joints.shape[-2] != len(source):
        wanted = f"(…, {len(source)}, D), the shape of {source.name} joints"
        raise ValueError(f"{tuple(joints.shape)} is not {wanted}")
    matrix = conversion_matrix(source, target)
    if hasattr(joints, "new_tensor"):  # a tensor; torch itself takes seconds to load
        weights = joints.new_tensor(matrix)
        missing = joints.isnan()
        result = weights @ joints.nan_to_num(0.0)
        lacking = (weights != 0).to(joints.dtype) @ missing.to(joints.dtype) > 0
        return result.masked_fill(lacking | (weights == 0).all(1)[:, None], np.nan)
    joints = np.asarray(joints)
    weights = matrix.astype(joints.dtype if np.issubdtype(joints.dtype, np.floating) else float)
    missing = np.isnan(joints)
    result = weights @ np.where(missing, 0, joints)
    lacking = (weights != 0).astype(float) @ missing.astype(float) > 0
    result[lacking | np.broadcast_to((weights == 0).all(1)[:, None], lacking.shape)] = np.nan
    return result
