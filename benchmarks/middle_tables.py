"""Step 4 of the quarter of an hour: as many runs of Tables 1–3 at a middle size as fit, side by side."""

import shutil
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import replace
from pathlib import Path

from benchmarks.cuda_graph import Pace, Paused, Setting, fit_in_time
from benchmarks.ledger import one_line
from benchmarks.real_people import is_scored
from hpe_study.skeletons.bone_lengths import mean_bone_lengths
from hpe_study.study import Run, Study
from hpe_study.study.records import collect
from hpe_study.study.steps import data_of, evaluate, prepare_set
from hpe_study.training.job import Runtime, TrainingJob
from hpe_study.training.variants import init_checkpoint

FILES = ("runs.csv", "history.csv", "floors.csv", "errors.h5")


class Here(Executor):
    """An executor that computes in this process, at once."""

    def submit(self, function: Callable, *arguments: object) -> Future:
        """A future that is done."""
        future = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


def prepare_all(path: Path, workers: int) -> None:
    """Make the people and stores of all sets that runs learn from or are scored on."""
    study = Study(path)
    for name in sorted({name for run in study.runs for name in (*run.sets, *study.test_sets(run))}):
        prepare_set(study, name, workers, progress=False)


def train_and_score(path: Path, name: str, pace: Pace, setting: Setting) -> float:
    """Train and score the run of that name of a study; returns the seconds that it took."""
    start, study = time.time(), Study(path)
    run = study.run(name)
    init = study.run_folder(run.parent) / init_checkpoint(study.stage(run.parent)) if run.parent else None
    data, stage = data_of(study, run), study.stage(run)
    bones = mean_bone_lengths(data.train_3d["joints3d"]) if data.train_3d is not None else None
    job = TrainingJob(stage, data, study.run_folder(run), init, bones, Runtime(progress=False))
    fit_in_time(job, pace, replace(setting, batch=stage.training.batch_size))
    evaluate(study, run)
    return time.time() - start


def in_order(study: Study) -> list[Run]:
    """The runs; first one for each 3D set, because records whose oracle floors differ are not pooled."""
    return sorted(study.runs, key=lambda run: not (run.stage == 2 and run.two_d is None))


class Schedule:
    """Which runs are begun, and when.

    Attributes:
        study: their study.
        places: how many run side by side.
        pace: until when.
        seconds: {run: seconds that it took}, of those finished in this call.
        unfinished: {run: why}.
    """

    def __init__(self, study: Study, places: int, pace: Pace) -> None:
        self.study, self.places, self.pace = study, places, pace
        self.seconds, self.unfinished = {}, {}

    def is_scored(self, run: Run) -> bool:
        """Whether a run is trained and scored."""
        return is_scored(self.study.run_folder(run))

    def images(self, run: Run) -> int:
        """How many images a run learns from."""
        names = [name for name in (run.two_d, run.trained_3d) if name]
        training, counts = self.study.stage(run).training, self.study.profile.source(names[0]).simulate
        return training.epochs * len(names) * (training.samples_per_epoch or counts.train)

    def expected(self, run: Run) -> float:
        """Seconds that a run takes, by the finished run most like it; 0 where there is none."""
        if not self.seconds:
            return 0.0
        own = self.images(run)
        like = min(self.seconds, key=lambda other: abs(self.images(other) - own))
        return self.seconds[like] * max(1.0, own / self.images(like))

    def carry_out(self, executor: Executor, setting: Setting, after: Callable[[], None]) -> None:
        """Train and score what is missing, parents first; `after` is called when a run has ended."""
        waiting = [run for run in in_order(self.study) if not self.is_scored(run)]
        running = {}
        pace = Pace(self.pace.ends)
        while waiting or running:
            for run in list(waiting):
                parent = run.parent
                if parent and not self.is_scored(parent):
                    if parent in self.unfinished:
                        waiting.remove(run)
                        self.unfinished[run] = "its parent is not finished"
                elif self.expected(run) > self.pace.left:
                    waiting.remove(run)
                    self.unfinished[run] = "does not fit"
                elif len(running) < self.places:
                    waiting.remove(run)
                    job = self.study.profile_path, run.name, pace, setting
                    running[executor.submit(train_and_score, *job)] = run
            done, _ = wait(running, timeout=5, return_when=FIRST_COMPLETED) if running else ((), ())
            for future in done:
                self._end(running.pop(future), future)
                after()
            self.pace.tick()

    def _end(self, run, future):
        try:
            self.seconds[run] = future.result()
        except Paused as pause:
            self.unfinished[run] = str(pause)
        except Exception as error:
            self.unfinished[run] = f"failed: {one_line(error)}"
            print(f"{run.name}: {self.unfinished[run]}", flush=True)

    def summary(self) -> str:
        """How many runs there are, and why the others are not."""
        finished = sum(map(self.is_scored, self.study.runs))
        whys = [
            why if "fit" in why or "parent" in why else "stopped or failed"
            for why in self.unfinished.values()
        ]
        counted = ", ".join(f"{whys.count(why)} {why}" for why in dict.fromkeys(whys))
        return f"{finished} of {len(self.study.runs)} runs finished" + (f" ({counted})" if counted else "")


def write_records(path: Path, out: Path) -> None:
    """Gather the records of the finished runs into a folder that `hpe-study pool` joins with others."""
    study = Study(path)
    study.runs = [run for run in study.runs if is_scored(study.run_folder(run))]
    if not study.runs:
        return
    collect(study)
    out.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(study.folder / name, out / name)
