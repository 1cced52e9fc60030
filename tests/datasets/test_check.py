"""The table of what is there."""

from hpe_study.datasets import NAMES
from hpe_study.datasets.check import COLUMNS, as_table, check
from hpe_study.datasets.mpi_inf_3dhp import INFO
from tests.datasets import raw_layouts


def by_set(rows):
    return {row["set"].split(" ")[0]: row for row in rows}


def test_an_empty_root_misses_every_set(tmp_path):
    rows = check(tmp_path)
    assert [row["set"].split(" ")[0] for row in rows] == list(NAMES)
    assert {row["state"] for row in rows} == {"missing"}
    assert all(row["where to get it"] and row["licence"] and row["missing (first few)"] for row in rows)


def test_found_partly_and_broken(tmp_path):
    raw_layouts.flic(tmp_path)
    (tmp_path / "flic" / "SIMULATED.json").write_text("{}")
    raw_layouts.lsp(tmp_path)
    raw_layouts.mpii_json(tmp_path)
    raw_layouts.occlusion_person(tmp_path)
    raw_layouts.occlusion_person(tmp_path, "unrealcv_train.pkl")
    (tmp_path / "occlusion_person" / "images" / "a05_sa01_s14_sce00" / "02_000007.jpg").unlink()
    raw_layouts.threedpw(tmp_path)
    sequence = tmp_path / "3dpw" / "sequenceFiles" / "test" / "downtown_walk_00.pkl"
    sequence.write_bytes(sequence.read_bytes()[:100])
    rows = by_set(check(tmp_path))
    assert rows["flic"]["state"] == "found, simulated"
    assert (rows["flic"]["train"], rows["flic"]["test"]) == ("2", "1")
    assert rows["lsp"]["state"] == "partly"
    assert rows["lsp"]["missing (first few)"] == "lsp_extended"
    assert rows["mpii"]["state"] == "partly"
    assert rows["mpii"]["test"] == "4 (original 2,958)"
    assert rows["mpii"]["missing (first few)"] == "mpii/annot/train.json"
    assert rows["occlusion_person"]["left out, and why"] == "train: 1 image absent; test: 1 image absent"
    assert (
        rows["occlusion_person"]["missing (first few)"]
        == "occlusion_person/images/a05_sa01_s14_sce00/02_000007.jpg"
    )
    assert rows["3dpw"]["state"] == "broken"
    assert "downtown_walk_00.pkl: truncated" in rows["3dpw"]["missing (first few)"]
    assert rows["h36m"]["state"] == "missing"


def test_every_layout_that_is_there_has_its_row(tmp_path):
    raw_layouts.h36m_full(tmp_path)
    raw_layouts.flic(tmp_path)
    raw_layouts.flic(tmp_path, "flic_full", ((1, 0), (0, 1)), bad=(0, 0))
    rows = [(row["set"], row["state"]) for row in check(tmp_path) if row["state"] != "missing"]
    assert rows == [
        ("flic (flic)", "found"),
        ("flic (full)", "found"),
        ("flic (plus)", "partly"),
        ("h36m (full)", "partly"),
    ]


def test_of_much_that_is_missing_the_rest_is_counted(tmp_path):
    raw_layouts.mpi_inf_3dhp_train(tmp_path, frames=1)
    row = by_set(check(tmp_path))["mpi_inf_3dhp"]
    assert (
        row["missing (first few)"]
        == ", ".join(f"mpi_inf_3dhp/{name}" for name in ("S1/Seq2", "S2/Seq1", "S2/Seq2")) + " and 13 more"
    )


def test_what_a_set_leaves_out_by_its_own_rules_is_no_difference(tmp_path, monkeypatch):
    """The valid frames of a complete MPI-INF-3DHP test set are the original's number, whatever the others
    are."""
    for number in range(1, 7):
        raw_layouts.mpi_inf_3dhp_test(tmp_path, f"TS{number}", valid=(1, 0, 1))
    monkeypatch.setitem(INFO.expected, "test", 12)
    assert by_set(check(tmp_path))["mpi_inf_3dhp"]["test"] == "12"
    monkeypatch.setitem(INFO.expected, "test", 13)
    assert by_set(check(tmp_path))["mpi_inf_3dhp"]["test"] == "12 (original 13)"


def test_the_table_fits_its_width_and_loses_nothing(tmp_path):
    raw_layouts.lsp(tmp_path)
    rows = check(tmp_path)
    text = as_table(rows, width=150)
    assert max(map(len, text.splitlines())) <= 150
    assert text.splitlines()[0].split() == " ".join(COLUMNS).split()
    letters = sorted("".join(text.split()).replace("-", ""))
    cells = [str(cell) for cell in (*COLUMNS, *(row[column] for row in rows for column in COLUMNS))]
    assert letters == sorted("".join("".join(cells).split()).replace("-", ""))
