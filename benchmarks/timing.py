"""Two ways of doing the same work, timed in alternation: medians of paired ratios, of the process's CPU time.

CPU time, because a shared machine's other work would be in wall time; everything here runs in one process on
one thread.
"""

import datetime
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import torch

from benchmarks.peak import matrix_rate
from hpe_study.utils.devices import provenance

COLUMNS = (
    *(
        "benchmark",
        "precision",
        "unit",
        "ours",
        "twin",
        "ratio",
        "ratio_low",
        "ratio_high",
        "pairs",
        "target",
        "met",
    ),
    *("share_of_peak", "ratio_at_peak"),
    *("machine", "threads", "torch", "python", "code", "data", "date"),
)
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Row:
    """One benchmark. ours: {precision: function}; twin: a function; each does the work once. targets:
    {precision: ratio}.

    per: what one call's time is divided by, so that `unit` is a unit's cost. repeats: calls a timing is made
    of. flop: of the networks' arithmetic in one call, 0 where that is not what takes the time; then each
    round also measures the machine's peak, by the product of matrices of that side.
    """

    name: str
    twin: Callable
    ours: dict
    targets: dict
    pairs: int
    unit: str = "ms"
    per: float = 1.0
    repeats: int = 1
    flop: float = 0
    matrix: int = 2048


def seconds_of(function, repeats=1):
    """CPU seconds of one call, all threads."""
    start = time.process_time()
    for _ in range(repeats):
        function()
    return (time.process_time() - start) / repeats


def measured(row):
    """The rows (dicts by `COLUMNS`) of a benchmark, one a precision: after a warm-up, `pairs` rounds, the
    order turned each time."""
    functions = {"twin": row.twin, **row.ours}
    for function in functions.values():
        function()
    rounds, peaks = [], {precision: [] for precision in row.ours if row.flop}
    for number in range(row.pairs):
        order = list(functions) if number % 2 == 0 else list(functions)[::-1]
        seconds = {name: seconds_of(functions[name], row.repeats) for name in order}
        rounds.append([seconds[name] for name in functions])
        for precision, rates in peaks.items():
            rates.append(matrix_rate(row.matrix, CPU, precision, rounds=3, clock=time.process_time))
    twin, *ours = np.array(rounds).T
    return [
        result(row, precision, mine, twin, peaks.get(precision))
        for precision, mine in zip(row.ours, ours, strict=True)
    ]


def _beside_the_peak(flop, ours, twin, peaks):
    """share_of_peak: percent of the machine's measured peak that ours comes to; ratio_at_peak: what the ratio
    would be at all of it."""
    if not flop:
        return {"share_of_peak": None, "ratio_at_peak": None}
    least = flop / np.median(peaks)
    return {
        "share_of_peak": float(100 * least / np.median(ours)),
        "ratio_at_peak": float(np.median(twin) / least),
    }


def result(row, precision, ours, twin, peaks=None):
    """A row of the table from paired costs (n,) in seconds (or, of bytes, in bytes). peaks: the machine's, in
    operations a second."""
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
        **_beside_the_peak(row.flop, ours, twin, peaks),
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
