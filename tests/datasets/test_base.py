"""What all readers share: names, splits, absent images, paths that leave the root, the count of what is left
out."""

import re
import warnings

import numpy as np
import pytest

from hpe_study.datasets import NAMES, info, open_dataset
from hpe_study.datasets.arrays import column, expect_shape, integers, text_column
from hpe_study.datasets.base import MissingSetError, label_errors, safe_relative
from hpe_study.datasets.hdf5 import read_hdf5
from hpe_study.datasets.matfiles import load_mat
from hpe_study.errors import StudyError
from tests.datasets import raw_layouts


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_folder_says_what_to_do(tmp_path, name):
    about = info(name)
    with pytest.raises(MissingSetError) as caught:
        open_dataset(name, tmp_path, "train")
    message = str(caught.value)
    assert str(tmp_path / about.folders[0]) in message
    assert about.url in message
    assert about.licence in message
    assert re.search(rf"python -m simulated_people make \w+ {tmp_path} --train \d+ --test \d+", message)


@pytest.mark.parametrize("name", NAMES)
def test_every_set_is_described(name):
    about = info(name)
    assert about.name == name
    assert about.kind in ("2d", "3d")
    assert about.title
    assert about.citation
    assert set(about.expected) == {"train", "test"}
    assert about.quirks


def test_unknown_names_splits_and_options_are_named(tmp_path):
    raw_layouts.mpii_json(tmp_path)
    with pytest.raises(StudyError, match="no data set is called 'coco'; there are mpii, lsp"):
        open_dataset("coco", tmp_path, "train")
    with pytest.raises(StudyError, match="split 'valid' is not one of train, test"):
        open_dataset("mpii", tmp_path, "valid")
    with pytest.raises(StudyError, match="mpii: no option cameras; this data set has layout"):
        open_dataset("mpii", tmp_path, "test", cameras="vnect")


def test_absent_images_are_left_out_counted_and_reported_once(tmp_path):
    raw_layouts.mpii_json(tmp_path, people=6)
    gone = tmp_path / "mpii" / "images" / "000000001.jpg"
    gone.unlink()
    with pytest.warns(
        UserWarning, match=f"mpii test: 2 of 6 records left out because their image is absent .first: {gone}"
    ) as caught:
        records = open_dataset("mpii", tmp_path, "test")
    assert len(caught) == 1
    assert records.left_out == {"image absent": 2}
    assert [record.meta["index"] for record in records] == [0, 1, 4, 5]
    with pytest.raises(StudyError, match="2 of 6 records left out .* `strict` is on"):
        open_dataset("mpii", tmp_path, "test", strict=True)


def test_nothing_is_reported_where_nothing_is_absent(tmp_path):
    raw_layouts.mpii_json(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        records = open_dataset("mpii", tmp_path, "test", strict=True)
    assert not records.simulated
    (tmp_path / "mpii" / "SIMULATED.json").write_text("{}")
    assert open_dataset("mpii", tmp_path, "test").simulated


def test_a_sequence_counts_iterates_and_ends(tmp_path):
    raw_layouts.mpii_json(tmp_path)
    records = open_dataset("mpii", tmp_path, "test")
    assert len(records) == len(list(records)) == 4
    assert records[-1].meta == records[3].meta
    with pytest.raises(IndexError, match="4 records"):
        records[4]


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../secret.jpg", "a/../../b.jpg", "C:\\x.jpg", "a\\..\\b.jpg", "c:x.jpg", "", "a\nb.jpg"],
)
def test_image_paths_may_not_leave_the_root(tmp_path, name):
    with pytest.raises(StudyError, match="labels.json: image path"):
        safe_relative(name, "labels.json")


def test_a_linked_folder_is_fine(tmp_path):
    raw_layouts.mpii_json(tmp_path / "elsewhere")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "mpii").symlink_to(tmp_path / "elsewhere" / "mpii")
    assert len(open_dataset("mpii", tmp_path / "root", "test")) == 4


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


def test_mat_files_of_others_and_broken_ones_are_named(tmp_path):
    path = tmp_path / "joints.mat"
    raw_layouts.save_mat(path, x=np.zeros((2, 3)))
    with pytest.raises(
        StudyError, match=r"joints.mat: has no joints but x; this is the file of another data set"
    ):
        load_mat(path, "joints")
    with pytest.raises(StudyError, match=r"joints.mat: x has shape \(2, 3\), not 2 × any × 3"):
        expect_shape(load_mat(path, "x")["x"], (2, None, 3), path, "x")
    whole = path.read_bytes()
    for kept in (0, 60, 150, len(whole) - 9):
        path.write_bytes(whole[:kept])
        with pytest.raises(StudyError, match="joints.mat: truncated or not a MATLAB file"):
            load_mat(path, "x")
    with pytest.raises(StudyError, match="joints.mat: truncated or not an HDF5 file"):
        read_hdf5(path, "x")


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


def test_errors_while_reading_name_what_cannot_be_read():
    files = ["labels.h5"]
    for error, message in (
        (ValueError("odd"), r"labels.h5: holds something that it should not \(ValueError: odd\)"),
        (OSError(5, "Input/output error", "images"), "images: cannot be read .*Input/output error"),
        (OSError(5, "Input/output error"), "labels.h5: cannot be read .*Input/output error"),
        (PermissionError(13, "Permission denied", "images"), "images: is there and may not be read"),
    ):
        with pytest.raises(StudyError, match=message), label_errors(files):
            raise error
    with pytest.raises(StudyError, match="labels.h5: reading it takes more memory"), label_errors(files):
        raise MemoryError
    for ours in (NameError("x"), AssertionError(), KeyboardInterrupt()):
        with pytest.raises(type(ours)), label_errors(files):
            raise ours
