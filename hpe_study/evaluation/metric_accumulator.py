"""Scores of an epoch while it runs: predictions are gathered on the device and scored at its end."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from hpe_study.data.store import Store
from hpe_study.evaluation.scoring import ROOT, poses_of, values_2d
from hpe_study.metrics import joint_errors
from hpe_study.skeletons.bone_lengths import scale_to_bones
from hpe_study.utils import distributed
from hpe_study.utils.arrays import nan_mean

CHUNK = 4096  # samples scored at a time
LABELS = (  # of the stores, that scores need
    "joints2d", "labelled", "center", "side", "head_size", "joints3d",
)  # fmt: skip


class MetricAccumulator:
    """Predictions of an epoch, of all processes that train together, and their scores.

    They are written into arrays allocated once, since thousands of small tensors among large temporaries
    would fragment the device's memory, and leave it at the end.
    """

    def __init__(self, stores: Sequence[Store], count: int) -> None:
        """Make room for at most `count` samples of the stores."""
        self.stores, self.count, self.filled, self.arrays = stores, count, 0, None

    def add(self, joints: torch.Tensor, depth: torch.Tensor, sample: torch.Tensor) -> None:
        """Add a batch: joints (B, 16, 2) in box fractions, depth (B, 16) in sides, (store, index) (B, 2)."""
        batch = (joints, depth, sample)
        if self.arrays is None:
            self.arrays = [values.new_empty((self.count, *values.shape[1:])) for values in batch]
        for array, values in zip(self.arrays, batch, strict=True):
            array[self.filled : self.filled + len(values)] = values
        self.filled += len(joints)

    def summary(self, bones: np.ndarray | None) -> dict[str, float]:
        """The scores: "pckh" and "pck_crop" in percent, "mpjpe" in mm; NaN where nothing is labelled.

        Predicted skeletons are sized by `bones`, (15,) mm; None gives no "mpjpe".
        """
        totals = dict.fromkeys(("pckh", "pck_crop", "mpjpe"), np.zeros(2))  # sum, count
        for joints, depth, sample in self._chunks():
            truth = {key: self._gather(key, sample) for key in LABELS}
            arrays = values_2d(joints, truth)
            arrays["pck_crop"] = nan_mean(arrays["pck_crop"], axis=1)  # the published mean of images' means
            if bones is not None:
                poses = scale_to_bones(poses_of(joints, depth), bones)
                arrays["mpjpe"] = joint_errors(poses, truth["joints3d"], root=ROOT)
            for name, values in arrays.items():
                known = ~np.isnan(values)
                totals[name] = totals[name] + [values[known].sum(), known.sum()]
        return {name: float(total / count) if count else np.nan for name, (total, count) in totals.items()}

    def _chunks(self) -> Iterator[tuple[np.ndarray, ...]]:
        """(joints, depth, sample) of up to `CHUNK` samples, of all processes in their order."""
        own = [tuple(array[: self.filled].cpu().numpy() for array in self.arrays)] if self.filled else []
        for arrays in distributed.gather(own):
            for start in range(0, len(arrays[0]), CHUNK):
                yield tuple(values[start : start + CHUNK] for values in arrays)

    def _gather(self, key, sample):
        values = np.empty((len(sample), *self.stores[0][key].shape[1:]), self.stores[0][key].dtype)
        for number, store in enumerate(self.stores):
            rows = sample[:, 0] == number
            values[rows] = store[key][sample[rows, 1]]
        return values
