"""The notes on PCKh agree with the labels."""

import numpy as np

from hpe_study.config import PAPER_2D, PAPER_3D
from hpe_study.datasets.base import head_size_of
from hpe_study.report.pckh import HEAD_SIZES
from hpe_study.skeletons import FLIC29, H36M17, LSP14, MPI_INF_3DHP17, SMPL24, UNREALCV15


def test_the_notes_name_a_head_size_for_the_sets_whose_joints_have_one():
    skeletons = {
        "lsp": LSP14,
        "flic": FLIC29,
        "h36m": H36M17,
        "mpi_inf_3dhp": MPI_INF_3DHP17,
        "occlusion_person": UNREALCV15,
        "3dpw": SMPL24,
    }
    for name, skeleton in skeletons.items():
        joints = np.arange(2.0 * len(skeleton.joints)).reshape(-1, 2)
        missing = HEAD_SIZES[name].startswith("no head")
        assert missing == np.isnan(head_size_of(joints, skeleton)), name
    assert set(HEAD_SIZES) == {*PAPER_2D, *PAPER_3D, "3dpw"}
