"""Tiny data sets with made-up numbers in the raw layouts, written from the formats and from nothing of the
package.

Each writer takes the data root, writes a few records, and returns the numbers it wrote (0-based px, mm, the
set's own joints).
"""

from tests.datasets.raw_layouts.files import numbers, picture, save_mat, save_pickle
from tests.datasets.raw_layouts.real_people import pose2sim, spin_fits
from tests.datasets.raw_layouts.sets_2d import FLIC_LABELLED, flic, lsp, lsp_extended, mpii_json
from tests.datasets.raw_layouts.sets_3d import (
    cache_path,
    h36m_challenge,
    h36m_full,
    mpi_inf_3dhp_test,
    mpi_inf_3dhp_train,
    occlusion_person,
    threedpw,
)

__all__ = [
    "FLIC_LABELLED",
    "cache_path",
    "flic",
    "h36m_challenge",
    "h36m_full",
    "lsp",
    "lsp_extended",
    "mpi_inf_3dhp_test",
    "mpi_inf_3dhp_train",
    "mpii_json",
    "numbers",
    "occlusion_person",
    "picture",
    "pose2sim",
    "save_mat",
    "save_pickle",
    "spin_fits",
    "threedpw",
]
