"""Score finished runs again, under any protocol, from predictions and labels alone: no GPU, in seconds.

`rescore` gives rows (run, simulated, legacy, test_set, protocol, metric, unit, value, low, high, n, groups,
note); `protocol_spread` lays them out so that one sees how far the protocol alone moves a number.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hpe_study.data.store import Store
from hpe_study.errors import StudyError
from hpe_study.evaluation.bootstrap import estimate, units_of
from hpe_study.evaluation.prediction_file import CanonicalBones, PredictionFile, Predictions
from hpe_study.evaluation.protocols import PROTOCOLS, Protocol, find_protocol
from hpe_study.evaluation.run_record import read_run_record
from hpe_study.evaluation.scoring import values_under
from hpe_study.metrics import UNITS, Align

NO_UNIVERSAL = "sized by annot3's bones: the run's training set has no univ_annot3"
KEYS = ["run", "legacy", "test_set"]


def rescore(
    folders: Sequence[str | Path], names: Sequence[str] = (), align: Align | None = None
) -> pd.DataFrame:
    """Score runs by protocols.

    Args:
        folders: of runs; their test sets' labels lie beside them in `test_sets/`.
        names: of protocols ("published", "3dhp-official+procrustes", …); none: all meant for a test set.
        align: for all protocols in 3D that have no alignment.

    Returns:
        Rows of scores. Where labels lack what a protocol needs (a camera), the row has no value, and `note`
        says why.

    Raises:
        StudyError: an unknown protocol, a folder without predictions, or nothing to score.
    """
    protocols = [find_protocol(name) for name in names] or list(PROTOCOLS)
    protocols = [
        protocol.aligned(align) if align and protocol.dimensions == 3 and not protocol.align else protocol
        for protocol in protocols
    ]
    protocols = list({protocol.name: protocol for protocol in protocols}.values())
    folders = list(dict.fromkeys(map(Path, folders)))
    names = [folder.name for folder in folders]
    rows = [
        {"run": folder.name if names.count(folder.name) == 1 else str(folder), **row}
        for folder in folders
        for row in _rows_of_run(folder, protocols)
    ]
    if not rows:
        meant = ", ".join(protocol.name for protocol in protocols)
        raise StudyError(f"no test set of these runs is one that {meant} is meant for")
    return pd.DataFrame(rows)


def _rows_of_run(folder, protocols):
    file, record = PredictionFile(folder), read_run_record(folder)
    run = {"simulated": record.simulated, "legacy": " ".join(record.parameters.legacy)}
    for test_set in file.test_sets:
        labels = labels_of(folder, test_set)
        predictions = file.of_labels(test_set, labels)
        for protocol in protocols:
            if is_meant_for(protocol, labels, file.bones):
                for row in _rows(protocol, predictions, labels, file.bones):
                    yield {**run, "test_set": test_set, **row}


def labels_of(folder: Path, test_set: str) -> Store:
    """The labels that a run was scored on. Raises `StudyError` where they are not at hand."""
    path = folder.parent / "test_sets" / f"{test_set}.h5"
    if not path.exists():
        raise StudyError(f"{path}: not there; the test set's labels are copied there when a run is evaluated")
    return Store(path)


def is_meant_for(protocol: Protocol, labels: Store, bones: CanonicalBones) -> bool:
    """Whether a protocol is meant for a test set, and the run has learnt what it scores."""
    meant = not protocol.datasets or labels.attrs["name"] in protocol.datasets
    learnt = protocol.dimensions == 2 or (bones.known and np.isfinite(labels["joints3d"]).any())
    return bool(meant and learnt)


def canonical_lengths(protocol: Protocol, bones: CanonicalBones) -> tuple[np.ndarray, str]:
    """Lengths (15,) mm of a protocol's kind of truth, where the training set has it; and a note on them."""
    if protocol.truth != "univ":
        return bones.own, protocol.note
    if np.isfinite(bones.universal).any():
        return bones.universal, protocol.note
    return bones.own, NO_UNIVERSAL


def _rows(protocol: Protocol, predictions: Predictions, labels: Store, bones: CanonicalBones):
    lengths, note = canonical_lengths(protocol, bones)
    row = {"protocol": protocol.name}
    try:
        arrays = values_under(protocol, predictions.joints, predictions.depth, labels, lengths)
    except StudyError as error:
        metric = "mpjpe" if protocol.dimensions == 3 else "pck"
        return [row | {"metric": metric, "value": np.nan, "note": str(error)}]
    units = units_of(labels)
    return [
        row | {"metric": metric, "unit": UNITS[metric], **estimate(values, units), "note": note}
        for metric, values in arrays.items()
        if np.isfinite(values).any()
    ]


def readable(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows as texts, "value [low, high]": a column per metric, a line per run, set and protocol."""
    text = [
        f"{row.value:.1f} [{row.low:.1f}, {row.high:.1f}]" if np.isfinite(row.value) else "–"
        for row in rows.itertuples()
    ]
    table = rows.assign(text=text).pivot(index=[*KEYS, "protocol"], columns="metric", values="text")
    return table[[metric for metric in UNITS if metric in table]].fillna("")


def protocol_spread(rows: pd.DataFrame, metric: str = "mpjpe") -> pd.DataFrame:
    """How far the protocol alone moves each number: a column per protocol, a line per run and test set."""
    wide = rows[rows["metric"] == metric].pivot(index=KEYS, columns="protocol", values="value")
    wide = wide.dropna(axis=1, how="all")
    order = [protocol.name for protocol in PROTOCOLS if protocol.name in wide]
    order += sorted(name for name in wide if "+" in name)
    return wide[order].assign(spread=wide.max(axis=1) - wide.min(axis=1))
