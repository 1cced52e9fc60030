"""The paper's four lines of stages whose minutes it prints, and the training time of ours."""

import numpy as np
import pandas as pd

from hpe_study.report.intervals import DRAWS
from hpe_study.report.results import named
from hpe_study.report.scores import lineage_label
from hpe_study.study import Run
from hpe_study.utils.rng import generator

LAST_RUN = {  # of the paper's four totals: the run whose line cost them
    ("best_occlusion_person", "2d_pretraining"): Run(3, "mpii", "occlusion_person", "occlusion_person"),
    ("best_occlusion_person", "3d_only"): Run(3, None, "mpi_inf_3dhp", "occlusion_person"),
    ("best_mpi_inf_3dhp", "2d_pretraining"): Run(3, "lsp", "h36m", "h36m"),
    ("best_mpi_inf_3dhp", "3d_only"): Run(3, None, "occlusion_person", "mpi_inf_3dhp"),
}


def label(run: Run) -> str:
    """A run in a few words: `LSP ×2 → H36M → Occlusion-Person`."""
    return lineage_label(vars(run))


def total_draws(history: pd.DataFrame, run: Run, seeds: list[int]) -> tuple[float, np.ndarray] | None:
    """(minutes, draws) of a scheme's training time, epochs resampled by stage; None if one was not run."""
    random = generator(f"seconds of {run.name}", 0)
    total, drawn = 0.0, 0.0
    for member in run.lineage:
        seconds = named(history, member)["seconds"].to_numpy(float) / len(seeds) / 60
        if len(seconds) == 0:
            return None
        total += seconds.sum()
        drawn = drawn + seconds[random.integers(len(seconds), size=(DRAWS, len(seconds)))].sum(1)
    return total, drawn
