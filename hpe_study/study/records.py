"""Run records → what every analysis reads: `runs.csv`, `history.csv`, `floors.csv` and `errors.h5`.

runs.csv, one row per run, test set, scorer and metric:
    run, scheme (2d | fusion | 3d), stage, two_d, three_d (stage 2's 3D set), target (stage 3's), epoch_scale,
    seed, arm (none | 2d pre-training | mixing | both), budget (images | time), backbone, share (of
    the 2D set, Tables 5 and 6), geometry_weight (λ_geo of stage 3 where it is not the profile's), start (2D
    sets of the stages 1 before it, joined by "+"), recipe (Tables 6 and 7):
        which run it is;
    test_set, test_origin (simulated | real | pseudo-labelled), protocol, scorer (model, best constant pose,
    true 2D + mean depth, …), metric, unit, value, low, high, n, groups:
        its scores; low and high bound the 95 % bootstrap interval over `groups` people, sequences or moments
        (what is resampled first, `evaluation.bootstrap`), of n records;
    simulated, learnt_from (real | simulated | real + simulated, with its ancestors), hash, settings (digest
    of all parameters but the seed), code, device, precision, seconds (of training, this stage), seconds_line
    (with its ancestors), seconds_per_epoch, epochs, images_seen (learnt from in this stage), images_line
    (with its ancestors), images_2d (distinct, of the 2D set), images_per_second, peak_memory_mb,
    weights_from, legacy:
        how it was made.
history.csv, one row per run and epoch: which run, then the columns of the run's own history.
floors.csv, one row per 3D test set, protocol and kind of perfect prediction (`evaluation.oracle_floors`):
    floor, the MPJPE in mm that it scores; low, high: the middle 90 % of people; n people; simulated.
errors.h5: the errors of every run on every single test person (`study.person_errors`).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hpe_study.evaluation.oracle_floors import FLOOR_COLUMNS, floors
from hpe_study.evaluation.run_record import read_run_record
from hpe_study.study.person_errors import write_errors
from hpe_study.study.runs import Run
from hpe_study.study.study import Study
from hpe_study.utils.files import atomic, digest_of
from hpe_study.utils.tables import read_table

RUN_COLUMNS = [
    "run", "scheme", "stage", "two_d", "three_d", "target", "epoch_scale", "seed", "arm", "budget",
    "backbone", "share", "geometry_weight", "start", "recipe",
]  # fmt: skip
SCORE_COLUMNS = [
    "test_set", "test_origin", "protocol", "scorer", "metric", "unit", "value", "low", "high", "n", "groups",
]  # fmt: skip
NUMBERS = [
    "value", "low", "high", "n", "groups", "stage", "epoch_scale", "seed", "share", "geometry_weight",
    "seconds", "seconds_line", "seconds_per_epoch", "epochs", "images_seen", "images_line", "images_2d",
    "images_per_second", "peak_memory_mb",
]  # fmt: skip
TEXTS = ["run", "test_set", "test_origin", "scorer", "metric"]
EPOCH_NUMBERS = [
    "epoch", "learning_rate", "seconds", "loss", "pckh", "mpjpe", "validation_pckh", "validation_mpjpe",
]  # fmt: skip
NEW_COLUMNS = {  # that records published before them lack → what holds there
    "geometry_weight": np.nan, "start": np.nan, "recipe": np.nan, "images_line": np.nan, "settings": np.nan,
    "test_origin": "simulated", "learnt_from": "simulated",
}  # fmt: skip
RECORD_COLUMNS = [
    "simulated", "learnt_from", "hash", "settings", "code", "device", "precision", "seconds", "seconds_line",
    "seconds_per_epoch", "epochs", "images_seen", "images_line", "images_2d", "images_per_second",
    "peak_memory_mb", "weights_from", "legacy",
]  # fmt: skip


def collect(study: Study) -> None:
    """Gather the records of all runs of a study into its tables (`Study.records`) and errors of people."""
    records = {run: read_run_record(study.run_folder(run)) for run in study.runs}
    scores, histories = [], []
    for run, record in records.items():
        identity = _identity(run)
        line = [records[ancestor] for ancestor in run.lineage]
        facts = made(record.as_dict()) | {
            "seconds_line": sum(stage.seconds for stage in line),
            "images_line": sum(stage.images_seen for stage in line),
            "learnt_from": study.learnt_from(run),
        }
        metrics = read_scores(study.run_folder(run))
        scores.append(metrics.assign(**identity, **facts))
        histories.append(read_history(study.run_folder(run) / "history.csv").assign(**identity))
    runs, history = pd.concat(scores, ignore_index=True), pd.concat(histories, ignore_index=True)
    runs = runs[RUN_COLUMNS + SCORE_COLUMNS + RECORD_COLUMNS]
    history = history[RUN_COLUMNS + [column for column in history if column not in RUN_COLUMNS]]
    for table, path in zip((runs, history, floors(study)), study.records, strict=True):
        with atomic(path) as part:
            table.to_csv(part, index=False)
    folders = {run.name: study.run_folder(run) for run in study.runs}
    labels = {name: study.labels_path(name) for name in study.sets}
    write_errors(study.errors_path, folders, labels, study.profile.legacy)


def _identity(run: Run) -> dict:
    return {"run": run.name, "scheme": run.scheme} | {key: getattr(run, key) for key in RUN_COLUMNS[2:]}


def made(record: dict) -> dict:
    """How a run was made: those of `RECORD_COLUMNS` that its `run.json` contains."""
    parameters = record["parameters"]
    settings = {key: value for key, value in parameters.items() if key != "seed"}
    derived = {
        "epochs": parameters["training"]["epochs"],
        "legacy": " ".join(parameters["legacy"]),
        "settings": digest_of(settings)[:12],
    }
    return {key: record[key] for key in RECORD_COLUMNS if key in record} | derived


def read_scores(folder: Path) -> pd.DataFrame:
    """`metrics.csv` of a run. Raises `StudyError` naming the file and what is wrong with it."""
    return _read_scores(folder / "metrics.csv", SCORE_COLUMNS)


def read_runs(path: Path) -> pd.DataFrame:
    """`runs.csv`. Raises `StudyError` naming the file and what is wrong with it."""
    return _read_scores(path, RUN_COLUMNS + SCORE_COLUMNS + RECORD_COLUMNS, "runs")


def _read_scores(path, columns, content="scores"):
    """A table of scores; `NEW_COLUMNS` that an older one lacks are added."""
    needed = [column for column in columns if column not in NEW_COLUMNS]
    table = read_table(path, content, needed, NUMBERS, TEXTS)
    added = {name: NEW_COLUMNS[name] for name in columns if name in NEW_COLUMNS and name not in table}
    return table.assign(**added)


def read_floors(path: Path) -> pd.DataFrame:
    """`floors.csv`. Raises `StudyError` naming the file and what is wrong with it."""
    numbers, texts = ["floor", "low", "high", "n"], ["test_set", "protocol", "kind"]
    return read_table(path, "oracle floors", FLOOR_COLUMNS, numbers, texts)


def read_history(path: Path, columns: Sequence[str] = ()) -> pd.DataFrame:
    """The history of a run, or of all runs, with these `columns`; `StudyError` names what is wrong."""
    needed = [name for name in columns if name not in NEW_COLUMNS]
    return read_table(path, "epochs", [*needed, *EPOCH_NUMBERS], [*EPOCH_NUMBERS, *NUMBERS], TEXTS)
