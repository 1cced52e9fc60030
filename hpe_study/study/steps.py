"""The steps raw files → store → run → scores. Each returns at once if its result exists."""

import contextlib
import os
from pathlib import Path

import h5py
import pandas as pd

from hpe_study.config import TrainingConfig
from hpe_study.data.preparation import prepare
from hpe_study.data.store import Store
from hpe_study.data.store_key import StoreSettings, made_with, stored_key
from hpe_study.datasets.base import SPLITS
from hpe_study.errors import StudyError
from hpe_study.evaluation.evaluate import evaluate as score_run
from hpe_study.evaluation.prediction_file import PredictionFile
from hpe_study.parameter_files import checked
from hpe_study.skeletons.bone_lengths import mean_bone_lengths
from hpe_study.study.records import read_scores
from hpe_study.study.runs import Run
from hpe_study.study.study import Study
from hpe_study.training.fit import fit
from hpe_study.training.job import RunData, Runtime
from hpe_study.training.variants import init_checkpoint
from hpe_study.utils import devices
from hpe_study.utils.files import atomic
from hpe_study.utils.processes import CORES
from simulated_people import StandInSpec, make


def prepare_set(study: Study, name: str, workers: int = 1, progress: bool = True) -> dict[str, Path]:
    """Make or reuse a data set's stores, first its stand-in where the profile asks for one: {split: path}."""
    if name not in study.splits:
        raise StudyError(f"{study.profile_path}: has no data set {name!r}; it has {', '.join(study.splits)}")
    profile, source = study.profile, study.profile.source(name)
    if source.simulate:
        counts, seed, size = source.simulate, profile.simulate_seed, profile.simulate_size
        renderer = "cpu" if profile.simulate_on == "cpu" else devices.pick_device(profile.simulate_on).type
        spec = StandInSpec(source.reader, counts.train, counts.test, seed, size, counts.options)
        make(spec, study.root_of(name), workers, renderer, progress)
    root = study.root_of(name)
    return {
        split: prepare(
            store_settings(study, name, split), root, study.store_path(name, split), workers, progress
        )
        for split in study.splits[name]
    }


def store_settings(study: Study, name: str, split: str) -> StoreSettings:
    """How the store of a data set's split is made in a study."""
    profile, source = study.profile, study.profile.source(name)
    return StoreSettings(
        source.reader, split, input_size=profile.network.input_size, margin=profile.crop_margin,
        encoding=profile.encoding, strict=profile.strict, joint_rules=profile.joint_rules,
        legacy=profile.legacy, options=source.options,
    )  # fmt: skip


def copy_labels(store_path: Path, path: Path) -> None:
    """Copy all of a store but its pictures to `path`, unless that holds them already."""
    if path.exists() and stored_key(path) == stored_key(store_path):
        return
    with h5py.File(store_path) as store, atomic(path) as part, h5py.File(part, "w") as labels:
        labels.attrs.update(store.attrs)
        for key in store:
            if not key.startswith("crop"):
                store.copy(key, labels)


def open_store(study: Study, name: str, split: str) -> Store:
    """Open a prepared store; it is made first where it is absent or was made with other settings."""
    path = study.store_path(name, split)
    if stored_key(path) is None or not made_with(path, store_settings(study, name, split)):
        prepare_set(study, name)
    return Store(path, in_memory=study.profile.in_memory)


def data_of(study: Study, run: Run) -> RunData:
    """The stores that a run learns from and is validated on."""
    set_3d = run.trained_3d
    stores = {
        (name, split): open_store(study, name, split)
        for name in {run.two_d, set_3d} - {None}
        for split in SPLITS
    }
    return RunData(
        train_2d=stores.get((run.two_d, "train")),
        train_3d=stores.get((set_3d, "train")),
        test_2d=stores.get((run.two_d, "test")),
        test_3d=stores.get((set_3d, "test")),
    )


def train(
    study: Study,
    run: Run,
    device: str = "auto",
    progress: bool = True,
    cores: int | None = None,
    **changes: float | int | None,
) -> dict:
    """Train one run, after its ancestors where they have not been trained; returns the run record.

    On a CPU it takes so many threads as `cores`, by default what the study's command gives the run, else one.
    `changes` are settings of `config.TrainingConfig` (`learning_rate=…`); a run with changes has a folder of
    its own.
    """
    profile, init = study.profile, None
    if run.parent:
        if not (study.run_folder(run.parent) / "checkpoint.pt").exists():
            train(study, run.parent, device, progress, cores)
        init = study.run_folder(run.parent) / init_checkpoint(study.stage(run.parent))
    stage, folder = study.stage(run), study.run_folder(run)
    if changes := {key: value for key, value in changes.items() if value is not None}:
        training = checked(TrainingConfig, stage.training.model_dump() | changes, "parameters cell")
        stage = stage.model_copy(update={"training": training})
        said = "-".join(f"{key}_{value:g}" for key, value in sorted(changes.items()))
        folder = folder.with_name(f"{folder.name}-{said}")
    data = data_of(study, run)
    bones = mean_bone_lengths(data.train_3d["joints3d"]) if data.train_3d is not None else None
    runtime = Runtime(
        device=device,
        processes=profile.devices,
        cores=cores or int(os.environ.get(CORES, 1)),
        workers=profile.workers,
        compile=profile.compile,
        exact_batch_norm=profile.exact_batch_norm,
        progress=progress,
    )
    return fit(stage, data, folder, init, bones, runtime)


def evaluated(study: Study, name: str, device: str = "auto") -> Path:
    """The folder of the run of that name; the run is trained and evaluated first where it is not yet."""
    run = study.run(name)
    train(study, run, device)
    evaluate(study, run, device)
    return study.run_folder(run)


def evaluate(
    study: Study, run: Run, device: str = "auto", name: str = "", again: bool = False
) -> pd.DataFrame:
    """Score one run on its test sets, after training it where needed; returns the rows of `metrics.csv`.

    `name` is the folder's, where the run was trained with changes (`record["name"]`); `again` scores anew
    although the scores are newer than the weights.
    """
    folder = study.run_folder_named(name or run.name)
    if not (folder / "checkpoint.pt").exists():
        train(study, run, device)
    stores = {name: open_store(study, name, "test") for name in study.test_sets(run)}
    for name, store in stores.items():
        copy_labels(store.path, study.labels_path(name))
    if not again and _is_scored(folder, stores):
        with contextlib.suppress(StudyError):  # damaged: scored anew
            return read_scores(folder)
    train_3d = open_store(study, run.trained_3d, "train") if run.stage > 1 else None
    return score_run(folder, stores, train_3d, device, legacy=study.profile.legacy)


def _is_scored(folder: Path, stores: dict[str, Store]) -> bool:
    """Whether the run's files of scores are newer than its weights and of these very test people."""
    files = [folder / name for name in ("checkpoint.pt", "predictions.h5", "metrics.csv")]
    if not all(path.exists() for path in files):
        return False
    trained, *scored = (path.stat().st_mtime_ns for path in files)
    keys = {name: store.attrs["key"] for name, store in stores.items()}
    try:
        return min(scored) >= trained and PredictionFile(folder).keys == keys
    except StudyError:  # damaged
        return False
