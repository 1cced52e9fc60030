"""The contact sheet."""

import numpy as np
import pytest

from hpe_study.datasets import open_dataset
from hpe_study.datasets.contact_sheet import contact_sheet
from hpe_study.skeletons.palette import COLOURS
from tests.datasets import raw_layouts


def test_a_sheet_shows_boxes_bones_and_hidden_joints(tmp_path):
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("Agg")
    raw_layouts.lsp(tmp_path)
    records = open_dataset("lsp", tmp_path, "test")
    figure = contact_sheet(records, count=3)
    axis, record = figure.axes[1], records[1]
    box = axis.patches[0]
    np.testing.assert_allclose(
        [box.get_x(), box.get_width()], [record.center[0] - record.side / 2, record.side]
    )
    dots = {tuple(line.get_xydata()[0]): line for line in axis.lines if len(line.get_xydata()) == 1}
    hollow = [
        record.skeleton.joints[i]
        for i, place in enumerate(record.joints2d)
        if dots[tuple(place)].get_markerfacecolor() == "none"
    ]
    assert hollow == ["l_hip"]
    bones = [line for line in axis.lines if len(line.get_xydata()) == 2]
    assert len(bones) == len(record.skeleton.bones)
    assert {line.get_color() for line in bones} == set(COLOURS.values())
    assert figure.get_suptitle() == "lsp (test): 3 of 3 records"
    plt.close(figure)
