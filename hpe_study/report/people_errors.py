"""The errors of single joints of single people as one tidy frame, and means over it with their intervals."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from hpe_study.evaluation.bootstrap import resampled_means, units_of
from hpe_study.evaluation.scoring import ROOT, head_sizes
from hpe_study.metrics import NOT_IN_PCKH, joint_errors
from hpe_study.report.display import Score
from hpe_study.report.intervals import interval
from hpe_study.report.results import Results
from hpe_study.skeletons import MPII16

MEAN = ["value", "low", "high", "people", "score"]
HIDDEN = {1: "hidden", 0: "seen"}  # else NaN: the set does not say
PARTS = {"error": slice(0, 3), "place": slice(0, 2), "depth": slice(2, 3)}
COLUMNS = ["arm", "run", "moment", "person", "joint", "hidden", "unusual", *PARTS, "heads"]


class PeopleErrors:
    """The errors of some runs on the people of one test set; runs without predictions are left out.

    Attributes:
        joints: One row per arm, run, person (a record) and joint: moment, a number; hidden (hidden | seen |
            NaN); unusual, mm that the pose is from the mean pose (`pose_distance`); error, mm, and its parts
            across and along the line of sight, error² = place² + depth²; heads, px in the picture over the
            head's size. NaN where the score does not count a joint. Empty without predictions.
    """

    def __init__(self, results: Results, arms: Mapping[str, Sequence[str]], test_set: str) -> None:
        """Of {arm: names of its runs}."""
        runs = {(arm, run): results.prediction(run, test_set) for arm, names in arms.items() for run in names}
        self._labels = results.labels(test_set)
        self._units = units_of(self._labels) if self._labels else None
        frames = [self._of(predicted).assign(arm=a, run=r) for (a, r), predicted in runs.items() if predicted]
        self.joints = pd.concat([frame[COLUMNS] for frame in frames] or [pd.DataFrame(columns=COLUMNS)])

    def _of(self, predicted):
        labels, poses = self._labels, predicted.poses
        truth = labels["joints3d"].astype(float)
        known = np.isfinite(poses).all(-1) & np.isfinite(truth).all(-1)
        values = {key: joint_errors(poses[..., p], truth[..., p], known, ROOT) for key, p in PARTS.items()}
        px = joint_errors(labels.boxes.to_pixels(predicted.joints), labels["joints2d"], labels["labelled"])
        px[:, list(NOT_IN_PCKH)] = np.nan
        people, joints = np.indices(known.shape)
        values |= {"heads": px / head_sizes(labels)[:, None], "unusual": pose_distance(truth)[people]}
        values |= {"moment": self._units.moment[people], "person": people}
        values |= {"joint": np.array(MPII16.joints)[joints], "hidden": labels["occluded"]}
        frame = pd.DataFrame({name: array.ravel() for name, array in values.items()})
        return frame.assign(hidden=frame["hidden"].map(HIDDEN))

    def means(self, frame: pd.DataFrame, value: str, by: list[str], digits: int = 0) -> pd.DataFrame:
        """Means of a column of `joints`, or of what was made of it, one row per group named by columns.

        Returns:
            The columns of `by`; value, low, high (95 %, test people resampled, the same for all groups),
            people, score (a `Score` with so many `digits`).
        """
        rows = []
        for key, group in frame.dropna(subset=value).groupby(by, observed=True):
            people, values = group["person"].to_numpy(int), group[value].to_numpy(float)
            sums, counts = (np.bincount(people, w, len(self._labels)) for w in (values, None))
            draws = resampled_means(sums[None], counts, self._units, "bootstrap")[0]
            score = Score(values.mean(), *interval(draws), digits=digits)
            rows.append((*key, score.value, score.low, score.high, (counts > 0).sum(), score))
        return pd.DataFrame(rows, columns=[*by, *MEAN])


def pose_distance(truth: np.ndarray) -> np.ndarray:
    """(N,) mm: the mean distance of (N, 16, 3) joints from the mean pose, hips turned to face one way."""
    truth = truth - truth[:, [ROOT]]
    hips = np.subtract(*truth[:, MPII16.indices("l_hip r_hip")].swapaxes(0, 1))
    turn = np.exp(-1j * np.angle(hips[:, 0] + 1j * hips[:, 2]))
    ground = (truth[..., 0] + 1j * truth[..., 2]) * turn[:, None]
    turned = np.stack([ground.real, truth[..., 1], ground.imag], -1)
    mean_pose = pd.DataFrame(turned.reshape(len(turned), -1)).mean().to_numpy().reshape(turned.shape[1:])
    return pd.DataFrame(np.linalg.norm(turned - mean_pose, axis=-1)).mean(axis=1).to_numpy()
