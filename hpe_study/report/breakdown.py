"""A run's score in parts: per joint, or per action, camera, sequence and subject of the test people."""

import numpy as np
import pandas as pd

from hpe_study.evaluation.scoring import values_2d, values_3d
from hpe_study.report.results import Results
from hpe_study.skeletons import MPII16
from hpe_study.utils.arrays import nan_mean

JOINT = "joint"
GROUPS = ("action", "camera", "sequence", "subject")  # where the data set names them
MOST = 40  # groups; more help nobody (MPII has a sequence per image)


def known_parts(results: Results, test_set: str) -> list[str]:
    """What scores on a test set can be split by; nothing where its labels are not at hand."""
    labels = results.labels(test_set)
    if labels is None:
        return []
    return [JOINT, *(key for key in GROUPS if 1 < len(np.unique(labels[key])) <= MOST)]


def score_parts(results: Results, run: str, test_set: str, metric: str, by: str) -> pd.DataFrame | None:
    """One run's score by the study's protocol in parts (`known_parts`): value, and how many records count.

    None where the run has no predictions (per joint) or no errors of people (else), or the metric is not one
    of single joints.
    """
    parts = _per_joint(results, run, test_set, metric) if by == JOINT else None
    if by != JOINT and (errors := results.errors(run, test_set, metric)) is not None:
        joints = results.joints(test_set, metric)
        known = (joints > 0) & np.isfinite(errors)
        people = pd.DataFrame({"sum": errors * joints, "joints": joints, "records": 1})[known]
        sums = people.groupby(results.labels(test_set)[by].astype(str)[known]).sum()
        parts = pd.DataFrame({"value": sums["sum"] / sums["joints"], "records": sums["records"]})
    return parts


def _per_joint(results, run, test_set, metric):
    labels, predicted = results.labels(test_set), results.prediction(run, test_set)
    if predicted is None:
        return None
    arrays = values_2d(predicted.joints, labels)
    truth = labels["joints3d"].astype(float)
    if np.isfinite(truth).any():
        arrays |= values_3d(predicted.poses, truth)
    values = arrays.get(metric)
    if values is None or values.shape[1] != len(MPII16.joints):
        return None
    names = [joint.replace("_", " ") for joint in MPII16.joints]
    parts = pd.DataFrame({"value": nan_mean(values, axis=0), "records": np.isfinite(values).sum(0)}, names)
    return parts[parts["records"] > 0]
