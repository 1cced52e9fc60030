"""A data set's own options on a command line: `--option layout=full --option every=5`."""

import argparse

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
        options[key] = (
            int(value) if value.isdecimal() else {"true": True, "false": False}.get(value.lower(), value)
        )
    return options
