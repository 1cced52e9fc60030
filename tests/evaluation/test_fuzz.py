"""Damaged files of a run, whatever their bytes: what they hold is finite, or one line names the file.

Every trial has a number, which is its seed. FUZZ_SECONDS=600 makes 200 times as many trials.
"""

import json

import numpy as np
import pytest
import torch

from hpe_study.errors import StudyError
from hpe_study.evaluation.prediction_file import PredictionFile, write_predictions
from hpe_study.evaluation.predictor import load_run_model
from hpe_study.evaluation.run_record import read_run_record
from hpe_study.utils.tables import read_table
from tests.datasets.test_fuzz import SECONDS, damaged
from tests.evaluation.test_prediction_file import BONES, STORE, predictions
from tests.evaluation.test_predictor import checkpoint
from tests.evaluation.test_run_record import RECORD

ODD = [None, True, -1, 10**400, 1.5, "", "\0", [], {}, [[]], {"a": {}}, "x" * 1000, [None] * 15]


def read_predictions(path):
    file = PredictionFile(path.parent)
    for test_set in file.test_sets:
        assert np.isfinite(file[test_set].joints).all()


def read_record(path):
    assert np.isfinite(read_run_record(path.parent).seconds)


def read_metrics(path):
    assert not np.isinf(
        read_table(path, "scores", ["name", "value"], ["value"])["value"].to_numpy(float)
    ).any()


def read_checkpoint(path):
    load_run_model(path.parent)


READERS = {  # its reader, trials per second of fuzzing
    "predictions.h5": (read_predictions, 10),
    "run.json": (read_record, 15),
    "metrics.csv": (read_metrics, 15),
    "checkpoint.pt": (read_checkpoint, 1.5),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """File name → the bytes of a whole one."""
    folder = tmp_path_factory.mktemp("whole")
    write_predictions(folder / "predictions.h5", BONES, {"h36m": predictions()}, {"h36m": STORE})
    (folder / "run.json").write_text(json.dumps(RECORD))
    (folder / "metrics.csv").write_text('name,value\na,1.5\n"b",2\nc,\n')
    torch.save(checkpoint(), folder / "checkpoint.pt")
    return {name: (folder / name).read_bytes() for name in READERS}


def message_of(read, path):
    """What a file is refused with; None where it is read."""
    try:
        read(path)
    except StudyError as error:
        return str(error)


def assert_clear(message, path, trial):
    assert message is None or str(path) in message, trial
    assert message is None or "\n" not in message, trial


@pytest.mark.parametrize("name", READERS)
def test_fuzz_bytes(whole, tmp_path, name):
    read, rate = READERS[name]
    path = tmp_path / name
    for trial in range(round(rate * SECONDS)):
        path.write_bytes(damaged(whole[name], np.random.default_rng(trial)))
        assert_clear(message_of(read, path), path, trial)


def test_fuzz_values_of_a_record(tmp_path):
    """Any entry exchanged for anything else that JSON can hold."""
    path = tmp_path / "run.json"
    for trial in range(round(15 * SECONDS)):
        rng = np.random.default_rng(trial)
        record = json.loads(json.dumps(RECORD))
        part = record if rng.random() < 0.7 else record["parameters"]
        part[rng.choice(list(part))] = ODD[rng.integers(len(ODD))]
        path.write_text(json.dumps(record))
        assert_clear(message_of(read_record, path), path, trial)
