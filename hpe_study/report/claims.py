"""The claims of the paper as data: statements, and the contrasts that bear them out (`report.ledger`)."""

from dataclasses import dataclass, replace
from itertools import pairwise

from hpe_study.config import PAPER_2D, PAPER_3D
from hpe_study.report.contrasts import ABOVE, AT_DROP, AT_END, BELOW, MINUTES, OWN, Part, Term, at, versus
from hpe_study.report.style import set_title
from hpe_study.study import Run
from hpe_study.study.published import published
from hpe_study.study.runs import LAST_RUN, LEVEL_SET, paper_table

H36M, INF, OCCLUSION = PAPER_3D
SLIGHT, BARELY, ALIKE = (-5.0, 5.0), (-10.0, 10.0), (-2.0, 2.0)  # percent
TABLE_1, TABLE_2 = tuple(paper_table(1)), tuple(paper_table(2))


@dataclass(frozen=True)
class Claim:
    """A statement of the paper (or on it), and the contrasts that bear it out.

    Each part must support it. Where the training images of `sizes` do not fall in this order, the data say
    nothing of it; nor do simulated people of an `absolute` one, which names millimetres of real people.
    """

    statement: str
    parts: tuple[Part, ...]
    sizes: tuple[str, ...] = ()
    absolute: bool = False
    note: str = ""


def fusion(two_d: str, three_d: str, last: str | None = None, scale: int = 1) -> Run:
    """The last run of a row of Table 1 or 3."""
    return Run(3, two_d, three_d, last or three_d, scale)


def only(first: str, last: str | None = None) -> Run:
    """The last run of a row of Table 2."""
    return Run(3, None, first, last or first)


def doubled(two_d: str, last: str = H36M) -> Run:
    """The row of Table 3 of a smaller 2D set, at double epochs."""
    return fusion(two_d, H36M, last, 2)


def minutes(comparison: str) -> Part:
    """Training minutes of one of the paper's two comparisons."""
    first, second = (LAST_RUN[comparison, scheme] for scheme in ("2d_pretraining", "3d_only"))
    title = f"minutes, {{first}} − {{second}} (best for {set_title(comparison.removeprefix('best_'))})"
    return Part(title, ((at(first, MINUTES), at(second, MINUTES)),), unit="min")


def error_of(comparison: str, test_set: str) -> Part:
    """The error of one of these two comparisons, on its own test set."""
    first, second = (LAST_RUN[comparison, scheme] for scheme in ("2d_pretraining", "3d_only"))
    return versus(f"{{first}} − {{second}} on {set_title(test_set)}", [(first, second, test_set)])


def equal(budget: str, domain: str, test_set: str) -> Part:
    """Table 4: pre-trained and mixed − 3D only at equal cost."""
    arms = (Run(2, mixed, H36M, budget=budget) for mixed in ("mpii", None))
    return versus(f"equal {budget}, {domain}: pre-trained and mixed − 3D only", [(*arms, test_set)])


REFERENCE = float(published("table1")["test_h36m"].iloc[0])
GEOMETRY = Run(3, "mpii", H36M, H36M, budget="images")  # of Table 4
IN_ORDER = (INF, OCCLUSION, H36M)
COMPARISONS = {"best_occlusion_person": OCCLUSION, "best_mpi_inf_3dhp": INF}
ELSEWHERE = {name: tuple(other for other in PAPER_3D if other != name) for name in PAPER_3D}

CLAIMS = (
    Claim("The reproduction matches the reference's H36M result (within 5 %).",
          (Part("{first} − {second}", ((at(fusion("mpii", H36M), H36M), Term(constant=REFERENCE)),), None,
                SLIGHT),), absolute=True),
    Claim("The larger the 2D set, the better: MPII, LSP, FLIC.",
          tuple(versus(f"{set_title(more)} − {set_title(less)} on {set_title(on)}",
                       [(fusion(more, three_d), fusion(less, three_d), on) for three_d in PAPER_3D])
                for more, less in pairwise(PAPER_2D) for on in PAPER_3D), sizes=PAPER_2D,
          note="All nine cells of Table 1 for each step: the mean over the 3D sets learnt from, per test"
               " set."),
    Claim("LSP + H36M generalises best to MPI-INF-3DHP.",
          (versus("{first} − best other of Table 1 ({second}) on MPI-INF-3DHP",
                  [(fusion("lsp", H36M), tuple(run for run in TABLE_1 if run != fusion("lsp", H36M)),
                    INF)]),)),
    Claim("2D pre-training beats 3D-only on H36M and MPI-INF-3DHP.",
          tuple(versus(f"best pre-trained ({{first}}) − best 3D-only ({{second}}) on {set_title(on)}",
                       [(TABLE_1, TABLE_2, on)])
                for on in (H36M, INF)), note="At the paper's own, unequal costs; at equal ones see below."),
    Claim("3D-only is barely better on Occlusion-Person (by less than 10 %).",
          (versus("best 3D-only ({first}) − best pre-trained ({second}) on Occlusion-Person",
                  [(TABLE_2, TABLE_1, OCCLUSION)], size=BARELY),)),
    Claim("3D-only is best with the target set in stage 3 and a larger set in stage 2.",
          tuple(versus(f"{{first}} − best other ({{second}}) on {set_title(target)}",
                       [(larger, tuple(run for run in TABLE_2 if run not in larger), target)])
                for target, larger in ((H36M, (only(INF, H36M), only(OCCLUSION, H36M))),
                                       (OCCLUSION, (only(INF, OCCLUSION),)))), sizes=IN_ORDER),
    Claim("2D pre-training takes less time.", tuple(map(minutes, COMPARISONS)), sizes=IN_ORDER),
    Claim("It takes less time at an equal or better error.",
          tuple(part for key, on in COMPARISONS.items() for part in (minutes(key), error_of(key, on))),
          sizes=IN_ORDER),
    Claim("Doubling epochs helps FLIC on all three tests, LSP on H36M slightly (by less than 5 %).",
          (*(versus(f"FLIC ×2 − ×1 on {set_title(on)}", [(doubled("flic"), fusion("flic", H36M), on)])
             for on in PAPER_3D),
           versus("LSP ×2 − ×1 on H36M", [(doubled("lsp"), fusion("lsp", H36M), H36M)], size=SLIGHT))),
    Claim("All nine cells of FLIC improve from Table 1 to Table 3.",
          tuple(versus(f"FLIC ×2 → H36M → {set_title(last)}, less Table 1's with {set_title(last)}, on"
                       f" {set_title(on)}", [(doubled("flic", last), fusion("flic", last), on)])
                for last in PAPER_3D for on in PAPER_3D),
          note="Table 3 changes epochs and stage 2's 3D set at once."),
    Claim("LSP's doubling costs on the other test sets, and pays after another 3D set in stage 3.",
          (*(versus(f"LSP ×2 − ×1 on {set_title(on)}", [(doubled("lsp"), fusion("lsp", H36M), on)], ABOVE)
             for on in ELSEWHERE[H36M]),
           *(versus(f"LSP ×2 → H36M → {set_title(last)}, less Table 1's with {set_title(last)}, mean of all"
                    " tests", [(doubled("lsp", last), fusion("lsp", last), on) for on in PAPER_3D])
             for last in ELSEWHERE[H36M]))),
    Claim("But no doubling beats MPII on H36M.",
          tuple(versus(f"MPII − {set_title(two_d)} ×2 on H36M, {set_title(last)} in stage 3",
                       [(fusion("mpii", H36M, last), doubled(two_d, last), H36M)])
                for last in PAPER_3D for two_d in ("lsp", "flic")),
          note="In print LSP ×2 beats MPII after MPI-INF-3DHP (88.93 against 93.91 mm)."),
    Claim("Varied 3D data improve generalisation.",
          tuple(versus(f"{set_title(two_d)}: H36M, then {set_title(last)} − H36M alone, on"
                       f" {set_title(unseen)}, which neither saw",
                       [(fusion(two_d, H36M, last, scale), fusion(two_d, H36M, H36M, scale), unseen)])
                for last, unseen in ((INF, OCCLUSION), (OCCLUSION, INF))
                for two_d, scale in LEVEL_SET.items())),
    Claim("Fine-tuning on the synthetic set costs on H36M (Table 3).",
          tuple(versus(f"{set_title(two_d)}: Occlusion-Person − MPI-INF-3DHP in stage 3, on H36M",
                       [(fusion(two_d, H36M, OCCLUSION, scale), fusion(two_d, H36M, INF, scale), H36M)],
                       ABOVE)
                for two_d, scale in LEVEL_SET.items())),
    Claim("Training on the synthetic set generalises poorly to the others (Table 1).",
          tuple(versus(f"{set_title(two_d)}: Occlusion-Person − {set_title(rival)} as 3D set, on"
                       f" {set_title(on)}", [(fusion(two_d, OCCLUSION), fusion(two_d, rival), on)], ABOVE)
                for on, rival in ((H36M, INF), (INF, H36M)) for two_d in PAPER_2D)),
    Claim("Training accuracy and MPJPE jump when the learning rate drops; validation does not.",
          (Part("training PCKh at the drop", (), ABOVE, jump=("pckh",), unit="%"),
           Part("training MPJPE at the drop", (), BELOW, jump=("mpjpe",), unit="%"),
           Part("training MPJPE less validation MPJPE", (), BELOW, jump=("mpjpe", "validation_mpjpe"),
                unit="%")),
          note="Against a power law through the epochs before; where nothing drops a cut must show nothing."
               " Validation uses averaged weights, which smooth it."),
    Claim("LSP's training error is the higher at the drop (60 against 55 mm), and ends alike (Figure 3).",
          tuple(Part(f"LSP − LSP ×2, {on}",
                     ((at(Run(2, "lsp", H36M), on), at(Run(2, "lsp", H36M, None, 2), on)),), *rule)
                for on, rule in ((AT_DROP, (ABOVE,)), (AT_END, (None, SLIGHT))))),
    Claim("With the same 3D set, 2D pre-training generalises better.",
          tuple(versus(f"{title} − 3D only, on the test sets of other 3D sets",
                       [(fusion(two_d, name), only(name), on)
                        for two_d in sets
                        for name in PAPER_3D
                        for on in ELSEWHERE[name]])
                for title, sets in (("MPII", ("mpii",)), ("mean of all 2D sets", PAPER_2D))),
          note="FLIC alone, the smallest, is no help, in print or here."),
    Claim("With the same 3D set, pre-training on MPII is better on its own test set.",
          tuple(versus(f"MPII − 3D only, on {set_title(name)}", [(fusion("mpii", name), only(name), name)])
                for name in PAPER_3D)),
    Claim("At equal cost 2D pre-training with mixing is still better in domain.",
          tuple(equal(budget, "in domain", H36M) for budget in ("images", "time")),
          note="Table 4 (profile fair); the paper compares at unequal costs alone."),
    Claim("At equal cost it is still better out of domain.",
          tuple(equal(budget, "out of domain", INF) for budget in ("images", "time")),
          note="Table 4 (profile fair)."),
    Claim("Stage 3 improves the pose.",
          tuple(Part(f"stage 3 − stage 2 on {set_title(name)}, mean of {' and '.join(map(set_title, sets))}",
                     tuple((at(fusion(two_d, name), OWN), at(fusion(two_d, name).parent, OWN))
                           for two_d in sets))
                for name, sets in ((H36M, PAPER_2D), (INF, PAPER_2D), (OCCLUSION, PAPER_2D[:2]))),
          note="On the validation columns of Table 1; without the cell that is misprinted."),
    Claim("The geometric loss improves it.",
          (versus("stage 3 with − without it, on H36M",
                  [(GEOMETRY, replace(GEOMETRY, geometry_weight=0.0), H36M)]),),
          note="Table 4 (profile fair); the paper has no such row. At other weights: Table 8."),
    Claim("With H36M every 2D set brings the error on it below 100 mm.",
          tuple(Part(f"{set_title(two_d)} + H36M − 100 mm",
                     ((at(fusion(two_d, H36M), H36M), Term(constant=100.0)),))
                for two_d in PAPER_2D), absolute=True),
    Claim("An oddity: Table 2's validation column is H36M's test column, whichever set was learnt (within 2"
          " %).",
          tuple(Part(f"{{first}}: own test set − H36M's ({name})", ((at(run, OWN), at(run, H36M)),), None,
                     ALIKE)
                for run in TABLE_2 if run.target != H36M for name in [set_title(run.target)]),
          note="A column of another set, as in print, would follow; one of the own set does not."),
)  # fmt: skip
