"""The ledger: what the printed numbers and our runs say of each claim; computed, never typed.

A claim holds where each of its parts supports it and does not hold where one contradicts it; otherwise we
can't tell. There are two verdicts: with each part at 5 %, and after Holm's correction over all claims. How
large an effect is, where the paper says so, is judged apart from its direction and vetoes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import Markdown

from hpe_study.report.claims import CLAIMS, Claim
from hpe_study.report.contrasts import (
    CONTRADICTS,
    LEVEL,
    ONE_SEED,
    OPEN,
    SUPPORTS,
    Contrast,
    Evidence,
    Missing,
)  # fmt: skip
from hpe_study.report.evidence import Ours, Printed
from hpe_study.report.results import Results, defects
from hpe_study.report.style import set_title, titled
from hpe_study.study import Study
from hpe_study.utils.tables import save_table

HOLDS, FAILS, UNKNOWN = "holds", "does not hold", "can't tell"
COUNTED = {HOLDS: "{} hold", FAILS: "{} do not hold", UNKNOWN: "we can't tell for {}"}
OF_OURS = ("value", "low", "high", "unit", "says", "chance", "size", "percent", "n", "seeds", "paired")
WITH_TABLE_4 = {"demo": "fair", "reference": "reference_fair"}  # profile → the one that runs Table 4
Parts = Sequence[Contrast | Missing]


def verdict(parts: Parts) -> str:
    """All parts must support a claim for it to hold; one that contradicts it is enough for it not to."""
    verdicts = {part.says for part in parts}
    return FAILS if CONTRADICTS in verdicts else HOLDS if verdicts == {SUPPORTS} else UNKNOWN


def chance_of(parts: Parts) -> float:
    """The chance that a claim's verdict is an accident, before Holm; 1: open, NaN: without contrasts.

    All parts must support a claim, so the weakest counts; any one may contradict it, so the strongest counts
    as often as there are parts (Bonferroni).
    """
    if verdict(parts) == HOLDS:
        return max(part.chance for part in parts)
    against = [part.chance for part in parts if part.says == CONTRADICTS]
    if against:
        return min(1.0, len(parts) * min(against))
    return 1.0 if any(isinstance(part, Contrast) for part in parts) else np.nan


def holm(chances: Sequence[float]) -> list[float]:
    """Holm's adjusted chances; those that are NaN were no tests and are not counted."""
    adjusted, highest = np.array(chances, float), 0.0
    tests = [index for index in np.argsort(adjusted, kind="stable") if np.isfinite(adjusted[index])]
    for rank, index in enumerate(tests):
        highest = max(highest, min(1.0, (len(tests) - rank) * adjusted[index]))
        adjusted[index] = highest
    return adjusted.tolist()


def contrasts_of(claim: Claim, evidence: Evidence) -> Parts:
    """The contrasts of a claim in some evidence, or why there are none."""
    if claim.absolute and evidence.simulated:
        return [Missing("", "data: real people; millimetres of simulated ones are not theirs")]
    sizes = {name: evidence.sizes.get(name, 0) for name in claim.sizes}
    if any(more <= less for more, less in pairwise(sizes.values())):
        counts = ", ".join(f"{set_title(name)} {size or 'none'}" for name, size in sizes.items())
        order = " > ".join(map(set_title, claim.sizes))
        return [Missing("", f"data: {order} in training images (here {counts})")]
    return [evidence.contrast(part) for part in claim.parts]


@dataclass(frozen=True)
class Entry:
    """One claim, and what the printed numbers and our runs say of it.

    `adjusted` is the chance of the verdict on our runs, adjusted by Holm.
    """

    number: int
    claim: Claim
    printed: Parts
    ours: Parts
    adjusted: float = np.nan

    @property
    def verdict(self) -> str:
        """The verdict on our runs, each part at 5 %."""
        return verdict(self.ours)

    @property
    def seeds(self) -> int:
        """How many trainings each side of its contrasts has; 0 without contrasts."""
        return min((part.seeds for part in self.ours if isinstance(part, Contrast)), default=0)

    @property
    def takes(self) -> str:
        """What it would take to tell, where we can't with each part at 5 %."""
        return _joined(part.takes for part in self.ours if part.says == OPEN and self.verdict == UNKNOWN)

    @property
    def holm_takes(self) -> str:
        """What it would take to tell after Holm's correction, taken as the strictest of its steps."""
        if self.takes or self.holm_verdict != UNKNOWN:
            return self.takes
        if self.seeds == 1:
            return ONE_SEED
        parts = [
            part for part in self.ours if part.says == (SUPPORTS if self.verdict == HOLDS else CONTRADICTS)
        ]
        level = LEVEL / len(CLAIMS)
        if self.verdict == FAILS:  # one part is enough, as often as there are parts
            parts, level = [min(parts, key=lambda part: part.chance)], level / len(self.ours)
        return _joined(part.takes_at(level) for part in parts if not part.chance < level)

    @property
    def holm_verdict(self) -> str:
        """The verdict on our runs after Holm's correction over the ledger."""
        return self.verdict if self.adjusted < LEVEL else UNKNOWN


def _joined(texts):
    return "; ".join(dict.fromkeys(texts))


def build(*results: Results) -> "Ledger":
    """The ledger of a study's results; further results are asked for what the first has not run (Table 4).

    A claim on one seed, beside others on several, knows nothing of how trainings differ: Holm's verdict is
    open.
    """
    printed, ours = Printed(), Ours(*results)
    entries = [
        Entry(number, claim, contrasts_of(claim, printed), contrasts_of(claim, ours))
        for number, claim in enumerate(CLAIMS, 1)
    ]
    most = max(entry.seeds for entry in entries)
    chances = [1.0 if entry.seeds == 1 < most else chance_of(entry.ours) for entry in entries]
    entries = [replace(entry, adjusted=chance) for entry, chance in zip(entries, holm(chances), strict=True)]
    return Ledger(entries, ours.simulated, _notes(entries) + defects(results[0].runs))


def of(results: Results) -> "Ledger":
    """The ledger of a study; Table 4 is taken from the profile that runs it, where there are records."""
    study = results.study
    beside = study.profile_path.with_name(f"{WITH_TABLE_4.get(study.profile.name, study.profile.name)}.yaml")
    others = [Study(beside)] if beside != study.profile_path and beside.exists() else []
    return build(results, *(Results(other) for other in others if other.records[0].exists()))


def _notes(entries):
    seeds = max(entry.seeds for entry in entries)
    drawn = [part for entry in entries for part in entry.ours if isinstance(part, Contrast)]
    unpaired = [part.title for part in drawn if not part.paired]
    fewer = [str(entry.number) for entry in entries if 0 < entry.seeds < seeds]
    over = f"{seeds} seeds, people" if seeds > 1 else "people"
    notes = [
        f"Intervals: a hierarchical bootstrap over {over}, sequences and moments (synchronous cameras are"
        " one), widened for few of them as Student's t is; where a test set has two people, as H36M has,"
        " these are kept.",
        "The best of several rows is chosen anew in every draw. Holm: corrected over all claims.",
    ]
    if seeds == 1:
        notes.append("One seed: a verdict is on these trainings, not on the method.")
    if fewer:
        notes.append(
            f"On fewer seeds, see the column, and not judged by Holm on one: claims {', '.join(fewer)}."
        )
    if unpaired:
        notes.append(
            f"Not paired, from the intervals in runs.csv, as errors of single people are not at hand:"
            f" {len(unpaired)} of {len(drawn)} contrasts ({unpaired[0]}, …)."
        )
    return notes


@dataclass
class Ledger:
    """All claims of a study, to be shown and saved; `simulated` where our runs are of simulated people."""

    entries: list[Entry]
    simulated: bool
    notes: list[str] = field(default_factory=list)

    @property
    def heading(self) -> str:
        """The title; says "simulated" where our runs are."""
        return titled("The paper's claims", self.simulated)

    def verdicts(self) -> pd.DataFrame:
        """One row per claim: verdicts on the printed numbers and on ours, and what it would take to tell."""
        rows = [
            {
                "claim": entry.number,
                "statement": entry.claim.statement,
                "published: verdict": verdict(entry.printed),
                "ours: verdict": entry.verdict,
                "ours: Holm verdict": entry.holm_verdict,
                "ours: Holm p": entry.adjusted,
                "ours: seeds": entry.seeds,
                "ours: size": "; ".join(part.size for part in entry.ours if part.size),
                "ours: what it would take": entry.takes,
                "ours: what it would take after Holm": entry.holm_takes,
                "ours: simulated": self.simulated,
                "note": entry.claim.note,
            }
            for entry in self.entries
        ]
        return pd.DataFrame(rows).set_index("claim")

    def contrasts(self) -> pd.DataFrame:
        """One row per contrast: ours with its interval, the published difference in columns of its own."""
        rows = []
        for entry in self.entries:
            printed = entry.printed if len(entry.printed) == len(entry.ours) else [None] * len(entry.ours)
            for ours, theirs in zip(entry.ours, printed, strict=True):
                row = {"claim": entry.number, "contrast": ours.title}
                row |= {f"published: {key}": getattr(theirs, key, None) for key in ("value", "says")}
                row |= {f"ours: {key}": getattr(ours, key, None) for key in OF_OURS}
                rows.append(row | {"ours: what it would take": ours.takes})
        return pd.DataFrame(rows).set_index(["claim", "contrast"])

    def sentence(self) -> Markdown:
        """How many claims hold, do not hold, and are open on our runs, plainly and after Holm."""
        texts = []
        for name in ("verdict", "holm_verdict"):
            given = [getattr(entry, name) for entry in self.entries]
            texts.append(", ".join(text.format(given.count(name)) for name, text in COUNTED.items()))
        people = ", on simulated people" if self.simulated else ""
        count = f"{len(self.entries)} claims{people}"
        return Markdown(f"Of {count}: {texts[0]}; after Holm's correction: {texts[1]}.")

    def save(self, folder: Path) -> "Ledger":
        """Write `claims.csv` and `contrasts.csv` into a folder; returns the ledger, to be shown."""
        save_table(self.verdicts(), Path(folder) / "claims.csv")
        save_table(self.contrasts(), Path(folder) / "contrasts.csv")
        return self
