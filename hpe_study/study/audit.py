"""The audit's runs: for every switch the same trainings with it off and on, and the whole stack of switches
against the corrected study.

A trial names a run and the switches that it is trained with. What no switch acts on is trained once and
shared: a trial with a switch of stage 2 starts from the corrected stage 1. Every run is scored on the
corrected labels and on those that the published code read (test set "flic as read").
"""

import shutil

from hpe_study import published_defects
from hpe_study.config import SETS_2D, SETS_3D
from hpe_study.evaluation import evaluate
from hpe_study.study import Run, Study, steps
from hpe_study.study.audit_measures import ALL, MEASURES, NONE, Trial
from hpe_study.training.variants import LAST
from hpe_study.utils.processes import pool
from hpe_study.utils.progress import progress_bar


def acts_on(name, run):
    """Whether a switch changes a training itself, not only what it is scored on."""
    found = published_defects.switch(name)
    if found.where == published_defects.READING and name != "all_test_frames":
        return bool({run.two_d, run.trained_3d} & set(found.sets))
    return {
        "mispaired_images": run.trained_3d in found.sets,
        "first_n_3d": run.scheme == "fusion",
        "missing_joints_in_geometry": run.stage == 3 and run.scheme == "fusion",
        "stage3_from_best": run.stage >= 2 and run.scheme == "3d",
    }.get(name, found.where == published_defects.RECIPE)


def trials(profile):
    """Every training that the audit's tables need, each once, parents first."""
    seeds, first = profile.seeds, profile.seeds[0]
    wanted = [trial.seeded(seed) for measure in MEASURES for trial in measure.trials for seed in seeds]
    wanted += [Trial(run, switches) for switches in (NONE, ALL) for run in stack_runs(first)]
    lines = [Trial(run, trial.switches) for trial in wanted for run in trial.run.lineage]
    return sorted(dict.fromkeys(map(simplest, lines)), key=lambda trial: trial.run.stage)


def simplest(trial):
    """The trial with the switches that act on its run or an ancestor; the others change nothing."""
    return Trial(
        trial.run,
        tuple(name for name in trial.switches if any(acts_on(name, run) for run in trial.run.lineage)),
    )


def stack_runs(seed):
    """The runs behind three conclusions of the paper: FLIC's rank, what 2D pre-training gains, how synthetic
    data transfer."""
    pairs = [(flat, "h36m") for flat in SETS_2D] + [("mpii", "occlusion_person"), (None, "h36m")]
    return [Run(3, flat, deep, deep, seed=seed) for flat, deep in pairs]


def make(study, workers=2, progress=True):
    """Make every store and run of the audit that is not there yet, in `workers` processes of one thread
    each."""
    wanted, corrected = trials(study.profile), study.with_legacy(NONE)
    for variant in map(study.with_legacy, dict.fromkeys([NONE, ALL, *(trial.switches for trial in wanted)])):
        for name in (*SETS_2D, *SETS_3D):
            steps.prepare_set(variant, name, workers, progress)  # reuses what is there and still fits
    for name, store in test_stores(study, Run(3, None)).items():
        steps.copy_labels(store.path, corrected.labels_path(name))  # for scoring again
    with (
        progress_bar(total=len(wanted), desc="audit", unit="run", disable=not progress) as bar,
        pool(workers) as processes,
    ):
        for stage in (1, 2, 3):  # a stage's runs need nothing of each other
            for _ in processes.map(
                train_and_score, [(study.profile_path, trial) for trial in wanted if trial.run.stage == stage]
            ):
                bar.update()


def train_and_score(job):
    """Train and score one trial, unless that is done. job: (the profile's path, the trial)."""
    path, trial = job
    study = Study(path)
    variant = study.with_legacy(trial.switches)
    folder = variant.run_folder(trial.run)
    if trial.run.parent:
        _share_parent(study, variant, Trial(trial.run.parent, trial.switches))
    steps.train(variant, trial.run, "cpu", progress=False)
    if (
        not (folder / "predictions.h5").exists()
        or (folder / "predictions.h5").stat().st_mtime < (folder / LAST).stat().st_mtime
    ):
        train_3d = steps.open_store(variant, trial.run.trained_3d, "train") if trial.run.stage > 1 else None
        evaluate.evaluate(
            folder, test_stores(study, trial.run), train_3d, "cpu", progress=False, legacy=trial.switches
        )


def _share_parent(study, variant, parent):
    """Have the variant start from the run that has the same switches in effect, where that lies in another
    variant's folder."""
    source = study.with_legacy(simplest(parent).switches).run_folder(parent.run)
    target = variant.run_folder(parent.run)
    if source == target:
        return
    target.mkdir(parents=True, exist_ok=True)
    for path in (*source.glob("*.pt"), source / "run.json"):
        shutil.copy2(path, target / path.name)


def test_stores(study, run):
    """{name: test store} that a run is scored on: corrected labels, and those that the published code
    read."""
    names = dict.fromkeys([run.two_d, "mpii"]) if run.stage == 1 else (*SETS_2D, *SETS_3D)
    corrected, published = study.with_legacy(NONE), study.with_legacy(ALL)
    stores = {name: steps.open_store(corrected, name, "test") for name in names}
    read = [
        name for name in names if published.store_path(name, "test") != corrected.store_path(name, "test")
    ]
    return stores | {f"{name} as read": steps.open_store(published, name, "test") for name in read}
