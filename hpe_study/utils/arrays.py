"""NumPy arrays in which NaN means missing."""

import numpy as np


def nan_mean(values: np.ndarray, axis: int | None = None) -> np.ndarray | float:
    """Mean over what is not NaN; NaN where nothing is. Unlike `np.nanmean` it does not warn of that."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        mean = np.where(known, values, 0).sum(axis) / known.sum(axis)
    return float(mean) if axis is None else mean
