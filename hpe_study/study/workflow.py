"""Run the whole graph by Snakemake: one study at a time a profile, a live count, and at the end what came out
and where."""

import math
import os
import re
import subprocess
import sys
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import yaml

from hpe_study.errors import StudyError
from hpe_study.study.availability import find_data_sets
from hpe_study.study.eta import RemainingTime
from hpe_study.study.gpus import visible_gpus
from hpe_study.utils import devices
from hpe_study.utils.files import lock
from hpe_study.utils.processes import end_with_parent
from hpe_study.utils.progress import progress_bar

STEP_DONE = re.compile(r"^(\d+) of (\d+) steps")
SAID = ("error: ", "  (in ")  # how our own messages begin
RULE_FAILED = re.compile(r"^Error in rule (\w+):")
JOB_LOG = re.compile(r"^\s+log: (\S+)")
PREPARING_CORES = 4  # that a job which prepares a data set asks a cluster for, unless told otherwise


def run_study(study, cores=None, kernel="python3", extra=(), cluster=None):
    """Bring everything of a profile up to date. Raises `StudyError` where a step failed (what finished
    stays).

    cores: of this machine, by default all. cluster: folder of a Snakemake profile (`profiles/slurm`) that
    makes jobs of the steps; then `cores` are those that a job of preparation asks for.
    """
    if study.profile.records:
        raise StudyError(
            f"{study.profile_path}: shows published records ({study.profile.records}); run the profile they"
            " came from instead"
        )
    where, cores, places = _on_cluster(study, cluster, cores) if cluster else _on_this_machine(study, cores)
    with lock(
        study.folder
    ):  # held by this process alone, so Snakemake's own lock (which a kill leaves behind) is not needed
        study = find_data_sets(study)
        outlook = RemainingTime(study, cores, places)
        _announce(study, outlook)
        command = [
            *(
                sys.executable,
                "-m",
                "snakemake",
                "--snakefile",
                str(study.home / "Snakefile"),
                "--directory",
                str(study.home),
            ),
            *(
                "--nolock",
                "--rerun-incomplete",
                "--keep-going",
                "--rerun-triggers",
                "mtime",
                "params",
                "input",
            ),
            *(
                *where,
                *extra,
                "--config",
                f"profile={study.profile_path}",
                f"kernel={kernel}",
                f"cores={cores}",
            ),
        ]
        start = time.time()
        log = study.folder / "snakemake.log"
        steps, errors = _follow(command, log, study, outlook)
        if errors is not None:
            raise StudyError(
                "some steps failed; all that finished stays, and the same command goes on from"
                f" there.\n{errors}\n(whole log: {log})"
            )
        _report(study, steps, time.time() - start)


def _on_this_machine(study, cores):
    """(Snakemake's words, cores, runs at a time): no more of these than cores, or than places on its GPUs.
    What it lacks is said first."""
    devices.check_count(study.profile.devices)
    cores, on_gpus = cores or os.cpu_count(), len(visible_gpus()) * study.profile.runs_per_gpu
    resources = ("--resources", f"gpu={on_gpus}") if on_gpus else ()
    return ("--cores", str(cores), *resources), cores, min(cores, on_gpus or cores)


def _on_cluster(study, cluster, cores):
    """(Snakemake's words, cores of a job of preparation, None: how many runs at a time is not known)."""
    folder = Path(cluster) if Path(cluster).is_dir() else study.home / cluster
    if not (folder / "config.yaml").exists():
        at_hand = (
            ", ".join(sorted(str(path.parent) for path in Path("profiles").glob("*/config.yaml")))
            or "none here"
        )
        raise StudyError(f"{folder}: holds no config.yaml of a Snakemake profile (at hand: {at_hand})")
    executor = yaml.safe_load((folder / "config.yaml").read_text()).get("executor", "local")
    if executor != "local" and not find_spec(f"snakemake_executor_plugin_{executor.replace('-', '_')}"):
        raise StudyError(
            f"{folder}: needs snakemake-executor-plugin-{executor}; install it: .venv/bin/pip install -e"
            f" '.[{folder.name}]'"
        )
    return ("--profile", str(folder)), cores or PREPARING_CORES, None


def _announce(study, outlook):
    done = len(study.runs) - len(outlook.runs_left)
    kind = "simulated people" if study.simulated else f"the data sets in {study.raw}"
    done = f", {done} of them done before" if study.runs else ""
    what = f"{len(study.runs)} trainings" if study.runs else f"notebook {', '.join(study.analyses)}"
    print(f"{study.profile.question}\nprofile {study.profile.name}: {what} on {kind}{done}")
    for name, words in study.absent.items():
        print(f"left out, with every row that needs it: {name} ({words})")
    if outlook.first and study.runs:
        print(
            f"about {math.ceil(outlook.first / 60)} minutes on {outlook.cores} cores, by the images to be"
            " seen and this machine's rate"
        )
    sys.stdout.flush()


def _follow(command, log, study, outlook):
    """Run Snakemake, its words into `log`, a bar from its counts. Returns the steps done, and the failed
    steps' messages or None."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    environment["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), environment.get("PATH", "")])
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        preexec_fn=partial(end_with_parent, parent=os.getpid()),
        cwd=study.home,
    )
    bar = progress_bar(
        total=None,
        desc="study",
        bar_format="{desc}: {n_fmt}/{total_fmt} steps |{bar:24}| {elapsed}{postfix}",
        dynamic_ncols=True,
    )
    errors, rule = [], ""
    with open(log, "w") as words, process, bar:
        for line in process.stdout:
            words.write(line)
            words.flush()
            if line.startswith(SAID):
                errors.append(line.rstrip())
            elif match := RULE_FAILED.match(line):
                rule = match[1]
            elif rule and (match := JOB_LOG.match(line)):
                errors += _errors_of_job(rule, Path(match[1]))
            if match := STEP_DONE.match(line):
                bar.total = int(match[2])
                bar.set_postfix_str(_progress(study, outlook), refresh=False)
                bar.update(int(match[1]) - bar.n)
    if process.returncode == 0:
        return bar.n, None
    return bar.n, "\n".join(errors or log.read_text().splitlines()[-15:])


def _errors_of_job(rule, log):
    """What a cluster's job said of its failure; its log lies where the job ran."""
    try:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.startswith(SAID)]
    except OSError:
        lines = []
    return lines or [f"error: a job of {rule} ended without a word: killed or cancelled (its log: {log})"]


def _progress(study, outlook):
    if not study.runs:
        return ""
    left = outlook.seconds()
    told = f", about {math.ceil(left / 60)} min left" if left else ""
    return f"{len(study.runs) - len(outlook.runs_left)} of {len(study.runs)} trainings done{told}"


def _report(study, steps, seconds):
    if not steps:
        print("Everything is up to date; nothing was done.")
    else:
        print(f"Done: {steps} steps in {seconds / 60:.1f} minutes.")
    here = study.home
    for label, pattern in (
        ("tables", "table[0-9].html"),
        ("figures", "*.png"),
        ("notebooks to open", "*.ipynb"),
    ):
        found = sorted(path.relative_to(here) for path in study.figures.glob(pattern))
        if found:
            print(f"  {label}: " + ", ".join(str(path) for path in found))
    if study.runs:
        print(f"  all numbers, a row each: {study.records[0].relative_to(here)}")
    print(f"Open them: make lab, then {study.figures.relative_to(here)}/{study.analyses[0]}.ipynb")
