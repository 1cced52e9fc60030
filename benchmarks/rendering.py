"""How fast simulated people are made: every stand-in at 128 px crops, from the command to the files, the
start of the processes included.

Rows of `rendering.csv`: set, records and pictures written (a picture of MPII or 3DPW shows several people,
one of FLIC or LSP one), px of a picture, seconds, records and pictures a second. Each set is made twice:
small, when the start takes a sixth of the time, and larger.
"""

import os
import shutil
import subprocess
import sys
import time

import cv2

from benchmarks.growth import PROJECT
from benchmarks.timing import circumstances
from simulated_people import NAMES

RECORDS = {"quick": ((6, 4),), "full": ((800, 160), (3200, 640))}  # train, test
SETS = {"quick": ("mpii", "flic"), "full": NAMES}
SIZE = 128  # px of a person's square crop
WORKERS = {"quick": 1, "full": 2}
KEYS = ("set", "workers", "records", "machine")


def measured(folder, extent):
    """All rows (dicts). folder: a temporary one; extent: "quick" or "full"."""
    return [
        _row(name, folder / f"{name}-{train}", (train, test), WORKERS[extent])
        for train, test in RECORDS[extent]
        for name in SETS[extent]
    ]


def _row(name, root, records, workers):
    options = [
        "make",
        name,
        str(root),
        "--train",
        str(records[0]),
        "--test",
        str(records[1]),
        "--size",
        str(SIZE),
        "--workers",
        str(workers),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT)}
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "simulated_people", *options, "--quiet"],
        env=environment,
        check=True,
        capture_output=True,
    )
    seconds = time.perf_counter() - start
    pictures = sorted(root.rglob("*.jpg"))
    height, width = cv2.imread(str(pictures[0])).shape[:2]
    records, count = sum(records), len(pictures)
    shutil.rmtree(root)
    print(
        f"{name}, {records} records: {records / seconds:.0f} records, {count / seconds:.0f} pictures a"
        " second",
        flush=True,
    )
    row = {
        "set": name,
        "workers": workers,
        "records": records,
        "pictures": count,
        "px": f"{width}x{height}",
        "seconds": seconds,
    }
    return (
        row | {"records_a_second": records / seconds, "pictures_a_second": count / seconds} | circumstances()
    )
