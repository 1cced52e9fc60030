"""A data set's own options on a command line: `--option layout=full --option every=5`."""

import argparse
import re

from hpe_study.config import STORE_KEYS
from hpe_study.errors import StudyError

_HELP = "an option of the set, such as {}; may be given several times"


def add_option_flag(command: argparse.ArgumentParser, example: str) -> None:
    """Give a command the flag `--option KEY=VALUE`."""
    text = _HELP.format(example)
    command.add_argument("--option", action="append", default=[], metavar="KEY=VALUE", help=text)


def parsed_options(texts: list[str]) -> dict[str, int | bool | str]:
    """["layout=full", "every=5", "matlab=true"] → {"layout": "full", "every": 5, "matlab": True}.

    `StudyError` where a text is not KEY=VALUE. What a set does not know it refuses itself.
    """
    options = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise StudyError(f"--option {text}: is not KEY=VALUE")
        if key in STORE_KEYS:
            raise StudyError(f"--option {text}: {key} is no option of a data set")
        whole = re.fullmatch("[0-9]{1,9}", value)
        options[key] = int(value) if whole else {"true": True, "false": False}.get(value.lower(), value)
    return options
