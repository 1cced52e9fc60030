"""What a GPU that is at hand for a quarter of an hour is used for, in one go.

    python -m benchmarks.quarter_hour pack OUT          real LSP and LSP-Extended (data/real) as one archive
    python -m benchmarks.quarter_hour OUT --data OUT    the steps below, in their order, as far as they fit
    python -m benchmarks.quarter_hour prepare OUT       (not needed) renders beforehand what the steps render

    people        unpack the archive; without --data, render simulated LSP
    graph         one training step captured as a CUDA graph, compared with the plain step
    sweep         which way of computing a step is the fastest: records/sweep.csv
    stage 1       ResNet-50, 256 px, LSP + LSP-Extended, the published schedule; scored on LSP test
    stages 2-3    with simulated Human3.6M, a fifth of the published epochs
    middle        Tables 1–3 with ResNet-18 at 128 px, runs side by side: records/middle, for `hpe-study pool`

The same command goes on where it stopped, or was killed. All that is to be kept is in OUT/records: at most
eight files, each of at most 16 MB.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import torch
import yaml

from benchmarks import middle_tables, real_people, sweep
from benchmarks.cuda_graph import Pace, Paused, QuickTrainer, Setting, check_graph, device_name
from benchmarks.ledger import Ledger, Skipped
from hpe_study.config import TrainingConfig
from hpe_study.errors import StudyError
from hpe_study.parameter_files import read_profile
from hpe_study.study import Study
from hpe_study.utils.files import atomic, read_json
from hpe_study.utils.processes import end_with_parent, pool, start_server

PARAMS = Path(__file__).resolve().parents[1] / "params"
CORES = len(os.sched_getaffinity(0))
REAL, MIDDLE = "quarter-real", "quarter-middle"  # the parameter files, beside copies of the project's
GUESS = 1000.0  # images/s of stage 1, where nothing was measured


@dataclass(frozen=True)
class Extent:
    """How much is done.

    Attributes:
        real: keys of the parameter file of stage 1 and stages 2-3, but stage 1's.
        schedule: of stage 1.
        middle: keys of the parameter file of the middle size.
        settings: of the sweep.
        sweep: seconds of it.
        each: timed seconds of a setting.
        scoring: seconds kept free for scoring and for gathering records.
        least: seconds without which a step is not begun.
    """

    real: dict
    schedule: TrainingConfig
    middle: dict
    settings: tuple[Setting, ...] = sweep.SETTINGS
    sweep: float = 60.0
    each: float = 1.5
    scoring: float = 20.0
    least: dict[str, float] = field(default_factory=dict)


STEPS = ("people", "graph", "sweep", "stage 1", "stages 2-3", "middle")


def quarter() -> Extent:
    """What fits a large GPU."""
    published = read_profile(PARAMS / "paper.yaml").stage1
    return Extent(
        real={
            "base": "gpu.yaml",
            "two_d": ["lsp"],
            "three_d": ["h36m"],
            "tables": [1],
            "sets": {"lsp": {"simulate": {"train": 11000, "test": 1000}}},  # used without --data
            "network": {"pretrained": False},
        },
        schedule=published,
        middle={
            "base": "gpu.yaml",
            "simulate_size": 128,
            "simulate_on": "cpu",
            "network": {"model": "resnet18", "pretrained": False, "input_size": 128, "sigma": 1.0},
        },
        least={"people": 10, "graph": 15, "sweep": 20, "stage 1": 60, "stages 2-3": 60, "middle": 60},
    )


class Quarter:
    """One call: where it works, what it does, and what it has left."""

    def __init__(self, options: argparse.Namespace, extent: Extent) -> None:
        self.options, self.extent, self.out = options, extent, options.out
        self.records, self.background = self.out / "records", None
        self.on_gpu = torch.cuda.is_available()
        self.workers = options.workers or (max(1, CORES - 2) if self.on_gpu else 1)
        self.ledger = Ledger(self.records / "ledger.csv", options.seconds, options.call, device_name())
        self._write_parameters()
        self.place = real_people.Place(Study(self._path(REAL)), self.out / "data" / "people", self.workers)
        self.stages = self.place.study.runs

    # ---------------------------------------------------------------- the parameter files

    def _path(self, name):
        return self.out / "params" / f"{name}.yaml"

    def _write_parameters(self):
        """Copies of the project's parameter files, and the two of this plan, which an earlier call may have."""
        self._path(REAL).parent.mkdir(parents=True, exist_ok=True)
        for path in PARAMS.glob("*.yaml"):
            if not self._path(path.stem).exists():
                shutil.copyfile(path, self._path(path.stem))
        if not self._path(MIDDLE).exists():
            self._write_real(self.extent.schedule)
            self._write(MIDDLE, self.extent.middle)
        (seed,) = read_profile(self._path(MIDDLE)).seeds
        if seed != self.options.seed:
            raise StudyError(f"{self.out}: was begun with seed {seed}; name another folder for another seed")

    def _write_real(self, schedule):
        self._write(REAL, self.extent.real | {"stage1": schedule.model_dump(mode="json", exclude_none=True)})

    def _write(self, name, keys):
        keys = keys | {"name": name, "seeds": [self.options.seed], "data_root": f"data/simulated/{name}"}
        with atomic(self._path(name)) as part:
            part.write_text(yaml.safe_dump(keys))

    # ---------------------------------------------------------------- the steps

    def run(self) -> None:
        """Carry out the steps that are asked for and fit, and print the ledger."""
        work = [self.people, self.graph, self.sweep, self.stage_1, self.stages_2_3, self.middle]
        try:
            for step, carry_out in zip(STEPS, work, strict=True):
                least = self.extent.least.get(step, 0.0)
                if step not in self.options.steps or (step != "people" and self.ledger.is_done(step)):
                    continue
                if self.ledger.left < least:
                    self.ledger.skip(step, f"needs {least:.0f} s, {self.ledger.left:.0f} s are left")
                    continue
                with self.ledger.step(step, self._planned(step)) as note:
                    carry_out(note)
        finally:
            if self.background:
                self.background.terminate()
            print(self.ledger.table().drop(columns="device").to_string(index=False), flush=True)

    def _planned(self, step):
        """Seconds that a step should take, by the rate that the sweep measured."""
        known = {"people": 10.0, "graph": 20.0, "sweep": self.extent.sweep}
        stages = {"stage 1": self.stages[:1], "stages 2-3": self.stages[1:]}.get(step)
        if stages is None:
            return known.get(step, self.ledger.left)
        images = sum(real_people.images(self.place, run) for run in stages)
        return images / self._rate() + len(stages) * self.extent.scoring

    def _rate(self):
        rate = sweep.read(self.records / "sweep.csv")[1]
        return rate if rate == rate else GUESS

    def people(self, note) -> None:
        """Bring LSP's stores to their place."""
        real_people.make_lsp(self.place, self.options.data)
        kind = "simulated" if real_people.open_people(self.place, "lsp", "train").simulated else "real"
        note(f"{kind} LSP")

    def graph(self, note) -> None:
        """Compare a captured step with a plain one."""
        if not self.on_gpu:
            note("no GPU: nothing is captured")
            return
        trainer = QuickTrainer(self._job_1(), setting=Setting(graph=False))
        note(check_graph(trainer, self.extent.schedule.batch_size))

    def sweep(self, note) -> None:
        """Time the settings, and keep the fastest with the published batch size."""
        table = sweep.sweep(
            self._job_1(), self.extent.settings, self.extent.sweep, self.extent.each, self._captures
        )
        chosen = sweep.choose(table, self.extent.schedule.batch_size)
        sweep.write(table, self.records / "sweep.csv", chosen, device_name())
        fastest = table["images_per_second"].max()
        note(f"taken: {chosen}, {self._rate():.0f} images/s; fastest of all {fastest:.0f}")

    def stage_1(self, note) -> None:
        """The published stage 1, or with half the epochs where they do not fit."""
        self._start_background()
        self._fix_schedule(note)
        self._train(self.stages[0], note)

    def stages_2_3(self, note) -> None:
        """Stages 2 and 3 from it."""
        if not real_people.is_scored(self._folder(self.stages[0])):
            raise Skipped("stage 1 is not finished")
        self._wait_for_background()
        real_people.make_h36m(self.place)
        rate = read_json(self._folder(self.stages[0]) / "run.json")["images_per_second"]
        for run in self.stages[1:]:
            needed = real_people.images(self.place, run) / rate + self.extent.scoring
            if needed > self.ledger.left and not real_people.is_scored(self._folder(run)):
                raise Skipped(f"{run.name} needs {needed:.0f} s, {self.ledger.left:.0f} s are left")
            self._train(run, note)

    def middle(self, note) -> None:
        """Runs of Tables 1–3, as many as fit."""
        self._wait_for_background()
        path, pace = self._path(MIDDLE), self._pace()
        middle_tables.prepare_all(path, self.workers)
        schedule = middle_tables.Schedule(Study(path), self.options.side_by_side, pace)
        several = self.options.side_by_side > 1
        executor = pool(self.options.side_by_side) if several else middle_tables.Here()
        setting = Setting(graph=self._captures)
        try:
            with executor:
                schedule.carry_out(executor, setting, self._gather_now_and_then)
        finally:
            note(schedule.summary())
            self._gather()
        if schedule.unfinished:
            raise Paused("what is not finished needs more time")

    # ---------------------------------------------------------------- what steps share

    def _folder(self, run):
        return self.place.study.run_folder(run)

    def _job_1(self):
        return real_people.job_of(self.place, self.stages[0])

    @property
    def _captures(self):
        """Whether a captured step was found to be the plain one."""
        return self.on_gpu and self.ledger.is_done("graph")

    def _pace(self):
        return Pace(
            time.time() + self.ledger.left - self.extent.scoring, self.ledger.is_last, self.ledger.tick
        )

    def _fix_schedule(self, note):
        """Choose between the published epochs and half of them, once: later calls keep to it."""
        run, seconds = self.stages[0], self.ledger.left_in_all - self.extent.scoring
        if not self._folder(run).exists():
            rate, published = self._rate(), self.extent.schedule.epochs
            needed = real_people.images(self.place, run) / rate
            if needed > seconds:
                self._write_real(self.extent.schedule.scaled(0.5))
                self.place = real_people.Place(Study(self._path(REAL)), self.place.people, self.place.workers)
                note(f"{published} need {needed:.0f} s at {rate:.0f} images/s, {seconds:.0f} are left")
            self._folder(run).mkdir(parents=True)
        note(f"{self.place.study.stage(run).training.epochs} epochs")

    def _train(self, run, note):
        path = self.records / "sweep.csv"
        setting = sweep.read(path)[0] if path.exists() else Setting(graph=self._captures)
        note(real_people.train_and_score(self.place, run, self._pace(), setting))
        for line in real_people.write_records(self.place, self.records):
            note(line)

    def _gather(self):
        middle_tables.write_records(self._path(MIDDLE), self.records / "middle")

    def _gather_now_and_then(self):
        """Gather records after 1, 2, 4, 8, … runs: gathering takes longer the more there are."""
        study = Study(self._path(MIDDLE))
        count = sum(real_people.is_scored(study.run_folder(run)) for run in study.runs)
        if count & (count - 1) == 0:
            self._gather()

    def _start_background(self):
        """Render on the processor, beside stage 1 on the GPU, what later steps need."""
        if self.on_gpu and {"stages 2-3", "middle"} & set(self.options.steps):
            command = [sys.executable, "-m", "benchmarks.quarter_hour", "prepare", str(self.out)]
            command += ["--parent", str(os.getpid()), "--seed", str(self.options.seed)]
            self.background = subprocess.Popen(command, cwd=PARAMS.parent)

    def _wait_for_background(self):
        if self.background:
            try:
                self.background.wait(max(0.0, self.ledger.left - self.extent.scoring))
            except subprocess.TimeoutExpired as error:
                raise Skipped("its people are not rendered yet") from error

    def prepare(self) -> None:
        """Render and store what steps need, but LSP."""
        real_people.make_h36m(self.place)
        middle_tables.prepare_all(self._path(MIDDLE), self.workers)


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.quarter_hour [pack | prepare]",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", type=Path, help="folder of all that is made")
    parser.add_argument("--seconds", type=float, default=840, help="in all calls together (%(default)s)")
    parser.add_argument("--call", type=float, help="seconds of this call (default: all that are left)")
    parser.add_argument("--data", type=Path, help="folder of the archive that pack made")
    parser.add_argument("--steps", nargs="+", default=STEPS, choices=STEPS, help="these alone")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the runs; another for each quarter that is pooled"
    )
    side_by_side = 3 if torch.cuda.is_available() else 1
    parser.add_argument("--side-by-side", type=int, default=side_by_side, help="runs of middle at a time")
    parser.add_argument("--workers", type=int, help="processes that render")
    parser.add_argument("--real", type=Path, default=Path("data/real"), help="data root that pack reads")
    parser.add_argument("--megabytes", type=float, default=48, help="of pack's archive at most")
    parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)
    return parser


def main(argv: list[str] | None = None, extent: Extent | None = None) -> None:
    """Do what the command line asks for; extent: by default `quarter`."""
    words = sys.argv[1:] if argv is None else argv
    command = words[0] if words and words[0] in ("pack", "prepare") else ""
    options = _parser().parse_args(words[1:] if command else words)
    warnings.filterwarnings("ignore", "This instance was constructed with capturable=True")
    cv2.setNumThreads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    if command == "pack":
        real_people.pack(options.out, options.real, options.megabytes, options.workers or CORES)
        return
    if command == "prepare" and options.parent:
        end_with_parent(parent=options.parent)
    if options.side_by_side > 1 or torch.cuda.is_available():
        start_server()
    call = Quarter(options, extent or quarter())
    call.prepare() if command == "prepare" else call.run()


if __name__ == "__main__":
    try:
        main()
    except StudyError as error:
        raise SystemExit(f"error: {error}") from error
