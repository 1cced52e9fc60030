"""The command line: `python -m simulated_people make NAME ROOT --train N --test N` writes one stand-in."""

import argparse
import os
import time

from hpe_study.datasets.commands import add_option_flag, parsed_options
from hpe_study.errors import exit_status
from simulated_people.spec import StandInSpec
from simulated_people.stand_ins import NAMES, make


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the arguments that `run` expects."""
    parser.add_argument("name", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("root", metavar="ROOT", help="the data root, which holds one folder per data set")
    parser.add_argument("--train", type=int, required=True, metavar="N", help="records of the training split")
    parser.add_argument("--test", type=int, required=True, metavar="N", help="records of the test split")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other people (default: 0)")
    parser.add_argument(
        "--size",
        type=int,
        default=128,
        metavar="PX",
        help="approximate side of a person's square crop (default: 128)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="processes (default: one per core)",
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    add_option_flag(parser, "layout=full (h36m), matlab=true (mpii) or clipping=true (occlusion_person)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(arguments: argparse.Namespace) -> None:
    """Make the stand-in that the arguments of `add_arguments` describe, and say where it lies.

    Raises:
        StudyError: The arguments are impossible, or the folder may hold real data.
    """
    start = time.monotonic()
    spec = StandInSpec(
        arguments.name,
        arguments.train,
        arguments.test,
        arguments.seed,
        arguments.size,
        parsed_options(arguments.option),
    )
    folders = make(spec, arguments.root, arguments.workers, arguments.device, not arguments.quiet)
    print(f"simulated {spec.name}: {', '.join(map(str, folders))} ({time.monotonic() - start:.0f} s)")


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m simulated_people", description="Simulated stand-ins of the real data sets."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_arguments(commands.add_parser("make", help="write the stand-in of one data set under a data root"))
    return exit_status(run, parser.parse_args(argv))
