"""One palette: a joint's side decides its colour, in every joint set."""

from hpe_study.skeletons import MPII16
from hpe_study.skeletons.palette import COLOURS, IN_WORDS, LEFT, LEGEND, MIDDLE, RIGHT, colour_of


def test_joints_have_the_colour_of_their_side():
    assert (colour_of("r_wrist"), colour_of("l_hip"), colour_of("pelvis")) == (RIGHT, LEFT, MIDDLE)
    assert {colour_of(joint) for joint in MPII16.joints} == set(COLOURS.values())


def test_the_legend_names_the_colours_that_are_drawn():
    assert list(IN_WORDS) == list(COLOURS)
    assert LEGEND == "orange: own right, blue: own left, green: middle"
