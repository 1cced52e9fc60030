"""The one exception that is meant for a person to read.

Its message is complete: what is wrong, in which file or under which key, and what to do about it. The command
line and notebook cells show it without a traceback.
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

PIPE_CLOSED = 128 + signal.SIGPIPE  # the exit status of commands that are ended by it


class StudyError(Exception):
    """Something the user can mend: a wrong parameter, a missing folder, a broken file."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows of it: the message alone. IPython asks by this name."""
        return [f"{type(self).__name__}: {self}"]


def brief(error: object, longest: int = 200) -> str:
    """An error's message, or any other text, on one line of a readable length."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= longest else f"{text[:longest]}…"


def killed(who: str) -> str:
    """The message for a process that the system ended."""
    return f"{who} was killed by the system (SIGKILL), which it does when memory runs out"


def ended_by(who: str, number: int | None) -> str:
    """Say how a process ended: by which signal, or, where none is known, unexpectedly."""
    if number is None:
        return f"{who} ended unexpectedly"
    if number == signal.SIGKILL:
        return killed(who)
    return f"{who} was ended by {signal.Signals(number).name} ({signal.strsignal(number)})"


def exit_status(command: Callable[..., Any], *arguments: Any) -> int:
    """Run a command; returns the exit status.

    What the user can mend is one line on stderr, which begins with "error: "; a fault of the study's own is
    one, too, below its traceback.
    """
    try:
        command(*arguments)
        if sys.stdout is not None:  # a closed one
            sys.stdout.flush()
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130
    except MemoryError:
        advice = "close other programs, or take fewer cores or a smaller set"
        print(f"error: out of memory; {advice}", file=sys.stderr)
        return 1
    except OSError as error:  # a name too long, a folder that is not this user's, a disk that fails
        if error.filename is None:
            return _status_of_output() or _own_fault(error)
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    except Exception as error:
        return _own_fault(error)
    return 0


def _status_of_output():
    """The exit status where nothing more can be printed (a full disk is said, a closed pipe not), or 0."""
    try:
        print(flush=True)  # what could not be written before is forgotten: try again
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes again at its end
        if isinstance(error, BrokenPipeError):
            return PIPE_CLOSED
        print(f"error: what it prints cannot be written ({error.strerror})", file=sys.stderr)
        return 1
    return 0


def _own_fault(error):
    """Print the traceback and its last line in words; returns the exit status."""
    traceback.print_exception(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    fault = f"{type(error).__name__} at {where}: {brief(error, 300)}"
    print(f"error: a fault of the study itself, {fault}", file=sys.stderr)
    return 1
