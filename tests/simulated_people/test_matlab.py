"""MATLAB files: what is saved comes back."""

import numpy as np
from scipy.io import loadmat

from simulated_people import matlab


def test_struct_arrays_and_cells_come_back(tmp_path):
    rows = [{"name": "a", "coords": np.arange(6.0).reshape(2, 3)}, {"name": "bcd", "coords": np.ones((2, 3))}]
    cells = [np.zeros((2, 1)), np.ones((3, 4))]
    matlab.save(tmp_path / "labels.mat", examples=matlab.struct_array(rows), annot2=matlab.cells(cells))
    labels = loadmat(tmp_path / "labels.mat")
    assert labels["examples"].shape == (1, 2)
    assert [str(name[0]) for name in labels["examples"]["name"][0]] == ["a", "bcd"]
    np.testing.assert_array_equal(labels["examples"]["coords"][0, 0], rows[0]["coords"])
    assert labels["annot2"].shape == (2, 1)
    np.testing.assert_array_equal(labels["annot2"][1, 0], cells[1])
