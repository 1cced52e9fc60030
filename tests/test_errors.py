"""What the user can mend is shown as it stands: no traceback in a notebook cell, all others keep theirs."""

import os
import re
import subprocess
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell

from hpe_study.errors import PIPE_CLOSED, StudyError

DEEP = "from hpe_study.errors import StudyError\ndef open_it():\n    raise {}\nopen_it()"


@pytest.fixture
def shell():
    """An IPython shell that forgets its history."""
    made = InteractiveShell()
    made.history_manager.enabled = False
    return made


def shown(shell, capsys, error):
    result = shell.run_cell(DEEP.format(error))
    assert result.error_in_exec is not None
    return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).strip()


def test_a_cell_shows_the_message_alone(shell, capsys):
    assert shown(shell, capsys, "StudyError('a.yaml: no such file')") == "StudyError: a.yaml: no such file"


def test_any_other_error_keeps_its_traceback(shell, capsys):
    output = shown(shell, capsys, "ValueError('a defect')")
    assert "open_it()" in output
    assert "ValueError: a defect" in output


def test_it_stays_an_exception_like_any_other():
    with pytest.raises(StudyError, match="^a.yaml: no such file$"):
        raise StudyError("a.yaml: no such file")


SPEAKS = "import sys; from hpe_study.errors import exit_status; sys.exit(exit_status(print, 'x' * 100_000))"


def spoken(out):
    return subprocess.run([sys.executable, "-c", SPEAKS], stdout=out, stderr=subprocess.PIPE, text=True)


def test_whose_reader_has_had_enough_ends_quietly():
    reader, writer = os.pipe()
    os.close(reader)
    ended = spoken(writer)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (PIPE_CLOSED, "")


def test_a_full_disk_under_what_is_printed_is_one_line():
    if not os.path.exists("/dev/full"):
        pytest.skip("asks Linux")
    with open("/dev/full", "w") as full:
        ended = spoken(full)
    assert ended.returncode == 1
    assert ended.stderr == "error: what it prints cannot be written (No space left on device)\n"
