"""The table under Table 1: what a perfect prediction scores under each protocol. No number above it can be
read without it."""

from hpe_study.evaluation.extra_benchmarks import PEOPLE
from hpe_study.evaluation.oracle_floors import KINDS
from hpe_study.evaluation.protocols import PROTOCOLS
from hpe_study.report.results import defects
from hpe_study.report.style import EXTRA_TITLES, set_title
from hpe_study.report.table import NOT_RUN, OURS, Cell, Column, Table

TITLE = "Oracle floors. MPJPE (mm) of a perfect prediction"
KIND_TITLES = dict(zip(KINDS, ("true pose, up to its size", "true 2D and depth target"), strict=True))
ALWAYS = ("study", "published")
NOTES = (
    (
        "Mean over people; below it the middle 90 % of people (not a confidence interval). A number of a"
        " model includes its protocol's floor."
    ),
    (
        "True pose: the 3D label, resized as the protocol resizes predictions. True 2D and depth target: what"
        " the network is trained to give; weak perspective comes on top."
    ),
    "–: the protocol is not meant for this set, or has no camera to size its people by.",
    (
        f"{' and '.join(EXTRA_TITLES.values())} stand in no table; their floors are of labels alone, at most"
        f" {PEOPLE:,} people of a split."
    ),
)


def floor_table(rows, legacy=()):
    """The `Table` of `records.read_floors`: a line a 3D test set and kind of perfect prediction, a column a
    protocol.

    legacy: the switches that the study reads labels and scores with, to be named below the table.
    """
    present = set(rows["protocol"])
    columns = {
        rule.name: Column(OURS, "under protocol", rule.name, None)
        for rule in PROTOCOLS
        if rule.name in (*ALWAYS, *present)
    }
    table = Table(
        "oracle_floors",
        TITLE,
        ("test set", "perfect prediction", "people"),
        tuple(columns.values()),
        bool(rows["simulated"].any()),
    )
    table.notes += [*defects(legacy), *NOTES]
    for (name, kind, people), found in rows.groupby(["test_set", "kind", "n"], sort=False):
        cells = {columns[row.protocol]: Cell(row.floor, row.low, row.high) for row in found.itertuples()}
        table.add((set_title(name), KIND_TITLES[kind], f"{people:,}"), cells)
    if rows.empty:
        table.add(("any", "any", "0"), {column: Cell(words=NOT_RUN) for column in table.columns})
    return table
