"""Skeletons: joint sets by name, conversion from one to another, lengths of bones."""

from hpe_study.skeletons.joint_sets import (
    ALL,
    BODY25B,
    BONE_GROUPS,
    CANONICAL_LENGTH,
    CANONICAL_LENGTHS,
    CANONICAL_STATURE,
    FLIC29,
    H36M17,
    H36M_RATIO,
    LSP14,
    MPI_INF_3DHP17,
    MPI_INF_3DHP28,
    MPII16,
    OPENPOSE18,
    SMPL24,
    UNREALCV15,
)
from hpe_study.skeletons.skeleton import Recipe, Skeleton, by_name, conversion_matrix, convert, sources

__all__ = [
    "ALL", "BODY25B", "BONE_GROUPS", "CANONICAL_LENGTH", "CANONICAL_LENGTHS", "CANONICAL_STATURE", "FLIC29",
    "H36M17", "H36M_RATIO", "LSP14", "MPII16", "MPI_INF_3DHP17", "MPI_INF_3DHP28", "OPENPOSE18", "Recipe",
    "SMPL24", "Skeleton", "UNREALCV15", "by_name", "conversion_matrix", "convert", "sources",
]  # fmt: skip
