"""Simulated people, written as the same files in the same layouts as the real data sets: `make("mpii", root,
train=…, test=…)`."""

from simulated_people.stand_ins import NAMES, make

__all__ = ["NAMES", "make"]
