"""The table of how far the protocol alone moves each number: the same predictions, scored again."""

from hpe_study.evaluation.rescore import protocol_spread
from hpe_study.report.style import set_title
from hpe_study.report.table import OURS, Cell, Column, Table

TITLE = "How far the protocol alone moves each number. {} of the same predictions"
KINDS = {
    "mpjpe": ("audit_protocols", "MPJPE (mm)"),
    "pa_mpjpe": ("audit_protocols_aligned", "Procrustes-aligned MPJPE (mm)"),
}
SPREAD = Column(OURS, "", "largest less smallest", None)


def protocol_table(rows, metric="mpjpe"):
    """The `Table` of what `rescoring.rescore` gives: a line a run and test set, a column a protocol. metric:
    of `KINDS`."""
    (name, words), wide = KINDS[metric], protocol_spread(rows, metric)
    columns = {name: Column(OURS, "under protocol", name, None) for name in wide if name != "spread"} | {
        "spread": SPREAD
    }
    labels = ("run", "defects turned on", "test set")
    table = Table(name, TITLE.format(words), labels, tuple(columns.values()), bool(rows["simulated"].any()))
    lacking = rows.loc[rows["value"].isna(), ["protocol", "note"]].drop_duplicates()
    table.notes += [
        "–: not meant for this set.",
        *(f"{line.protocol}: not scored; {line.note}" for line in lacking.itertuples()),
    ]
    for (run, legacy, test_set), line in wide.iterrows():
        table.add(
            (run, legacy or "none", set_title(test_set)),
            {columns[name]: Cell(line[name], seeds=1) for name in wide},
        )
    return table
