"""How unequally a skeleton's limbs are stretched: what the geometric loss is to mend (Table 8)."""

import numpy as np
import pandas as pd

from hpe_study.skeletons import BONE_GROUPS, CANONICAL_LENGTHS, MPII16
from hpe_study.study import Study
from hpe_study.study.run_folder import PredictedPeople, RunFolder
from hpe_study.utils.arrays import nan_mean
from hpe_study.utils.tables import read_table

LIMBS = ("arms", "legs")
PUBLISHED = "bone_ratios.csv"  # among published records, which do not hold the predictions it is of
COLUMNS = ["geometry_weight", "seed", "scorer", "test_set", "unevenness"]


def unevenness(poses: np.ndarray, canonical: str = "drillis_contini") -> np.ndarray:
    """(N,) percent: how far the bones of arms and legs are from one ratio to their canonical lengths.

    It is the ratios' standard deviation over their mean, averaged over arms and legs, of poses (N, 16, 3),
    MPII-16, in any unit; NaN where one of their joints is missing.
    """
    spread = []
    for limb in LIMBS:
        ends = np.array([MPII16.indices(bone) for bone in BONE_GROUPS[limb]])
        lengths = np.linalg.norm(poses[:, ends[:, 0]] - poses[:, ends[:, 1]], axis=-1)
        ratios = lengths / np.array([CANONICAL_LENGTHS[canonical][bone] for bone in BONE_GROUPS[limb]])
        spread.append(100 * ratios.std(1) / ratios.mean(1))
    return np.mean(spread, axis=0)


def bone_ratios(study: Study) -> pd.DataFrame:
    """The mean unevenness of each run of a sweep and of the true skeletons, on every test set of the run.

    Returns:
        `COLUMNS`; where it is published, as published; else none of runs whose predictions are not at hand.
    """
    published = study.records[0].with_name(PUBLISHED)
    if study.profile.records and published.exists():
        return read_table(published, "bone ratios", COLUMNS, ("geometry_weight", "seed", "unevenness"))
    rows = []
    runs = [row.run for row in study.rows]
    for run in [run for run in runs if (study.run_folder(run) / "predictions.h5").exists()]:
        folder = RunFolder(study.run_folder(run))
        for name in folder.test_sets:
            people = PredictedPeople([folder], name)
            for scorer, poses in (("model", people.joints_3d[0]), ("truth", people.true_3d)):
                value = float(nan_mean(unevenness(poses), axis=0))
                rows.append((run.geometry_weight, run.seed, scorer, name, value))
    return pd.DataFrame(rows, columns=COLUMNS)
