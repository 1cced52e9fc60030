"""Run records → the three tables that every analysis reads: `runs.csv`, `history.csv` and `floors.csv`.

runs.csv, one row per run, test set, scorer and metric:
    run, scheme (2d | fusion | 3d), stage, two_d, three_d (stage 2's 3D set), target (stage 3's), epoch_scale,
    seed, arm (none | 2d pre-training | mixing | both), budget (images | time, Table 4), backbone, share (of
    the 2D set, Table 5), geometry:
        which run it is;
    test_set, protocol, scorer (model, best constant pose, true 2D + mean depth), metric, unit, value, low,
    high, n, groups:
        its scores; low and high bound the 95 % bootstrap interval over `groups` groups of n samples;
    simulated, hash, code, device, precision, seconds (of training, this stage), seconds_line (with its
    ancestors), seconds_per_epoch, epochs, images_seen, images_2d (distinct, of the 2D set),
    images_per_second, peak_memory_mb, weights_from, legacy:
        how it was made.
history.csv, one row per run and epoch: which run, then the columns of the run's own history.
floors.csv, one row per 3D test set, protocol and kind of perfect prediction (`evaluation.oracle_floors`):
    floor, the MPJPE in mm that it scores; low, high: the middle 90 % of people; n people; simulated.
"""

from pathlib import Path

import pandas as pd

from hpe_study.errors import StudyError
from hpe_study.evaluation.oracle_floors import FLOOR_COLUMNS, floors
from hpe_study.evaluation.run_record import read_run_record
from hpe_study.study.runs import Run
from hpe_study.study.study import Study
from hpe_study.utils.files import atomic

RUN_COLUMNS = [
    "run",
    "scheme",
    "stage",
    "two_d",
    "three_d",
    "target",
    "epoch_scale",
    "seed",
    "arm",
    "budget",
    "backbone",
    "share",
    "geometry",
]
SCORE_COLUMNS = ["test_set", "protocol", "scorer", "metric", "unit", "value", "low", "high", "n", "groups"]
RECORD_COLUMNS = [
    "simulated",
    "hash",
    "code",
    "device",
    "precision",
    "seconds",
    "seconds_line",
    "seconds_per_epoch",
    "epochs",
    "images_seen",
    "images_2d",
    "images_per_second",
    "peak_memory_mb",
    "weights_from",
    "legacy",
]


def collect(study: Study) -> None:
    """Gather the records of all runs of a study into its three tables (`Study.records`)."""
    records = {run: read_run_record(study.run_folder(run)) for run in study.runs}
    scores, histories = [], []
    for run, record in records.items():
        identity = _identity(run)
        seconds = sum(records[ancestor].seconds for ancestor in run.lineage)
        facts = made(record.as_dict()) | {"seconds_line": seconds}
        scores.append(_read(study.run_folder(run) / "metrics.csv").assign(**identity, **facts))
        histories.append(_read(study.run_folder(run) / "history.csv").assign(**identity))
    runs, history = pd.concat(scores, ignore_index=True), pd.concat(histories, ignore_index=True)
    runs = runs[RUN_COLUMNS + SCORE_COLUMNS + RECORD_COLUMNS]
    history = history[RUN_COLUMNS + [column for column in history if column not in RUN_COLUMNS]]
    for table, path in zip((runs, history, floors(study)), study.records, strict=True):
        with atomic(path) as part:
            table.to_csv(part, index=False)


def _identity(run: Run) -> dict:
    return {"run": run.name, "scheme": run.scheme} | {key: getattr(run, key) for key in RUN_COLUMNS[2:]}


def made(record: dict) -> dict:
    """How a run was made: `RECORD_COLUMNS` of its `run.json`, as far as it has them."""
    parameters = record["parameters"]
    derived = {"epochs": parameters["training"]["epochs"], "legacy": " ".join(parameters["legacy"])}
    return {key: record[key] for key in RECORD_COLUMNS if key in record} | derived


def _read(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise StudyError(
            f"{path}: not readable ({error}); run the study's command again to have it made"
        ) from error


def read_runs(path: Path) -> pd.DataFrame:
    """`runs.csv`. Raises `StudyError` naming the file and the columns that it lacks."""
    return _checked(path, "runs", RUN_COLUMNS + SCORE_COLUMNS + RECORD_COLUMNS)


def read_floors(path: Path) -> pd.DataFrame:
    """`floors.csv`. Raises `StudyError` naming the file and the columns that it lacks."""
    return _checked(path, "oracle floors", FLOOR_COLUMNS)


def _checked(path: Path, content: str, columns: list[str]) -> pd.DataFrame:
    table = _read(path)
    if lacking := [column for column in columns if column not in table]:
        raise StudyError(f"{path}: not a table of {content}; it lacks the columns {', '.join(lacking)}")
    return table
