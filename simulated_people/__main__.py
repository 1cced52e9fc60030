"""`python -m simulated_people make NAME ROOT --train N --test N`: write the simulated stand-in of a data
set."""

import argparse
import os
import sys
import time

from hpe_study.datasets.options import add_option_flag, parsed_options
from hpe_study.errors import StudyError
from simulated_people import NAMES, make


def main(arguments=None):
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m simulated_people", description="Simulated stand-ins of the real data sets."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("make", help="write the stand-in of one data set under a data root")
    command.add_argument("name", metavar="NAME", help=", ".join(NAMES))
    command.add_argument("root", metavar="ROOT", help="the data root, which holds one folder a set")
    command.add_argument(
        "--train", type=int, required=True, metavar="N", help="records of the training split"
    )
    command.add_argument("--test", type=int, required=True, metavar="N", help="records of the test split")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument(
        "--size", type=int, default=128, help="px of a person's square crop, about (default 128)"
    )
    command.add_argument(
        "--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes (default: one a core)"
    )
    command.add_argument("--device", default="cpu", help="cpu or cuda")
    add_option_flag(command, "layout=full (h36m) or matlab=true (mpii)")
    command.add_argument("--quiet", action="store_true", help="no progress bar")
    asked = parser.parse_args(arguments)
    start = time.monotonic()
    try:
        known = {
            key: value for key, value in vars(asked).items() if key not in ("command", "quiet", "option")
        }
        folders = make(**known, progress=not asked.quiet, **parsed_options(asked.option))
    except StudyError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"simulated {asked.name}: {', '.join(map(str, folders))} ({time.monotonic() - start:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
