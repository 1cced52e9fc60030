"""Run records → the two tables that every analysis reads: `runs.csv` and `history.csv`.

runs.csv, one row per run, test set, scorer and metric:
    run, scheme (2d | fusion | 3d), stage, two_d, three_d (stage 2's 3D set), target (stage 3's), epoch_scale, seed,
    arm (none | 2d pre-training | mixing | both), budget (images | time, Table 4), backbone, share (of the 2D set, Table 5), geometry:
        which run it is;
    test_set, protocol, scorer (model, best constant pose, true 2D + mean depth), metric, unit, value, low, high, n, groups: its scores;
        low and high bound the 95 % bootstrap interval over `groups` groups of n samples
    simulated, hash, code, device, precision, seconds (of training, this stage), seconds_line (with its ancestors), seconds_per_epoch,
    epochs, images_seen, images_2d (distinct, of the 2D set), images_per_second, peak_memory_mb, weights_from, legacy:
        how it was made
history.csv, one row per run and epoch: the columns of each run's own history after the columns that say which run.
"""

import pandas as pd

from hpe_study.errors import StudyError
from hpe_study.files import atomic, read_json

RUN_COLUMNS = [
    "run", "scheme", "stage", "two_d", "three_d", "target", "epoch_scale", "seed", "arm", "budget", "backbone", "share", "geometry",
]  # fmt: skip
SCORE_COLUMNS = ["test_set", "protocol", "scorer", "metric", "unit", "value", "low", "high", "n", "groups"]
RECORD_COLUMNS = [
    "simulated", "hash", "code", "device", "precision", "seconds", "seconds_line", "seconds_per_epoch", "epochs", "images_seen",
    "images_2d", "images_per_second", "peak_memory_mb", "weights_from", "legacy",
]  # fmt: skip


def collect(study):
    """Gather the records of all runs of a study; writes both tables into the study's folder and returns their paths."""
    records = {run: read_json(study.run_folder(run) / "run.json") for run in study.runs}
    scores, histories = [], []
    for run, record in records.items():
        which = _which(run)
        made = _made(record) | {"seconds_line": sum(records[ancestor]["seconds"] for ancestor in run.line)}
        scores.append(_read(study.run_folder(run) / "metrics.csv").assign(**which, **made))
        histories.append(_read(study.run_folder(run) / "history.csv").assign(**which))
    runs, history = pd.concat(scores, ignore_index=True), pd.concat(histories, ignore_index=True)
    runs = runs[RUN_COLUMNS + SCORE_COLUMNS + RECORD_COLUMNS]
    history = history[RUN_COLUMNS + [column for column in history if column not in RUN_COLUMNS]]
    for table, name in ((runs, "runs.csv"), (history, "history.csv")):
        with atomic(study.folder / name) as part:
            table.to_csv(part, index=False)
    return study.folder / "runs.csv", study.folder / "history.csv"


def _which(run):
    return {"run": run.name, "scheme": run.scheme} | {key: getattr(run, key) for key in RUN_COLUMNS[2:]}


def _made(record):
    parameters = record["parameters"]
    derived = {"epochs": parameters["training"]["epochs"], "legacy": " ".join(parameters["legacy"])}
    return {key: record[key] for key in RECORD_COLUMNS if key in record} | derived


def _read(path):
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise StudyError(f"{path}: not readable ({error}); run the study's command again to have it made") from error


def read_runs(path):
    """`runs.csv` as a data frame, its columns checked. Raises `StudyError` naming the file and the columns that are missing."""
    table = _read(path)
    lacking = [column for column in RUN_COLUMNS + SCORE_COLUMNS + RECORD_COLUMNS if column not in table]
    if lacking:
        raise StudyError(f"{path}: not a table of runs; it lacks the columns {', '.join(lacking)}")
    return table
