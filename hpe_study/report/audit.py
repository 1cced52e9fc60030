"""The audit's numbers: what each switch changes, everything else equal, and which claims survive all of them.

Off and on are means over the profile's seeds; the change is paired where both sides are scored on the same
people. Changes and claims are judged by the ledger's one rule (`report.contrasts`), and the claims are the
ledger's, on those of their cells that the audit trains.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from hpe_study.data.store import Store, StoreSubset
from hpe_study.evaluation.bootstrap import units_of
from hpe_study.evaluation.prediction_file import PredictionFile, Predictions
from hpe_study.evaluation.predictor import Predictor
from hpe_study.evaluation.protocols import find_protocol
from hpe_study.evaluation.scoring import poses_of, values_2d, values_3d, values_under
from hpe_study.report.claims import CLAIMS, Claim
from hpe_study.report.contrasts import ABOVE, BELOW, OPEN, SUPPORTS, Evidence, judge
from hpe_study.report.evidence import Printed
from hpe_study.report.intervals import Sample, combined, sample_of_arrays
from hpe_study.skeletons import MPII16
from hpe_study.skeletons.bone_lengths import scale_to_bones
from hpe_study.study import Run, Study, audit
from hpe_study.study.audit import ANY, MEASURES, NOTHING, UP, VALIDATED, Measure, Trial
from hpe_study.training.trainer import VALIDATION_SHARE
from hpe_study.training.variants import OwnLabels, PermutedLabels
from hpe_study.utils.tables import read_table

LIKE = 2.0  # a change has the published size within this factor
LEGS_AND_HEAD = MPII16.indices("r_ankle r_knee l_knee l_ankle head_top")


@dataclass(frozen=True)
class Scored:
    """A trial's predictions on one test store."""

    store: Store | StoreSubset
    predicted: Predictions
    bones: np.ndarray  # (15,) mm, the canonical lengths

    def under(self, name: str, metric: str) -> np.ndarray:
        """(N, J) of a metric under a protocol."""
        return values_under(
            find_protocol(name), self.predicted.joints, self.predicted.depth, self.store, self.bones
        )[metric]

    def errors(self) -> np.ndarray:
        """(N, 16) mm, the study's own protocol."""
        return values_3d(
            scale_to_bones(poses_of(self.predicted.joints, self.predicted.depth), self.bones),
            self.store["joints3d"].astype(float),
        )["mpjpe"]


NUMBERS: dict[str, tuple[Callable, str]] = {  # (what it is a mean of, unit)
    "mpjpe": (Scored.errors, "mm"),
    "thorax": (lambda scored: scored.errors()[:, [MPII16.index("thorax")]], "mm"),
    "published mpjpe": (lambda scored: scored.under("published", "mpjpe"), "mm"),
    "pckh": (lambda scored: values_2d(scored.predicted.joints, scored.store)["pckh"], "%"),
    "crop pck": (lambda scored: values_2d(scored.predicted.joints, scored.store)["pck_crop"], "%"),
    "flic pck": (lambda scored: scored.under("flic-pck", "pck"), "%"),
    "lsp pckh": (lambda scored: scored.under("lsp-pckh", "pck"), "%"),
    "published pck": (lambda scored: scored.under("published-pck", "pck"), "%"),
    "height": (lambda scored: 100 * scored.predicted.score[:, LEGS_AND_HEAD], "% of a sure joint's"),
}


def scored(study: Study, trial: Trial, test_set: str) -> Scored:
    """The `Scored` of a trial on a test set: also "… as read", and "…, validation", mispaired as trained."""
    switches = audit.simplest(trial).switches
    folder = study.with_legacy(switches).run_folder(trial.run)
    store = audit.test_stores(study, trial.run)[test_set.removesuffix(VALIDATED)]
    file = PredictionFile(folder)
    if not test_set.endswith(VALIDATED):
        return Scored(store, file.of_labels(test_set, store), file.bones.own)
    pairing = PermutedLabels(0, len(store), 1, 0) if "mispaired_images" in switches else OwnLabels()
    pairs = pairing.in_validation(np.arange(0, len(store), VALIDATION_SHARE))
    predicted = Predictor.from_run(folder, "cpu", "fp32", flip=False).arrays(store, pairs)
    return Scored(StoreSubset(store, pairs[:, -1]), predicted, file.bones.own)


def sample(study: Study, trial: Trial, number: str, test_set: str) -> tuple[Sample, Store | StoreSubset]:
    """What is known of a number over the profile's seeds, and the people that it is of."""
    everyone = [scored(study, trial.seeded(seed), test_set) for seed in study.profile.seeds]
    of, store = NUMBERS[number][0], everyone[0].store
    return sample_of_arrays([of(each) for each in everyone], units_of(store), store.attrs["name"]), store


def switch_table(study: Study) -> pd.DataFrame:
    """One row per measure: off, on, the change with its interval, whether the anomaly is reproduced."""
    return pd.DataFrame([_row(study, measure) for measure in MEASURES]).set_index(["switch", "number"])


def _row(study: Study, measure: Measure) -> dict:
    off, on = measure.trials
    number, test_set = measure.on_number or measure.number, measure.on_test_set or measure.test_set
    without, people = sample(study, off, measure.number, measure.test_set)
    with_it, others = sample(study, on, number, test_set)
    if len(people["image"]) != len(others["image"]):  # other people: not paired
        with_it = replace(with_it, people=np.roll(with_it.people, 1), paired=False)
    change = combined(np.subtract, [with_it, without])
    low, high = change.interval
    return {
        "switch": measure.switch, "number": measure.title, "unit": NUMBERS[measure.number][1],
        "ours: off": without.value, "ours: on": with_it.value, "ours: change": change.value, "ours: low": low,
        "ours: high": high, "seeds": len(change.seeds), "expected": measure.expected,
        "ours: direction": direction(change, measure.expected), "published: anomaly": measure.published,
        "ours: size": size(change, measure.size), "simulated": study.simulated,
    }  # fmt: skip


def direction(change: Sample, expected: str) -> str:
    """The verdict on the direction: reproduced, the other way, can't tell."""
    says, _ = judge(change, ABOVE if expected == UP or change.value > 0 and expected == ANY else BELOW)
    if says == OPEN:
        return "nothing seen, as expected" if expected == NOTHING else "can't tell"
    if expected in (ANY, NOTHING):
        return "moves the number"
    return "reproduced" if says == SUPPORTS else "the other way"


def size(change: Sample, published: float | None) -> str:
    """The verdict on the size of the anomaly: like, smaller or larger, or that we can't tell."""
    if published is None:
        return "–"
    if judge(change, ABOVE)[0] == OPEN:
        return "can't tell"
    ratio = change.value / published
    word = (
        "other way" if ratio < 0 else "smaller" if ratio < 1 / LIKE else "larger" if ratio > LIKE else "like"
    )
    return f"{word} ({change.value:+.0f} where {published:+.0f} was printed)"


def read(path: Path) -> pd.DataFrame:
    """A table that an audit wrote. Raises `StudyError` where it is not there."""
    return read_table(path, "the audit", ())


class Audited(Evidence):
    """The runs that the audit trains for the claims, with some switches on, of the profile's first seed."""

    def __init__(self, study: Study, switches: Sequence[str]) -> None:
        self.study, self.switches, self.simulated = study, switches, study.simulated

    def seeds(self, run: Run) -> set[int]:
        """The one seed of the runs that the audit trains."""
        return {self.study.profile.seeds[0]} if run in audit.stack_runs(run.seed) else set()

    def sample(self, run: Run, on: str, seeds: Sequence[int]) -> Sample | None:
        """MPJPE on a test set: as the published code scores, where the switches are on."""
        found = scored(self.study, Trial(replace(run, seed=seeds[0]), self.switches), on)
        errors = found.under("published", "mpjpe") if self.switches else found.errors()
        return sample_of_arrays([errors], units_of(found.store), on)


def claims_at_hand() -> list[Claim]:
    """The ledger's claims on those of their cells whose runs the audit trains."""
    trained, claims = {(run,) for run in audit.stack_runs(0)}, []
    for claim in CLAIMS:
        parts = []
        for part in claim.parts:
            pairs = [pair for pair in part.pairs if all(term.runs in trained for term in pair)]
            parts += [replace(part, pairs=tuple(pairs))] if pairs else []
        claims += [replace(claim, parts=tuple(parts))] if parts else []
    return claims


def claims_table(corrected: Evidence, defective: Evidence) -> pd.DataFrame:
    """One row per contrast: in the corrected study, with all switches on, and as printed."""
    worlds, rows = {"ours: corrected": corrected, "ours: all switches": defective, "published": Printed()}, []
    for claim in claims_at_hand():
        for part in claim.parts:
            row = {"claim": claim.statement, "contrast": part.title.format(first="", second="")}
            for name, evidence in worlds.items():
                contrast = evidence.contrast(part)
                row |= {f"{name}, {key}": getattr(contrast, key) for key in ("value", "low", "high", "says")}
            rows.append(row)
    return pd.DataFrame(rows).set_index(["claim", "contrast"])
