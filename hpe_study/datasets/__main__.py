"""`python -m hpe_study.datasets …`: the same as `hpe-study data …`."""

import argparse
import sys

from hpe_study.datasets.commands import add_commands
from hpe_study.errors import StudyError


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m hpe_study.datasets", description="The data sets under a data root."
    )
    add_commands(parser.add_subparsers(required=True, metavar="COMMAND"))
    arguments = parser.parse_args(arguments)
    try:
        arguments.command(arguments)
    except StudyError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
