"""People as they are drawn: joints where the labels are, joints that nobody labels."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from hpe_study.report.people import overlay, wireframes


@pytest.fixture
def axis():
    figure, axis = plt.subplots()
    yield axis
    plt.close(figure)


@pytest.mark.parametrize("with_pictures", [True, False])
def test_overlays_put_joints_where_the_labels_are(results, axis, monkeypatch, with_pictures):
    if not with_pictures:
        monkeypatch.setattr(type(results), "picture", lambda self, name, person: None)
    labels = results.labels("h36m")
    true = labels.boxes[0].to_fraction(labels["joints2d"][0])
    overlay(axis, results, "h36m", 0, true)
    (left, right), (bottom, top) = axis.get_xlim(), axis.get_ylim()
    places = np.array([left, top]) + true * [right - left, bottom - top]
    dots = [line.get_xydata() for line in axis.get_lines() if line.get_marker() == "."]
    assert len(dots) == 2  # true and predicted
    for drawn in dots:
        np.testing.assert_allclose(drawn, places, atol=1e-6)
    hidden = axis.get_lines()[-1].get_xydata()
    np.testing.assert_allclose(hidden, places[labels["occluded"][0] > 0], atol=1e-6)


def test_wireframes_have_equal_scales():
    axis = plt.figure().add_subplot(projection="3d")
    wireframes(axis, {"true": np.random.default_rng(0).normal(size=(16, 3))}, 90.0)
    assert axis.get_xlim() == axis.get_ylim() == axis.get_zlim()
    plt.close(axis.figure)
