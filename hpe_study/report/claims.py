"""The ledger of the paper's claims: statement, published evidence, the contrast on our runs, and the verdict;
computed, never typed.

A claim is a statement and a function from a world (`contrasts.Printed` or `contrasts.Ours`) to contrasts;
both worlds are asked alike. A profile that lacks the runs, or whose data cannot bear on a claim, cannot tell,
and says why.
"""

import html
from dataclasses import dataclass

import pandas as pd
from IPython.display import Markdown

from hpe_study.config import PAPER_2D, PAPER_3D
from hpe_study.report.contrasts import (
    ABOVE,
    BELOW,
    FAILS,
    HOLDS,
    UNKNOWN,
    Contrast,
    Missing,
    Ours,
    Printed,
    verdict,
)
from hpe_study.report.results import defects, legacy_of
from hpe_study.report.style import set_title, titled
from hpe_study.report.table import write_texts
from hpe_study.report.timing import label
from hpe_study.study import Run
from hpe_study.study.published import published
from hpe_study.study.runs import LEVEL_SET, paper_table

H36M, INF, OCCLUSION = PAPER_3D
SLIGHT = 5.0  # percent: what counts as "slightly", and as "the same" in claim 1
SEEDS = {
    True: "Intervals are over the test people's sequences (images where a set names none) and over {} seeds.",
    False: (
        "Intervals are over the test people's sequences (images where a set names none); one seed, so a"
        " verdict is on these trainings, not on the method."
    ),
}
CHOSEN = (
    "The best of several rows is chosen on the same test people that it is compared on, and the interval does"
    " not know of the choice."
)
VERDICTS = {HOLDS: "hold", FAILS: "do not hold", UNKNOWN: "cannot be told"}
BARELY = 10.0  # percent: what counts as "barely better"


def fusion(flat, deep, last=None, scale=1):
    """The last run of a row of Table 1 or 3."""
    return Run(3, flat, deep, last or deep, scale)


def only(first, last):
    """The last run of a row of Table 2."""
    return Run(3, None, first, last)


TABLE_1, TABLE_2 = paper_table(1), paper_table(2)


# ---------------------------------------------------------------- the claims, as contrasts


def _not_run(absent):
    return f"not run: {', '.join(map(label, absent))}"


def matches_reference(world):
    """Percent by which MPII + H36M differs from the MPJPE that Zhou et al. (2017) report on H36M."""
    title = f"{label(fusion('mpii', H36M))} against the reference on H36M"
    if world.simulated:
        return [Missing(title, "these are simulated people; the reference's number is of real ones")]
    reference = published("table1")["test_h36m"].iloc[0]
    found = world.score(fusion("mpii", H36M), H36M)
    if found is None:
        return [Missing(title, "not run")]
    value, draws = (100 * (part - reference) / reference for part in found[:2])
    return [Contrast(title, value, *world.bounds(value, draws), (-SLIGHT, SLIGHT), "%", found[2])]


def larger_2d_is_better(world):
    """Each 2D set against the next smaller one, on the test set of the 3D set trained on, mean over the three
    3D sets."""
    sizes = [world.sizes.get(flat) for flat in PAPER_2D]
    if None in sizes or not sizes[0] > sizes[1] > sizes[2]:
        told = ", ".join(
            f"{set_title(flat)} {size or 'none'}" for flat, size in zip(PAPER_2D, sizes, strict=True)
        )
        return [Missing("", f"the 2D sets at hand are not MPII > LSP > FLIC in training images ({told})")]
    return [
        world.difference(
            f"{set_title(more)} − {set_title(less)}, own test set",
            [(fusion(more, deep), fusion(less, deep), deep) for deep in PAPER_3D],
        )
        for more, less in zip(PAPER_2D[:-1], PAPER_2D[1:], strict=True)
    ]


def lsp_generalises_best(world):
    """LSP + H36M against the best other row of Table 1, on MPI-INF-3DHP."""
    own = fusion("lsp", H36M)
    others = [run for run in TABLE_1 if run != own]
    best = world.best(others, INF)
    parts = (
        [world.difference(f"{label(own)} − best other ({label(best)})", [(own, best, INF)])] if best else []
    )
    absent = world.lacking([own, *others], INF)
    return parts + ([Missing("all rows of Table 1 on MPI-INF-3DHP", _not_run(absent))] if absent else [])


def best_against_best(world, test_set, inside, relative=False, swap=False):
    """The best row of Table 1 − the best of Table 2 (swapped: the other way round) on a test set."""
    if absent := world.lacking([*TABLE_1, *TABLE_2], test_set):
        return Missing(f"best of Table 1 against best of Table 2 on {set_title(test_set)}", _not_run(absent))
    sides = [world.best(TABLE_1, test_set), world.best(TABLE_2, test_set)]
    first, second = reversed(sides) if swap else sides
    title = (
        f"best {'3D-only' if swap else 'pre-trained'} ({label(first)}) − best"
        f" {'pre-trained' if swap else '3D-only'} ({label(second)})"
    )
    return world.difference(
        f"{title} on {set_title(test_set)}", [(first, second, test_set)], inside, relative
    )


def pretraining_beats_3d_only(world):
    """Best against best on H36M and on MPI-INF-3DHP."""
    return [best_against_best(world, test_set, BELOW) for test_set in (H36M, INF)]


def barely_better_on_occlusion(world):
    """3D-only better on Occlusion-Person, but by less than the share that the claim names."""
    return [best_against_best(world, OCCLUSION, (-BARELY, 0.0), relative=True, swap=True)]


def target_last_larger_first(world):
    """For each target: the best row with the target in stage 3 and a larger set in stage 2 − the best other
    row of Table 2."""
    parts = []
    for target in PAPER_3D:
        larger = [first for first in PAPER_3D if world.sizes.get(first, 0) > world.sizes.get(target, 0)]
        absent = world.lacking(TABLE_2, target)
        chosen = [only(first, target) for first in larger]
        best, other = (
            world.best(chosen, target),
            world.best([run for run in TABLE_2 if run not in chosen], target),
        )
        if larger and not absent:
            parts.append(
                world.difference(
                    f"{label(best)} − best other ({label(other)}) on {set_title(target)}",
                    [(best, other, target)],
                )
            )
        elif larger:
            parts.append(Missing(f"a larger set, then {set_title(target)}", _not_run(absent)))
    return parts or [Missing("", "no 3D set at hand is larger than another")]


def pretraining_is_faster(world):
    """Minutes of training, 2D pre-training − 3D-only, in the paper's two comparisons, where the 3D sets'
    sizes stand in its order."""
    sizes = {name: world.sizes.get(name, 0) for name in (H36M, OCCLUSION, INF)}
    if not sizes[H36M] < sizes[OCCLUSION] < sizes[INF]:
        told = ", ".join(f"{set_title(name)} {size or 'none'}" for name, size in sizes.items())
        return [
            Missing(
                "",
                "the 3D sets at hand are not H36M < Occlusion-Person < MPI-INF-3DHP in training images"
                f" ({told})",
            )
        ]
    parts = []
    for comparison in ("best_occlusion_person", "best_mpi_inf_3dhp"):
        title = f"2D pre-training − 3D-only, best schemes for {set_title(comparison.removeprefix('best_'))}"
        a, b = world.minutes(comparison, "2d_pretraining"), world.minutes(comparison, "3d_only")
        if not (a and b):
            parts.append(Missing(title, "not run"))
            continue
        value, draws = a[0] - b[0], a[1] - b[1]
        parts.append(Contrast(title, value, *world.bounds(value, draws), BELOW, "min"))
    return parts


def doubling_helps(world):
    """Doubled − plain epochs: FLIC on all three test sets, LSP on H36M by less than the share that the claim
    names."""
    flic, lsp = (fusion(flat, H36M, scale=LEVEL_SET[flat]) for flat in ("flic", "lsp"))
    parts = [
        world.difference(f"FLIC ×2 − ×1 on {set_title(name)}", [(flic, fusion("flic", H36M), name)])
        for name in PAPER_3D
    ]
    return [
        *parts,
        world.difference(
            "LSP ×2 − ×1 on H36M", [(lsp, fusion("lsp", H36M), H36M)], (-SLIGHT, 0.0), relative=True
        ),
    ]


def doubling_does_not_reach_mpii(world):
    """MPII at plain epochs − LSP and FLIC at doubled ones, on H36M."""
    return [
        world.difference(
            f"MPII − {set_title(flat)} ×2 on H36M",
            [(fusion("mpii", H36M), fusion(flat, H36M, scale=LEVEL_SET[flat]), H36M)],
        )
        for flat in ("lsp", "flic")
    ]


def varied_3d_generalises(world):
    """A second 3D set in stage 3 − H36M again, on the third set, which neither has seen; mean over all of
    Table 3."""
    pairs = []
    for flat, scale in LEVEL_SET.items():
        for last, unseen in ((INF, OCCLUSION), (OCCLUSION, INF)):
            pairs.append((fusion(flat, H36M, last, scale), fusion(flat, H36M, H36M, scale), unseen))
    return [world.difference("H36M, then another set − H36M alone, on the set that neither saw", pairs)]


def synthetic_generalises_poorly(world):
    """Trained on Occlusion-Person − trained on the other foreign set, on H36M and on MPI-INF-3DHP; mean over
    the 2D sets."""
    return [
        world.difference(
            f"Occlusion-Person − {set_title(rival)}, on {set_title(test_set)}",
            [(fusion(flat, OCCLUSION), fusion(flat, rival), test_set) for flat in PAPER_2D],
            ABOVE,
        )
        for test_set, rival in ((H36M, INF), (INF, H36M))
    ]


def jump_at_the_drop(world):
    """Change of MPJPE across the drop of the learning rate in stage 2, less the change just before it; mean
    over runs."""
    parts = []
    for key, words in (("mpjpe", "training"), ("validation_mpjpe", "validation")):
        title, found = f"{words} MPJPE across the drop, less its trend", world.jumps(key)
        if found is None:
            parts.append(Missing(title, world.no_curves))
        else:
            parts.append(Contrast(title, found[0], *world.bounds(*found[:2])))
    return parts


CLAIMS = {
    f"The reproduction matches the reference's H36M result (within {SLIGHT:.0f} %).": matches_reference,
    "The larger the 2D set, the better: MPII, LSP, FLIC.": larger_2d_is_better,
    "LSP + H36M generalises best to MPI-INF-3DHP.": lsp_generalises_best,
    "2D pre-training beats 3D-only on H36M and MPI-INF-3DHP.": pretraining_beats_3d_only,
    f"3D-only is barely better on Occlusion-Person (by less than {BARELY:.0f} %).": (
        barely_better_on_occlusion
    ),
    "3D-only is best with the target set in stage 3 and a larger set in stage 2.": target_last_larger_first,
    "2D pre-training takes less time.": pretraining_is_faster,
    f"Doubling epochs helps FLIC on all three tests, LSP on H36M slightly (by less than {SLIGHT:.0f} %).": (
        doubling_helps
    ),
    "But no doubling beats MPII on H36M.": doubling_does_not_reach_mpii,
    "Varied 3D data improve generalisation.": varied_3d_generalises,
    "Training on the synthetic set generalises poorly to the others.": synthetic_generalises_poorly,
    "Accuracy jumps when the learning rate drops at three quarters.": jump_at_the_drop,
}


# ---------------------------------------------------------------- the ledger


@dataclass(frozen=True)
class Entry:
    """One claim: what the printed numbers and what our runs say of it."""

    number: int
    statement: str
    definition: str
    printed: list
    ours: list

    @property
    def published_verdict(self):
        """The verdict on the paper's own numbers."""
        return verdict(self.printed)

    @property
    def verdict(self):
        """The verdict on our runs."""
        return verdict(self.ours)


class Ledger:
    """All claims of a study, to be shown and saved."""

    name = "claims"

    def __init__(self, entries, simulated, notes=()):
        self.entries, self.simulated, self.notes = entries, simulated, list(notes)

    @property
    def heading(self):
        """The title; says "simulated" where our runs are."""
        return titled("The paper's claims", self.simulated)

    def tidy(self):
        """A row a claim: texts and verdicts; published and ours in columns of their own."""
        return pd.DataFrame(
            {
                "claim": entry.number,
                "statement": entry.statement,
                "contrast": entry.definition,
                "published: evidence": "; ".join(map(str, entry.printed)),
                "published: verdict": entry.published_verdict,
                "ours: simulated": self.simulated,
                "ours: evidence": "; ".join(map(str, entry.ours)),
                "ours: verdict": entry.verdict,
            }
            for entry in self.entries
        )

    def html(self):
        """The ledger as a piece of HTML."""
        ours = "ours (simulated people)" if self.simulated else "ours"
        lines = [_line(entry) for entry in self.entries]
        head = f"<tr><th>claim</th><th>published (real data)</th><th>{ours}</th></tr>"
        caption = (
            f"<caption>{html.escape(self.heading, quote=False)}. Differences of MPJPE with 95 % intervals; negative: the first is"
            " better.</caption>"
        )
        style = (
            "<style>.claims td,.claims th{text-align:left;vertical-align:top;padding:.4em .8em;border-top:1px"
            " solid #8884}"
            + ".claims caption{text-align:left;font-weight:bold}.claims{border-collapse:collapse}.claims"
            " td{max-width:34em}</style>"
        )
        notes = "".join(f"<li>{html.escape(note, quote=False)}</li>" for note in self.notes)
        table = f'<table class="claims">{caption}<thead>{head}</thead><tbody>{"".join(lines)}</tbody></table>'
        return f'{style}{table}<ul class="notes">{notes}</ul>'

    def _repr_html_(self):
        return self.html()

    def sentence(self):
        """How many claims hold, do not hold, and cannot be told on our runs."""
        counts = pd.Series([entry.verdict for entry in self.entries]).value_counts()
        told = ", ".join(f"{counts.get(word, 0)} {words}" for word, words in VERDICTS.items())
        return Markdown(
            f"Of {len(self.entries)} claims{', on simulated people' if self.simulated else ''}: {told}."
        )

    def latex(self):
        """The ledger for a paper (package booktabs)."""
        table = self.tidy()[["claim", "statement", "published: verdict", "ours: verdict"]]
        return (
            table.style.hide(axis=0)
            .format(escape="latex")
            .set_caption(self.heading)
            .to_latex(hrules=True, column_format="rp{0.6\\linewidth}ll")
        )

    def save(self, folder):
        """Write `claims.csv`, `.html` and `.tex` into a folder; returns the ledger, to be shown."""
        write_texts(folder, self.name, self.heading, self.tidy(), self.html(), self.latex())
        return self


def _line(entry):
    def told(parts, word):
        shown = "".join(f"<li>{html.escape(str(part))} <i>({part.says})</i></li>" for part in parts)
        return f"<td><b>{word}</b><ul>{shown}</ul></td>"

    claim = (
        f"<td><b>{entry.number}."
        f" {html.escape(entry.statement)}</b><br><small>{html.escape(entry.definition)}</small></td>"
    )
    return f"<tr>{claim}{told(entry.printed, entry.published_verdict)}{told(entry.ours, entry.verdict)}</tr>"


def ledger(results):
    """The ledger of a study's `Results`."""
    printed, ours = Printed(), Ours(results)
    entries = [
        Entry(number, statement, " ".join(ask.__doc__.split()), ask(printed), ask(ours))
        for number, (statement, ask) in enumerate(CLAIMS.items(), 1)
    ]
    notes = [
        SEEDS[len(results.seeds) > 1].format(len(results.seeds)),
        CHOSEN,
        *defects(legacy_of(results.runs)),
    ]
    return Ledger(entries, results.simulated, notes)
