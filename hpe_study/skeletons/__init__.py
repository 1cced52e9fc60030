"""Skeletons: joint sets by name, the way from one to another, and the lengths of their bones."""

from hpe_study.skeletons.joint_sets import *  # noqa: F403
