"""The command line: `hpe-study study params/demo.yaml` (or `python -m hpe_study …`) runs a whole profile."""

import argparse
import io
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from hpe_study.datasets.commands import add_commands as add_data_commands
from hpe_study.errors import StudyError, exit_status
from hpe_study.parameter_files import read_profile, read_values
from hpe_study.study import Study
from hpe_study.utils.files import atomic
from hpe_study.utils.processes import end_with_parent
from simulated_people import cli as simulated_people_cli

DEFAULT = "params/demo.yaml"


def main(argv: Sequence[str] | None = None) -> int:
    """Parse and run one command; returns the exit status.

    What the user can mend is one line on stderr, which begins with "error: "; a fault of the study's own is
    one, too, below its traceback.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # letters that the terminal's encoding lacks
    # argparse itself loses what comes after an option and --
    own = argv.index("--") if argv[:1] == ["study"] and "--" in argv else len(argv)
    arguments = _parser().parse_args(argv[:own])
    arguments.snakemake = argv[own + 1 :]
    return exit_status(arguments.command, arguments)


def _count(text: str) -> int:
    """A whole number of 1 or more, as argparse asks for one."""
    if not re.fullmatch("0*[1-9][0-9]{0,5}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def _number(text: str) -> int:
    """The same, or 0."""
    return 0 if text == "0" else _count(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hpe-study", description=__doc__)
    parser.add_argument("--profile", default=DEFAULT, help="parameter file (default: %(default)s)")
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)  # process that a step ends with
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name, function, text, **options):
        """Add a command; returns the function that adds an argument to it."""
        own = commands.add_parser(name, help=text, **options)
        own.set_defaults(command=function)
        return own.add_argument

    after = "What comes after -- goes to Snakemake: -- --dry-run"
    add = command("study", _study, "run everything of a profile that is not up to date", epilog=after)
    add("profile", nargs="?", default=DEFAULT)
    add("--cores", type=_count, help="processor cores to use (default: all)")
    add("--kernel", default="python3", help="Jupyter kernel of the notebooks (default: %(default)s)")
    add("--cluster", metavar="DIR", help="run steps as jobs, as this Snakemake profile says: profiles/slurm")

    add = command("show", _show, "print a parameter file with what it inherits")
    add("profile", nargs="?", default=DEFAULT)

    add = command("prepare", _prepare, "make the stores of one data set, and its stand-in where asked for")
    add("name")
    add("--workers", type=_count, default=1)

    add = command("execute", _execute, "execute one notebook of the study")
    add("notebook", help="name of a notebook in notebooks/")
    add("output", type=Path)
    add("--run", help="name of the run that it executes")
    add("--kernel", default="python3")
    add("--cores", type=_count, default=1, help="threads of a training (default: %(default)s)")
    add("--gpus", type=_number, default=0, metavar="N", help="hold N of the GPUs and show it no others")

    add = command("predict", _predict, "joints of people in your own photos, folders of photos and videos")
    add("images", nargs="+", metavar="IMAGE", help="photos, folders of photos, videos")
    add("--run", default="pretrained", help="folder of a finished run (default: the network in the box)")
    add("--out", default="predicted", type=Path, help="folder for drawings and joints (default: %(default)s)")
    text = (
        "the person's box: x,y,width,height in px of the only file, FILE=x,y,width,height of one of several"
    )
    text += " (may be repeated), or whole (default: the network finds the person)"
    add("--box", action="append", default=[], metavar="BOX", help=text)
    add("--every", type=int, default=1, metavar="N", help="take one of N frames of a video")
    add("--device", default="auto", help="auto, cpu, cuda (default: %(default)s)")

    add = command("export", _export, "write a run's network as an ONNX file, checked against torch")
    add("run", type=Path, help="folder of a finished run")
    add("out", type=Path, help="the file to write")

    add = command("rescore", _rescore, "score finished runs again under any protocol, without a GPU")
    add("runs", nargs="+", metavar="RUN", help="name of a run of the profile, or the folder of any run")
    add("--protocol", action="append", default=[], metavar="NAME", help="may be repeated (default: all)")
    add("--align", choices=("scale", "procrustes"), help="align 3D predictions first")
    add("--csv", type=Path, metavar="FILE", help="write the rows there, too")

    command("collect", _collect, "gather all run records into runs.csv, history.csv and floors.csv")

    command(
        "blazepose", _blazepose, "score BlazePose on a finished profile's test sets (needs: make blazepose)"
    )

    add = command("pool", _pool, "join records of equal parameters and other seeds")
    add("records", nargs="+", type=Path, help="folders with runs.csv, as collect writes it")
    add("--out", required=True, type=Path, help="the folder to write")

    simulate = commands.add_parser("simulate", help="write the simulated stand-in of a data set")
    simulated_people_cli.add_arguments(simulate)
    simulate.set_defaults(command=simulated_people_cli.run)

    data = commands.add_parser("data", help="the data sets under a data root: check, recipes, contact-sheet")
    add_data_commands(data.add_subparsers(required=True, metavar="COMMAND"))
    return parser


# Each command imports what it needs itself: torch, Snakemake and plotting take seconds to load.


def _study(arguments: argparse.Namespace) -> None:
    from hpe_study.study.workflow import run_study

    study = Study(arguments.profile)
    run_study(study, arguments.cores, arguments.kernel, arguments.snakemake, arguments.cluster)


def _show(arguments: argparse.Namespace) -> None:
    read_profile(arguments.profile)
    values, look = read_values(arguments.profile), {"allow_unicode": True, "default_flow_style": None}
    print(yaml.safe_dump(values, sort_keys=False, width=110, **look), end="")


def _prepare(arguments: argparse.Namespace) -> None:
    end_with_parent(parent=arguments.parent)
    from hpe_study.study.steps import prepare_set

    prepare_set(Study(arguments.profile), arguments.name, arguments.workers)


def _execute(arguments: argparse.Namespace) -> None:
    end_with_parent(parent=arguments.parent)
    from hpe_study.study.gpus import assigned
    from hpe_study.study.notebooks import execute_notebook

    study = Study(arguments.profile)
    notebook = study.home / "notebooks" / f"{arguments.notebook}.ipynb"
    if not notebook.exists():
        raise StudyError(f"{notebook}: no such notebook")
    parameters = {"profile": str(study.profile_path)} | ({"run": arguments.run} if arguments.run else {})
    with assigned(arguments.gpus, study.profile.runs_per_gpu):
        cores = arguments.cores // study.profile.devices
        execute_notebook(notebook, arguments.output, parameters, arguments.kernel, cores=cores)


def _predict(arguments: argparse.Namespace) -> None:
    from hpe_study.photos.results import Batch

    if arguments.every < 1:
        raise StudyError(f"--every {arguments.every}: must be 1 or more")
    batch = Batch(arguments.run, arguments.out, arguments.box, arguments.device)
    results = batch.predict(arguments.images, arguments.every)
    drawn, skipped = len(results.pictures), len(results.skipped)
    rest = f", {skipped} skipped" if skipped else ""
    joints = f"joints in {arguments.out / 'joints.csv'} and joints.json"
    print(f"{drawn} file{'s' * (drawn != 1)} drawn{rest}; {joints}")


def _export(arguments: argparse.Namespace) -> None:
    from hpe_study.evaluation.onnx import export_onnx

    difference = export_onnx(arguments.run, arguments.out)
    print(f"{arguments.out}: ONNX, differs from torch by at most {difference:.1e}")


def _rescore(arguments: argparse.Namespace) -> None:
    from hpe_study.evaluation.rescore import protocol_spread, readable, rescore

    runs = arguments.runs
    folders = [Path(run) if Path(run).is_dir() else Study(arguments.profile).folder / run for run in runs]
    rows = rescore(folders, arguments.protocol, arguments.align)
    people = "simulated people" if rows["simulated"].any() else "real data"
    print(f"Scores with 95 % intervals over sequences (images where a set names none), {people}")
    print(readable(rows).to_string())
    if rows.loc[rows["metric"] == "mpjpe", "protocol"].nunique() > 1:
        print(f"\nHow far the protocol alone moves MPJPE (mm), {people}")
        print(protocol_spread(rows).round(1).to_string())
    not_scored = rows.loc[rows["value"].isna(), ["protocol", "note"]].drop_duplicates()
    for name, note in not_scored.itertuples(index=False):
        print(f"{name}: not scored; {note}")
    if arguments.csv:
        with atomic(arguments.csv) as part:
            rows.to_csv(part, index=False)


def _pool(arguments: argparse.Namespace) -> None:
    from hpe_study.study.records import pool_records

    print(pool_records(arguments.records, arguments.out).to_string(index=False))


def _collect(arguments: argparse.Namespace) -> None:
    from hpe_study.study.records import collect

    collect(Study(arguments.profile))


def _blazepose(arguments: argparse.Namespace) -> None:
    end_with_parent(parent=arguments.parent)
    from hpe_study.study.blazepose import write_blazepose

    write_blazepose(Study(arguments.profile))


if __name__ == "__main__":
    sys.exit(main())
