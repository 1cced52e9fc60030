"""Records of equal parameters, made on different days or machines, joined into one set of records.

Every row keeps the code, device and seed that it comes from. What does not belong together is refused by
name: a run that two folders hold, parameters that differ in more than the seed, other labels or floors.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pandas as pd

from hpe_study.errors import StudyError
from hpe_study.study.person_errors import NAME, PersonErrors
from hpe_study.study.records import RUN_COLUMNS, read_floors, read_history, read_runs
from hpe_study.utils.files import atomic

TABLES = ("runs.csv", "history.csv", "floors.csv")
MADE = ["folder", "seed", "code", "device", "precision"]


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
    errors = PersonErrors(*(folder / NAME for folder in folders))
    pooled = pd.concat(runs, ignore_index=True)
    _check_runs(pooled)
    for (folder, one), (other, two) in pairwise(zip(folders, floors, strict=True)):
        if not one.equals(two):
            raise StudyError(f"{other}/floors.csv: is not that of {folder}; their test sets differ")
    histories = [read_history(folder / "history.csv", RUN_COLUMNS) for folder in folders]
    tables = pooled.drop(columns="folder"), pd.concat(histories, ignore_index=True), floors[0]
    for table, name in zip(tables, TABLES, strict=True):
        with atomic(out / name) as part:
            table.to_csv(part, index=False)
    errors.write(out / NAME)
    return pooled.drop_duplicates("run").groupby(MADE).size().rename("runs").reset_index()


def _check_runs(pooled):
    for name, rows in pooled.groupby("run"):
        if rows["folder"].nunique() > 1:
            raise StudyError(f"{name}: is in {' and in '.join(rows['folder'].unique())}; pool other seeds")
    lines = pooled["run"].str.replace(r"-seed\d+$", "", regex=True)
    for name, rows in pooled.groupby(lines):
        if rows["settings"].isna().any():
            raise StudyError(f"{name}: {rows['folder'].iloc[0]}/runs.csv names no settings; collect it again")
        if rows["settings"].nunique() > 1:
            different = rows.drop_duplicates("settings").itertuples()
            settings = ", ".join(f"{row.folder}: {row.settings}" for row in different)
            message = f"its parameters differ in more than the seed ({settings}); nothing is pooled"
            raise StudyError(f"{name}: {message}")
