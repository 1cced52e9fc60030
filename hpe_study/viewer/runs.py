"""Evaluated runs in the viewer: the people of a test set with what one or two runs predicted for them."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pandas as pd

from hpe_study.datasets.record import UNKNOWN
from hpe_study.errors import StudyError
from hpe_study.skeletons import MPII16
from hpe_study.study.run_folder import PredictedPeople, RunFolder
from hpe_study.utils.arrays import nan_mean
from hpe_study.viewer.view import BY_OCCLUSION, FILTERS, IN_ORDER, Panel, Pose, View, extent_of, readable

BY_ERROR, BY_JOINT = "largest error first", "largest error of the joint first"
A_WORSE, B_WORSE = "A worse than B first", "B worse than A first"
REACH = (900.0, 1400.0)  # mm: the smallest and the largest reach of a scene
NAME_LENGTH = 34  # characters of a run's name that a panel has place for


class RunPeople(PredictedPeople):
    """The people of one data set and split, with the predictions of run A and, where given, run B."""

    def __init__(self, runs: Sequence[RunFolder], name: str, split: str = "test") -> None:
        super().__init__(runs, name, split)
        self._heatmaps, self.total = {}, len(self.store)

    @property
    def reach(self) -> float:
        """Half the edge in mm of a cube that holds every true and nearly every predicted joint."""
        true = np.nanmax(np.abs(self.true_3d)) if np.isfinite(self.true_3d).any() else 0
        learnt = (np.abs(joints) for joints in self.joints_3d if np.isfinite(joints).any())
        predicted = [np.nanquantile(joints, 0.99) for joints in learnt]
        return float(100 * np.ceil(np.clip(max([true, *predicted]), *REACH) / 100))

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per person and one column per entry of `FILTERS`; "" where the set does not say."""
        return pd.DataFrame({key: self.labels_of(key) for key in FILTERS})

    @property
    def orders(self) -> tuple[str, ...]:
        """The orders that people can be gone through in."""
        occlusion_known = (self.labels_of("occluded") != UNKNOWN).any()
        return (
            (IN_ORDER, BY_ERROR, BY_JOINT)
            + ((BY_OCCLUSION,) if occlusion_known else ())
            + ((A_WORSE, B_WORSE) if len(self.runs) == 2 else ())
        )

    def ranked(self, order: str, joint: str) -> np.ndarray:
        """(N,) numbers of all people in an order; those without a value come last.

        `joint` is a name of MPII-16, for the order by one joint's error.
        """
        means = [nan_mean(errors, axis=1) for errors in self.errors]
        if order == IN_ORDER:
            return np.arange(len(self))
        if order == BY_OCCLUSION:
            key = (self.labels_of("occluded") == 1).sum(1)
        elif order == BY_JOINT:
            key = self.errors[0][:, MPII16.index(joint)]
        else:
            key = {BY_ERROR: means[0], A_WORSE: means[0] - means[-1], B_WORSE: means[-1] - means[0]}[order]
        return np.argsort(-np.where(np.isnan(key), -np.inf, key), kind="stable")

    def view(self, number: int) -> View:
        """The `View` of one person."""
        row = self.rows[number]
        occluded = self.store["occluded"][row] == 1
        truth = Pose(MPII16, self.true_2d[number], self.true_3d[number], occluded)
        panels, scores = [], []
        for side, (letter, run) in enumerate(zip("AB", self.runs, strict=False)):
            errors = self.errors[side][number]
            mean = nan_mean(errors)
            unit = self.unit.removeprefix("error (").removesuffix(")")
            score = f"mean error {mean:.0f} {unit}" if np.isfinite(mean) else "no truth to score by"
            name = run.name if len(run.name) <= NAME_LENGTH else f"{run.name[: NAME_LENGTH - 2]}…"
            notes = (name, score, *([] if run.learnt_depth else ["this run has learnt no depth"]))
            pose = Pose(MPII16, self.joints_2d[side][number], self.joints_3d[side][number], occluded)
            panels.append(Panel(letter, notes, pose, truth, errors))
            scores.append(f"{letter}, {run.name}: {score}")
        kind = "simulated people, " if self.simulated else ""
        title = f"{self.name} ({kind}{self.split}) · {self.person(number)}"
        description = f"{title}. {'; '.join(scores)}.{_occluded_joints(occluded)}"
        picture = self.pictures.crops([row])[0] if self.pictures is not None else None
        extent = extent_of(self.store["region"][row], self.store.boxes[row])
        return View(title, description, picture, extent, tuple(panels), self.unit)

    def person(self, number: int) -> str:
        """Record, subject, sequence and so on of one person."""
        row = self.rows[number]
        known = [f"{key} {self.store[key][row]}" for key in FILTERS if self.store[key][row]]
        frame = self.store["frame"][row]
        return ", ".join(
            [f"record {self.store['index'][row]}", *known, *([f"frame {frame}"] if frame >= 0 else [])]
        )

    def heatmaps(self, side: int, number: int) -> np.ndarray:
        """(16, h, w) heat maps of run A (side 0) or B (1); `StudyError` without picture or checkpoint."""
        if self.pictures is None:
            raise StudyError("no heat map: the prepared pictures of this set are not at hand")
        if (side, number) not in self._heatmaps:
            maps = self.runs[side].predictor.heatmaps(self.pictures, self.rows[number])
            self._heatmaps[side, number] = maps
        return self._heatmaps[side, number]


def _occluded_joints(occluded):
    names = [readable(joint) for joint, hidden in zip(MPII16.joints, occluded, strict=True) if hidden]
    return f" Occluded: {', '.join(names)}." if names else ""
