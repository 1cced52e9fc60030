"""What the study's command says of its results: a page while it runs, three lines at its end."""

import json
import re

import nbformat
import pandas as pd
import pytest

from hpe_study.study import Study, so_far, workflow
from hpe_study.study.records import SCORE_COLUMNS
from hpe_study.utils import devices
from tests.evaluation.test_run_record import RECORD

SCORE = {"test_set": "h36m", "test_origin": "simulated", "protocol": "study", "scorer": "model"} | {
    "metric": "mpjpe", "unit": "mm", "value": 91.26, "low": 80.0, "high": 99.0, "n": 24, "groups": 8,
}  # fmt: skip


@pytest.fixture
def study(tmp_path):
    """The quick profile, whose first run is done; one of the others is in training."""
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "quick.yaml").write_text(open("params/quick.yaml").read())  # noqa: SIM115
    study = Study(tmp_path / "params" / "quick.yaml")
    done, training = map(study.run_folder, study.runs[:2])
    done.mkdir(parents=True)
    training.mkdir()
    (done / "run.json").write_text(json.dumps(RECORD))
    pckh = SCORE | {"metric": "pckh", "unit": "%", "value": 55.5}
    rows = [pckh, SCORE, SCORE | {"scorer": "best constant pose"}, pckh | {"test_set": "mpii"}]
    pd.DataFrame(rows)[SCORE_COLUMNS].to_csv(done / "metrics.csv", index=False)
    (training / "resume.pt").touch()
    return study


def test_the_page_fills_as_runs_finish(study):
    so_far.write_page(study, study.runs[1:])
    page = so_far.page_path(study).read_text()
    states = re.findall(r"<td>(done|in training|waiting)</td>", page)
    assert states == ["done", "in training"] + ["waiting"] * (len(study.runs) - 2)
    assert "<th>h36m (simulated), MPJPE (mm)</th>" in page
    assert "<td>91.3 [80.0, 99.0]</td>" in page
    assert "<th>mpii (simulated), PCKh@0.5 (%)</th>" in page
    assert f"1 of {len(study.runs)} runs are done" in page
    (study.run_folder(study.runs[0]) / "metrics.csv").write_text("damaged")
    so_far.write_page(study, study.runs[1:])
    assert "metrics.csv is damaged" in so_far.page_path(study).read_text()


def test_the_end_is_the_answer_the_page_and_the_notebook(study, capsys, monkeypatch):
    study.figures.mkdir(parents=True)
    markdown = nbformat.v4.new_output(
        "display_data", {"text/markdown": "It **helps**:\n9 of 12.\n\n- One seed."}
    )
    cell = nbformat.v4.new_code_cell(outputs=[markdown])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), study.figures / "claims.ipynb")
    (study.figures / "report.html").touch()
    monkeypatch.setattr(devices, "code_version", lambda: "def")
    workflow._report(study, 0, 1.0)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "Everything is up to date; nothing was done."
    assert said[1].startswith("1 of 5 runs were trained by other code than this (def) and stay")
    assert said[-3:] == [
        "answer:   It helps: 9 of 12.",
        "page:     figures/quick/report.html",
        "notebook: make lab, then figures/quick/claims.ipynb",
    ]
