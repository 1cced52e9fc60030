"""Oracle floors: what a perfect prediction scores. A protocol under which that is not 0 mm adds its floor to every number it prints.

Two perfect predictions are scored. "pose": the true 3D pose up to its size, as a prediction in MPII's 16 joints. "network": what the
network is trained to give, the true 2D joints and the depth target; weak perspective and the label's own noise come on top.
"""

import numpy as np
import pandas as pd

from hpe_study.errors import StudyError
from hpe_study.pipeline import open_store
from hpe_study.protocols import PROTOCOLS
from hpe_study.scoring import universal_bone_lengths, values_under
from hpe_study.sizing import mean_bone_lengths
from hpe_study.skeletons import MPII16
from hpe_study.store import Part

KINDS = ("pose", "network")
LACKING_HEAD = ("upper_neck", "head_top")  # of Occlusion-Person: the thorax stands in, as a model trained on it has never seen them


def perfect(store, kind):
    """(joints (N, 16, 2) crop fractions, depth (N, 16) crop sides): the perfect prediction of a test store."""
    truth = store["joints3d"].astype(np.float64)
    if kind == "pose":
        poses = truth - truth[:, [MPII16.index(MPII16.root)]]
        joints, depth = poses[..., :2] / 2000 + 0.5, poses[..., 2] / 2000  # a crop of 2 m: size is the protocol's business
    else:
        joints = (store["joints2d"] - store["center"][:, None]) / store["side"][:, None, None] + 0.5
        depth = store["depth"].astype(np.float64)
    columns = MPII16.indices(list(LACKING_HEAD))
    if np.isnan(truth[:, columns]).all():
        joints, depth = joints.astype(np.float64), depth.copy()
        thorax = MPII16.index("thorax")
        joints[:, columns], depth[:, columns] = joints[:, [thorax]], depth[:, [thorax]]
    return joints, depth


def floor(rule, store, bones, kind="pose"):
    """Mean and middle 90 % over people, mm: {"floor", "low", "high", "n"} of a perfect prediction under a protocol.

    bones: (15,) mm, canonical lengths as a run trained on this set's training split has them. Raises `StudyError` where the labels lack
    what the protocol needs, or where a "pose" would have to be seen by a camera.
    """
    if kind == "pose" and rule.scale == "camera":
        raise StudyError(f"protocol {rule.name} sizes what a camera sees: a pose alone has no place in its image")
    joints, depth = perfect(store, kind)
    whole = np.isfinite(joints).all((1, 2)) & np.isfinite(depth).all(1)
    if not whole.any():
        raise StudyError(f"{store.path}: nobody has all 16 joints in 2D and 3D")
    errors = values_under(rule, joints[whole], depth[whole], Part(store, whole), bones)["mpjpe"]
    people = np.nanmean(errors, 1)
    return {"floor": float(np.nanmean(errors)), "low": np.quantile(people, 0.05), "high": np.quantile(people, 0.95), "n": int(whole.sum())}


def floors(study, sets=None):
    """Rows, a data frame: test_set, protocol, kind, floor, low, high (mm), n, for every 3D set and every 3D protocol meant for it."""
    rows = []
    for name in sets or study.profile.three_d:
        train, test = open_store(study, name, "train"), open_store(study, name, "test")
        for rule in (rule for rule in PROTOCOLS if rule.dimensions == 3 and (not rule.datasets or name in rule.datasets)):
            bones = universal_bone_lengths(train) if rule.truth == "univ" else mean_bone_lengths(train["joints3d"])
            for kind in KINDS:
                try:
                    rows.append({"test_set": name, "protocol": rule.name, "kind": kind, **floor(rule, test, bones, kind)})
                except StudyError:
                    continue  # this protocol cannot size this set's people
    return pd.DataFrame(rows, columns=["test_set", "protocol", "kind", "floor", "low", "high", "n"])


def floor_table(rows):
    """The rows as a table to print under Table 1: "mean (5 %–95 % of people)" in mm, a line a test set and kind, a column a protocol."""
    text = [f"{row.floor:.1f} ({row.low:.0f}–{row.high:.0f})" for row in rows.itertuples()]
    table = rows.assign(text=text).pivot(index=["test_set", "kind", "n"], columns="protocol", values="text")
    return table[[rule.name for rule in PROTOCOLS if rule.name in table]].fillna("–")
