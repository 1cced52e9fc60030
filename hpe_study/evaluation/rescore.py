"""Score finished runs again, under any protocol: from `predictions.h5` and the test sets' labels alone, in
seconds, without a GPU.

`rescore` gives rows (run, test_set, protocol, metric, unit, value, low, high, n, groups, simulated, legacy,
note); `protocol_spread` lays them out so that one sees how far the protocol alone moves a number.
"""

from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from hpe_study.data.store import Store
from hpe_study.errors import StudyError
from hpe_study.evaluation.bootstrap import estimate
from hpe_study.evaluation.protocols import PROTOCOLS, find_protocol
from hpe_study.evaluation.scoring import groups_of, values_under
from hpe_study.metrics import UNITS
from hpe_study.utils.files import read_json

NO_UNIVERSAL = "sized by annot3's bones: the run's training set has no univ_annot3"


def rescore(folders, names=(), align=None):
    """Rows of scores, a data frame.

    folders: of runs; their test sets' labels lie beside them in `test_sets/`. names: protocols ("published",
    "3dhp-official+procrustes", …); none: all that are meant for a test set. align: "scale" or "procrustes"
    for all in 3D. Where labels lack what a protocol needs (a camera), the row has no value and says why.
    Raises `StudyError` for an unknown protocol and for a folder without predictions.
    """
    rules = [find_protocol(name) for name in names] or list(PROTOCOLS)
    rules = [
        rule.aligned(align) if align and rule.dimensions == 3 and not rule.align else rule for rule in rules
    ]
    rows = [row for folder in folders for row in _rows_of_run(Path(folder), rules)]
    if not rows:
        raise StudyError(
            f"no test set of these runs is one that {', '.join(rule.name for rule in rules)} is meant for"
        )
    return pd.DataFrame(rows)


def _rows_of_run(folder, rules):
    path = folder / "predictions.h5"
    if not path.exists():
        raise StudyError(f"{path}: not there; evaluate this run first (the study's command does)")
    record = read_json(folder / "run.json")
    about = {
        "run": folder.name,
        "simulated": record["simulated"],
        "legacy": " ".join(record["parameters"]["legacy"]),
    }
    rows = []
    with h5py.File(path) as file:
        bones = bones_in(file)
        for test_set in (name for name in file if isinstance(file[name], h5py.Group)):
            store = labels_of(folder, test_set, file[test_set].attrs["key"])
            joints, depth = file[test_set]["joints"][:], file[test_set]["depth"][:]
            for rule in rules:
                if fits(rule, store, bones):
                    rows += [
                        {**about, "test_set": test_set, **row}
                        for row in _rows(rule, joints, depth, store, bones)
                    ]
    return rows


def bones_in(file):
    """The canonical lengths in an open `predictions.h5`: {"bones", "bones_universal"}, each (15,) mm, NaN
    where unknown."""
    bones = file["bones"][:]
    return {
        "bones": bones,
        "bones_universal": file["bones_universal"][:]
        if "bones_universal" in file
        else np.full_like(bones, np.nan),
    }


def canonical_lengths(rule, bones):
    """(lengths (15,) mm that a protocol sizes skeletons by, what is to be said of it): of its kind of truth,
    where `bones_in` has that."""
    if rule.truth != "univ":
        return bones["bones"], rule.note
    return (
        (bones["bones_universal"], rule.note)
        if np.isfinite(bones["bones_universal"]).any()
        else (bones["bones"], NO_UNIVERSAL)
    )


def labels_of(folder, test_set, key):
    """The labels that a run was scored on. Raises `StudyError` where they are not at hand or have changed
    since."""
    path = folder.parent / "test_sets" / f"{test_set}.h5"
    if not path.exists():
        raise StudyError(f"{path}: not there; the test set's labels are copied there when a run is evaluated")
    store = Store(path)
    if store.attrs["key"] != key:
        raise StudyError(f"{path}: not the labels that {folder.name} was evaluated on; evaluate it again")
    return store


def fits(rule, store, bones):
    """Whether a protocol is meant for a test set, and the run has learnt what it scores."""
    meant = not rule.datasets or store.attrs["name"] in rule.datasets
    learnt = rule.dimensions == 2 or (
        np.isfinite(bones["bones"]).any() and np.isfinite(store["joints3d"]).any()
    )
    return meant and learnt


def _rows(rule, joints, depth, store, bones):
    lengths, note = canonical_lengths(rule, bones)
    try:
        found = values_under(rule, joints, depth, store, lengths)
    except StudyError as error:
        return [
            {
                "protocol": rule.name,
                "metric": "mpjpe" if rule.dimensions == 3 else "pck",
                "value": np.nan,
                "note": str(error),
            }
        ]
    groups = groups_of(store)
    return [
        {
            "protocol": rule.name,
            "metric": metric,
            "unit": UNITS[metric],
            **estimate(array, groups),
            "note": note,
        }
        for metric, array in found.items()
        if np.isfinite(array).any()
    ]


def readable(rows):
    """The rows as a table of texts, "value [low, high]": a line a run, test set and protocol, a column a
    metric."""
    text = [
        f"{row.value:.1f} [{row.low:.1f}, {row.high:.1f}]" if np.isfinite(row.value) else "–"
        for row in rows.itertuples()
    ]
    table = rows.assign(text=text).pivot(
        index=["run", "legacy", "test_set", "protocol"], columns="metric", values="text"
    )
    return table[[metric for metric in UNITS if metric in table]].fillna("")


def protocol_spread(rows, metric="mpjpe"):
    """How far the protocol alone moves each number: a line a run and test set, a column a protocol, and the
    largest less the smallest."""
    wide = rows[rows["metric"] == metric].pivot(
        index=["run", "legacy", "test_set"], columns="protocol", values="value"
    )
    wide = wide.dropna(axis=1, how="all")
    order = [rule.name for rule in PROTOCOLS if rule.name in wide] + sorted(
        name for name in wide if "+" in name
    )
    return wide[order].assign(spread=wide.max(axis=1) - wide.min(axis=1))
