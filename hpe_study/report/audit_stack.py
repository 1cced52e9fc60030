"""Which of the paper's conclusions survive: the corrected study against the one with all defects, and what
the paper prints."""

from dataclasses import replace

from IPython.display import Markdown

from hpe_study.evaluation.grouping import units_of
from hpe_study.report.audit import scored
from hpe_study.report.contrasts import ABOVE, Printed, World, verdict
from hpe_study.report.intervals import interval, sample_of_arrays
from hpe_study.report.table import OURS, PUBLISHED, Cell, Column, Table
from hpe_study.study import Run
from hpe_study.study.audit import ALL, NONE, Trial

H36M = "h36m"
FLIC, LSP, MPII, SYNTHETIC, ONLY_3D = (
    Run(3, flat, deep, deep)
    for flat, deep in (
        ("flic", H36M),
        ("lsp", H36M),
        ("mpii", H36M),
        ("mpii", "occlusion_person"),
        (None, H36M),
    )
)
CONCLUSIONS = {  # each holds where all its differences, a − b in MPJPE on H36M, lie above 0
    "FLIC is the worst 2D set": {"FLIC − LSP": (FLIC, LSP), "FLIC − MPII": (FLIC, MPII)},
    "2D pre-training helps": {"3D only − pre-trained on MPII": (ONLY_3D, MPII)},
    "Synthetic data transfer poorly": {"Occlusion-Person − H36M, as 3D set beside MPII": (SYNTHETIC, MPII)},
}
WAYS = {"corrected": NONE, "all switches": ALL}
TITLE = "Which of the paper's conclusions survive? Differences of MPJPE (mm) on H36M"
NOTES = (
    (
        "Corrected: true labels, the study's protocol. All switches: trained and scored as the published code"
        " did."
    ),
    (
        "Below each difference its 95 % interval (over the test set's people, sequences and moments; paired)."
        " One seed, so it knows nothing of how trainings differ."
    ),
)


class Audited(World):
    """The stack's runs under some switches, of the profile's first seed."""

    def __init__(self, study, switches):
        self.study, self.switches, self.simulated = study, switches, study.simulated

    def score(self, run, test_set):
        found = scored(
            self.study, Trial(replace(run, seed=self.study.profile.seeds[0]), self.switches), test_set
        )
        errors = found.under("published", "mpjpe") if self.switches else found.errors()
        sample = sample_of_arrays([errors], units_of(found.store), test_set)
        return sample.value, sample.draws, True

    def bounds(self, value, draws):
        return interval(draws)


def told_by(world):
    """{conclusion: its contrasts} in a `contrasts.World`."""
    return {
        title: [world.difference(words, [(*pair, H36M)], ABOVE) for words, pair in differences.items()]
        for title, differences in CONCLUSIONS.items()
    }


def stack_table(study):
    """The `Table` of the conclusions: a line a difference, in the corrected study, under all switches, and as
    printed."""
    worlds = {way: (OURS, told_by(Audited(study, switches)), 1) for way, switches in WAYS.items()}
    return table_of(worlds | {"Tables 1 and 2": (PUBLISHED, told_by(Printed()), 2)}, study.simulated)


def table_of(worlds, simulated):
    """worlds: {name: (source, what `told_by` gives, digits)}."""
    columns = {
        way: (Column(source, way, "difference", None, digits), Column(source, way, "conclusion", text=True))
        for way, (source, _, digits) in worlds.items()
    }
    labels, flat = ("conclusion", "difference"), [column for pair in columns.values() for column in pair]
    table = Table("audit_stack", TITLE, labels, tuple(flat), simulated, notes=list(NOTES))
    for title, differences in CONCLUSIONS.items():
        for number, words in enumerate(differences):
            cells = {}
            for way, (_, told, _) in worlds.items():
                part = told[title][number]
                bounds = (part.low, part.high) if part.low != part.high else ()
                cells |= {
                    columns[way][0]: Cell(part.value, *bounds, seeds=1),
                    columns[way][1]: Cell(words=verdict(told[title])),
                }
            table.add((title, words), cells)
    return table


def sentence(table):
    """The verdicts of a `stack_table` in words."""
    lines = table.tidy().drop_duplicates("conclusion").set_index("conclusion")
    verdicts = lines[[f"{OURS}: {way}, conclusion" for way in WAYS]].set_axis(list(WAYS), axis=1)
    told = [
        f"“{title}”: {', '.join(f'{way}, {word}' for way, word in line.items())}"
        for title, line in verdicts.iterrows()
    ]
    return Markdown(f"{'On simulated people' if table.simulated else 'On these data'}: {'; '.join(told)}.")
