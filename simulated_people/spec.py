"""What a stand-in is to contain, and the random numbers that follow from it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class StandInSpec:
    """What a stand-in was asked for."""

    name: str
    train: int  # records
    test: int
    seed: int = 0
    size: int = 128  # px that a person's square crop has, about
    options: tuple = ()  # (key, value) pairs of the set's own

    def count(self, split):
        """How many records the split gets."""
        return {"train": self.train, "test": self.test}[split]

    def option(self, key, default):
        """One of the set's own options."""
        return dict(self.options).get(key, default)

    def rng(self, *key):
        """A generator for one purpose: the same key gives the same numbers in every process. Keys are words
        and integers."""
        words = "/".join(str(part) for part in (self.name, *key)).encode()
        return np.random.default_rng([self.seed, *words])
