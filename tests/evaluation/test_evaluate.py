"""A finished run → its predictions and scores, on the disk."""

import numpy as np
import pandas as pd
import pytest
import torch

from hpe_study.errors import StudyError
from hpe_study.evaluation.evaluate import evaluate
from hpe_study.evaluation.prediction_file import PredictionFile
from hpe_study.evaluation.scoring import rows_for_set
from hpe_study.skeletons.bone_lengths import mean_bone_lengths
from tests.evaluation.test_predictor import checkpoint


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    torch.save(checkpoint(), tmp_path / "checkpoint.pt")
    return tmp_path


def test_scores_are_those_of_the_predictions_beside_them(folder, stick_stores):
    stores = {"2d": stick_stores["2d", "test"], "3d": stick_stores["3d", "test"]}
    train = stick_stores["3d", "train"]
    table = evaluate(folder, stores, train, "cpu", progress=False)
    pd.testing.assert_frame_equal(table, pd.read_csv(folder / "metrics.csv"), check_dtype=False)
    file = PredictionFile(folder)
    assert file.keys == {name: store.attrs["key"] for name, store in stores.items()}
    np.testing.assert_array_equal(file.bones.own, mean_bone_lengths(train["joints3d"]))
    predicted = file.of_labels("2d", stores["2d"])
    again = pd.DataFrame(rows_for_set(predicted.joints, predicted.depth, stores["2d"], file.bones.own))
    ours = table[(table["test_set"] == "2d") & (table["scorer"] == "model")]
    assert (
        dict(zip(ours["metric"], ours["value"], strict=True)).items()
        >= dict(zip(again["metric"], again["value"], strict=True)).items()
    )


def test_without_a_3d_set_there_is_no_size(folder, stick_stores):
    table = evaluate(folder, {"2d": stick_stores["2d", "test"]}, None, "cpu", progress=False)
    assert set(table["metric"]) == {"pckh", "pck_crop", "exchanged"}
    assert not PredictionFile(folder).bones.known


def test_infinite_predictions_are_not_scored(folder, stick_stores):
    broken = checkpoint()
    broken["model"]["depth_head.bias"][:] = 3e38  # finite; the sum with the mirrored image's is not
    torch.save(broken, folder / "checkpoint.pt")
    with pytest.raises(StudyError, match="on 2d: depth of person 0 is not finite"):
        evaluate(folder, {"2d": stick_stores["2d", "test"]}, None, "cpu", progress=False)
    assert not (folder / "metrics.csv").exists()
