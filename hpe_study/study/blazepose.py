"""BlazePose beside the runs of a study, on its test sets (Table 6): `blazepose.csv` and `blazepose.h5`.

blazepose.csv: rows as in `runs.csv`, of joints that BlazePose has. Scorers:
    BlazePose, misses counted    run "BlazePose", learnt from real people; a person not found is wrong
    BlazePose, where found       the same, without the people not found
    model, joints of BlazePose   every run that ends a row of a table, on all people
blazepose.h5: the errors of single people as in `errors.h5`, with BlazePose's two scorers in place of runs;
NaN for people who are left out.

What BlazePose sees is kept for each test set under `data/prepared/blazepose`, by the key of its labels.
"""

from pathlib import Path
from zipfile import BadZipFile

import h5py
import numpy as np
import pandas as pd

from hpe_study.data.store import Store
from hpe_study.datasets import open_dataset
from hpe_study.errors import StudyError
from hpe_study.evaluation import blazepose
from hpe_study.evaluation.blazepose import Landmarks
from hpe_study.evaluation.prediction_file import PredictionFile
from hpe_study.study.person_errors import write_set
from hpe_study.study.records import RECORD_COLUMNS, RUN_COLUMNS, SCORE_COLUMNS, read_runs
from hpe_study.study.study import Study
from hpe_study.utils.files import atomic, require_regular_file
from hpe_study.utils.progress import progress_bar


def write_blazepose(study: Study, progress: bool = True) -> None:
    """Write both files (`Study.blazepose`) for every test set of a collected study whose labels are at hand.

    Raises:
        StudyError: BlazePose is not installed and has not seen a test set yet, or a picture cannot be read.
    """
    table, errors = study.blazepose
    labels = {name: study.labels_path(name) for name in study.sets}
    stores = {name: Store(path) for name, path in labels.items() if path.exists()}
    rows = []
    with atomic(errors) as part, h5py.File(part, "w") as out:
        for name, store in progress_bar(stores.items(), desc="BlazePose", unit="set", disable=not progress):
            scores = blazepose.scores_of_landmarks(_landmarks(study, name, store), store)
            write_set(out.create_group(name), store, scores.items())
            place = {"run": blazepose.NAME, "simulated": False, "learnt_from": "real", "test_set": name}
            place |= {"test_origin": store.origin, "code": blazepose.VERSION}
            rows += [place | row for row in blazepose.rows(scores, store)]
    rows += _rows_of_runs(study, stores)
    with atomic(table) as part:
        columns = RUN_COLUMNS + SCORE_COLUMNS + RECORD_COLUMNS
        pd.DataFrame(rows).reindex(columns=columns).to_csv(part, index=False)


def _landmarks(study: Study, name: str, store: Store) -> Landmarks:
    """What BlazePose sees on a test set, now or before."""
    path = study.home / "data" / "prepared" / "blazepose" / f"{name}-{store.attrs['key'][:16]}.npz"
    if not path.exists():
        seen = blazepose.detect(blazepose.people_of(store, _pictures_of(study, name, store)), study.home)
        with atomic(path) as part:
            np.savez(part, found=seen.found, joints=seen.joints, poses=seen.poses)
    try:
        with np.load(require_regular_file(path)) as arrays:
            return Landmarks(arrays["found"], arrays["joints"], arrays["poses"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, BadZipFile) as error:
        raise StudyError(f"{path}: is damaged ({type(error).__name__}); delete it") from error


def _pictures_of(study: Study, name: str, store: Store) -> Path:
    """The folder that pictures are named relative to: the data root, or the copy that the reader took."""
    root, source = study.root_of(name), study.profile.source(name)
    if (root / Path(store["image"][0]).parts[0]).exists():
        return root  # without opening the set, which takes long where its photographs are compared
    return open_dataset(source.reader, root, "test", **source.options).root


def _rows_of_runs(study, stores):
    """The rows of the runs that end a row of a table, on BlazePose's joints."""
    known = read_runs(study.records[0]).drop_duplicates("run").set_index("run", drop=False)
    files = {row.run.name: PredictionFile(study.run_folder(row.run)) for row in study.rows}
    rows = []
    for test_set, store in stores.items():
        scores = {
            name: blazepose.scores_of_run(file.of_labels(test_set, store), store, file.bones.own)
            for name, file in files.items()
            if test_set in file.test_sets
        }
        for row in blazepose.rows(scores, store):
            place = known.loc[row["scorer"], RUN_COLUMNS + RECORD_COLUMNS].to_dict()
            place |= {"test_set": test_set, "test_origin": store.origin}
            rows.append(place | row | {"scorer": blazepose.SAME_JOINTS})
    return rows
