"""The figure of a view: whose joints are where, in which colour, and how much a move costs."""

import re
import time

import numpy as np
import pytest

from hpe_study.skeletons import MPII16
from hpe_study.skeletons.palette import COLOURS
from hpe_study.study.run_folder import RunFolder
from hpe_study.viewer.figure import ViewFigure, build
from hpe_study.viewer.runs import RunPeople
from hpe_study.viewer.traces import bone_lines_2d, bone_lines_3d, floor_height, to_scene, trace_values
from hpe_study.viewer.view import Panel, Pose, View
from tests.tiny_study import OTHER, RUN


@pytest.fixture(scope="module")
def people(tiny_study):
    return RunPeople([RunFolder(tiny_study.folder / name) for name in (RUN, OTHER)], "h36m")


def numbered_pose(occluded=()):
    """Joint j lies at (j, 10 + j) in the box and (j, 100 + j, 1000 + j) mm."""
    j = np.arange(16.0)
    mask = np.isin(np.arange(16), list(occluded))
    return Pose(MPII16, np.stack([j, 10 + j], 1), np.stack([j, 100 + j, 1000 + j], 1), mask)


def view(*panels, picture=None):
    return View("title", "words", picture, (0, 0, 1, 1), panels, "error (mm)")


def test_up_is_up_and_away_is_away():
    np.testing.assert_array_equal(to_scene(np.array([[1.0, 2.0, 3.0]])), [[1.0, 3.0, -2.0]])


def test_every_bone_is_drawn_once_on_its_own_side():
    drawn = []
    for side in COLOURS:
        x, _ = bone_lines_2d(numbered_pose(), side)
        bones = x.reshape(-1, 3)
        assert np.isnan(bones[:, 2]).all()
        ends = [tuple(int(end) for end in bone[:2]) for bone in bones]
        assert all(MPII16.joints[child].startswith(side) or side == "" for _, child in ends)
        drawn += ends
    assert sorted(drawn) == sorted(MPII16.bone_indices)


def test_bones_in_space_have_the_colour_of_their_side():
    x, _, _, colours = bone_lines_3d(numbered_pose())
    knee = MPII16.index("r_knee")
    place = int(np.flatnonzero(x == knee)[0])
    assert colours[place] == COLOURS["r_"]
    assert len(x) == len(colours) == 3 * len(MPII16.bones)


def test_occluded_joints_are_hollow():
    values = trace_values(view(Panel("A", ("a run",), numbered_pose(occluded=[10]))))
    for name in ("A predicted joints", "A predicted joints in space"):
        symbols = values[name]["marker"]["symbol"]
        assert [index for index, symbol in enumerate(symbols) if symbol == "circle-open"] == [10]


def test_the_floor_is_under_the_true_skeleton():
    low = Pose(MPII16, np.zeros((16, 2)), np.tile([0.0, 800.0, 0.0], (16, 1)), np.zeros(16, bool))
    assert floor_height(view(Panel("A", ("a run",), numbered_pose(), low))) == -800
    assert floor_height(view(Panel("A", ("a run",), numbered_pose()))) == -115
    nothing = Pose(MPII16, np.zeros((16, 2)), np.full((16, 3), np.nan), np.zeros(16, bool))
    assert floor_height(view(Panel("A", ("a run",), nothing))) == 0


def test_who_goes_through_the_floor_is_seen_below_it():
    sunk, low = (
        numbered_pose(),
        Pose(MPII16, np.zeros((16, 2)), np.tile([0.0, 80.0, 0.0], (16, 1)), np.zeros(16, bool)),
    )
    figure = build(view(Panel("A", ("a run",), sunk, low)), 900.0)
    bottom, top = figure.layout.scene.zaxis.range
    assert bottom < -115 < -80 < top  # the predicted joints reach 115 mm down, the true ones 80
    assert top - bottom == 1800
    heights = {trace.name: trace.z for trace in figure.data if "floor" in trace.name}
    assert -115 < heights["A floor"][0] < -80
    assert (
        len(heights["B floor"]) == 4
    )  # never empty: plotly's redrawing fails where a surface loses its points
    wild = Pose(MPII16, np.zeros((16, 2)), np.tile([0.0, 9000.0, 0.0], (16, 1)), np.zeros(16, bool))
    assert (
        build(view(Panel("A", ("a run",), wild, low)), 900.0).layout.scene.zaxis.range[0] > -80 - 900 - 100
    )  # the true skeleton stays in sight


def test_a_move_changes_what_is_shown_and_nothing_else(people):
    figure = ViewFigure(people.view(0), people.reach)
    figure.widget.layout.scene.camera.eye = {"x": 1, "y": 2, "z": 3}
    kinds = [(trace.type, trace.name) for trace in figure.widget.data]
    figure.show(people.view(7))
    shown = {trace.name: trace for trace in figure.widget.data}
    np.testing.assert_allclose(shown["A predicted joints"].x, people.joints_2d[0][7][:, 0])
    np.testing.assert_allclose(shown["B predicted joints in space"].z, -people.joints_3d[1][7][:, 1])
    np.testing.assert_allclose(shown["B bars"].y, people.errors[1][7])
    assert figure.view.title == people.view(7).title
    assert [(trace.type, trace.name) for trace in figure.widget.data] == kinds
    assert figure.camera["eye"] == {"x": 1, "y": 2, "z": 3}


def test_cameras_turn_together(people):
    widget = ViewFigure(people.view(0), people.reach).widget
    widget.layout.scene.camera.eye = {"x": 0.1, "y": 0.2, "z": 2.0}
    assert widget.layout.scene2.camera.eye.z == 2.0
    widget.layout.scene2.camera.eye = {"x": 1.5, "y": 0.2, "z": 0.0}
    assert widget.layout.scene.camera.eye.x == 1.5


def test_axes_are_equal(people):
    widget = ViewFigure(people.view(0), people.reach).widget
    for scene in (widget.layout.scene, widget.layout.scene2):
        spans = [np.ptp(axis.range) for axis in (scene.xaxis, scene.yaxis, scene.zaxis)]
        np.testing.assert_allclose(spans, 2 * people.reach)
        assert scene.aspectmode == "cube"


def test_the_page_needs_no_network(people):
    page = ViewFigure(people.view(0), people.reach).html()
    assert "plotly_relayout" in page
    assert 'src="http' not in page
    assert re.search(r"data:image.{1,6}jpeg;base64", page)


def test_a_move_costs_us_less_than_150_ms(people):
    figure = ViewFigure(people.view(0), people.reach)
    figure.show(people.view(1))
    start = time.process_time()
    for number in range(2, 10):
        figure.show(people.view(number))
    assert (time.process_time() - start) / 8 < 0.150
