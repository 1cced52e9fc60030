"""Which records of a test set are of one person, one sequence and one moment.

Intervals resample these (`evaluation.bootstrap`), never single records: frames resemble each other, and
synchronous cameras show one moment. Where a data set does not name them, as the H36M challenge, the poses do:
all records of a person share their limbs' lengths, and all cameras of a moment the distances between the
joints.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from hpe_study.skeletons import BONE_GROUPS, MPII16

SAME = 1.5  # mm: lengths that differ by less are taken for one
LIMBS = [MPII16.indices(bone) for bone in (*BONE_GROUPS["arms"], *BONE_GROUPS["legs"])]  # rigid
ENDS = MPII16.indices("r_ankle l_ankle pelvis head_top r_wrist l_wrist thorax")  # tell poses apart


@dataclass(frozen=True)
class Units:
    """What is resampled: person, sequence and moment of each of N records, each nested in the one before."""

    person: np.ndarray  # (N,) numbers from 0
    sequence: np.ndarray  # (N,) numbers from 0
    moment: np.ndarray  # (N,) numbers from 0

    def __len__(self) -> int:
        return len(self.person)

    @property
    def levels(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Person, sequence and moment."""
        return self.person, self.sequence, self.moment

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many people, sequences and moments there are."""
        people, sequences, moments = (int(level.max(initial=-1)) + 1 for level in self.levels)
        return people, sequences, moments

    def of(self, chosen: np.ndarray) -> "Units":
        """Those of some records, numbered anew. chosen: their indices, or a mask."""
        return Units(*(np.unique(level[chosen], return_inverse=True)[1] for level in self.levels))


def units_of(labels: Mapping[str, np.ndarray]) -> Units:
    """The `Units` of labels; who has neither a name nor a 3D pose is a person of their own image."""
    person, sequence, image = (labels[key].astype(str) for key in ("subject", "sequence", "image"))
    posed = np.isfinite(labels["joints3d"]).any((1, 2)) & (person == "")
    person = np.where(person == "", image, person)
    moment = np.where((sequence != "") & (labels["frame"] >= 0), labels["frame"].astype(str), image)
    if posed.any():
        joints = labels["joints3d"][posed]
        person, moment = person.astype(object), moment.astype(object)
        person[posed] = _clusters(_lengths(joints, LIMBS))
        moment[posed] = _clusters(_lengths(joints, combinations(ENDS, 2)))
    levels, outer = [], np.full(len(person), "")
    for level in (person, sequence, moment):
        outer = np.char.add(np.char.add(outer, "\n"), level.astype(str))
        levels.append(np.unique(outer, return_inverse=True)[1])
    return Units(*levels)


def _lengths(joints: np.ndarray, pairs: Iterable) -> np.ndarray:
    """(N, pairs) mm between joints, 0 where one is missing."""
    first, second = np.array(list(pairs)).T
    return np.nan_to_num(np.linalg.norm(joints[:, first] - joints[:, second], axis=-1))


def _clusters(values: np.ndarray) -> np.ndarray:
    """(N,) names of clusters of rows: chains of rows whose every value differs by no more than `SAME`."""
    rows, number = np.unique(np.round(values), axis=0, return_inverse=True)
    near = cKDTree(rows).query_pairs(SAME, p=np.inf, output_type="ndarray").T
    links = coo_array((np.ones(near.shape[1]), tuple(near)), shape=(len(rows), len(rows)))
    return connected_components(links, directed=False)[1][number.ravel()].astype(str)
