"""Table 1's row "MPII (Test)": the original implementation's public weights on the 3D test sets at hand."""

from pathlib import Path

import pandas as pd

from hpe_study.config import NetworkConfig
from hpe_study.evaluation.bootstrap import estimate, units_of
from hpe_study.evaluation.protocols import find_protocol
from hpe_study.evaluation.scoring import values_under
from hpe_study.models import model_from_checkpoint
from hpe_study.report.display import Score
from hpe_study.report.scores import as_sets
from hpe_study.skeletons.bone_lengths import mean_bone_lengths
from hpe_study.study import Study
from hpe_study.study.steps import open_store

READING = NetworkConfig(
    pretrained=False, input_size=256, depth_unit=1.0, decode="argmax", flip_test=False
)  # as that implementation reads its maps
COLUMNS = ["test_set", "protocol", "value", "low", "high", "n", "groups", "origin", "score"]


def score_weights(study: Study, weights: str, device: str = "auto") -> pd.DataFrame:
    """MPJPE of a weights file on each 3D test set under "published" (skeletons have no size) and "study".

    "study" takes the mean bones of each set's own training split. The file is a checkpoint of the original
    implementation or of this study; "" gives no rows. One row (`COLUMNS`) per test set and protocol;
    `StudyError` where there is no such checkpoint.
    """
    rows = []
    if weights:
        from hpe_study.evaluation.predictor import Predictor  # loads torch, which a table need not

        predictor = Predictor(model_from_checkpoint(Path(weights)), READING, device, "fp32")
        rows = [row for name in study.profile.three_d for row in _rows_of_set(study, predictor, name)]
    return as_sets(pd.DataFrame(rows, columns=COLUMNS))


def _rows_of_set(study, predictor, name):
    store = open_store(study, name, "test")
    predicted = predictor.arrays(store)
    bones = mean_bone_lengths(open_store(study, name, "train")["joints3d"])
    for rule in ("published", "study"):
        errors = values_under(find_protocol(rule), predicted.joints, predicted.depth, store, bones)["mpjpe"]
        numbers = estimate(errors, units_of(store))
        score = Score(numbers["value"], numbers["low"], numbers["high"], test_set=name)
        yield {"test_set": name, "protocol": rule, **numbers, "origin": store.origin, "score": score}
