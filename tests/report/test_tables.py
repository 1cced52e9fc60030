"""Tables say what runs.csv says, beside what the paper says."""

import numpy as np
import pytest

from hpe_study.config import PAPER_3D
from hpe_study.report import oracle, tables, timing
from hpe_study.report.table import ABSENT, NOT_RUN, OURS, PUBLISHED, Cell, Column, Table
from hpe_study.report.tables import TESTS
from hpe_study.study import Run
from hpe_study.study.published import published
from tests.report.fabricated import BASELINE

MAKERS = (tables.table1, tables.table2, tables.table3, tables.table4, tables.table5)


@pytest.fixture(scope="module")
def made(results):
    return {make.__name__: make(results.runs) for make in MAKERS}


def record_to_row(table, *labels):
    return table.rows.index(labels)


def test_every_row_of_the_paper_is_there(made):
    models = {
        name: [row for row in table.rows if "baseline" not in row[0] and "2017" not in row[-1]]
        for name, table in made.items()
    }
    assert {name: len(rows) for name, rows in models.items()} == {
        "table1": 9,
        "table2": 9,
        "table3": 9,
        "table4": 10,
        "table5": 4,
    }


def test_a_cell_is_the_mean_of_its_seeds(made, results):
    runs = results.runs
    names = [f"stage3-lsp-h36m-h36m-seed{seed}" for seed in (0, 1)]
    wanted = runs[
        runs["run"].isin(names)
        & (runs["test_set"] == "mpi_inf_3dhp")
        & (runs["scorer"] == "model")
        & (runs["metric"] == "mpjpe")
    ]
    cell = made["table1"].cell(record_to_row(made["table1"], "LSP", "H36M"), TESTS["mpi_inf_3dhp"])
    assert len(wanted) == 2
    assert cell.value == pytest.approx(sum(wanted["value"]) / 2)
    assert cell.seeds == 2
    assert cell.low < min(wanted["value"]) <= max(wanted["value"]) < cell.high


def test_rows_whose_data_are_absent_say_so(results):
    kept = results.runs[
        ~results.runs[["two_d", "three_d", "target"]].isin(["flic", "occlusion_person"]).any(axis=1)
    ]
    kept = kept[kept["test_set"] != "occlusion_person"]
    table = tables.table1(kept, absent=("flic", "occlusion_person"))
    assert table.cell(record_to_row(table, "FLIC", "H36M"), TESTS["h36m"]).words == ABSENT
    assert table.cell(record_to_row(table, "MPII", "H36M"), TESTS["occlusion_person"]).words == ABSENT
    assert table.cell(record_to_row(table, "MPII", "H36M"), TESTS["h36m"]).has_value
    assert tables.table1(kept).cell(record_to_row(table, "FLIC", "H36M"), TESTS["h36m"]).words == NOT_RUN


def test_changing_one_number_changes_one_cell(results):
    changed = results.runs.copy()
    place = changed.query(
        "run == 'stage3-mpii-h36m-h36m-seed0' and test_set == 'h36m' and scorer == 'model' and metric =="
        " 'mpjpe'"
    ).index
    changed.loc[place, "value"] += 10.0
    before, after = tables.table3(results.runs).tidy(), tables.table3(changed).tidy()
    moved = [
        (row, column)
        for column in before
        for row in before.index
        if not _same(before.at[row, column], after.at[row, column])
    ]
    assert {row for row, _ in moved} == {0}
    assert {column.split(" [")[0] for _, column in moved} == {TESTS["h36m"].name}
    assert after.at[0, TESTS["h36m"].name] - before.at[0, TESTS["h36m"].name] == pytest.approx(5.0)


def _same(a, b):
    return a == b or (a != a and b != b)


def test_published_numbers_stand_as_printed_and_apart(made):
    table = made["table1"]
    printed = published("table1").dropna(subset=["s1_pckh"])
    columns = [column for column in table.columns if column.source == PUBLISHED]
    row = record_to_row(table, "LSP", "Occlusion-Person")
    wanted = printed.query("train_2d == 'lsp' and train_3d == 'occlusion_person'").iloc[0]
    assert [table.cell(row, column).value for column in columns] == list(
        wanted[["s1_pckh", "s2_pckh", "s2_mpjpe", "s3_pckh", "s3_mpjpe"]]
    ) + [wanted[f"test_{name}"] for name in PAPER_3D]
    tidy = table.tidy()
    assert all(column.startswith(("ours: ", "published: ")) for column in tidy.columns[2:])
    ours = tidy[[column for column in tidy if column.startswith("ours: ")]].select_dtypes("number").to_numpy()
    assert not np.isin(printed[[f"test_{name}" for name in PAPER_3D]].to_numpy(), ours).any()


def test_the_misprint_is_marked_and_does_not_win(made):
    table = made["table1"]
    column = next(
        column
        for column in table.columns
        if column.source == PUBLISHED and (column.group, column.title) == ("stage 3", "MPJPE (mm)")
    )
    row = record_to_row(table, "FLIC", "Occlusion-Person")
    assert table.cell(row, column).value == 89.29
    assert table.cell(row, column).marks == "*"
    assert row not in table.best(column)
    assert any("289.29" in note for note in table.notes)


def test_the_best_of_a_column_is_a_model(made):
    table = made["table1"]
    column = TESTS["h36m"]
    values = {
        row: table.cell(row, column).value
        for row in range(len(table.rows))
        if "baseline" not in table.rows[row][0]
    }
    assert table.best(column) == {min((row for row in values if values[row] == values[row]), key=values.get)}
    assert "baseline" not in table.rows[min(table.best(column))][0]


def test_who_does_not_beat_a_baseline_is_marked(made):
    for name in ("table1", "table2", "table3", "table4"):
        table = made[name]
        for row, labels in enumerate(table.rows):
            for column in table.columns:
                cell = table.cell(row, column)
                if (
                    column.source == OURS
                    and "MPJPE" in column.name
                    and cell.has_value
                    and "baseline" not in "".join(labels)
                ):
                    assert ("†" in cell.marks) == (cell.value >= BASELINE["best constant pose"])
                    assert ("‡" in cell.marks) == (cell.value >= BASELINE["true 2D + mean depth"])


def test_a_run_of_our_own_studies_is_not_taken_for_the_papers(made):
    """Table 4's arm "both" and Table 5's cells share sets and stage with a run of Table 1."""
    table = made["table4"]
    cost = [column for column in table.columns if column.title == "images seen"][0]
    assert (
        table.cell(record_to_row(table, "equal images seen", "no pre-training, 3D only"), cost).value == 1200
    )
    assert (
        table.cell(record_to_row(table, "equal images seen", "2D pre-training, then mixed"), cost).value
        == 2400
    )
    values = {table.cell(row, table.columns[0]).value for row in range(8)}
    assert len(values) == 8


def test_what_was_not_run_says_so(results):
    kept = results.runs[~results.runs["run"].str.startswith("stage3-flic-h36m-h36m")]
    table = tables.table1(kept)
    cell = table.cell(record_to_row(table, "FLIC", "H36M"), TESTS["h36m"])
    assert not cell.has_value
    assert cell.words == NOT_RUN
    assert NOT_RUN in table.html()
    assert table.tidy().iloc[record_to_row(table, "FLIC", "H36M")][f"{TESTS['h36m'].name} [marks]"] == NOT_RUN
    nothing = tables.table5(results.runs[results.runs["backbone"].isna()])
    assert nothing.cell(0, nothing.columns[0]).words == NOT_RUN


def test_every_title_says_simulated(made, results):
    real = results.runs.assign(simulated=False)
    for make in MAKERS:
        table = made[make.__name__]
        assert "simulated" in table.heading
        assert "ours (simulated)" in table.html()
        assert "simulated" in table.latex()
        assert "simulated" not in make(real).html()


def test_saved_files_are_of_this_table(made, tmp_path):
    made["table3"].save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table3.csv", "table3.html", "table3.tex"]
    assert "MPI-INF-3DHP" in (tmp_path / "table3.html").read_text()
    assert r"\toprule" in (tmp_path / "table3.tex").read_text()
    assert "†" not in (tmp_path / "table3.tex").read_text().split(r"\end{table*}")[0]


def test_a_seed_that_is_lacking_is_left_out_of_the_mean(results):
    kept = results.runs[results.runs["run"] != "stage3-mpii-h36m-h36m-seed1"]
    cell = tables.score_cell(kept, Run(3, "mpii", "h36m", "h36m"), "h36m")
    assert cell.seeds == 1


def test_the_note_says_what_was_resampled(results):
    """Not "sequences" where a set names none: the number of groups of each test set, and that few of them are
    too few."""
    runs = results.runs.assign(groups=np.where(results.runs["test_set"] == "mpi_inf_3dhp", 6, 400))
    note = next(note for note in tables.table1(runs).notes if note.startswith("Ours: "))
    assert "H36M 400, MPI-INF-3DHP 6, Occlusion-Person 400" in note
    assert "images where it names none" in note
    assert "too narrow" in note
    assert "one seed" not in note
    assert "too narrow" not in "".join(tables.table1(runs.assign(groups=400)).notes)
    alone = tables.table1(runs[runs["seed"] == 0])
    assert any("one seed" in note for note in alone.notes)


def test_the_note_warns_of_joints_that_a_training_set_lacks(results):
    """Occlusion-Person has no neck and no head: its baselines are scored on fewer joints than a model that
    learnt from it."""
    assert any("neither upper neck nor head top" in note for note in tables.table2(results.runs).notes)
    without = results.runs[~results.runs[["three_d", "target"]].isin(["occlusion_person"]).any(axis=1)]
    assert not any("neither upper neck" in note for note in tables.table2(without).notes)


def test_an_interval_below_zero_is_readable():
    """Not "-62.5–-54.1"."""
    column = Column(OURS, "", "change")
    table = Table("t", "T", ("row",), (column,), False)
    table.add(("a",), {column: Cell(-58.2, -62.5, -54.1)})
    table.add(("b",), {column: Cell(58.2, 54.1, 62.5)})
    assert "−62.5 to −54.1" in table.html()
    assert "54.1–62.5" in table.html()
    assert "62.5 to" in table.latex()
    assert "−" not in table.latex().split(r"\end{table*}")[0]


def test_tables_of_our_own_have_columns_of_what_was_tested(results):
    kept = results.runs[results.runs["test_set"] != "occlusion_person"]
    for make in (tables.table4, tables.table5):
        assert "Occlusion-Person" not in {column.title for column in make(kept).columns}
        assert "MPI-INF-3DHP" in {column.title for column in make(kept).columns}


def test_ties_are_all_best():
    column = Column(OURS, "", "error")
    table = Table("t", "T", ("row",), (column,), False)
    for name, value in (("a", 1.0), ("b", 1.0), ("c", 2.0)):
        table.add((name,), {column: Cell(value)})
    table.add(("baseline",), {column: Cell(0.5, competes=False)})
    assert table.best(column) == {0, 1}


def test_scores_under_a_defect_are_in_the_table_with_the_name_of_their_protocol(results):
    runs = results.runs.assign(legacy="fixed_bone_sum")
    runs["protocol"] = runs["protocol"].where(runs["metric"] != "mpjpe", "published")
    table, plain = tables.table1(runs), tables.table1(results.runs)
    assert table.tidy()[TESTS["h36m"].name].tolist() == pytest.approx(
        plain.tidy()[TESTS["h36m"].name].tolist(), nan_ok=True
    )
    assert any("protocol “published”" in note for note in table.notes)
    assert any("fixed_bone_sum" in note for note in table.notes)
    assert any("fixed_bone_sum" in note for note in timing.timing_table(runs).notes)
    assert any(
        "fixed_bone_sum" in note for note in oracle.floor_table(results.floors, ("fixed_bone_sum",)).notes
    )
    assert not any("Defects" in note for note in plain.notes)


def test_the_notes_say_per_set_what_pckh_is_a_fraction_of(results):
    notes = " ".join(tables.table1(results.runs).notes)
    assert "FLIC: no head is labelled" in notes
    assert "PCK@0.2 of the torso" in notes
    assert "LSP: 0.75·|head top − neck|" in notes


def test_the_crop_score_in_place_of_pckh_has_a_title_and_a_note_of_its_own(results):
    runs = results.runs.assign(legacy="crop_pck")
    runs["protocol"] = runs["protocol"].where(runs["metric"] != "pckh", "published-pck")
    for make in (tables.table1, tables.table2, tables.table5):
        table = make(runs)
        names = [column.name for column in table.columns if column.source == OURS]
        assert not any("PCKh@0.5" in name for name in names)
        assert any("PCK at 5 % of the crop" in name for name in names)
        assert any("“published-pck”" in note for note in table.notes)


def test_names_from_files_are_text_in_html_never_markup():
    table = Table(
        "t",
        "A <b>title</b>",
        ("<i>row</i>",),
        (Column(OURS, "", "value", None),),
        False,
        notes=["<script>x</script>"],
    )
    table.add(("<img src=x>",), {table.columns[0]: Cell(words="<u>not run</u>")})
    page = table.html()
    for markup in ("<script>x", "<img src", "<u>not", "A <b>title"):
        assert markup not in page
