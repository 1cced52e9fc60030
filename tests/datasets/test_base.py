"""What all readers share: names, splits, absent images, paths that leave the root, the count of what is left
out."""

import re
import warnings

import pytest

from hpe_study.datasets import NAMES, info, open_dataset
from hpe_study.datasets.base import MissingSetError, label_errors, safe_relative
from hpe_study.errors import StudyError
from tests.datasets import raw_layouts


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_folder_says_what_to_do(tmp_path, name):
    about = info(name)
    with pytest.raises(MissingSetError) as caught:
        open_dataset(name, tmp_path, "train", **next(iter(about.layouts.values()), {}))
    message = str(caught.value)
    assert any(str(tmp_path / folder) in message for folder in about.folders)
    assert about.url in message
    assert about.licence in message
    command = re.search(rf"python -m simulated_people make \w+ {tmp_path} --train \d+ --test \d+", message)
    assert bool(command) == (about.stand_in is not None)


@pytest.mark.parametrize("name", NAMES)
def test_every_set_is_described(name):
    about = info(name)
    assert about.name == name
    assert about.kind in ("2d", "3d")
    assert about.title
    assert about.citation
    assert set(about.expected) == {"train", "test"}


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
