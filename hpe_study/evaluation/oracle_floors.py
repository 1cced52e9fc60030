"""Oracle floors: the error of a perfect prediction under a protocol, a lower bound on every score.

Two perfect predictions are scored. "pose": the true 3D pose up to its size, as a prediction in MPII's 16
joints. "network": what the network is trained to give, the true 2D joints and the depth target; weak
perspective and the label's own noise come on top.

Computed from the run records: the test sets' labels (`test_sets/`) and the canonical bone lengths beside a
run's predictions. Sets that no table is scored on (`EXTRA_BENCHMARKS`) come from their label files, without
any picture; where a profile's people are simulated, a small stand-in is made beside its own.
"""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from hpe_study.data.preparation import record_to_row
from hpe_study.data.store import LabelArrays, Store, StoreSubset
from hpe_study.datasets import open_dataset
from hpe_study.datasets.base import MissingSetError, Records
from hpe_study.errors import StudyError
from hpe_study.evaluation.prediction_file import CanonicalBones, PredictionFile
from hpe_study.evaluation.protocols import PROTOCOLS, Protocol
from hpe_study.evaluation.rescore import canonical_lengths
from hpe_study.evaluation.run_record import read_run_record
from hpe_study.evaluation.scoring import ROOT, in_crop_of_2_m, poses_of, values_under, with_head
from hpe_study.skeletons.bone_lengths import mean_bone_lengths
from simulated_people import StandInSpec, make

Kind = Literal["pose", "network"]
KINDS: tuple[Kind, ...] = ("pose", "network")
FLOOR_COLUMNS = ["test_set", "protocol", "kind", "floor", "low", "high", "n", "simulated"]
PROTOCOLS_3D = [protocol for protocol in PROTOCOLS if protocol.dimensions == 3]
# name → reader's name, its options, the protocols meant for these labels
EXTRA_BENCHMARKS = {
    "3dpw": ("3dpw", {}, ("study", "published", "3dpw")),
    "h36m_full": ("h36m", {"layout": "full"}, ("study", "published", "h36m-s9s11")),
}
PEOPLE = 2000  # of a split, evenly spread over it
SIMULATED, SIZE = 48, 64  # people a split of a stand-in, px


class Labels(LabelArrays):
    """The labels of some records, as a store holds them; pictures are not looked at."""

    def __init__(self, records: Records) -> None:
        """Read up to `PEOPLE` of a data set's records, evenly spread."""
        numbers = np.unique(np.linspace(0, len(records) - 1, min(PEOPLE, len(records))).astype(int))
        picture = np.zeros((1, 1, 3), np.uint8)
        rows = [record_to_row(records[number], records.root, (2, 1.0), picture) for number in numbers]
        self._arrays = {key: np.stack([row[key] for row in rows]) for key in rows[0] if key != "crop"}
        self.path, self.own_skeleton = records.root / records.info.name, records.skeleton
        self.attrs, self.simulated = {"name": records.info.name}, bool(records.simulated)

    def __getitem__(self, key: str) -> np.ndarray:
        """A whole label array."""
        return self._arrays[key]


def labels_and_bones(study: Any, name: str) -> tuple[Labels, CanonicalBones] | None:
    """The labels of a set's test split, and its training split's bones; None where it is not at hand."""
    reader, options, _ = EXTRA_BENCHMARKS[name]
    root = study.raw
    if study.simulated:
        root = study.home / "data" / "simulated" / f"beyond-{name}"  # a folder a layout
        make(StandInSpec(reader, SIMULATED, SIMULATED, size=SIZE, options=options), root, progress=False)
    try:
        train, test = (Labels(open_dataset(reader, root, split, **options)) for split in ("train", "test"))
    except MissingSetError:
        return None
    return test, CanonicalBones(mean_bone_lengths(train["joints3d"]), CanonicalBones.unknown().universal)


def perfect(store: Store, kind: Kind) -> tuple[np.ndarray, np.ndarray]:
    """The perfect prediction: joints (N, 16, 2), fractions of the box, and depth (N, 16), its sides."""
    if kind == "pose":
        truth = store["joints3d"].astype(np.float64)
        joints, depth = in_crop_of_2_m(truth - truth[:, [ROOT]])
    else:
        joints, depth = store.boxes.to_fraction(store["joints2d"]), store["depth"].astype(np.float64)
    complete = with_head(poses_of(joints, depth))
    return complete[..., :2], complete[..., 2]


def floor(
    protocol: Protocol, store: Store, bones: np.ndarray | None, kind: Kind = "pose"
) -> dict[str, float]:
    """MPJPE in mm of a perfect prediction under a protocol in 3D; `bones` (15,) mm as a run would have them.

    Returns:
        floor, the mean over people; low and high, the middle 90 % of them; n people.

    Raises:
        StudyError: the labels lack what the protocol needs, or a "pose" would have to be seen by a camera.
    """
    if kind == "pose" and protocol.scale == "camera":
        raise StudyError(f"protocol {protocol.name} needs a camera: a pose alone has no place in its image")
    joints, depth = perfect(store, kind)
    whole = np.isfinite(joints).all((1, 2)) & np.isfinite(depth).all(1)
    if not whole.any():
        raise StudyError(f"{store.path}: no person has all 16 joints in 2D and 3D")
    errors = values_under(protocol, joints[whole], depth[whole], StoreSubset(store, whole), bones)["mpjpe"]
    low, high = np.quantile(np.nanmean(errors, 1), [0.05, 0.95])
    return {"floor": float(np.nanmean(errors)), "low": low, "high": high, "n": int(whole.sum())}


def floors(study: Any) -> pd.DataFrame:
    """The floors (`FLOOR_COLUMNS`) of a `Study`'s 3D test sets under the 3D protocols meant for them.

    A test set counts where its labels are at hand and a run learnt from its training split, which gives the
    canonical lengths; so do the sets that the profile names in `also_floors`.
    """
    rows = []
    for name, bones in _bones_by_set(study).items():
        path = study.labels_path(name)
        if name in study.profile.three_d and path.exists():
            meant = [protocol for protocol in PROTOCOLS_3D if name in (protocol.datasets or [name])]
            rows += _rows(name, Store(path), bones, meant)
    for name in study.profile.also_floors if rows else ():
        if extra := labels_and_bones(study, name):
            meant = [protocol for protocol in PROTOCOLS_3D if protocol.name in EXTRA_BENCHMARKS[name][2]]
            rows += _rows(name, *extra, meant)
    return pd.DataFrame(rows, columns=FLOOR_COLUMNS)


def _rows(name, store, bones: CanonicalBones, protocols: Sequence[Protocol]):
    rows = []
    for protocol in protocols:
        lengths, _ = canonical_lengths(protocol, bones)
        for kind in KINDS:
            try:
                scores = floor(protocol, store, lengths, kind)
            except StudyError:
                continue  # this protocol cannot size this set's people
            about = {"test_set": name, "protocol": protocol.name, "kind": kind}
            rows.append({**about, **scores, "simulated": store.simulated})
    return rows


def _bones_by_set(study):
    """{3D set: canonical lengths of its training split}, each of the first run that learnt from it."""
    bones = {}
    for path in sorted(study.folder.glob("*/predictions.h5")):
        name = read_run_record(path.parent).parameters.three_d
        if name and name not in bones:
            bones[name] = PredictionFile(path.parent).bones
    return dict(sorted(bones.items()))
