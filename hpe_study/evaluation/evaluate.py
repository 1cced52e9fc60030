"""A finished run → predictions (`predictions.h5`) → scores (`metrics.csv`), both in the run's folder.

metrics.csv has one row per test set, scorer (the model or a baseline) and metric. Scores are functions of the
predictions and the labels, so everything can be scored again without a GPU.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from hpe_study.data.store import Store
from hpe_study.evaluation.prediction_file import CanonicalBones, write_predictions
from hpe_study.evaluation.predictor import Predictor
from hpe_study.evaluation.scoring import fit_baselines, rows_for_set, universal_bone_lengths
from hpe_study.skeletons.bone_lengths import mean_bone_lengths
from hpe_study.utils.files import atomic
from hpe_study.utils.progress import progress_bar


def evaluate(
    folder: str | Path, stores: Mapping[str, Store], train_3d: Store | None, device: str = "auto",
    progress: bool = True, legacy: Sequence[str] = (),
) -> pd.DataFrame:  # fmt: skip
    """Predict and score a finished run on its test sets; returns the rows of `metrics.csv`.

    `stores` with pictures go by the test sets' names. `train_3d` sizes the skeletons and fits the baselines
    (None after stage 1). Some switches of `legacy` change how scores are made. Raises `StudyError` where the
    run has no whole checkpoint, or predicts what is not finite.
    """
    folder = Path(folder)
    predictor = Predictor.from_run(folder, device)
    bones, fitted = CanonicalBones.unknown(), None
    if train_3d is not None:
        bones = CanonicalBones(mean_bone_lengths(train_3d["joints3d"]), universal_bone_lengths(train_3d))
        fitted = fit_baselines(train_3d, bones.own)
    predictions, rows = {}, []
    bar = progress_bar(stores.items(), desc=f"evaluate {folder.name}", unit="set", disable=not progress)
    for name, store in bar:
        predicted = predictor.arrays(store).check_finite(f"{folder.name} on {name}")
        predictions[name] = predicted
        scores = rows_for_set(predicted.joints, predicted.depth, store, bones.own, fitted, legacy)
        rows += [{"test_set": name, "test_origin": store.origin, **row} for row in scores]
    write_predictions(folder / "predictions.h5", bones, predictions, stores)
    table = pd.DataFrame(rows)
    with atomic(folder / "metrics.csv") as part:
        table.to_csv(part, index=False)
    return table
