"""How many of the simulated people BlazePose finds, at the size of the demo: are they as clear as real ones?

Rows of `clarity.csv`: set, pictures looked at, found (percent with somebody found in the whole picture), and
shrunk (the same pictures made at 256 px and shrunk by area: what the size alone costs). Needs `make blazepose`.
"""

from pathlib import Path

import cv2

from benchmarks.growth import PROJECT
from benchmarks.timing import circumstances
from hpe_study.datasets import open_dataset
from hpe_study.evaluation.blazepose import detect, is_installed
from simulated_people import NAMES, StandInSpec, make

SETS = {"quick": ("h36m",), "full": NAMES}
PEOPLE = {"quick": 4, "full": 300}
SIZE, LARGE = 96, 256  # px of a person's square crop
KEYS = ("set", "machine")


def measured(folder: Path, extent: str) -> list[dict]:
    """All rows; none where BlazePose is not installed. extent: "quick" or "full"."""
    if not is_installed(PROJECT):
        print("no clarity.csv: BlazePose is not installed; run: make blazepose", flush=True)
        return []
    return [_row(name, folder, PEOPLE[extent]) for name in SETS[extent]]


def _row(name, folder, people):
    small, large = (_pictures(name, folder, people, size) for size in (SIZE, LARGE))
    shrunk = [
        cv2.resize(picture, one.shape[1::-1], interpolation=cv2.INTER_AREA)
        for one, picture in zip(small, large, strict=True)
    ]
    found, of_shrunk = (100 * detect(pictures, PROJECT).found.mean() for pictures in (small, shrunk))
    print(f"{name}: found {found:.1f} % of {len(small)} pictures, shrunk ones {of_shrunk:.1f} %", flush=True)
    return {"set": name, "pictures": len(small), "found": found, "shrunk": of_shrunk} | circumstances()


def _pictures(name, folder, people, size):
    root = folder / f"clear-{name}-{size}"
    make(StandInSpec(name, 8, people, size=size), root, workers=2, progress=False)
    records = open_dataset(name, root, "test")
    paths = dict.fromkeys(records[row].image for row in range(len(records)))
    return [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in paths]
