"""Oracle floors: what a perfect prediction scores. A protocol under which that is not 0 mm adds its floor to
every number it prints.

Two perfect predictions are scored. "pose": the true 3D pose up to its size, as a prediction in MPII's 16
joints. "network": what the network is trained to give, the true 2D joints and the depth target; weak
perspective and the label's own noise come on top.

Computed from the run records: the test sets' labels (`test_sets/`) and the canonical bone lengths beside a
run's predictions. Sets that no table is scored on come from their label files (`beyond`).
"""

import h5py
import numpy as np
import pandas as pd

from hpe_study.data.store import Store, StoreSubset
from hpe_study.errors import StudyError
from hpe_study.evaluation.extra_benchmarks import EXTRA_BENCHMARKS, labels_and_bones
from hpe_study.evaluation.protocols import PROTOCOLS
from hpe_study.evaluation.rescore import bones_in, canonical_lengths
from hpe_study.evaluation.scoring import in_crop_of_2_m, poses_of, values_under, with_head
from hpe_study.skeletons import MPII16
from hpe_study.utils.files import read_json

FLOOR_COLUMNS = ["test_set", "protocol", "kind", "floor", "low", "high", "n", "simulated"]
KINDS = ("pose", "network")
RULES = [rule for rule in PROTOCOLS if rule.dimensions == 3]


def perfect(store, kind):
    """(joints (N, 16, 2) crop fractions, depth (N, 16) crop sides): the perfect prediction of a test
    store."""
    truth = store["joints3d"].astype(np.float64)
    if kind == "pose":
        poses = truth - truth[:, [MPII16.index(MPII16.root)]]
        joints, depth = in_crop_of_2_m(poses)
    else:
        joints = store.boxes.to_fraction(store["joints2d"])
        depth = store["depth"].astype(np.float64)
    complete = with_head(poses_of(joints, depth))
    return complete[..., :2], complete[..., 2]


def floor(rule, store, bones, kind="pose"):
    """Mean and middle 90 % over people, mm: {"floor", "low", "high", "n"} of a perfect prediction under a
    protocol.

    bones: (15,) mm, canonical lengths as a run trained on this set's training split has them. Raises
    `StudyError` where the labels lack what the protocol needs, or where a "pose" would have to be seen by a
    camera.
    """
    if kind == "pose" and rule.scale == "camera":
        raise StudyError(
            f"protocol {rule.name} sizes what a camera sees: a pose alone has no place in its image"
        )
    joints, depth = perfect(store, kind)
    whole = np.isfinite(joints).all((1, 2)) & np.isfinite(depth).all(1)
    if not whole.any():
        raise StudyError(f"{store.path}: nobody has all 16 joints in 2D and 3D")
    errors = values_under(rule, joints[whole], depth[whole], StoreSubset(store, whole), bones)["mpjpe"]
    people = np.nanmean(errors, 1)
    return {
        "floor": float(np.nanmean(errors)),
        "low": np.quantile(people, 0.05),
        "high": np.quantile(people, 0.95),
        "n": int(whole.sum()),
    }


def floors(study):
    """Rows, a data frame of `records.FLOOR_COLUMNS`, mm: every 3D test set, every 3D protocol meant for it,
    every kind it can score.

    A test set counts where its labels are at hand and a run learnt from its training split, which gives the
    canonical lengths; and the sets beside the study's own that the profile names (`also_floors`).
    """
    rows = []
    for name, bones in _bones_by_set(study).items():
        path = study.labels_path(name)
        if name in study.profile.three_d and path.exists():
            rows += _rows(
                name,
                Store(path),
                bones,
                [rule for rule in RULES if not rule.datasets or name in rule.datasets],
            )
    for name in study.profile.also_floors if rows else ():
        if found := labels_and_bones(study, name):
            rows += _rows(name, *found, [rule for rule in RULES if rule.name in EXTRA_BENCHMARKS[name][2]])
    return pd.DataFrame(rows, columns=FLOOR_COLUMNS)


def _rows(name, store, bones, rules):
    rows = []
    for rule in rules:
        lengths, _ = canonical_lengths(rule, bones)
        for kind in KINDS:
            try:
                found = floor(rule, store, lengths, kind)
            except StudyError:
                continue  # this protocol cannot size this set's people
            rows.append(
                {"test_set": name, "protocol": rule.name, "kind": kind, **found, "simulated": store.simulated}
            )
    return rows


def _bones_by_set(study):
    """{3D set: canonical lengths of its training split}, each of the first run that learnt from it."""
    found = {}
    for path in sorted(study.folder.glob("*/predictions.h5")):
        name = read_json(path.with_name("run.json"))["parameters"]["three_d"]
        if name and name not in found:
            with h5py.File(path) as file:
                found[name] = bones_in(file)
    return dict(sorted(found.items()))
