"""A data set's own options on a command line: `--option layout=full --option every=5 --option
matlab=true`."""

from hpe_study.errors import StudyError

HELP = "an option of the set, such as {}; may be given several times"


def add_option_flag(command, example):
    """Give an `argparse` command the flag `--option KEY=VALUE`."""
    command.add_argument(
        "--option", action="append", default=[], metavar="KEY=VALUE", help=HELP.format(example)
    )


def parsed_options(texts):
    """["layout=full", "every=5", "matlab=true"] → {"layout": "full", "every": 5, "matlab": True}.

    Raises `StudyError` for a text that is not KEY=VALUE; what a set does not know it refuses itself.
    """
    options = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise StudyError(f"--option {text}: is not KEY=VALUE")
        options[key] = (
            int(value) if value.isdigit() else {"true": True, "false": False}.get(value.lower(), value)
        )
    return options
