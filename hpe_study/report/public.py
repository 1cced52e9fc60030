"""Table 1's row "MPII (Test)": the original implementation's public weights, scored on whatever 3D test sets
are at hand."""

from pathlib import Path

import pandas as pd
from IPython.display import Markdown

from hpe_study.config import NetworkConfig
from hpe_study.evaluation.bootstrap import estimate
from hpe_study.evaluation.grouping import units_of
from hpe_study.evaluation.predictor import Predictor
from hpe_study.evaluation.protocols import find_protocol
from hpe_study.evaluation.scoring import values_under
from hpe_study.models import model_from_checkpoint
from hpe_study.skeletons.bone_lengths import mean_bone_lengths
from hpe_study.study.published import published
from hpe_study.study.steps import open_store

READING = NetworkConfig(
    pretrained=False, input_size=256, depth_unit=1.0, decode="argmax", flip_test=False
)  # as that implementation reads its maps
PRINTED_NOTE = "public weights"  # of the row in the paper's Table 1
SOURCE = (
    "No weights file is named, so nothing is scored. The public weights (`fusion_3d_var.pth`, a ResNet-50)"
    " are linked from the page of the original implementation, github.com/xingyizhou/pytorch-pose-hg-3d."
    " Download them and give their path as the parameter `weights`."
)


def row(study, weights, device="auto", progress=True):
    """Scores of a weights file, a data frame: test_set, protocol, MPJPE in mm with its interval, n; None
    without a file.

    weights: path of a checkpoint of the original implementation, or of any network of this study; "" where
    there is none. Sizes: "published" needs none; "study" uses the mean bones of each set's own training
    split. Raises `StudyError` where the file is none.
    """
    if not weights:
        return None
    predictor = Predictor(model_from_checkpoint(Path(weights)), READING, device, "fp32")
    rows = [line for name in study.profile.three_d for line in _rows_of_set(study, predictor, name)]
    return pd.DataFrame(rows)


def _rows_of_set(study, predictor, name):
    store = open_store(study, name, "test")
    predicted = predictor.arrays(store)
    bones = mean_bone_lengths(open_store(study, name, "train")["joints3d"])
    lines = []
    for rule in ("published", "study"):
        errors = values_under(find_protocol(rule), predicted.joints, predicted.depth, store, bones)["mpjpe"]
        lines.append(
            {
                "test_set": name,
                "protocol": rule,
                **estimate(errors, units_of(store)),
                "simulated": store.simulated,
            }
        )
    return lines


def printed(name):
    """mm that the paper prints for these weights on a test set."""
    table = published("table1")
    return float(table.loc[table["note"].fillna("").str.startswith(PRINTED_NOTE), f"test_{name}"].iloc[0])


def shown(rows):
    """The row as a table, the paper's own beside it; without weights, where they are obtained."""
    if rows is None:
        return Markdown(SOURCE)
    kind = "simulated people" if rows["simulated"].any() else "real data"
    text = [f"{line.value:.1f} [{line.low:.1f}, {line.high:.1f}]" for line in rows.itertuples()]
    table = rows.assign(text=text).pivot(index=["test_set", "n"], columns="protocol", values="text")
    table["printed in Table 1 (real data)"] = [f"{printed(name):.1f}" for name, _ in table.index]
    return table.style.set_caption(
        f"MPII (Test): the public weights, MPJPE in mm with 95 % intervals, {kind}"
    )
