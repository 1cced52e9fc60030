"""A quarter of an hour on a GPU, rehearsed on the CPU at a tiny size: its order, its ledger, kills, resumption.

What only a GPU can show is not tested here: that a capture works, and how fast it is.
"""

import pickle
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import h5py
import pandas as pd
import pytest
import torch

from benchmarks import cuda_graph, middle_tables, quarter_hour, real_people
from benchmarks.cuda_graph import Pace, Paused, Setting
from benchmarks.ledger import Ledger, Skipped
from hpe_study.config import TrainingConfig
from hpe_study.data.store_key import StoreSettings
from hpe_study.errors import StudyError
from hpe_study.models import model_from_checkpoint
from hpe_study.study.records import pool_records
from hpe_study.training.trainer import Trainer
from hpe_study.utils.files import read_json
from simulated_people import StandInSpec, make

PROJECT = Path(__file__).resolve().parents[2]
TINY = {"model": "narrow18", "width": 4, "pretrained": False, "input_size": 32, "sigma": 1.0}
TINY |= {"heatmap_scale": "peak", "depth_unit": 0.125, "decode": "soft", "flip_test": False}
COUNTS = {"simulate": {"train": 16, "test": 8}}
STAGES = {
    name: {"epochs": 1, "drop_after": [], "batch_size": 8}
    for name in ("stage2", "stage3", "stage2_3d_only", "stage3_3d_only")
}
REHEARSAL = quarter_hour.Extent(
    real={
        "base": "gpu.yaml",
        "two_d": ["lsp"],
        "three_d": ["h36m"],
        "tables": [1],
        "sets": {"lsp": COUNTS, "h36m": COUNTS},
        "simulate_size": 40,
        "network": TINY,
        **STAGES,
    },
    schedule=TrainingConfig(epochs=4, batch_size=8, drop_after=(2,)),
    middle={
        "base": "gpu.yaml",
        "three_d": ["h36m"],
        "sets": {"h36m": COUNTS},
        "simulate_size": 40,
        "tables": [2],
        "network": TINY,
        **STAGES,
    },
    settings=(
        Setting(8, graph=False),
        Setting(8, graph=False, fused=False),
        Setting(4, graph=False, channels_last=False),
        Setting(8),
    ),
    sweep=300,
    each=0.02,
    scoring=0.0,
)
RUNS = ["stage1-lsp-seed0", "stage2-lsp-h36m-seed0", "stage3-lsp-h36m-h36m-seed0"]
MIDDLE_RUNS = ["stage2-only3d-h36m-seed0", "stage3-only3d-h36m-h36m-seed0"]
BLOCKED = "papermill jupyter jupyterlab nbformat nbclient IPython plotly anywidget ipywidgets snakemake"


class Killed(BaseException):
    """What a kill is rehearsed by: nothing catches it."""


@pytest.fixture(scope="module", autouse=True)
def small_crops():
    """Stores of small crops, and every tenth moment of Pose2Sim."""

    def settings(name, split, encoding):
        options = {"every": 10} if name == "pose2sim" else {}
        return StoreSettings(name, split, 64, 1.25, encoding, options=options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(real_people, "_settings", settings)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The archive of a few simulated people in the layout of the real LSP."""
    folder = tmp_path_factory.mktemp("data")
    make(StandInSpec("lsp", 16, 8, size=40), folder / "raw", progress=False)
    quarter_hour.main(["pack", str(folder), "--real", str(folder / "raw"), "--workers", "1"])
    return folder


def call(out, data, *more, extent=REHEARSAL):
    quarter_hour.main([str(out), "--data", str(data), "--workers", "1", *map(str, more)], extent)
    return pd.read_csv(out / "records" / "ledger.csv", keep_default_na=False).set_index("step")


def nth(count, function, error):
    """The function, which raises `error` when it is called for the `count`-th time."""
    calls = []

    def called(*arguments, **options):
        calls.append(1)
        if len(calls) == count:
            raise error
        return function(*arguments, **options)

    return called


def test_without_notebooks_plots_and_snakemake_it_can_be_imported():
    code = (
        f"import sys\nfor name in {BLOCKED!r}.split(): sys.modules[name] = None\n"
        "import benchmarks.quarter_hour as q\nq.quarter()"
    )
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)


# ---------------------------------------------------------------- the ledger


def test_the_ledger_counts_over_calls_and_notes_what_went_wrong(tmp_path):
    path = tmp_path / "ledger.csv"
    first = Ledger(path, 100, 40, "a device")
    assert (first.call, first.is_last) == (40, False)
    with first.step("one", 5) as note:
        note("fine")
    with first.step("two", 5):
        raise ValueError("a fault")
    with first.step("three", 5):
        raise Skipped("no time")
    with pytest.raises(Killed), first.step("four", 5):
        raise Killed
    first.rows["one"]["used"] = 30.0
    first.tick(now=True)
    second = Ledger(path, 100, None, "a device")
    assert [row["state"] for row in second.rows.values()] == ["done", "failed", "skipped", "begun"]
    assert [row["note"] for row in second.rows.values()] == ["fine", "ValueError: a fault", "no time", ""]
    assert second.is_done("one")
    assert not second.is_done("four")
    assert second.is_last
    assert second.left == pytest.approx(70, abs=1)


# ---------------------------------------------------------------- the whole quarter


@pytest.fixture(scope="module")
def rehearsed(data, tmp_path_factory):
    """A quarter killed within stage 1, between steps, while scoring and within the last run; then finished.

    (its folder, ledgers after each call, epochs trained in all).
    """
    out, epochs, ledgers = tmp_path_factory.mktemp("quarter"), [], []
    with pytest.MonkeyPatch.context() as always:
        always.setattr(cuda_graph, "SAVE_EVERY", 0.0)
        epoch = Trainer._epoch

        def counted(self):
            epochs.append(self.out.name)
            return epoch(self)

        always.setattr(Trainer, "_epoch", counted)
        kills = [
            (Trainer, "_epoch", 3),  # in epoch 3 of 4
            (real_people, "make_h36m", 1),
            (real_people, "evaluate", 1),  # of stage 2, trained and not scored
            (Trainer, "_epoch", 3),  # stage 3, first and second run of the middle size
        ]
        for where, name, count in kills:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(where, name, nth(count, getattr(where, name), Killed()))
                with pytest.raises(Killed):
                    call(out, data)
            ledgers.append(pd.read_csv(out / "records" / "ledger.csv").set_index("step"))
            if name == "make_h36m":
                ledgers.append(call(out, data, extent=replace(REHEARSAL, scoring=1e5)))
        ledgers.append(call(out, data))
        before = {path: path.stat().st_mtime_ns for path in out.rglob("checkpoint.pt")}
        ledgers.append(call(out, data))
        assert before == {path: path.stat().st_mtime_ns for path in out.rglob("checkpoint.pt")}
    return out, ledgers, epochs


def test_steps_come_in_their_order_and_a_kill_loses_none(rehearsed):
    _, ledgers, epochs = rehearsed
    steps = list(quarter_hour.STEPS)
    assert list(ledgers[0].index) == steps[:4]
    assert list(ledgers[0]["state"]) == ["done", "done", "done", "begun"]
    assert "no GPU" in ledgers[0].loc["graph", "note"]
    assert list(ledgers[1].loc[["stage 1", "stages 2-3"], "state"]) == ["done", "begun"]
    assert "PCKh@0.5" in ledgers[1].loc["stage 1", "note"]
    assert list(ledgers[-1].index) == steps
    assert (ledgers[-1]["state"] == "done").all()
    # every epoch once: those that a kill hit were not counted, and no finished run was done again
    assert epochs == [RUNS[0]] * 4 + RUNS[1:] + MIDDLE_RUNS


def test_what_does_not_fit_is_skipped_and_said(rehearsed):
    ledger = rehearsed[1][2]
    assert ledger.loc["stages 2-3", "state"] == "skipped"
    assert "stage2-lsp-h36m-seed0 needs 1000" in ledger.loc["stages 2-3", "note"]
    assert ledger.loc["middle", "state"] == "paused"
    assert (
        "0 of 2 runs finished (1 does not fit, 1 its parent is not finished)" in ledger.loc["middle", "note"]
    )


def test_the_ledgers_seconds_grow(rehearsed):
    ledgers = rehearsed[1]
    assert (ledgers[-1]["used"] > 0).any()
    assert (ledgers[-1]["used"] >= ledgers[-3]["used"].reindex(ledgers[-1].index).fillna(0)).all()
    assert (ledgers[-1]["planned"] > 0).all()
    assert (ledgers[-1]["left"] < 840).all()


def test_records_are_few_small_files_with_the_devices_name(rehearsed):
    records = rehearsed[0] / "records"
    files = sorted(str(path.relative_to(records)) for path in records.rglob("*") if path.is_file())
    middle = [f"middle/{name}" for name in ("errors.h5", "floors.csv", "history.csv", "runs.csv")]
    assert files == ["ledger.csv", *middle, "real.csv", "real.zip", "sweep.csv"]
    assert len(files) <= 8
    assert all((records / name).stat().st_size < real_people.LARGEST for name in files)
    for name in ("ledger.csv", "sweep.csv", "real.csv", "middle/runs.csv"):
        assert pd.read_csv(records / name)["device"].str.contains("of").all()  # "… (1 of 2 cores)"


def test_the_sweep_writes_what_was_best(rehearsed):
    table = pd.read_csv(rehearsed[0] / "records" / "sweep.csv")
    assert table["images_per_second"].notna().tolist() == [True, True, True, False]
    assert table["note"].iloc[3] == "no GPU that captures a step"
    assert table["chosen"].sum() == 1
    assert table.loc[table["chosen"], "images_per_second"].item() == table["images_per_second"][:2].max()


def test_real_scores_and_half_checkpoints(rehearsed, tmp_path):
    out, *_ = rehearsed
    scores = pd.read_csv(out / "records" / "real.csv")
    own = scores[(scores["scorer"] == "model") & (scores["test_set"] == "lsp")]
    assert set(own.loc[own["run"] == RUNS[0], "metric"]) >= {"pckh", "pck_torso", "pck_crop"}
    assert set(scores.loc[scores["run"] == RUNS[2], "test_set"]) == {"lsp", "pose2sim", "h36m"}
    with zipfile.ZipFile(out / "records" / "real.zip") as archive:
        archive.extractall(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == RUNS
    model_from_checkpoint(tmp_path / RUNS[2] / "checkpoint.pt")
    weights = torch.load(tmp_path / RUNS[2] / "checkpoint.pt", weights_only=True)["model"]
    assert {value.dtype for value in weights.values() if value.is_floating_point()} == {torch.float16}


def test_a_checkpoint_that_is_too_large_is_left_out_and_said(rehearsed, monkeypatch, tmp_path):
    out, *_ = rehearsed
    options = quarter_hour._parser().parse_args([str(out)])
    place = quarter_hour.Quarter(options, REHEARSAL).place
    monkeypatch.setattr(real_people, "LARGEST", 1000)
    lines = real_people.write_records(place, tmp_path)
    assert [line.split(" left out")[0] for line in lines] == [f"checkpoint of {name}" for name in RUNS[::-1]]


def test_quarters_of_two_seeds_are_pooled(rehearsed, data, tmp_path):
    out, *_ = rehearsed
    with pytest.raises(StudyError, match="begun with seed 0"):
        call(out, data, "--seed", 1)
    other = tmp_path / "middle"  # as another quarter would bring it home
    shutil.copytree(out / "records" / "middle", other)
    for name in ("runs.csv", "history.csv"):
        text = (other / name).read_text().replace("-seed0", "-seed1")
        (other / name).write_text(text)
    with h5py.File(other / "errors.h5", "r+") as file:
        for group in file.values():
            group["runs"][:] = [name.replace(b"-seed0", b"-seed1") for name in group["runs"][:]]
    pooled = pool_records([out / "records" / "middle", other], tmp_path / "pooled")
    assert pooled["runs"].tolist() == [2, 2]
    assert set(pd.read_csv(tmp_path / "pooled" / "runs.csv")["run"]) > set(MIDDLE_RUNS)


def test_preparing_beforehand_makes_nothing_twice(rehearsed):
    out, *_ = rehearsed
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.h5")}
    quarter_hour.main(["prepare", str(out), "--workers", "1"], REHEARSAL)
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("*.h5")}


def test_a_run_can_be_sent_to_another_process():
    job = middle_tables.train_and_score, Path("a.yaml"), "a run", Pace(1.0), Setting(8)
    assert pickle.loads(pickle.dumps(job)) == job
    paused = pickle.loads(pickle.dumps(Paused("a run stopped")))
    assert str(paused) == "a run stopped"


def test_half_the_epochs_where_the_published_ones_do_not_fit(data, tmp_path, monkeypatch):
    monkeypatch.setattr(quarter_hour, "GUESS", 0.001)
    ledger = call(tmp_path, data, "--steps", "people", "stage 1")
    assert "4 need 64000 s at 0 images/s" in ledger.loc["stage 1", "note"]
    record = read_json(tmp_path / "runs" / "quarter-real" / RUNS[0] / "run.json")
    assert record["parameters"]["training"]["epochs"] == 2
    assert record["parameters"]["training"]["drop_after"] == [1]


def test_an_archive_that_does_not_fit_is_refused(data, tmp_path, monkeypatch):
    monkeypatch.setattr(real_people, "PHOTOS", real_people.PHOTOS[:2])
    with pytest.raises(StudyError, match="do not fit"):
        quarter_hour.main(
            ["pack", str(tmp_path), "--real", str(data / "raw"), "--workers", "1", "--megabytes", "0.01"]
        )
    assert list(tmp_path.iterdir()) == []
