"""How fast simulated people are made: every stand-in at 128 px crops, from the command to the files, the start of the processes included.

Rows of `rendering.csv`: set, records and pictures written (a picture of MPII or 3DPW shows several people, one of FLIC or LSP one), px of a
picture, seconds, records and pictures a second.
"""

import os
import subprocess
import sys
import time

import cv2

from benchmarks.growth import PROJECT
from benchmarks.timing import circumstances
from hpe_study.synthetic import NAMES

RECORDS = {"quick": (6, 4), "full": (800, 160)}  # train, test
SETS = {"quick": ("mpii", "flic"), "full": NAMES}
SIZE = 128  # px of a person's square crop
WORKERS = 2
KEYS = ("set", "workers", "machine")


def measured(folder, extent):
    """All rows (dicts). folder: a temporary one; extent: "quick" or "full"."""
    train, test = RECORDS[extent]
    rows = []
    for name in SETS[extent]:
        root = folder / name
        words = ["make", name, str(root), "--train", str(train), "--test", str(test), "--size", str(SIZE), "--workers", str(WORKERS)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT)}
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "hpe_study.synthetic", *words, "--quiet"], env=environment, check=True, capture_output=True)
        seconds = time.perf_counter() - start
        pictures = sorted(root.rglob("*.jpg"))
        height, width = cv2.imread(str(pictures[0])).shape[:2]
        row = {"set": name, "workers": WORKERS, "records": train + test, "pictures": len(pictures), "px": f"{width}x{height}"}
        row |= {"seconds": seconds, "records_a_second": (train + test) / seconds, "pictures_a_second": len(pictures) / seconds}
        rows.append(row | circumstances())
        print(f"{name}: {row['records_a_second']:.0f} records, {row['pictures_a_second']:.0f} pictures a second", flush=True)
    return rows
