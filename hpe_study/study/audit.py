"""The audit: what every defect should move, and the trainings with it off and on, and with all of them.

Trainings unaffected by any defect are shared: a trial with a defect of stage 2 starts from the corrected
stage 1. Every run is scored on the corrected labels and on those that the published code read (test set "flic
as read").
"""

import csv
import shutil
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from hpe_study import published_defects
from hpe_study.config import PAPER_2D, PAPER_3D, Profile
from hpe_study.data.store import Store
from hpe_study.evaluation.evaluate import evaluate
from hpe_study.study import steps
from hpe_study.study.runs import Run
from hpe_study.study.study import Study
from hpe_study.training.variants import LAST
from hpe_study.utils.processes import pool
from hpe_study.utils.progress import progress_bar

ALL = published_defects.NAMES
NONE = ()


@dataclass(frozen=True)
class Trial:
    """One training of the audit: a run and the defects of the published code that are turned on."""

    run: Run
    switches: tuple = NONE

    def seeded(self, seed: int) -> "Trial":
        """The same trial with another seed."""
        return Trial(replace(self.run, seed=seed), self.switches)


UP, DOWN, ANY, NOTHING = "up", "down", "any", "nothing"
# after a test set's name: every tenth of it, with the labels that the trial's own validation gives it
VALIDATED = ", validation"


@dataclass(frozen=True)
class Measure:
    """One number, with a defect of the published code off and on."""

    switch: str  # the defect
    title: str  # the number, as tables call it
    number: str  # a key of `report.audit.NUMBERS`
    run: Run  # trained off and on (once, where the defect acts on scores alone)
    test_set: str  # what it is scored on when off
    expected: str  # direction of the change: UP, DOWN, ANY or NOTHING
    published: str  # the anomaly as the paper prints it
    size: float | None = None  # the change that the anomaly amounts to, in the number's unit
    on_test_set: str = ""  # what it is scored on when on, where that differs
    on_number: str = ""  # the number when on, where that differs

    @property
    def trials(self) -> tuple[Trial, Trial]:
        """Off and on; the same training twice where the defect acts on scores alone."""
        return Trial(self.run), Trial(self.run, (self.switch,))


def _measures():
    """The rows of `published_numbers/anomalies.csv`."""
    with (files("hpe_study.study") / "published_numbers" / "anomalies.csv").open() as stream:
        for row in csv.DictReader(stream):
            sets = [row.pop(name) or None for name in ("two_d", "three_d", "target")]
            size = float(row["size"]) if row["size"] else None
            yield Measure(run=Run(int(row.pop("stage")), *sets), **row | {"size": size})


MEASURES = tuple(_measures())


def acts_on(name: str, run: Run) -> bool:
    """Whether a defect changes a training itself, not only what it is scored on."""
    defect = published_defects.defect(name)
    if defect.where == published_defects.READING and name != "all_test_frames":
        return bool({run.two_d, run.trained_3d} & set(defect.sets))
    special = {
        "mispaired_images": run.trained_3d in defect.sets,
        "first_n_3d": run.scheme == "fusion",
        "missing_joints_in_geometry": run.stage == 3 and run.scheme == "fusion",
        "geometry_in_pixels": run.stage == 3 and run.scheme == "fusion",
        "stage3_from_best": run.stage >= 2 and run.scheme == "3d",
    }
    return special.get(name, defect.where == published_defects.RECIPE)


def trials(profile: Profile) -> list[Trial]:
    """Every training that the audit's tables need, each once, parents first."""
    seeds, first = profile.seeds, profile.seeds[0]
    wanted = [trial.seeded(seed) for measure in MEASURES for trial in measure.trials for seed in seeds]
    wanted += [Trial(run, switches) for switches in (NONE, ALL) for run in stack_runs(first)]
    lineages = [Trial(run, trial.switches) for trial in wanted for run in trial.run.lineage]
    return sorted(dict.fromkeys(map(simplest, lineages)), key=lambda trial: trial.run.stage)


def simplest(trial: Trial) -> Trial:
    """The trial without the defects that have no effect on its run or an ancestor."""
    acting = (name for name in trial.switches if any(acts_on(name, run) for run in trial.run.lineage))
    return Trial(trial.run, tuple(acting))


def stack_runs(seed: int) -> list[Run]:
    """The runs behind the claims that the audit tries: each 2D set with H36M, 3D only, others in stage 3."""
    rows = [(set_2d, "h36m") for set_2d in (*PAPER_2D, None)]
    rows += [("mpii", name) for name in PAPER_3D if name != "h36m"]
    return [Run(3, set_2d, "h36m", target, seed=seed) for set_2d, target in rows]


def make(study: Study, workers: int = 2, progress: bool = True) -> None:
    """Make what is missing of the audit's stores and runs, in `workers` processes of one thread each."""
    wanted, corrected = trials(study.profile), study.with_legacy(NONE)
    for variant in map(study.with_legacy, dict.fromkeys([NONE, ALL, *(trial.switches for trial in wanted)])):
        for name in (*PAPER_2D, *PAPER_3D):
            steps.prepare_set(variant, name, workers, progress)  # reuses what is there and still fits
    for name, store in test_stores(study, Run(3, None)).items():
        steps.copy_labels(store.path, corrected.labels_path(name))  # for scoring again
    with (
        progress_bar(total=len(wanted), desc="audit", unit="run", disable=not progress) as bar,
        pool(workers) as processes,
    ):
        for stage in (1, 2, 3):  # a stage's runs need nothing of each other
            jobs = [(study.profile_path, trial) for trial in wanted if trial.run.stage == stage]
            for _ in processes.map(train_and_score, jobs):
                bar.update()


def train_and_score(job: tuple[Path, Trial]) -> None:
    """Train and score one trial of the profile at a path, unless that is done."""
    path, trial = job
    study = Study(path)
    variant = study.with_legacy(trial.switches)
    folder = variant.run_folder(trial.run)
    if trial.run.parent:
        _share_parent(study, variant, Trial(trial.run.parent, trial.switches))
    steps.train(variant, trial.run, "cpu", progress=False)
    scored = folder / "predictions.h5"
    if not scored.exists() or scored.stat().st_mtime < (folder / LAST).stat().st_mtime:
        train_3d = steps.open_store(variant, trial.run.trained_3d, "train") if trial.run.stage > 1 else None
        stores = test_stores(study, trial.run)
        evaluate(folder, stores, train_3d, "cpu", progress=False, legacy=trial.switches)


def _share_parent(study: Study, variant: Study, parent: Trial) -> None:
    """Have a variant start from the run with the same defects in effect, where another variant has it."""
    source = study.with_legacy(simplest(parent).switches).run_folder(parent.run)
    target = variant.run_folder(parent.run)
    if source == target:
        return
    target.mkdir(parents=True, exist_ok=True)
    for path in (*source.glob("*.pt"), source / "run.json"):
        shutil.copy2(path, target / path.name)


def test_stores(study: Study, run: Run) -> dict[str, Store]:
    """{name: test store} of a run: corrected labels, and those that the published code read."""
    names = dict.fromkeys([run.two_d, "mpii"]) if run.stage == 1 else (*PAPER_2D, *PAPER_3D)
    corrected, published = study.with_legacy(NONE), study.with_legacy(ALL)
    stores = {name: steps.open_store(corrected, name, "test") for name in names}
    paths = {name: [one.store_path(name, "test") for one in (corrected, published)] for name in names}
    other = [name for name, (own, read) in paths.items() if own != read]
    return stores | {f"{name} as read": steps.open_store(published, name, "test") for name in other}
