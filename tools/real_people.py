"""`python -m tools.real_people`: README's picture of the network in the box on real people, drawn anew.

They are frames of Pose2Sim's demo (BSD-3; it comes with the package), evenly spread, not chosen.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from hpe_study.data.preparation import prepare
from hpe_study.data.store import Store
from hpe_study.data.store_key import StoreSettings
from hpe_study.datasets.pose2sim import PACKAGED
from hpe_study.evaluation.predictor import Predictor
from hpe_study.evaluation.run_record import read_run_record
from hpe_study.models.pretrained import PRETRAINED
from hpe_study.report.people import draw_people
from hpe_study.utils.files import atomic

TARGET = Path(__file__).resolve().parent.parent / "docs" / "pictures" / "real_people.jpg"
SETTINGS = StoreSettings("pose2sim", "test", 128, options={"every": 20})
SHOWN = 6  # people
LOOK = {"format": "jpeg", "dpi": 75, "pil_kwargs": {"quality": 78, "optimize": True}}


def main(target: Path = TARGET) -> Path:
    """Draw the picture; returns its path."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(prepare(SETTINGS, PACKAGED, Path(folder) / "pose2sim.h5", progress=False))
        people = np.linspace(0, len(store) - 1, SHOWN).astype(int)
        predicted = Predictor.from_run(PRETRAINED, "cpu", "fp32").arrays(store)
        titles = [f"{store['camera'][i]}, frame {store['frame'][i]}" for i in people]
        bones = np.array(read_run_record(PRETRAINED).bones_mm, float)
        figure = draw_people(store, people, predicted, bones, titles)
    with atomic(target) as part:
        figure.savefig(part, **LOOK)
    plt.close(figure)
    return target


if __name__ == "__main__":
    print(f"drawn: {main()}")
