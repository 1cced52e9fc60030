"""An open store: its crops and labels, and one line for a file that is damaged or of another kind."""

import h5py
import numpy as np
import pytest

from hpe_study.data.augmentation import augment_batch, identity_augmentation
from hpe_study.data.loading import loader
from hpe_study.data.store import Store
from hpe_study.errors import StudyError
from tests.stick_people import stick_store


@pytest.mark.parametrize("encoding", ["raw", "jpeg"])
def test_crops_come_in_the_order_asked_for(tmp_path, encoding):
    store = stick_store(tmp_path, 6, encoding=encoding)
    crops = store.crops([4, 0, 4, 2])
    assert crops.shape == (4, 96, 96, 3)
    np.testing.assert_array_equal(crops[0], crops[2])
    np.testing.assert_array_equal(crops[1], store.crops([0])[0])
    in_memory = Store(store.path, in_memory=True)
    np.testing.assert_array_equal(in_memory.crops([4, 0, 4, 2]), crops)


def test_a_file_that_is_no_store_is_refused(tmp_path):
    path = tmp_path / "some.h5"
    with h5py.File(path, "w") as file:
        file["x"] = [1]
    with pytest.raises(StudyError, match="not a prepared store"):
        Store(path)
    path.write_text("hello")
    with pytest.raises(StudyError, match="not a prepared store"):
        Store(path)


def test_labels_sit_on_the_picture(tmp_path):
    """The network's input shows each joint where its label says: the sticks' ends are brighter than the
    ground around."""
    store = stick_store(tmp_path, 8)
    raw = next(iter(loader([store], np.stack([np.zeros(8, int), np.arange(8)], 1), 8)))
    batch = augment_batch(raw, identity_augmentation(8), 64)
    cells = (batch.joints * 64).long().clamp(0, 63)
    blue = batch.images[:, 2]
    at_joints = blue[np.arange(8)[:, None], cells[..., 1], cells[..., 0]]
    assert at_joints.median() > 0.6
    assert blue.median() < 0.4
