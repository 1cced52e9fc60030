"""What a store is made from: its description and key, and files that are no store."""

import os

import h5py
import pytest

from hpe_study.data.store_key import StoreSettings, made_with, stored_key
from tests.stick_people import stick_store_path

SETTINGS = StoreSettings("stick", "train", input_size=64, encoding="raw")


def test_a_description_holds_each_setting_and_only_the_defects_that_concern_the_set():
    plain = {
        "name": "flic",
        "split": "test",
        "input_size": 32,
        "margin": 1.5,
        "encoding": "jpeg",
        "strict": True,
        "joint_rules": "corrected",
        "legacy": [],
    }
    settings = StoreSettings("flic", "test", 32, strict=True, legacy=("spine_as_thorax",), options={"all": 1})
    assert settings.description() == plain | {"all": 1}
    read = StoreSettings("flic", "test", 32, strict=True, legacy=("flic_off_by_one", "spine_as_thorax"))
    assert read.description() == plain | {"legacy": ["flic_off_by_one"]}


def test_a_store_knows_what_it_was_made_with(tmp_path):
    path = stick_store_path(tmp_path, 2)
    assert made_with(path, SETTINGS)
    assert not made_with(path, StoreSettings("stick", "train", input_size=96, encoding="raw"))
    with h5py.File(path, "r+") as file:
        file.attrs["version"] = 99
    assert not made_with(path, SETTINGS)


@pytest.mark.parametrize(
    "make",
    [
        os.mkfifo,
        os.mkdir,
        lambda path: path.write_text("hello"),
        lambda path: path.touch(),
        lambda path: None,
    ],
    ids=["fifo", "folder", "text", "empty", "nothing"],
)
def test_what_is_no_store_has_no_key(tmp_path, make):
    path = tmp_path / "a.h5"
    make(path)
    assert stored_key(path) is None
    assert not made_with(path, SETTINGS)


@pytest.mark.parametrize("settings", ["not JSON", 3])
def test_a_store_with_odd_attributes_was_made_with_nothing(tmp_path, settings):
    path = stick_store_path(tmp_path, 2)
    with h5py.File(path, "r+") as file:
        file.attrs["settings"] = settings
        file.attrs["key"] = 3
    assert stored_key(path) is None
    assert not made_with(path, SETTINGS)
