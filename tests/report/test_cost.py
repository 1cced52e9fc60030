"""The cost of a full reproduction: counted by hand, and page and notebook as the code writes them."""

from pathlib import Path

import nbformat
import pandas as pd
import pytest
import torch

from hpe_study.errors import StudyError
from hpe_study.models import build_model
from hpe_study.report import cost, disk
from hpe_study.report.rates import Rate, measured_rates
from hpe_study.study import Run
from hpe_study.study.eta import counts_of, images_of
from hpe_study.study.notebooks import execute_notebook
from tools.cost import cost_page

PROJECT = Path(__file__).resolve().parents[2]
NOTEBOOK = PROJECT / "notebooks" / "cost.ipynb"
GPU = Rate("GPU", "bf16", training=2500.0, forward=7500.0, startup=60.0, is_gpu=True)
CORE = Rate("CPU", "fp32", training=2.5, forward=7.5)


@pytest.fixture(scope="module")
def paper():
    return cost.full_study(PROJECT / "params" / "paper.yaml")


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
    *tables, together = cost.table_runs(paper).values()
    assert [len(runs) for runs in (*tables, together)] == [21, 12, 25, 49]
    assert set(together) == set().union(*tables)


def test_nothing_is_absent_from_a_full_reproduction(tmp_path, paper):
    """Even where some sets were not found on this machine."""
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "paper.yaml").write_text((PROJECT / "params" / "paper.yaml").read_text())
    (tmp_path / "runs" / "paper").mkdir(parents=True)
    (tmp_path / "runs" / "paper" / "absent.json").write_text('{"mpii": "not there"}')
    assert cost.full_study(tmp_path / "params" / "paper.yaml").runs == paper.runs


def test_passes_are_counted(paper):
    """Validation every fifth epoch, and after the last, on a tenth of the run's own test set; scores on all
    test sets, each image twice."""
    assert cost.forward_passes(paper, Run(1, "mpii")) == (28 * 300, 2 * 3000)
    everything = 3000 + 19_000 + 23_000 + 130_000
    assert cost.forward_passes(paper, Run(2, "mpii", "h36m")) == (12 * 1900, 2 * everything)
    assert cost.forward_passes(paper, Run(3, None, "h36m", "occlusion_person"))[0] == 1 * 13_000


def test_a_chain_trains_a_lineage_and_scores_its_last_run(paper):
    """Stages 1 and 2 by hand; the scores of stage 1 do not keep stage 2 waiting."""
    runs = [Run(1, "mpii"), Run(2, "mpii", "h36m")]
    training = 2 * 60 + (140 * 22_000 + 60 * 44_000) / 2500
    validation = (28 * 300 + 12 * 1900) / 7500
    scoring = [2 * 3000 / 7500, 2 * 175_000 / 7500]
    assert cost.training_seconds(paper, runs, GPU) == pytest.approx(training)
    assert cost.job_seconds(paper, runs, runs, GPU) == pytest.approx(training + validation + sum(scoring))
    seconds, last = cost.longest_chain(paper, runs, GPU)
    assert seconds == pytest.approx(training + validation + scoring[1])
    assert last == runs[1]


def test_hours_on_several_gpus_are_the_larger_of_the_share_and_the_chain(paper):
    tables = {gpus: cost.cost_table(paper, [CORE, GPU], gpus).tidy().iloc[-1] for gpus in (1, 4, 64)}
    total, chain = (tables[4].filter(like=title).item() for title in ("GPU-hours", "longest chain"))
    hours = [table.filter(regex=r"hours on \d").item() for table in tables.values()]
    assert hours == pytest.approx([total, total / 4, chain])
    images = sum(images_of(paper, run) for run in paper.runs)
    passes = sum(sum(cost.forward_passes(paper, run)) for run in paper.runs)
    assert total * 3600 == pytest.approx(49 * 60 + images / 2500 + passes / 7500)
    assert tables[4].filter(like="core-hours").item() * 3600 == pytest.approx(images / 2.5 + passes / 7.5)


def test_measured_and_published_hours_never_share_a_column(paper):
    """MPII → H36M → Occlusion-Person: 6.16 million images; the paper prints 740 minutes."""
    table = cost.published_lines_table(paper, [CORE, GPU])
    assert [(column.source, column.group) for column in table.columns[1:]] == [
        (cost.MEASURED, CORE.label),
        (cost.MEASURED, GPU.label),
        ("published", ""),
    ]
    line = table.tidy().set_index("line").loc["MPII → Occlusion-Person"]
    assert line.filter(like=GPU.label).item() * 3600 == pytest.approx(6_160_000 / 2500 + 3 * 60)
    assert line["published: hours"] * 60 == pytest.approx(740)


def test_the_summary_names_the_best_row_and_the_longest_chain(paper):
    text = cost.summary(paper, [GPU]).data
    assert "6.16 million images; training alone takes 44 min" in text  # 41 min of images, 3 of compiling
    assert "The paper prints 12 h 20 min" in text
    assert "stage2-only3d-mpi_inf_3dhp-seed0 → stage3-only3d-mpi_inf_3dhp-mpi_inf_3dhp-seed0 and" in text


def test_disk_is_counted(paper):
    needed = disk.disk_bytes(paper, [Run(1, "lsp")])
    assert needed["raw crops"] == 12_000 * 384 * 384 * 3
    assert needed["JPEG crops"] == 12_000 * disk.JPEG_BYTES["lsp"]
    assert needed["predictions"] == 1000 * 256
    assert pd.isna(needed["download"])
    assert "not known" in cost.cost_table(paper, [GPU], 4).html()
    assert disk.disk_bytes(paper, [Run(1, "mpii")])["download"] == 12.9e9


def test_a_checkpoint_is_as_large_as_its_file(paper, tmp_path):
    network = paper.profile.network.model_copy(update={"model": "narrow18", "width": 8})
    torch.save(build_model("narrow18", width=8).state_dict(), tmp_path / "weights.pt")
    size = disk.checkpoint_bytes(network)
    assert size <= (tmp_path / "weights.pt").stat().st_size <= size + 100_000


def test_the_readme_holds_the_table(paper):
    text = (PROJECT / "docs" / "cost.md").read_text()
    assert text == cost_page(text, paper), "docs/cost.md is behind: python -m tools.cost"
    assert "| counted: runs | 21 | 12 | 25 | 49 |" in text


def test_the_notebook_runs_and_is_committed_as_it_comes_out(paper, tmp_path):
    def outputs(path):
        cells = nbformat.read(path, as_version=4).cells
        data = [output["data"] for cell in cells for output in cell.get("outputs", [])]
        return [item.get("text/html", item.get("text/markdown")) for item in data]

    execute_notebook(NOTEBOOK, tmp_path / "cost.ipynb", {})
    assert outputs(tmp_path / "cost.ipynb") == outputs(NOTEBOOK), "cost.ipynb is behind: python -m tools.cost"
    rates = measured_rates(paper.profile.network, PROJECT / "benchmarks")
    assert cost.summary(paper, rates).data in outputs(NOTEBOOK)
    assert len(outputs(NOTEBOOK)) == 3
