"""Furniture: made of boxes that stand on the floor."""

import numpy as np
import pytest

from simulated_people.scenes import furniture
from simulated_people.scenes.scene import Spot, Surface


@pytest.mark.parametrize("kind", [*furniture.PIECES, "panel"])
def test_furniture_stands_on_the_floor(kind):
    boxes = furniture.piece(np.random.default_rng(0), kind, Spot(1.0, 2.0, 0.7), Surface(), 4)
    assert min(box.centre[1] - box.half[1] for box in boxes) < 0.12
    assert {box.object_id for box in boxes} == {4}
    assert all(min(box.half) > 0 for box in boxes)
    assert np.hypot(*(np.mean([box.centre for box in boxes], 0)[[0, 2]] - [1.0, 2.0])) < 0.3
