"""Run the whole graph by Snakemake, one study per profile at a time, with a live count."""

import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from hpe_study.errors import StudyError, ended_by
from hpe_study.evaluation.run_record import read_run_record
from hpe_study.parameter_files import read_values
from hpe_study.study import so_far
from hpe_study.study.availability import find_data_sets
from hpe_study.study.eta import RemainingTime
from hpe_study.study.gpus import visible_gpus
from hpe_study.study.notebooks import answer_in, check_kernel
from hpe_study.study.study import Study
from hpe_study.utils import devices
from hpe_study.utils.files import lock, open_log, writable
from hpe_study.utils.processes import end_with_parent
from hpe_study.utils.progress import progress_bar

STEP_DONE = re.compile(r"^(\d+) of (\d+) steps")
OWN_MESSAGE = ("error: ", "  (in ")  # how messages of our own steps begin
RULE_FAILED = re.compile(r"^\s*Error in rule (\w+):")
DIED = re.compile(r"died with <Signals\.SIG\w+: (\d+)>")
JOB_LOG = re.compile(r"^\s+log: (\S+)")
PREPARING_CORES = 4  # that a cluster's job of preparation asks for, unless `cores` says otherwise
UP_TO_DATE = "Everything is up to date; nothing was done."
ENDS = "claims", "table1"  # notebooks that end with the answer, best first
DRY = {"--dry-run", "--dryrun", "-n"}
JOB = re.compile(r"^(?:local)?(?:rule|checkpoint) (\w+):$|^\s+wildcards: \w+=(\S+)$", re.M)
MODIFIED = "--rerun-triggers", "mtime", "params", "input"


def run_study(
    study: Study,
    cores: int | None = None,
    kernel: str = "python3",
    extra: Sequence[str] = (),
    cluster: str | None = None,
) -> None:
    """Bring everything of a profile up to date.

    Args:
        study: The study.
        cores: Of this machine (default: all). On a cluster: those that a job of preparation asks for.
        kernel: Jupyter kernel that executes the notebooks.
        extra: Further arguments of Snakemake.
        cluster: Folder of a Snakemake profile (`profiles/slurm`) that turns the steps into jobs.

    Raises:
        StudyError: Something that is needed is not there, or a step failed (what finished stays).
    """
    if study.profile.records:
        records = study.profile.records
        raise StudyError(
            f"{study.profile_path}: shows published records ({records}); run the profile they came from"
        )
    _check_place(study)
    check_kernel(kernel)
    place = _cluster(study, cluster, cores) if cluster else _this_machine(study, cores)
    # held by this process alone, so Snakemake's own lock, which a kill leaves, is not needed
    with lock(study.folder):
        study = find_data_sets(study)
        _forget_incomplete(study)
        remaining = RemainingTime(study, place.cores, place.at_a_time)
        _announce(study, remaining)
        command = [
            *(sys.executable, "-m", "snakemake", "--snakefile", str(study.home / "Snakefile")),
            *("--directory", str(study.home), "--nolock", "--rerun-incomplete", "--keep-going", *MODIFIED),
            *(*_first_row(study), *place.arguments, *extra, "--config", f"profile={study.profile_path}"),
            *(f"kernel={kernel}", f"cores={place.cores}"),
        ]
        start = time.time()
        log = study.folder / "snakemake.log"
        steps, errors = _follow(command, log, study, remaining)
        if errors is not None:
            raise StudyError(
                "some steps failed; all that finished stays, and the same command goes on from there."
                f"\n{errors}\n(whole log: {log})"
            )
        if DRY & set(extra):
            print(f"{planned(log.read_text(encoding='utf-8'))}\nAll of it: {log}", flush=True)
        else:
            _report(study, steps, time.time() - start)


def _first_row(study: Study) -> tuple[str, ...]:
    """Snakemake's arguments that have the first row of the first table made before the others."""
    return ("--prioritize", str(study.run_folder(study.rows[0].run) / "metrics.csv")) if study.rows else ()


@dataclass(frozen=True)
class _Place:
    """Where the steps run: Snakemake's arguments, cores, and runs at a time (None: not known)."""

    arguments: tuple[str, ...]
    cores: int
    at_a_time: int | None


def _check_place(study: Study) -> None:
    if not (study.home / "Snakefile").exists():
        raise StudyError(
            f"{study.profile_path}: {study.home} is no checkout of the study; use its own params/"
        )
    if wrong := sorted(set(str(study.home)) & set("{}\n")):
        raise StudyError(
            f"{study.home}: Snakemake cannot work in a folder with {wrong[0]!r} in its name; move it"
        )


def _forget_incomplete(study: Study) -> None:
    """A run whose record or weights are gone is to be trained again, although its notebook stands."""
    for run in study.runs:
        folder = study.run_folder(run)
        if not all((folder / name).exists() for name in ("run.json", "checkpoint.pt")):
            (folder / "stage.ipynb").unlink(missing_ok=True)


def _this_machine(study: Study, cores: int | None) -> _Place:
    """No more runs at a time than cores, or than places on the GPUs. Missing resources are reported first."""
    devices.check_count(study.profile.devices)
    cores, on_gpus = cores or os.cpu_count(), len(visible_gpus()) * study.profile.runs_per_gpu
    resources = ("--resources", f"gpu={on_gpus}") if on_gpus else ()
    return _Place(("--cores", str(cores), *resources), cores, min(cores, on_gpus or cores))


def _cluster(study: Study, cluster: str, cores: int | None) -> _Place:
    folder = Path(cluster) if Path(cluster).is_dir() else study.home / cluster
    if not (folder / "config.yaml").exists():
        profiles = sorted(str(path.parent) for path in Path("profiles").glob("*/config.yaml"))
        known = ", ".join(profiles) or "none"
        raise StudyError(f"{folder}: holds no config.yaml of a Snakemake profile (there are: {known})")
    executor = str(read_values(folder / "config.yaml").get("executor", "local"))
    plugin = f"snakemake_executor_plugin_{executor.replace('-', '_')}"
    if executor != "local" and not (plugin.isidentifier() and find_spec(plugin)):
        command = f".venv/bin/pip install -e '.[{folder.name}]'"
        raise StudyError(f"{folder}: needs snakemake-executor-plugin-{executor}; install it: {command}")
    return _Place(("--profile", str(folder)), cores or PREPARING_CORES, None)


def _announce(study: Study, remaining: RemainingTime) -> None:
    names = study.profile.set_names
    simulated = [name for name in names if study.is_simulated(name)]
    real = [name for name in names if name not in simulated]
    parts = ["simulated people"] if simulated else []
    parts += [f"the data sets in {study.raw}"] if real else []
    what = f"notebook {', '.join(study.analyses)}"
    if study.runs:
        done = len(study.runs) - len(remaining.runs_left)
        what = f"{len(study.runs)} trainings ({done} done before)"
    print(f"{study.profile.question}\nprofile {study.profile.name}: {what} on {' and '.join(parts)}")
    if study.runs:
        so_far.write_page(study, remaining.runs_left)
        page = so_far.page_path(study).relative_to(study.home)
        print(f"runs and scores as they come: {page} (in a browser)")
    for name, reason in study.absent.items():
        rows = "column" if study.splits[name] == ("test",) else "row"
        print(f"left out, with every {rows} that needs it: {name} ({reason})")
    if remaining.first and study.runs:
        minutes = math.ceil(remaining.first / 60)
        print(f"about {minutes} minutes on {remaining.cores} cores, by the images and this machine's rate")
    sys.stdout.flush()


def _environment(study: Study) -> dict[str, str]:
    """Environment variables for Snakemake and its steps: one thread each, this Python, writable caches."""
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    environment = {**os.environ, **threads, "PYTHONUNBUFFERED": "1", "PATH": path}
    try:
        writable(Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser())
    except StudyError:  # a home that cannot be written to
        places = ("XDG_CACHE_HOME", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "MPLCONFIGDIR")
        environment |= {name: str(study.home / ".snakemake" / "home" / name.lower()) for name in places}
    return environment


@dataclass
class _Messages:
    """The causes of failures in what Snakemake prints: the steps' own messages, and deaths by a signal."""

    errors: list[str] = field(default_factory=list)
    rule: str = ""

    def add(self, line: str) -> None:
        if line.startswith(OWN_MESSAGE):
            self.errors.append(line.rstrip())
        elif match := RULE_FAILED.match(line):
            self.rule = match[1]
        elif match := DIED.search(line):
            message = f"error: {ended_by('the step ' + (self.rule or 'in hand'), int(match[1]))}"
            self.errors += [message] if message not in self.errors else []
        elif self.rule and (match := JOB_LOG.match(line)):
            self.errors += self._of_job(Path(match[1]))

    def _of_job(self, log: Path) -> list[str]:
        """A cluster's job; its log lies where the job ran."""
        try:
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            lines = []
        own = [line for line in lines if line.startswith(OWN_MESSAGE)]
        return own or [
            f"error: a job of {self.rule} ended without a message: killed or cancelled (its log: {log})"
        ]


def _follow(command: list[str], log: Path, study: Study, remaining: RemainingTime) -> tuple[int, str | None]:
    """Run Snakemake, its output into `log`, with a bar from its counts.

    Returns:
        The number of steps done, and the failed steps' messages or None.
    """
    dying = partial(end_with_parent, signal.SIGKILL, os.getpid())  # a polite signal is waited out by jobs
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8"}
    start = partial(
        subprocess.Popen, cwd=study.home, env=_environment(study), preexec_fn=dying, errors="replace"
    )
    look = "{desc}: {n_fmt}/{total_fmt} steps |{bar:24}| {elapsed}{postfix}"
    bar = progress_bar(total=None, desc="study", bar_format=look, dynamic_ncols=True)
    messages = _Messages()
    with open_log(log) as copy, start(command, **output) as process, bar:
        for line in process.stdout:
            copy.write(line)
            copy.flush()
            messages.add(line)
            if match := STEP_DONE.match(line):
                bar.total = int(match[2])
                bar.set_postfix_str(_progress(study, remaining), refresh=False)
                bar.update(int(match[1]) - bar.n)
    if process.returncode == 0:
        return bar.n, None
    last = log.read_text(encoding="utf-8").splitlines()[-15:]
    return bar.n, "\n".join(messages.errors or last)


def _progress(study: Study, remaining: RemainingTime) -> str:
    """What the bar says; the page of what is there so far is written anew."""
    if not study.runs:
        return ""
    seconds, to_do = remaining.seconds(), remaining.runs_left
    so_far.write_page(study, to_do)
    left = f", about {math.ceil(seconds / 60)} min left" if seconds else ""
    return f"{len(study.runs) - len(to_do)} of {len(study.runs)} trainings done{left}"


def _report(study: Study, steps: int, seconds: float) -> None:
    """What was done, then three lines: the answer, the page, the notebook."""
    print(f"Done: {steps} steps in {seconds / 60:.1f} minutes." if steps else UP_TO_DATE)
    if other := _other_code(study):
        print(
            f"{len(other)} of {len(study.runs)} runs were trained by other code than this"
            f" ({devices.code_version()}) and stay; to train one anew, delete its folder: {', '.join(other)}"
        )
    if not study.analyses:
        return
    name = next((name for name in ENDS if name in study.analyses), study.analyses[0])
    folder = study.figures.relative_to(study.home)
    pages = [f"{page}.html" for page in ("report", name) if (study.figures / f"{page}.html").exists()]
    print(f"answer:   {answer_in(study.figures / f'{name}.ipynb')}")
    print(f"page:     {folder / pages[0] if pages else folder}")
    print(f"notebook: make lab, then {folder / name}.ipynb", flush=True)


def planned(log: str) -> str:
    """What Snakemake's dry run would do, from its log: each rule with its steps."""
    steps: dict[str, list[str]] = {}
    for rule, of in JOB.findall(log):
        if rule:
            last = steps.setdefault(rule, [])
            last.append("")
        else:
            last[-1] = of
    steps.pop("all", None)
    if not steps:
        return "Everything is up to date; nothing is to be done."
    lines = [f"  {rule} {', '.join(filter(None, of))}".rstrip() for rule, of in steps.items()]
    return "\n".join([f"{sum(map(len, steps.values()))} steps are to be done; this was a dry run:", *lines])


def _other_code(study: Study) -> list[str]:
    """Names of the runs that another version of the code trained; none where a version is not known."""
    folders = [study.run_folder(run) for run in study.runs]
    codes = {f.name: read_run_record(f).code for f in folders if (f / "run.json").exists()}
    now = devices.code_version()
    return [name for name, code in codes.items() if code != now and devices.UNKNOWN not in (code, now)]
