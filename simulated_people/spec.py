"""What a stand-in is to contain, and the random numbers that follow from it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class StandInSpec:
    """What a stand-in is to contain; the same values give the same bytes.

    Attributes:
        name: The data set, one of `stand_ins.NAMES`; "lsp" stands for `lsp/` and `lsp_extended/`.
        train: Records (people) of the training split.
        test: Records of the test split.
        seed: Another seed gives other people, places and images.
        size: Approximate side of a person's square crop in the images, px; labels fit the images at any size.
        options: The data set's own options, such as {"layout": "full"}; kept as sorted pairs.
    """

    name: str
    train: int
    test: int
    seed: int = 0
    size: int = 128
    options: Mapping | tuple = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", tuple(sorted(dict(self.options).items())))

    def count(self, split: str) -> int:
        """How many records the split gets."""
        return {"train": self.train, "test": self.test}[split]

    def option(self, key: str, default: object) -> object:
        """One of the data set's own options."""
        return dict(self.options).get(key, default)

    def rng(self, *key: str | int) -> np.random.Generator:
        """A generator for one purpose: the same key gives the same numbers in every process."""
        text = "/".join(str(part) for part in (self.name, *key)).encode()
        return np.random.default_rng([self.seed, *text])
