"""run.json: what it must hold, and that whatever else lies there is one line."""

import json

import pytest

from hpe_study.errors import StudyError
from hpe_study.evaluation.run_record import read_run_record

RECORD = {
    "name": "stage1-mpii-seed0",
    "hash": "0" * 12,
    "parameters": {"training": {"epochs": 3}, "legacy": ["crop_pck"], "two_d": "mpii", "three_d": None},
    "data": {"mpii-train.h5": "abc"},
    "simulated": True,
    "real": False,
    "weights_from": "random",
    "images_seen": 100,
    "images_2d": 10,
    "seconds": 1.5,
    "seconds_per_epoch": 0.5,
    "images_per_second": 200.0,
    "peak_memory_mb": 100.0,
    "bones_mm": [100.0] * 14 + [None],
    "device": "a core",
    "precision": "fp32",
    "code": "abc",
    "libraries": {"torch": "2"},
}


def read(folder, text):
    (folder / "run.json").write_text(text if isinstance(text, str) else json.dumps(text))
    return read_run_record(folder)


def test_a_record_is_read_whole(tmp_path):
    record = read(tmp_path, RECORD)
    assert record.parameters.legacy == ["crop_pck"]
    assert record.as_dict() == RECORD  # also the keys that nobody reads


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"simulated": "no"}, "simulated"),
        ({"name": "a\nb"}, "name"),
        ({"device": "x" * 10_000}, "device"),
        ({"seconds": float("nan")}, "seconds"),
        ({"seconds": float("inf")}, "seconds"),
        ({"images_seen": -1}, "images_seen"),
        ({"bones_mm": [1.0] * 3}, "bones_mm: .*15 lengths"),
        ({"bones_mm": [1e999] * 15}, r"bones_mm\.0"),
        ({"parameters": {"legacy": []}}, r"parameters\.training"),
        ({"parameters": {"training": {"epochs": 1}, "legacy": [1]}}, r"parameters\.legacy\.0"),
    ],
)
def test_a_wrong_value_names_file_and_key(tmp_path, change, key):
    with pytest.raises(StudyError, match=rf"run\.json: is no record of a training \({key}"):
        read(tmp_path, RECORD | change)


@pytest.mark.parametrize("text", ["", "[", "[]", "null", "{}", "[" * 100_000, "\0" * 10, '{"name": NaN}'])
def test_what_is_no_record_is_refused(tmp_path, text):
    with pytest.raises(StudyError, match=r"run\.json: (is no record|not readable)"):
        read(tmp_path, text)


def test_nothing_and_a_folder_are_refused(tmp_path):
    with pytest.raises(StudyError, match=r"run\.json: no such file"):
        read_run_record(tmp_path)
    (tmp_path / "run.json").mkdir()
    with pytest.raises(StudyError, match="is a folder"):
        read_run_record(tmp_path)
