"""Boxes: pixels to fractions and back."""

import numpy as np
import pytest
import torch

from hpe_study.boxes import Boxes


def test_corners_and_centre():
    boxes = Boxes(np.array([[10.0, 20.0]]), np.array([8.0]))
    px = np.array([[[6.0, 16.0], [10.0, 20.0], [14.0, 24.0]]])
    assert boxes.to_fraction(px).tolist() == [[[0, 0], [0.5, 0.5], [1, 1]]]


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_there_and_back_keeps_missing_joints_missing(kind):
    boxes = Boxes(kind([[10.0, 20.0], [3.0, 5.0]]), kind([8.0, 32.0]))
    px = kind([[[7.0, 21.0], [np.nan, np.nan]], [[0.0, 1.0], [2.0, 3.0]]])
    back = boxes.to_pixels(boxes.to_fraction(px))
    np.testing.assert_allclose(np.asarray(back), np.asarray(px), rtol=1e-12)
    assert boxes[[1]].to_fraction(px[[1]]).tolist() == boxes.to_fraction(px)[[1]].tolist()


def test_one_box_by_itself():
    boxes = Boxes(np.array([[10.0, 20.0], [3.0, 5.0]]), np.array([8.0, 32.0]))
    px = np.array([[7.0, 21.0], [3.0, 5.0]])
    assert boxes[1].to_fraction(px).tolist() == boxes[[1]].to_fraction(px[None])[0].tolist()
    assert boxes[1].offsets(px).tolist() == [[4 / 32, 16 / 32], [0, 0]]
