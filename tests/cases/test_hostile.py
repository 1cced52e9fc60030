"""Files of strangers beside labels: pictures, parameter files, what is no file at all, names for a shell.

Each is refused in one line that names it; nothing hangs, fills the memory, or runs what a file says.
"""

import os
from pathlib import Path

import pytest

from hpe_study.parameter_files import read_profile

PROJECT = Path(__file__).resolve().parents[2]

# ---------------------------------------------------------------- what is no regular file


READERS = {"profile.yaml": read_profile}


@pytest.mark.xfail(strict=True, reason="nobody asks for a regular file: to open a FIFO waits for ever")
@pytest.mark.parametrize("name", READERS)
def test_a_fifo_is_refused_at_once(refused, tmp_path, name):
    os.mkfifo(tmp_path / name)
    refused(READERS[name], tmp_path / name, names=tmp_path / name, seconds=1.5)


@pytest.mark.xfail(strict=True, reason="a device without an end is read until the memory is full")
@pytest.mark.parametrize("name", ["profile.yaml"])
def test_a_link_to_a_device_is_refused_at_once(refused, tmp_path, name):
    (tmp_path / name).symlink_to("/dev/zero")
    refused(READERS[name], tmp_path / name, names=tmp_path / name, seconds=5, memory=256 << 20)
