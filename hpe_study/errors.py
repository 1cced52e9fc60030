"""The one exception that is meant for a person to read.

Its message is complete: what is wrong, in which file or under which key, and what to do about it. The command
line and notebook cells show it without a traceback.
"""

import signal


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
