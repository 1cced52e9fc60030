"""The table of oracle floors."""

import pandas as pd
import pytest

from hpe_study.report.oracle import floor_table
from hpe_study.study.records import FLOOR_COLUMNS, read_floors


def test_collected_floors_become_a_table_and_its_files(results, study, tmp_path):
    """`collect` keeps them beside the runs; the table has a line a 3D set and kind, and dashes where a
    protocol does not fit."""
    rows = read_floors(study.folder / "floors.csv")
    assert set(rows["test_set"]) == set(study.profile.three_d)
    table = floor_table(results.floors).save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "oracle_floors.csv",
        "oracle_floors.html",
        "oracle_floors.tex",
    ]
    assert len(table.rows) == 2 * len(study.profile.three_d)
    assert "simulated" in table.heading
    challenge = next(column for column in table.columns if column.title == "h36m-challenge")
    known = [table.rows[row][0] for row in range(len(table.rows)) if table.cell(row, challenge).has_value]
    assert set(known) == {"H36M"}
    expected = rows[
        (rows["test_set"] == "h36m") & (rows["protocol"] == "published") & (rows["kind"] == "pose")
    ]["floor"].item()
    row = next(
        i for i, labels in enumerate(table.rows) if labels[:2] == ("H36M", "true pose, up to its size")
    )
    assert table.cell(row, table.columns[1]).value == pytest.approx(expected)


def test_without_floors_the_table_is_empty():
    assert "not run" in floor_table(pd.DataFrame(columns=FLOOR_COLUMNS)).html()
