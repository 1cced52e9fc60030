"""What the user can mend is shown as it stands: no traceback in a notebook cell, all others keep theirs."""

import re

import pytest
from IPython.core.interactiveshell import InteractiveShell

from hpe_study.errors import StudyError

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
