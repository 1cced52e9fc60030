"""`so_far.html`: a study's runs and their scores while it runs. A browser reloads the page by itself."""

import html
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from hpe_study.errors import StudyError
from hpe_study.study.records import read_scores
from hpe_study.study.runs import Run
from hpe_study.study.study import Study
from hpe_study.utils.files import atomic

SHOWN = {"mpjpe": "MPJPE", "pckh": "PCKh@0.5"}  # of a test set the first one that it has
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="20"><title>{title}</title>
<style>body {{font: 15px sans-serif; margin: 2em}} td, th {{padding: 3px 10px; text-align: left}}
tr:nth-child(even) {{background: #f3f3f3}}</style></head><body><h1>{title}</h1>
<p>{done} of {all} runs are done. Scores with 95 % intervals, each test set by its origin. The first
row of the first table comes first.</p>{table}</body></html>
"""


def page_path(study: Study) -> Path:
    """Where the page is."""
    return study.folder / "so_far.html"


def write_page(study: Study, left: Collection[Run]) -> None:
    """Write the page anew. left: the runs that are not trained yet."""
    rows = [{"run": run.name, **_row(study.run_folder(run), run in left)} for run in study.runs]
    done = sum(row["state"] == "done" for row in rows)
    table = pd.DataFrame(rows).fillna("").to_html(index=False, border=0)
    title = html.escape(f"{study.profile.name}: {study.profile.question}")
    with atomic(page_path(study)) as part:
        part.write_text(PAGE.format(title=title, done=done, all=len(rows), table=table), encoding="utf-8")


def _row(folder, left):
    """State and scores of a run."""
    if left:
        return {"state": "in training" if (folder / "resume.pt").exists() else "waiting"}
    if not (folder / "metrics.csv").exists():
        return {"state": "trained, not scored"}
    try:
        scores = read_scores(folder)
    except StudyError:
        return {"state": "trained; its metrics.csv is damaged"}
    scores = scores[(scores["scorer"] == "model") & scores["metric"].isin(SHOWN)]
    ranked = scores.sort_values("metric", key=lambda metrics: metrics.map(list(SHOWN).index), kind="stable")
    return {"state": "done"} | {
        f"{score.test_set} ({score.test_origin}), {SHOWN[score.metric]} ({score.unit})": (
            f"{score.value:.1f} [{score.low:.1f}, {score.high:.1f}]"
        )
        for score in ranked.drop_duplicates("test_set").sort_index().itertuples()
    }
