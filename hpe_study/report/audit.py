"""The audit's numbers: what each switch changes, everything else equal, beside the published anomaly that it
may explain.

Off and on are means over the profile's seeds; the change has a 95 % bootstrap interval over test sequences
and seeds, paired wherever both sides are scored on the same people. A change whose interval holds 0 cannot be
told, and the table says so.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hpe_study import published_defects
from hpe_study.data.store import StoreSubset
from hpe_study.evaluation.grouping import units_of
from hpe_study.evaluation.prediction_file import PredictionFile, Predictions
from hpe_study.evaluation.predictor import Predictor
from hpe_study.evaluation.protocols import find_protocol
from hpe_study.evaluation.scoring import poses_of, values_2d, values_3d, values_under
from hpe_study.report.intervals import Sample, combined, sample_of_arrays
from hpe_study.report.table import OURS, PUBLISHED, Cell, Column, Table
from hpe_study.skeletons import MPII16
from hpe_study.skeletons.bone_lengths import scale_to_bones
from hpe_study.study import audit
from hpe_study.study.audit_measures import ANY, MEASURES, NONE, NOTHING, UP, VALIDATED
from hpe_study.training.trainer import VALIDATION_SHARE
from hpe_study.training.variants import OwnLabels, PermutedLabels

LIKE = 2.0  # a change has the published size within this factor
TITLE = "Each defect of the published code, off and on"
NOTES = (
    (
        "Off and on: means over the profile's seeds. Change: on less off; below it the 95 % interval over"
        " the test set's people, sequences and moments and over seeds, paired."
    ),
    (
        "Direction: “can't tell” where the interval holds 0, or there is none. Size: like the published"
        f" anomaly within a factor of {LIKE:g}."
    ),
)
LEGS_AND_HEAD = MPII16.indices("r_ankle r_knee l_knee l_ankle head_top")


# ---------------------------------------------------------------- numbers


@dataclass(frozen=True)
class Scored:
    """A trial's predictions on one test store."""

    store: object
    predicted: Predictions
    bones: np.ndarray

    def under(self, name, metric):
        """(N, J) of a metric under a protocol."""
        return values_under(
            find_protocol(name), self.predicted.joints, self.predicted.depth, self.store, self.bones
        )[metric]

    def errors(self):
        """(N, 16) mm, the study's own protocol."""
        return values_3d(
            scale_to_bones(poses_of(self.predicted.joints, self.predicted.depth), self.bones),
            self.store["joints3d"].astype(float),
        )["mpjpe"]


NUMBERS = {  # (what it is a mean of, unit)
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


def scored(study, trial, test_set):
    """The `Scored` of a trial on a test set, "… as read" and "…, validation" included."""
    if test_set.endswith(VALIDATED):
        return validated(study, trial, test_set.removesuffix(VALIDATED))
    simplest = audit.simplest(trial)
    store = audit.test_stores(study, trial.run)[test_set]
    file = PredictionFile(study.with_legacy(simplest.switches).run_folder(trial.run))
    return Scored(store, file.of_labels(test_set, store), file.bones.own)


def validated(study, trial, test_set):
    """The `Scored` of a trial on its validation pictures, mispaired where its training is."""
    simplest = audit.simplest(trial)
    store, folder = (
        audit.test_stores(study, trial.run)[test_set],
        study.with_legacy(simplest.switches).run_folder(trial.run),
    )
    mispaired = "mispaired_images" in simplest.switches
    pairs = (PermutedLabels(0, len(store), 1, 0) if mispaired else OwnLabels()).in_validation(
        np.arange(0, len(store), VALIDATION_SHARE)
    )
    predicted = Predictor.from_run(folder, "cpu", "fp32", flip=False).arrays(store, pairs)
    return Scored(StoreSubset(store, pairs[:, -1]), predicted, PredictionFile(folder).bones.own)


def sample(study, trial, number, test_set):
    """The `Sample` of a number over the profile's seeds, and the people that it is of."""
    trials = [trial.seeded(seed) for seed in study.profile.seeds]
    of, _ = NUMBERS[number]
    everyone = [scored(study, each, test_set) for each in trials]
    store = everyone[0].store
    return sample_of_arrays([of(each) for each in everyone], units_of(store), store.attrs["name"]), store[
        "image"
    ]


# ---------------------------------------------------------------- tables


def switch_table(study):
    """Every measure, a line each: off, on, the change with its interval, and whether direction and size of
    the anomaly are reproduced."""
    return pd.DataFrame([_line(study, measure) for measure in MEASURES]).set_index(["switch", "number"])


def _line(study, measure):
    off, on = measure.trials
    a, people = sample(study, off, measure.number, measure.test_set)
    b, others = sample(
        study, on, measure.on_number or measure.number, measure.on_test_set or measure.test_set
    )
    if len(people) != len(others):
        b = Sample(b.value, np.roll(b.people, 1), b.seeds, False)  # other people: not paired
    change = combined(np.subtract, [b, a])
    low, high = change.interval
    unit = NUMBERS[measure.number][1]
    return {
        "switch": measure.switch,
        "number": measure.title,
        "unit": unit,
        "off": a.value,
        "on": b.value,
        "change": change.value,
        "low": low,
        "high": high,
        "expected": measure.expected,
        "direction": direction(change.value, low, high, measure.expected),
        "published": measure.published,
        "size": size(change.value, low, high, measure.size),
    }


def direction(change, low, high, expected):
    """The verdict on the direction: reproduced, the other way, can't tell."""
    if not np.isfinite([low, high]).all():
        return "can't tell (no spread known)"
    if low <= 0 <= high:
        return "nothing seen, as expected" if expected == NOTHING else "can't tell"
    if expected in (ANY, NOTHING):
        return "moves the number"
    return "reproduced" if (change > 0) == (expected == UP) else "the other way"


def size(change, low, high, published):
    """The verdict on the size of the anomaly: like, smaller or larger, or that this cannot be told."""
    if published is None:
        return "–"
    if not low * high > 0:  # NaN, too
        return "can't tell"
    ratio = change / published
    word = (
        "other way" if ratio < 0 else "smaller" if ratio < 1 / LIKE else "larger" if ratio > LIKE else "like"
    )
    return f"{word} ({change:+.0f} where {published:+.0f} was printed)"


def corrected_runs(study):
    """Folders of the corrected stage-3 runs of the first seed."""
    return sorted(study.with_legacy(NONE).folder.glob(f"stage3-*-seed{study.profile.seeds[0]}"))


def as_table(lines, study):
    """What `switch_table` gives as a `Table`, to be shown and saved."""
    numbers = {key: Column(OURS, "", key, None) for key in ("off", "on", "change")}
    texts = {key: Column(OURS, "", key, text=True) for key in ("expected", "direction", "size")}
    texts["published"] = Column(PUBLISHED, "", "anomaly", text=True)
    columns = (*numbers.values(), *texts.values())
    table = Table("audit_switches", TITLE, ("switch", "number"), columns, study.simulated, notes=list(NOTES))
    for (switch, number), line in lines.iterrows():
        cells = {column: Cell(line[key], seeds=len(study.profile.seeds)) for key, column in numbers.items()}
        cells[numbers["change"]] = Cell(line["change"], line["low"], line["high"], len(study.profile.seeds))
        table.add(
            (switch, f"{number} ({line['unit']})"),
            cells | {column: Cell(words=line[key]) for key, column in texts.items()},
        )
    return table


def sentence(table, seeds):
    """One sentence that counts the verdicts. seeds: of the profile."""
    best = table.groupby("switch")["direction"].agg(
        lambda found: any(word in ("reproduced", "moves the number") for word in found)
    )
    unsure = [name for name in published_defects.NAMES if name in best.index and not best[name]]
    spread = (
        f"{len(seeds)} seeds"
        if len(seeds) > 1
        else "one seed, so the intervals know nothing of how trainings differ"
    )
    return (
        f"{int(best.sum())} of {len(best)} switches leave a trace that this profile can tell, on simulated"
        f" people ({spread}); it can't tell, or sees nothing, for: {', '.join(unsure) or 'none'}."
    )
