"""The data sets' commands, for `hpe-study data …` and `python -m hpe_study.datasets …` alike."""

import argparse
import re

from hpe_study.config import STORE_KEYS
from hpe_study.datasets import NAMES, open_dataset
from hpe_study.datasets.base import SPLITS
from hpe_study.errors import StudyError, exit_status


def main(arguments: list[str] | None = None) -> int:
    """Run the command line `python -m hpe_study.datasets`; returns the exit status."""
    about = "The data sets under a data root."
    parser = argparse.ArgumentParser("python -m hpe_study.datasets", description=about)
    add_commands(parser.add_subparsers(required=True, metavar="COMMAND"))
    arguments = parser.parse_args(arguments)
    return exit_status(arguments.command, arguments)


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add check, recipes and contact-sheet; each sets `command`, a function of the parsed arguments."""
    command = commands.add_parser("check", help="one table: what is there, what is missing, where to get it")
    command.add_argument("root", metavar="ROOT", help="the data root, which holds one folder per set")
    command.set_defaults(command=_check)

    text = "how far joints derived by an approximate recipe lie from the labelled ones"
    command = commands.add_parser("recipes", help=text)
    command.add_argument("root", metavar="ROOT", help="the data root")
    command.set_defaults(command=_recipes)

    command = commands.add_parser("contact-sheet", help="draw records with their skeletons, to look at")
    command.add_argument("name", metavar="NAME", help=", ".join(NAMES))
    command.add_argument("root", metavar="ROOT", help="the data root")
    command.add_argument("--split", choices=SPLITS, default="train")
    command.add_argument("--n", type=int, default=24, metavar="N", help="records to draw (default 24)")
    command.add_argument("--out", metavar="FILE", help="the picture to write (default NAME-SPLIT.png)")
    add_option_flag(command, "layout=full")
    command.set_defaults(command=_contact_sheet)


# Each command imports what it needs itself: plotting takes seconds to load.


def _check(arguments):
    from hpe_study.datasets.check import as_table, check

    print(as_table(check(arguments.root)))


def _recipes(arguments):
    from hpe_study.datasets import recipes

    print(recipes.measured_under(arguments.root).round(3).to_string(index=False))


def _contact_sheet(arguments):
    import matplotlib

    from hpe_study.datasets.contact_sheet import contact_sheet

    matplotlib.use("Agg")
    if arguments.n < 1:
        raise StudyError(f"--n {arguments.n}: at least 1 record is needed")
    options = parsed_options(arguments.option)
    path = arguments.out or f"{arguments.name}-{arguments.split}.png"
    records = open_dataset(arguments.name, arguments.root, arguments.split, **options)
    contact_sheet(records, arguments.n, path)
    print(path)


def add_option_flag(command: argparse.ArgumentParser, example: str) -> None:
    """Give a command the flag `--option KEY=VALUE`."""
    text = f"an option of the set, such as {example}; may be given several times"
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
