"""Progress bars, one kind for everything: drawn in place on a screen, a line now and then in a file.

On a terminal and in a notebook it is tqdm's own bar, with rate and time left. In a log file each state is a
line of its own, every `LOG_SECONDS` at most and at the end, so that the file reads from top to bottom. A
notebook that is
executed for the record counts as a file: a drawn bar would stand in it for ever at 0 %.
"""

import os
import re
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from tqdm import tqdm as plain_bar
from tqdm.auto import tqdm as best_bar

LOG_SECONDS = 30.0
# environment variable, set where notebooks are executed into files
FOR_THE_RECORD = "HPE_STUDY_FOR_THE_RECORD"
STATE = re.compile(r"^(.+?): +\d+%\|")


class Lines:
    """A stream for tqdm that gives every state a line of its own."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self._last = stream, ""

    def write(self, text: str) -> None:
        """Write a state as a line, unless it is blank, the same again, or of an unknown total."""
        line = text.strip("\r\n ")
        if line and line != self._last and "/?" not in line:
            self.stream.write(f"{line}\n")
            self._last = line

    def flush(self) -> None:
        """Flush the stream."""
        self.stream.flush()


def progress_bar(iterable: Iterable | None = None, **options: Any) -> plain_bar:
    """A bar with tqdm's own options (desc, unit, total, initial, disable, …)."""
    if not into_a_file():
        return best_bar(iterable, **options)
    pace = {"mininterval": LOG_SECONDS, "maxinterval": LOG_SECONDS}
    look = {"file": Lines(sys.stderr), "ncols": 110, "ascii": False, "dynamic_ncols": False, "leave": True}
    return plain_bar(iterable, **{**options, **pace, **look})


def into_a_file() -> bool:
    """Whether output goes to a file: neither a terminal nor a notebook that a person runs."""
    ipython = sys.modules.get("IPython")
    in_notebook = hasattr(ipython and ipython.get_ipython(), "kernel")
    return bool(os.environ.get(FOR_THE_RECORD)) or not (in_notebook or sys.stderr.isatty())


def last_states(text: str) -> str:
    """A stream's text with the last state of each bar, without those before."""
    lines = [line.rstrip("\r").split("\r")[-1] for line in text.split("\n")]
    names = [match[1] if (match := STATE.match(line)) else None for line in lines]
    return "\n".join(
        line
        for number, (line, name) in enumerate(zip(lines, names, strict=True))
        if not name or name not in names[number + 1 :]
    )
