"""Files of made-up numbers."""

import pickle

import cv2
import numpy as np
import scipy.io


def picture(path, width=64, height=48, shade=128):
    """A grey image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((height, width, 3), shade, np.uint8))


def numbers(*shape, low=5.0, high=40.0, seed=0):
    """Made-up numbers, the same every time."""
    return np.random.default_rng(seed).uniform(low, high, shape)


def save_mat(path, **values):
    """A MATLAB file of version 5."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, values)


def save_pickle(path, value, protocol=2):
    """A pickle."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value, protocol=protocol))
