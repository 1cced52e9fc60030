"""BlazePose, what a user would pick instead of a network of this study, scored on the study's test sets.

Bazarevsky et al., "BlazePose: On-device real-time body pose tracking", CVPR workshops 2020; the detector and
the "full" model of `mediapipe` 0.10.14, in an environment of its own (`make blazepose`), on the original
pictures around each person. Only the joints that it has are scored, of a network beside it the same ones. In
2D a person who is not found is wrong in every joint (scorer `MISSES`), or left out (`FOUND`); in 3D such a
person is not scored.
"""

import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from hpe_study.boxes import Boxes
from hpe_study.data.crops import crop_square
from hpe_study.data.store import Store
from hpe_study.datasets.record import LARGEST_PICTURE
from hpe_study.errors import StudyError
from hpe_study.evaluation.bootstrap import estimates, units_of
from hpe_study.evaluation.prediction_file import Predictions
from hpe_study.evaluation.protocols import torso_size
from hpe_study.evaluation.scoring import OWN_PCK, PROTOCOL, head_sizes, order_values, poses_of, values_3d
from hpe_study.metrics import UNITS, exchanged_sides, joint_errors, pckh_hits, size_hits
from hpe_study.skeletons import MPII16
from hpe_study.skeletons.bone_lengths import scale_to_bones
from hpe_study.utils.pictures import read_picture

NAME, VERSION = "BlazePose", "mediapipe 0.10.14"
MISSES, FOUND = f"{NAME}, misses counted", f"{NAME}, where found"
SAME_JOINTS = "model, joints of BlazePose"
ENVIRONMENT = ".venv-blazepose"
PICTURES = 500  # looked at by one process: so many lie in a temporary folder at a time
_SAME_PERSON = 0.3  # least overlap (intersection over union) of the boxes around found and labelled joints
LANDMARK_ROWS = {  # of MPII-16's joints among the 33 landmarks
    f"{side}_{joint}": first + (side == "r")
    for joint, first in {"shoulder": 11, "elbow": 13, "wrist": 15, "hip": 23, "knee": 25, "ankle": 27}.items()
    for side in "lr"
}
JOINTS = np.array(MPII16.indices(list(LANDMARK_ROWS)))  # that BlazePose has itself
_WITH_ROOT = np.append(JOINTS, MPII16.index(MPII16.root))
Scores = dict[str, tuple[str, np.ndarray]]  # metric → (protocol's name, array)


@dataclass(frozen=True)
class Landmarks:
    """What BlazePose sees in the pictures of N people; NaN where it found nobody, and for joints it lacks."""

    found: np.ndarray  # (N,) bool
    joints: np.ndarray  # (N, 16, 2) fractions of the picture
    poses: np.ndarray  # (N, 16, 3) mm, camera frame, from the middle of the hips

    def __len__(self) -> int:
        return len(self.found)


def is_installed(home: Path) -> bool:
    """Whether `make blazepose` has been run in the project's folder."""
    return (home / ENVIRONMENT / "bin" / "python").exists()


def detect(pictures: Iterable[np.ndarray], home: Path) -> Landmarks:
    """Run BlazePose on pictures, (H, W, 3) uint8 RGB each; `home` is the project's folder."""
    if not is_installed(home):
        raise StudyError(f"{home / ENVIRONMENT}: {NAME} is not installed; run: make blazepose")
    parts, pictures = [], iter(pictures)
    while not parts or len(parts[-1]) == PICTURES:
        parts.append(_detect_some(islice(pictures, PICTURES), home))
    fields = ("found", "joints", "poses")
    return Landmarks(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))


def _detect_some(pictures, home):
    python, script = home / ENVIRONMENT / "bin" / "python", home / "tools" / "blazepose.py"
    with tempfile.TemporaryDirectory(prefix="blazepose-") as folder:
        for number, picture in enumerate(pictures):
            cv2.imwrite(f"{folder}/{number:06d}.png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        out = Path(folder) / "landmarks.npz"
        done = subprocess.run([python, script, folder, out], capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip() or "no message").splitlines()[-1][:200]
            raise StudyError(f"{home / ENVIRONMENT}: {NAME} failed ({reason}); run: make blazepose")
        with np.load(out) as arrays:
            return _as_mpii(arrays["found"], arrays["image"], arrays["world"])


def _as_mpii(found, image, world):
    joints, poses = (np.full((len(found), len(MPII16), size), np.nan) for size in (2, 3))
    rows = list(LANDMARK_ROWS.values())
    joints[:, JOINTS], poses[:, JOINTS] = image[:, rows], 1000 * world[:, rows]
    poses[:, MPII16.index("pelvis")] = poses[:, MPII16.indices("l_hip r_hip")].mean(1)
    return Landmarks(found, joints, poses)


def people_of(store: Store, root: Path) -> Iterator[np.ndarray]:
    """The surroundings of each person of a test set, (side, side, 3) uint8 RGB, cut out of its picture.

    The pictures' names are relative to `root`. Raises `StudyError` where one cannot be read.
    """
    for name, region in zip(store["image"], store["region"], strict=True):
        left, top, side = map(int, region)
        yield crop_square(read_picture(root / name, LARGEST_PICTURE), (left, top, side), side)


def rows(scores: dict[str, Scores], store: Store) -> list[dict[str, Any]]:
    """{scorer: its scores on a test set} → rows as `scoring.rows_for_set` gives them, with intervals."""
    units, found = units_of(store), []
    for metric in dict.fromkeys(metric for scored in scores.values() for metric in scored):
        unit = {"metric": metric, "unit": UNITS.get(metric, "%")}
        arrays = {scorer: scored[metric] for scorer, scored in scores.items() if metric in scored}
        arrays = {key: (name, values) for key, (name, values) in arrays.items() if np.isfinite(values).any()}
        known = estimates([values for _, values in arrays.values()], units)
        for (scorer, (protocol, _)), score in zip(arrays.items(), known, strict=True):
            found.append({"protocol": protocol, "scorer": scorer, **unit, **score})
    return found


def scores_of_landmarks(seen: Landmarks, store: Store) -> dict[str, Scores]:
    """The scores of what BlazePose sees in the pictures of `people_of`, of `MISSES` and of `FOUND`.

    A person counts as found where the boxes around the joints found and those labelled overlap.
    """
    left, top, side = store["region"].astype(np.float64).T
    corner = Boxes(np.stack([left + (side - 1) / 2, top + (side - 1) / 2], 1), side)
    px, truth, scored = corner.to_pixels(seen.joints), store["joints2d"].astype(np.float64), _scored(store)
    right_person = seen.found & (_overlap(px, np.where(scored[..., None], truth, np.nan)) >= _SAME_PERSON)
    errors = joint_errors(px, truth, scored & right_person[:, None])
    errors[scored & ~right_person[:, None]] = np.inf
    poses = np.where(right_person[:, None, None], seen.poses, np.nan)
    found = {"found": (PROTOCOL, 100.0 * right_person[:, None])}
    return {
        MISSES: found | _hits(errors, store),
        FOUND: _scores(px, poses, store, scored & right_person[:, None]),
    }


def scores_of_run(predicted: Predictions, store: Store, bones: np.ndarray) -> Scores:
    """The scores of a run on the joints that BlazePose has. bones: (15,) mm, its canonical lengths."""
    poses = scale_to_bones(poses_of(predicted.joints, predicted.depth), bones)
    return _scores(store.boxes.to_pixels(predicted.joints), poses, store, _scored(store))


def _scored(store):
    """(N, 16) bool: labelled joints that BlazePose has."""
    return store["labelled"] & np.isin(np.arange(len(MPII16)), JOINTS)


def _scores(px, poses, store, counted):
    """Every score of joints (N, 16, 2) px and poses (N, 16, 3) mm; counted: (N, 16) bool, of the joints."""
    truth, poses = store["joints2d"].astype(np.float64), poses.copy()
    scores = _hits(joint_errors(px, truth, counted), store)
    scores["exchanged"] = PROTOCOL, exchanged_sides(px, truth, counted)
    true_poses = store["joints3d"].astype(np.float64)
    if np.isfinite(true_poses).any():
        poses[:, ~np.isin(np.arange(len(MPII16)), _WITH_ROOT)] = np.nan
        arrays = values_3d(poses, true_poses) | order_values(poses[..., 2], true_poses[..., 2])
        scores |= {metric: (PROTOCOL, values) for metric, values in arrays.items()}
    return scores


def _hits(errors, store):
    """PCKh and, of a set that has one, its own PCK. errors: (N, 16) px, NaN where a joint does not count."""
    scores = {"pckh": (PROTOCOL, pckh_hits(errors, head_sizes(store)))}
    for protocol in (protocol for protocol in OWN_PCK if store.attrs["name"] in protocol.datasets):
        chosen = np.isin(np.arange(len(MPII16)), MPII16.indices(set(protocol.joints) & set(LANDMARK_ROWS)))
        torso = torso_size(store["joints2d"], MPII16)
        values = size_hits(np.where(chosen, errors, np.nan), torso, protocol.threshold)
        scores["pck_torso"] = protocol.name, values
    return scores


def _overlap(first, second):
    """(N,) intersection over union of the boxes around joints (N, J, 2); 0 where there are none."""
    joints = np.stack([first, second])
    with np.errstate(invalid="ignore"):
        low = np.where(np.isnan(joints), np.inf, joints).min(2)
        high = np.where(np.isnan(joints), -np.inf, joints).max(2)
        shared = np.clip(high.min(0) - low.max(0), 0, None).prod(-1)
        total = np.clip(high - low, 0, None).prod(-1).sum(0) - shared
    return np.divide(shared, total, out=np.zeros(len(first)), where=total > 0)
