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
from itertools import pairwise
from pathlib import Path

import pandas as pd

from hpe_study.errors import StudyError
from hpe_study.evaluation.oracle_floors import FLOOR_COLUMNS, floors
from hpe_study.evaluation.run_record import read_run_record
from hpe_study.study.person_errors import NAME, PersonErrors, write_errors
from hpe_study.study.study import Study
from hpe_study.utils.files import atomic, digest_of
from hpe_study.utils.tables import ADVICE, read_table

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
RECORD_COLUMNS = [
    "simulated", "learnt_from", "hash", "settings", "code", "device", "precision", "seconds", "seconds_line",
    "seconds_per_epoch", "epochs", "images_seen", "images_line", "images_2d", "images_per_second",
    "peak_memory_mb", "weights_from", "legacy",
]  # fmt: skip

RUN_NAME, SCHEMES, WHOLE = r"stage[123]-.+-seed\d+", ("2d", "fusion", "3d"), ["stage", "epoch_scale", "seed"]
SCORE_OF = ["run", "test_set", "protocol", "scorer", "metric"]
TABLES = ("runs.csv", "history.csv", "floors.csv")
POOLED_BY = ["folder", "seed", "code", "device", "precision"]


def collect(study: Study) -> None:
    """Gather the records of all runs of a study into its tables (`Study.records`) and errors of people."""
    records = {run: read_run_record(study.run_folder(run)) for run in study.runs}
    scores, histories = [], []
    for run, record in records.items():
        if record.name != run.name:
            path = study.run_folder(run) / "run.json"
            raise StudyError(
                f"{path}: is of another run, {record.name}; delete this folder and train the run again"
            )
        identity = {"run": run.name, "scheme": run.scheme}
        identity |= {key: getattr(run, key) for key in RUN_COLUMNS[2:]}
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
    return read_table(folder / "metrics.csv", "scores", SCORE_COLUMNS, NUMBERS, TEXTS)


def read_runs(path: Path) -> pd.DataFrame:
    """`runs.csv`. Raises `StudyError` naming the file and what is wrong with it."""
    runs = read_table(path, "runs", RUN_COLUMNS + SCORE_COLUMNS + RECORD_COLUMNS, NUMBERS, TEXTS)
    own = runs["run"].str.fullmatch(RUN_NAME)  # the others are BlazePose's
    wrong = (runs["scheme"].isin(SCHEMES) != own) | (
        own & (runs[WHOLE].isna() | (runs[WHOLE] % 1 > 0)).any(axis=1)
    )
    for rows, fault in ((wrong, "names no run"), (runs.duplicated(SCORE_OF), "stands there twice")):
        if rows.any():
            first = f"line {rows.argmax() + 2}: its {', '.join(RUN_COLUMNS[:3])} or seed"
            raise StudyError(f"{path}: {first} {fault}; {ADVICE}")
    return runs


def read_floors(path: Path) -> pd.DataFrame:
    """`floors.csv`. Raises `StudyError` naming the file and what is wrong with it."""
    numbers, texts = ["floor", "low", "high", "n"], ["test_set", "protocol", "kind"]
    return read_table(path, "oracle floors", FLOOR_COLUMNS, numbers, texts)


def read_history(path: Path, columns: Sequence[str] = ()) -> pd.DataFrame:
    """The history of a run, or of all runs, with these `columns`; `StudyError` names what is wrong."""
    return read_table(path, "epochs", [*columns, *EPOCH_NUMBERS], [*EPOCH_NUMBERS, *NUMBERS], TEXTS)


def pool_records(folders: Sequence[Path], out: Path) -> pd.DataFrame:
    """Join folders of records (three tables and `errors.h5` each) into one that is none of them.

    Returns:
        One row per folder, seed, code and device: how many runs come from it.

    Raises:
        StudyError: They do not belong together; names the run or test set and the folders.
    """
    folders, out = [Path(folder) for folder in folders], Path(out)
    places = {folder.resolve() for folder in (*folders, out)}
    if len(folders) < 2 or len(places) <= len(folders):
        raise StudyError(f"{out}: pool two or more folders of records, each once, into another one")
    runs = [read_runs(folder / "runs.csv").assign(folder=str(folder)) for folder in folders]
    floors = [read_floors(folder / "floors.csv") for folder in folders]
    pooled = pd.concat(runs, ignore_index=True)
    _check_runs(pooled)
    errors = PersonErrors(*(folder / NAME for folder in folders))
    for (folder, one), (other, two) in pairwise(zip(folders, floors, strict=True)):
        if not one.equals(two):
            raise StudyError(f"{other}/floors.csv: is not that of {folder}; their test sets differ")
    histories = [read_history(folder / "history.csv", RUN_COLUMNS) for folder in folders]
    tables = pooled.drop(columns="folder"), pd.concat(histories, ignore_index=True), floors[0]
    for table, name in zip(tables, TABLES, strict=True):
        with atomic(out / name) as part:
            table.to_csv(part, index=False)
    errors.write(out / NAME)
    return pooled.drop_duplicates("run").groupby(POOLED_BY).size().rename("runs").reset_index()


def _check_runs(pooled):
    for name, rows in pooled.groupby("run"):
        if rows["folder"].nunique() > 1:
            raise StudyError(f"{name}: is in {' and in '.join(rows['folder'].unique())}; pool other seeds")
    lines = pooled["run"].str.replace(r"-seed\d+$", "", regex=True)
    for name, rows in pooled.groupby(lines):
        if rows["settings"].nunique() > 1:
            different = rows.drop_duplicates("settings").itertuples()
            settings = ", ".join(f"{row.folder}: {row.settings}" for row in different)
            message = f"its parameters differ in more than the seed ({settings}); nothing is pooled"
            raise StudyError(f"{name}: {message}")
