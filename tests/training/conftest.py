"""What the trainings of this folder share: stick people, and their bones."""

import pytest

from hpe_study.skeletons.bone_lengths import mean_bone_lengths
from tests.training.stick_runs import run_data


@pytest.fixture(scope="module")
def data(stick_stores):
    """The stores that a training is given."""
    return run_data(stick_stores)


@pytest.fixture(scope="module")
def bones(data):
    """(15,) mm, canonical lengths of the 3D training set."""
    return mean_bone_lengths(data.train_3d["joints3d"])
