"""`python -m hpe_study.datasets check ROOT`, `… recipes ROOT` and `… contact-sheet NAME ROOT`."""

import argparse
import sys

import matplotlib

from hpe_study.datasets import NAMES, open_dataset, recipes
from hpe_study.datasets.base import SPLITS
from hpe_study.datasets.check import as_table, check
from hpe_study.datasets.options import add_option_flag, parsed_options
from hpe_study.datasets.sheet import contact_sheet
from hpe_study.errors import StudyError


def main(arguments=None):
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m hpe_study.datasets", description="The data sets under a data root."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("check", help="one table: what is there, what is missing, where to get it")
    command.add_argument("root", metavar="ROOT", help="the data root, which holds one folder a set")
    command = commands.add_parser(
        "recipes", help="how far joints made by an approximate recipe lie from the labelled ones"
    )
    command.add_argument("root", metavar="ROOT", help="the data root")
    command = commands.add_parser("contact-sheet", help="draw records with their skeletons, to look at")
    command.add_argument("name", metavar="NAME", help=", ".join(NAMES))
    command.add_argument("root", metavar="ROOT", help="the data root")
    command.add_argument("--split", choices=SPLITS, default="train")
    command.add_argument("--n", type=int, default=24, metavar="N", help="records to draw (default 24)")
    command.add_argument("--out", metavar="FILE", help="the picture to write (default NAME-SPLIT.png)")
    add_option_flag(command, "layout=full")
    asked = parser.parse_args(arguments)
    try:
        if asked.command == "check":
            print(as_table(check(asked.root)))
        elif asked.command == "recipes":
            print(recipes.measured_under(asked.root).round(3).to_string(index=False))
        else:
            _draw(asked)
    except StudyError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _draw(asked):
    matplotlib.use("Agg")
    if asked.n < 1:
        raise StudyError(f"--n {asked.n}: at least 1 record is needed")
    options = parsed_options(asked.option)
    path = asked.out or f"{asked.name}-{asked.split}.png"
    contact_sheet(open_dataset(asked.name, asked.root, asked.split, **options), asked.n, path)
    print(path)


if __name__ == "__main__":
    sys.exit(main())
