"""Simulated MPI-INF-3DHP: its people and their studio."""

import numpy as np
import pytest

from simulated_people.sets import mpi_inf_3dhp
from simulated_people.spec import StandInSpec

SPEC = StandInSpec("mpi_inf_3dhp", 1600, 200, size=32)


@pytest.mark.parametrize("split", ["train", "test"])
def test_nobody_wears_green_before_the_green_screen(split):
    people = [
        planned.shot.actors[0].clothes
        for item in range(0, mpi_inf_3dhp.item_count(SPEC, split), 2)
        for planned in mpi_inf_3dhp.plan_item(SPEC, split, item)[:1]
    ]
    for part in ("top", "top_second", "trousers", "shoes"):
        red, green, blue = np.array([clothes[part] for clothes in people]).T
        assert (green <= 1.05 * np.maximum(red, blue) + 1e-9).all(), part
