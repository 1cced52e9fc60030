"""The command line: `python -m hpe_study study params/demo.yaml` runs a whole profile; the other commands are
its single steps."""

import argparse
import sys
from pathlib import Path

from hpe_study.errors import StudyError
from hpe_study.utils.processes import end_with_parent


def main(words=None):
    """Parse and run one command; returns the exit status. What the user can mend is one line on stderr, never
    a traceback."""
    words = list(sys.argv[1:] if words is None else words)
    # argparse itself loses what comes after an option and --
    own = words.index("--") if words[:1] == ["study"] and "--" in words else len(words)
    arguments = _parser().parse_args(words[:own])
    arguments.snakemake = words[own + 1 :]
    try:
        arguments.command(arguments)
    except StudyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


def _parser():
    parser = argparse.ArgumentParser(prog="python -m hpe_study", description=__doc__)
    parser.add_argument("--profile", default="params/demo.yaml", help="parameter file (default: %(default)s)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    after = "What comes after -- are words for Snakemake: -- --dry-run"
    study = commands.add_parser(
        "study", help="run everything of a profile that is not up to date", epilog=after
    )
    study.add_argument("profile", nargs="?", default="params/demo.yaml")
    study.add_argument("--cores", type=int, help="processor cores to use (default: all)")
    study.add_argument(
        "--kernel",
        default="python3",
        help="Jupyter kernel that executes the notebooks (default: %(default)s)",
    )
    study.add_argument(
        "--cluster",
        metavar="DIR",
        help="make jobs of the steps, as this Snakemake profile says: profiles/slurm, …",
    )
    study.set_defaults(command=_study)

    prepare = commands.add_parser(
        "prepare",
        help="make the stores of one data set (and its simulated stand-in, where the profile asks for one)",
    )
    prepare.add_argument("name")
    prepare.add_argument("--workers", type=int, default=1)
    prepare.set_defaults(command=_prepare)

    execute = commands.add_parser("execute", help="execute one notebook of the study")
    execute.add_argument("notebook", help="name of a notebook in notebooks/")
    execute.add_argument("output", type=Path)
    execute.add_argument("--run", help="name of the run that it executes")
    execute.add_argument("--kernel", default="python3")
    execute.add_argument(
        "--gpus", type=int, default=0, metavar="N", help="hold N of the GPUs for it and show it no others"
    )
    execute.set_defaults(command=_execute)

    predict = commands.add_parser(
        "predict", help="joints of people in your own photos, folders of photos and videos"
    )
    predict.add_argument("images", nargs="+", metavar="IMAGE", help="photos, folders of photos, videos")
    predict.add_argument(
        "--run",
        required=True,
        type=Path,
        help="folder of a finished run, such as runs/demo/stage3-mpii-h36m-h36m-seed0",
    )
    predict.add_argument(
        "--out", required=True, type=Path, help="folder for drawings, joints.csv and joints.json"
    )
    predict.add_argument(
        "--box", default="detector", help="x,y,width,height in px, or detector (default), or whole"
    )
    predict.add_argument(
        "--every",
        type=int,
        default=1,
        metavar="N",
        help="take one of N frames of a video (default: %(default)s)",
    )
    predict.add_argument("--device", default="auto", help="auto, cpu, cuda (default: %(default)s)")
    predict.set_defaults(command=_predict)

    export = commands.add_parser(
        "export", help="write a run's network as an ONNX file, checked against torch"
    )
    export.add_argument("run", type=Path, help="folder of a finished run")
    export.add_argument("out", type=Path, help="the file to write")
    export.set_defaults(command=_export)

    rescore = commands.add_parser(
        "rescore", help="score finished runs again from their predictions, under any protocol, without a GPU"
    )
    rescore.add_argument(
        "runs", nargs="+", metavar="RUN", help="name of a run of the profile, or the folder of any run"
    )
    rescore.add_argument(
        "--protocol",
        action="append",
        default=[],
        metavar="NAME",
        help="may be repeated (default: all that fit)",
    )
    rescore.add_argument("--align", choices=("scale", "procrustes"), help="align 3D predictions first")
    rescore.add_argument("--csv", type=Path, metavar="FILE", help="write the rows there, too")
    rescore.set_defaults(command=_rescore)

    collect = commands.add_parser(
        "collect", help="gather all run records into runs.csv, history.csv and floors.csv"
    )
    collect.set_defaults(command=_collect)
    return parser


def _open(arguments):
    from hpe_study.study import Study

    return Study(arguments.profile)


def _study(arguments):
    from hpe_study.study.workflow import run_study

    run_study(_open(arguments), arguments.cores, arguments.kernel, arguments.snakemake, arguments.cluster)


def _prepare(arguments):
    from hpe_study.study.steps import prepare_set

    end_with_parent()
    prepare_set(_open(arguments), arguments.name, arguments.workers)


def _execute(arguments):
    from hpe_study.study.gpus import assigned
    from hpe_study.study.notebooks import execute_notebook

    end_with_parent()
    study = _open(arguments)
    notebook = study.home / "notebooks" / f"{arguments.notebook}.ipynb"
    if not notebook.exists():
        raise StudyError(f"{notebook}: no such notebook")
    parameters = {"profile": str(study.profile_path)} | ({"run": arguments.run} if arguments.run else {})
    with assigned(arguments.gpus, study.profile.runs_per_gpu):
        execute_notebook(notebook, arguments.output, parameters, arguments.kernel)


def _predict(arguments):
    from hpe_study.photos import boxes, predict

    if arguments.every < 1:
        raise StudyError(f"--every {arguments.every}: must be 1 or more")
    box = arguments.box if arguments.box in ("detector", "whole") else boxes.parse(arguments.box)
    results = predict(arguments.images, arguments.run, arguments.out, box, arguments.every, arguments.device)
    skipped = f", {len(results.skipped)} files skipped" if results.skipped else ""
    print(
        f"{len(results.pictures)} files drawn{skipped}; joints in {arguments.out / 'joints.csv'} and"
        " joints.json"
    )


def _export(arguments):
    from hpe_study.evaluation.onnx import export_onnx

    difference = export_onnx(arguments.run, arguments.out)
    print(f"{arguments.out}: ONNX, differs from torch by at most {difference:.1e}")


def _rescore(arguments):
    from hpe_study.evaluation.rescore import protocol_spread, readable, rescore
    from hpe_study.utils.files import atomic

    folders = [Path(run) if Path(run).is_dir() else _open(arguments).folder / run for run in arguments.runs]
    rows = rescore(folders, arguments.protocol, arguments.align)
    people = "simulated people" if rows["simulated"].any() else "real data"
    print(
        "Scores with 95 % intervals over sequences (images where a set names none),"
        f" {people}\n{readable(rows).to_string()}"
    )
    if rows.loc[rows["metric"] == "mpjpe", "protocol"].nunique() > 1:
        print(
            "\nHow far the protocol alone moves MPJPE (mm),"
            f" {people}\n{protocol_spread(rows).round(1).to_string()}"
        )
    for name, note in (
        rows.loc[rows["value"].isna(), ["protocol", "note"]].drop_duplicates().itertuples(index=False)
    ):
        print(f"{name}: not scored; {note}")
    if arguments.csv:
        with atomic(arguments.csv) as part:
            rows.to_csv(part, index=False)


def _collect(arguments):
    from hpe_study.study.records import collect

    collect(_open(arguments))


if __name__ == "__main__":
    sys.exit(main())
