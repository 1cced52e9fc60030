"""Small stand-ins of all sets, made once, and what is exactly known about their people."""

from functools import lru_cache

import h5py
import numpy as np
from filelock import FileLock

from simulated_people import StandInSpec, make

TRAIN, TEST, SIZE = 24, 8, 40  # records, records, px


def maker(root):
    """name → the data root with that small stand-in, made when first asked for, by whichever process it is."""
    root.mkdir(exist_ok=True)

    @lru_cache
    def made(name):
        with FileLock(root / f".{name}.lock"):
            make(StandInSpec(name, TRAIN, TEST, size=SIZE), root, progress=False)
        return root

    return made


def truth(root, name, split):
    """The exact values of a split, as a dict of arrays, in the order of its records."""
    order = {("lsp", "train"): ("lsp_extended", "lsp")}.get((name, split), (name,))
    parts = []
    for folder in order:
        with h5py.File(root / folder / "truth.h5") as store:
            parts.append({key: store[split][key][()] for key in store[split]})
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
