"""BlazePose, what a user would pick instead of a network of this study, scored on the study's test sets.

Bazarevsky et al., "BlazePose: On-device real-time body pose tracking", CVPR workshops 2020; the detector and
the "full" model of `mediapipe` 0.10.14. It runs in an environment of its own (`make blazepose`), on the
original pictures around each person. It gives twelve joints of MPII-16 and the middle of the hips; only
joints that it has are scored. In 2D a person who is not found is wrong in every joint ("pckh"), or left out
("pckh_found"); in 3D there is nothing to score for such a person.

>>> rows = blazepose_rows(store, root, home)      # as `scoring.rows_for_set` gives them
"""

import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from hpe_study.boxes import Boxes
from hpe_study.data.crops import crop_square
from hpe_study.data.store import Store
from hpe_study.errors import StudyError
from hpe_study.evaluation.bootstrap import estimate
from hpe_study.evaluation.grouping import units_of
from hpe_study.evaluation.scoring import head_sizes, order_values, values_3d
from hpe_study.metrics import UNITS, exchanged_sides, joint_errors, pckh_hits
from hpe_study.skeletons import MPII16
from hpe_study.utils.arrays import nan_mean

SCORER = "BlazePose"
ENVIRONMENT = ".venv-blazepose"
_SAME_PERSON = 0.3  # least overlap (intersection over union) of the boxes around found and labelled joints
LANDMARK_ROWS = {  # of MPII-16's joints among the 33 landmarks
    f"{side}_{joint}": first + (side == "r")
    for joint, first in {"shoulder": 11, "elbow": 13, "wrist": 15, "hip": 23, "knee": 25, "ankle": 27}.items()
    for side in "lr"
}
JOINTS = np.array(MPII16.indices(list(LANDMARK_ROWS)))  # that BlazePose has itself


@dataclass(frozen=True)
class Landmarks:
    """What BlazePose sees in the pictures of N people; NaN where it found nobody, and for joints it lacks.

    Attributes:
        found: (N,) bool.
        joints: (N, 16, 2) fractions of the picture.
        poses: (N, 16, 3) mm, camera frame, from the middle of the hips.
    """

    found: np.ndarray
    joints: np.ndarray
    poses: np.ndarray


def is_installed(home: Path) -> bool:
    """Whether `make blazepose` has been run in the project's folder."""
    return (home / ENVIRONMENT / "bin" / "python").exists()


def detect(pictures: Iterable[np.ndarray], home: Path) -> Landmarks:
    """Run BlazePose on pictures.

    Args:
        pictures: (H, W, 3) uint8 RGB each.
        home: the project's folder.

    Raises:
        StudyError: its environment is not there, or it failed.
    """
    if not is_installed(home):
        raise StudyError(f"{home / ENVIRONMENT}: BlazePose is not installed; run: make blazepose")
    python, script = home / ENVIRONMENT / "bin" / "python", home / "tools" / "blazepose.py"
    with tempfile.TemporaryDirectory(prefix="blazepose-") as folder:
        for number, picture in enumerate(pictures):
            cv2.imwrite(f"{folder}/{number:06d}.png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        out = Path(folder) / "landmarks.npz"
        done = subprocess.run([python, script, folder, out], capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip() or "no message").splitlines()[-1][:200]
            raise StudyError(f"{home / ENVIRONMENT}: BlazePose failed ({reason}); run: make blazepose")
        with np.load(out) as arrays:
            return _as_mpii(arrays["found"], arrays["image"], arrays["world"])


def _as_mpii(found, image, world):
    joints, poses = (np.full((len(found), len(MPII16), size), np.nan) for size in (2, 3))
    rows = list(LANDMARK_ROWS.values())
    joints[:, JOINTS], poses[:, JOINTS] = image[:, rows], 1000 * world[:, rows]
    poses[:, MPII16.index("pelvis")] = poses[:, MPII16.indices("l_hip r_hip")].mean(1)
    return Landmarks(found, joints, poses)


def people_of(store: Store, root: Path) -> Iterator[np.ndarray]:
    """The surroundings of each person of a store, (side, side, 3) uint8 RGB, cut out of the original picture.

    Raises:
        StudyError: a picture is not there or cannot be read.
    """
    for name, region in zip(store["image"], store["region"], strict=True):
        picture = cv2.imread(str(root / name))
        if picture is None:
            raise StudyError(f"{root / name}: cannot be read as a picture; BlazePose looks at the originals")
        region = tuple(map(int, region))
        yield crop_square(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), region, region[2])


def blazepose_rows(store: Store, root: Path, home: Path) -> list[dict[str, Any]]:
    """The scores of BlazePose on a test set, with intervals; scorer "BlazePose".

    Args:
        store: the test set.
        root: the data root that its pictures lie under.
        home: the project's folder.

    Returns:
        Rows as `scoring.rows_for_set` gives them, and "found": percent of people found.
    """
    return scores(detect(people_of(store, root), home), store)


def scores(seen: Landmarks, store: Store) -> list[dict[str, Any]]:
    """`blazepose_rows` of what was seen in the pictures of `people_of`."""
    units = units_of(store)
    return [
        {"protocol": "study", "scorer": SCORER, "metric": metric}
        | {"unit": UNITS.get(metric.removesuffix("_found"), "%")}
        | estimate(values, units)
        for metric, values in score_arrays(seen, store).items()
        if np.isfinite(values).any()
    ]


def score_arrays(seen: Landmarks, store: Store) -> dict[str, np.ndarray]:
    """Every metric as an (N, J) array whose mean is the score, of the joints that BlazePose and the set have.

    A person counts as found where the boxes around the joints found and those labelled overlap.
    """
    left, top, side = store["region"].astype(np.float64).T
    corner = Boxes(np.stack([left + (side - 1) / 2, top + (side - 1) / 2], 1), side)
    px, truth = corner.to_pixels(seen.joints), store["joints2d"].astype(np.float64)
    scored = store["labelled"] & np.isin(np.arange(len(MPII16)), JOINTS)
    right_person = seen.found & (_overlap(px, np.where(scored[..., None], truth, np.nan)) >= _SAME_PERSON)
    errors = joint_errors(px, truth, scored & right_person[:, None])
    with_misses = np.where(scored & ~right_person[:, None], np.inf, errors)
    head = head_sizes(store)
    arrays = {
        "found": 100.0 * right_person[:, None],
        "pckh": pckh_hits(with_misses, head),
        "pckh_found": pckh_hits(errors, head),
        "exchanged": exchanged_sides(px, truth, scored & right_person[:, None]),
    }
    poses = np.where(right_person[:, None, None], seen.poses, np.nan)
    true_poses = store["joints3d"].astype(np.float64)
    if np.isfinite(true_poses).any():
        arrays |= values_3d(poses, true_poses) | order_values(poses[..., 2], true_poses[..., 2])
    return arrays


def _overlap(first, second):
    """(N,) intersection over union of the boxes around joints (N, J, 2); 0 where there are none."""
    with np.errstate(invalid="ignore"):
        low, high = (
            np.stack([reduce(np.where(np.isnan(joints), empty, joints), 1) for joints in (first, second)])
            for reduce, empty in ((np.min, np.inf), (np.max, -np.inf))
        )
        shared = np.clip(high.min(0) - low.max(0), 0, None).prod(-1)
        total = np.clip(high - low, 0, None).prod(-1).sum(0) - shared
    return np.divide(shared, total, out=np.zeros(len(first)), where=total > 0)


def share_found(store: Store, root: Path, home: Path) -> float:
    """Percent of a test set's people whom BlazePose finds."""
    return nan_mean(score_arrays(detect(people_of(store, root), home), store)["found"])
