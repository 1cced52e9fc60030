"""The similarity behind the label cache, against a brute-force twin."""

import numpy as np
from scipy.optimize import minimize

from simulated_people.sets.h36m import similarity


def test_similarity_recovers_a_known_one():
    rng = np.random.default_rng(0)
    source = rng.normal(size=(3, 18, 2))
    angle = np.array([0.1, -2.0, 3.0])
    rotation = np.stack(
        [np.stack([np.cos(angle), np.sin(angle)], -1), np.stack([-np.sin(angle), np.cos(angle)], -1)], 1
    )
    target = np.array([2.0, 0.5, 7.0])[:, None, None] * source @ rotation + np.array([[[3.0, -4.0]]])
    scale, estimated, shift = similarity(source, target)
    np.testing.assert_allclose(scale, [2, 0.5, 7])
    np.testing.assert_allclose(estimated, rotation, atol=1e-12)
    np.testing.assert_allclose(shift, np.broadcast_to([3.0, -4.0], (3, 2)), atol=1e-9)


def test_similarity_is_the_least_squares_one_and_no_reflection():
    rng = np.random.default_rng(1)
    source = rng.normal(size=(1, 18, 2))
    target = source * [1.0, -1.0] + 0.3 * rng.normal(size=(1, 18, 2))  # a mirror image tempts to reflect
    scale, rotation, shift = (value[0] for value in similarity(source, target))
    assert np.linalg.det(rotation) > 0

    def error(values):
        size, angle, *moved = values
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        return ((size * source[0] @ turn + moved - target[0]) ** 2).sum()

    best = min(minimize(error, [1.0, angle, 0.0, 0.0]).fun for angle in (0, 1.5, 3, 4.5))
    assert ((scale * source[0] @ rotation + shift - target[0]) ** 2).sum() <= best + 1e-6
