"""The cost of a full reproduction: counted by hand here, rates from fabricated files, the README and the
notebook as the code has them."""

from pathlib import Path

import nbformat
import pandas as pd
import pytest

from hpe_study.errors import StudyError
from hpe_study.report import cost, disk
from hpe_study.report.rates import BATCH, MEASURED, PROJECTED, Rate, rates
from hpe_study.study import Run
from hpe_study.study.eta import counts_of, images_of
from hpe_study.study.notebooks import execute_notebook
from tools.cost import readme

PROJECT = Path(__file__).resolve().parents[2]
NOTEBOOK = PROJECT / "notebooks" / "cost.ipynb"
GOAL = Rate(PROJECTED, "one H100", "", 2500.0, 7500.0, "")
GPU_ROW = {
    "quantity": "training",
    "network": "ResNet-50 256 px",
    "setting": "batch 128",
    "precision": "bf16",
    "value": 2000.0,
    "machine": "NVIDIA H100 80GB",
}


@pytest.fixture(scope="module")
def paper():
    return cost.whole(PROJECT / "params" / "paper.yaml")


def test_real_images_are_counted_from_the_data_sheet(paper):
    """N of the 2D set, twice in fusion; 3D-only N of the 3D set, the large sets for 5 and 2 epochs."""
    assert images_of(paper, Run(1, "mpii")) == 140 * 22_000
    assert images_of(paper, Run(2, "mpii", "h36m")) == 60 * 2 * 22_000
    assert images_of(paper, Run(3, "lsp", "h36m", "h36m", 2)) == 20 * 2 * 11_000
    assert images_of(paper, Run(2, None, "h36m")) == 60 * 36_000
    assert images_of(paper, Run(2, None, "mpi_inf_3dhp")) == 5 * 967_000
    assert images_of(paper, Run(3, None, "mpi_inf_3dhp", "occlusion_person")) == 2 * 264_000


def test_a_set_without_a_count_is_named(paper):
    with pytest.raises(StudyError, match="3dpw: nothing says how many images"):
        counts_of(paper.profile, "3dpw")


def test_runs_that_tables_share_count_once(paper):
    groups = cost.groups(paper)
    assert [len(runs) for runs in groups.values()] == [21, 12, 15, 45]
    assert sum(len(runs) for runs in list(groups.values())[:3]) > 45
    assert set(list(groups.values())[-1]) == set().union(*list(groups.values())[:3])


def test_nothing_is_absent_from_a_full_reproduction(tmp_path, paper):
    """Whether or not some sets were found on this machine."""
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "paper.yaml").write_text((PROJECT / "params" / "paper.yaml").read_text())
    (tmp_path / "runs" / "paper").mkdir(parents=True)
    (tmp_path / "runs" / "paper" / "absent.json").write_text('{"mpii": "not there"}')
    assert cost.whole(tmp_path / "params" / "paper.yaml").runs == paper.runs


def test_passes_are_counted(paper):
    """Validation every fifth epoch on a tenth of the run's own test set; scores on all test sets, each image
    twice."""
    assert cost.passes_of(paper, Run(1, "mpii")) == (28 * 300, 2 * 3000)
    everything = 3000 + 19_000 + 23_000 + 130_000
    assert cost.passes_of(paper, Run(2, "mpii", "h36m")) == (12 * 1900, 2 * everything)
    assert (
        cost.passes_of(paper, Run(3, None, "h36m", "occlusion_person"))[0] == 1 * 13_000
    )  # the last of two epochs is looked at


def test_the_best_row_at_the_goal_beside_the_published_hours(paper):
    table = cost.lines_table(paper, [GOAL])
    lines = table.tidy().set_index("line")
    goal = next(column for column in lines if column.startswith("at the goal"))
    assert lines.loc["MPII → H36M", goal] * 60 == pytest.approx(6_160_000 / 2500 / 60)
    assert lines.loc["MPII → H36M", goal] * 60 < 50
    assert lines.loc["MPII → Occlusion-Person", "published: hours"] == pytest.approx(12 + 20 / 60)
    assert "41 min at the goal" in cost.sentence(paper, [GOAL]).data
    assert "12 h 20 min" in cost.sentence(paper, [GOAL]).data


def test_disk_is_counted(paper):
    raw = disk.disk_of_set(paper, "lsp")["raw crops"]
    assert raw == (11_000 + 1000) * 384 * 384 * 3
    assert disk.disk_of_set(paper, "lsp")["JPEG crops"] == 12_000 * disk.JPEG_BYTES["lsp"]
    needed = disk.disk(paper, [Run(1, "lsp")])
    assert needed["raw crops"] == raw
    assert needed["predictions"] == 1000 * 256
    assert pd.isna(needed["download"])
    assert disk.disk(paper, [Run(1, "mpii")])["download"] == 12.9e9


def test_a_checkpoint_is_as_large_as_its_file(paper, tmp_path):
    import torch

    from hpe_study.models import build_model

    network = paper.profile.network.model_copy(update={"model": "narrow18", "width": 8})
    torch.save(build_model("narrow18", width=8).state_dict(), tmp_path / "weights.pt")
    size = disk.checkpoint_bytes(network)
    assert size <= (tmp_path / "weights.pt").stat().st_size <= size + 100_000


# ---------------------------------------------------------------- rates


def written(folder, **tables):
    """The folder, with a CSV a table of rows."""
    for name, rows in tables.items():
        pd.DataFrame([{"data": "simulated", "date": "2026-01-01"} | row for row in rows]).to_csv(
            folder / f"{name}.csv", index=False
        )
    return folder


CPU_ROWS = [
    {
        "benchmark": "ResNet-50 256 px training step",
        "precision": "bf16",
        "unit": "s/batch",
        "ours": 8.0,
        "machine": "CPU (1 of 2 cores)",
    },
    {
        "benchmark": "ResNet-50 256 px training step",
        "precision": "fp32",
        "unit": "s/batch",
        "ours": 16.0,
        "machine": "CPU (1 of 2 cores)",
    },
    {
        "benchmark": "validation",
        "precision": "bf16",
        "unit": "ms/image",
        "ours": 200.0,
        "machine": "CPU (1 of 2 cores)",
    },
    {
        "benchmark": "ResNet-18 128 px epoch",
        "precision": "bf16",
        "unit": "ms/image",
        "ours": 1.0,
        "machine": "CPU (1 of 2 cores)",
    },
]


def test_the_fastest_precision_of_a_machine_counts(paper, tmp_path):
    (found, goal) = rates(paper, benchmarks=written(tmp_path, results=CPU_ROWS))
    assert (found.kind, found.precision, found.training) == (MEASURED, "bf16", BATCH / 8.0)
    assert found.passes == 2 / 0.2
    assert not found.on_gpu
    assert (goal.kind, goal.training) == (PROJECTED, 2500.0)


def test_a_gpu_that_was_measured_gets_a_column_of_its_own(paper, tmp_path):
    known = rates(
        paper,
        benchmarks=written(
            tmp_path, results=CPU_ROWS, gpu=[GPU_ROW, GPU_ROW | {"quantity": "memory", "value": 9e9}]
        ),
    )
    assert [rate.kind for rate in known] == [MEASURED, MEASURED]  # and the goal has had its day
    assert (known[1].training, known[1].passes, known[1].on_gpu) == (2000.0, 6000.0, True)
    table = cost.cost_table(paper, known, 4).tidy()
    measured = [column for column in table if "NVIDIA H100 80GB" in column]
    assert len(measured) == 3
    assert all(column.startswith("at the rate measured: ") for column in measured)
    goal = cost.cost_table(paper, [GOAL], 4).tidy().filter(like="GPU-hours")
    assert table[measured[0]].to_numpy() == pytest.approx(goal.to_numpy()[:, 0] * 2500 / 2000)


def test_what_a_gpu_takes_to_compile_and_to_score_counts(paper, tmp_path):
    fast = {"setting": "batch 128, compiled: default", "value": 3000.0}
    rows = [GPU_ROW, GPU_ROW | fast, GPU_ROW | fast | {"quantity": "compiling", "unit": "s", "value": 60.0}]
    rows += [
        GPU_ROW | {"quantity": "scoring", "setting": "", "value": 1500.0},
        GPU_ROW | fast | {"quantity": "scoring", "network": "other"},
    ]
    (found,) = rates(paper, benchmarks=written(tmp_path, gpu=rows))
    assert (found.training, found.passes, found.start) == (3000.0, 1500.0, 60.0)
    runs = [Run(1, "mpii"), Run(2, "mpii", "h36m")]
    assert cost.training_seconds(paper, runs, found) == pytest.approx(
        2 * 60 + (140 * 22_000 + 60 * 44_000) / 3000
    )
    assert "60 s before each training" in cost.cost_table(paper, [found], 1).notes[0]


def test_an_epoch_at_the_goal_beside_the_published_minutes(paper):
    epochs = cost.epochs_table(paper, [GOAL]).tidy().set_index(["scheme", "stage", "data"])
    first = epochs.loc[("2D pre-training", "1", "MPII")]
    assert first.filter(like="goal").iloc[0] == pytest.approx(22_000 / 2500)
    assert first["published: seconds"] == pytest.approx(156)
    assert len(epochs) == 10


def test_records_of_another_network_say_nothing(paper, tmp_path):
    """The published runs are of a small network; of that network's own profile they are the rate."""
    nothing = tmp_path
    assert rates(paper, goal=None, benchmarks=nothing) == []
    (found,) = rates(
        cost.whole(PROJECT / "params" / "demo.yaml"), benchmarks=nothing
    )  # nor is the goal of that network
    runs = pd.read_csv(PROJECT / "figures" / "reference" / "records" / "runs.csv")
    assert found.training >= runs.drop_duplicates("run")["images_per_second"].median()
    assert "simulated" in found.source


def test_a_row_that_is_no_rate_is_refused(paper, tmp_path):
    folder = written(tmp_path, results=[CPU_ROWS[0] | {"unit": "furlongs"}])
    with pytest.raises(
        StudyError, match=r"results\.csv: 'ResNet-50 256 px training step' is in furlongs, .*s/batch"
    ):
        rates(paper, benchmarks=folder)


# ---------------------------------------------------------------- what is shown


def test_measured_projected_and_published_never_share_a_column(paper):
    known = rates(paper)
    for table in (cost.cost_table(paper, known, 4), cost.lines_table(paper, known)):
        for rate in known:
            holding = [column for column in table.columns if rate.words in column.group]
            assert holding
            assert {column.source for column in holding} == {rate.kind}
        assert all(not column.group for column in table.columns if column.source == "published")


def test_more_gpus_never_take_longer_than_one_nor_less_than_the_chain(paper):
    tables = {count: cost.cost_table(paper, [GOAL], count).tidy() for count in (1, 3, 8, 64)}
    chain = tables[1].filter(like="longest chain").iloc[-1, 0]
    walls = [table.filter(regex=r"hours on \d").iloc[-1, 0] for table in tables.values()]
    assert walls[0] == pytest.approx(tables[1].filter(like="GPU-hours").iloc[-1, 0])
    assert walls == sorted(walls, reverse=True)
    assert walls[1] > walls[0] / 3
    assert walls[-1] == pytest.approx(chain)


def test_the_chain_is_said(paper):
    told = cost.chain_sentence(paper, GOAL).data
    assert (
        "stage2-only3d-mpi_inf_3dhp-seed0 (32 min) → stage3-only3d-mpi_inf_3dhp-mpi_inf_3dhp-seed0 (13 min)"
        in told
    )


def test_the_slider_draws_the_table_anew(paper):
    slider, shown = cost.slider(paper, [GOAL], 2).children
    assert "hours on 2 GPUs" in shown.value
    slider.value = 8
    assert "hours on 8 GPUs" in shown.value
    assert "hours on 2 GPUs" not in shown.value
    assert "goal, not measured" in shown.value


def test_unknown_downloads_say_so(paper):
    html = cost.sets_table(paper).html()
    assert "not known" in html
    assert "nan" not in html.lower()


def test_the_readme_holds_the_table(paper):
    text = (PROJECT / "README.md").read_text()
    assert text == readme(text, paper), "README.md is behind: python -m tools.cost"
    assert "| counted: runs | 21 | 12 | 15 | 45 |" in text


def tables_in(notebook):
    return [
        output["data"].get("text/html", output["data"].get("text/markdown"))
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "application/vnd.jupyter.widget-view+json" not in output.get("data", {})
    ]


def test_the_notebook_runs_and_is_committed_as_it_comes_out(tmp_path):
    executed = nbformat.read(execute_notebook(NOTEBOOK, tmp_path / "cost.ipynb", {}), as_version=4)
    committed = nbformat.read(NOTEBOOK, as_version=4)
    assert "widget-view" in str(executed.cells)
    assert "widget-view" not in str(committed.cells)  # the table beside it is read without a kernel
    assert len(tables_in(committed)) == 6
    assert tables_in(executed) == tables_in(committed), "cost.ipynb is behind: python -m tools.cost"
