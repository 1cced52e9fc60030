"""Two ways of doing the same work, timed in alternation: medians of paired ratios, of the process's CPU time.

CPU time, because a shared machine's other work would be in wall time; everything here runs in one process on one thread.
"""

import datetime
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import torch

from hpe_study.devices import provenance

COLUMNS = (
    *("benchmark", "precision", "unit", "ours", "twin", "ratio", "ratio_low", "ratio_high", "pairs", "target", "met"),
    *("machine", "threads", "torch", "python", "code", "data", "date"),
)
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Row:
    """One benchmark. ours: {precision: function}; twin: a function; each does the work once. targets: {precision: ratio}.

    per: what one call's time is divided by, so that `unit` is a unit's cost. repeats: calls a timing is made of.
    """

    name: str
    twin: Callable
    ours: dict
    targets: dict
    pairs: int
    unit: str = "ms"
    per: float = 1.0
    repeats: int = 1


def seconds_of(function, repeats=1):
    """CPU seconds of one call, all threads."""
    start = time.process_time()
    for _ in range(repeats):
        function()
    return (time.process_time() - start) / repeats


def measured(row):
    """The rows (dicts by `COLUMNS`) of a benchmark, one a precision: after a warm-up, `pairs` rounds, the order turned each time."""
    ways = {"twin": row.twin, **row.ours}
    for function in ways.values():
        function()
    rounds = []
    for number in range(row.pairs):
        order = list(ways) if number % 2 == 0 else list(ways)[::-1]
        seconds = {name: seconds_of(ways[name], row.repeats) for name in order}
        rounds.append([seconds[name] for name in ways])
    twin, *ours = np.array(rounds).T
    return [result(row, precision, mine, twin) for precision, mine in zip(row.ours, ours, strict=True)]


def result(row, precision, ours, twin):
    """A row of the table from paired costs (n,) in seconds (or, of bytes, in bytes)."""
    ratios = np.asarray(twin) / np.asarray(ours)
    scale = {"ms": 1000.0, "s": 1.0, "kB": 1e-3}[row.unit.split("/")[0]] / row.per
    target = row.targets.get(precision)
    return {
        "benchmark": row.name,
        "precision": precision,
        "unit": row.unit,
        "ours": float(np.median(ours) * scale),
        "twin": float(np.median(twin) * scale),
        "ratio": float(np.median(ratios)),
        "ratio_low": float(ratios.min()),
        "ratio_high": float(ratios.max()),
        "pairs": len(ratios),
        "target": target,
        "met": None if target is None else bool(np.median(ratios) >= target),
        **circumstances(),
    }


def circumstances(device=CPU):
    """What a measured number depends on besides the code."""
    known = provenance(device, "")
    return {
        "machine": known["device"],
        "threads": torch.get_num_threads(),
        "torch": version("torch"),
        "python": platform.python_version(),
        "code": known["code"],
        "data": "simulated",
        "date": datetime.date.today().isoformat(),
    }
