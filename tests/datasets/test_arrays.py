"""Values of label files become arrays of a known shape; what does not fit is named with its file."""

import numpy as np
import pytest

from hpe_study.datasets.arrays import column, integers, text_column
from hpe_study.errors import StudyError


def test_columns_name_file_row_and_key():
    assert column([{"a": [[1], [2]]}], "a", (2,), "f").tolist() == [[1, 2]]
    with pytest.raises(StudyError, match="f: record 1 has no 'a'"):
        column([{"a": 1}, {}], "a", (), "f")
    with pytest.raises(StudyError, match="f: 'a' of record 0 is not numbers of shape .2,."):
        column([{"a": [1, 2, 3]}], "a", (2,), "f")
    with pytest.raises(StudyError, match="f: 'a' of record 0 is not numbers of shape .2, 3. but of .3, 2."):
        column([{"a": np.zeros((3, 2))}], "a", (2, 3), "f")
    with pytest.raises(StudyError, match="f: 'a' of record 1 is not numbers"):
        column([{"a": np.zeros((3, 1))}, {"a": np.zeros((3, 3))}], "a", (3, -1), "f")
    with pytest.raises(StudyError, match="f: 'a' of record 0 is not numbers"):
        column([{"a": 10**400}], "a", (), "f", np.int64)
    with pytest.raises(StudyError, match="f: record 0 has no text 'a'"):
        text_column([{"a": 3}], "a", "f")


def test_whole_numbers_are_whole():
    assert integers(np.array([[1.0], [2.0]]), "f", "n").tolist() == [1, 2]
    for empty in ((0, 0), (0, 1), (1, 0), (0,)):
        assert integers(np.zeros(empty), "f", "n").tolist() == []
    for wrong in (
        [1.5],
        [np.nan],
        [np.inf],
        [1e300],
        np.array([2**63], np.uint64),
        np.ones((2, 2)),
        ["a"],
        "text",
    ):
        with pytest.raises(StudyError, match="f: n is not a list of whole numbers"):
            integers(np.asarray(wrong), "f", "n")
    with pytest.raises(StudyError, match="'a' of record 0 is not numbers of shape"):
        column([{"a": 1.7}], "a", (), "f", np.int64)
