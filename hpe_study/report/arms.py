"""Arms that learn from equal images (Tables 6 to 8): their scores as a tidy frame, pooled, and compared."""

import re
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from hpe_study.evaluation.blazepose import FOUND, NAME
from hpe_study.report.display import Score
from hpe_study.report.intervals import combined, mean_of_rows
from hpe_study.report.results import Results
from hpe_study.study import Run, Study
from hpe_study.study.locate import find_study
from hpe_study.study.records import read_runs

TESTS = {  # (test set, metric): what its column is called; each has one origin
    ("lsp", "pckh"): "LSP test, PCKh@0.5 (%)",
    ("lsp", "pck_torso"): "LSP test, PCK@0.2 (%)",
    ("lsp", "exchanged"): "LSP test, sides exchanged (%)",
    ("lsp_real", "pckh"): "LSP test, PCKh@0.5 (%)",
    ("pose2sim", "ordinal"): "Pose2Sim, order in depth (%)",
    ("pose2sim", "pa_mpjpe"): "Pose2Sim, PA-MPJPE (mm)",
    ("lsp_pseudo3d", "ordinal"): "LSP train, order in depth (%)",
    ("h36m", "mpjpe"): "H36M, MPJPE (mm)",
    ("mpi_inf_3dhp", "mpjpe"): "MPI-INF-3DHP, MPJPE (mm)",
    ("occlusion_person", "mpjpe"): "Occlusion-Person, MPJPE (mm)",
}
SOURCES = {  # the 2D sets of stage 1: what they are called
    None: "nothing (3D only)",
    "lsp_simulated": "simulated LSP",
    "mpii": "simulated MPII",
    "lsp_extended": "real LSP-Extended",
    "mpii+lsp_extended": "simulated MPII, then real LSP-Extended",
}
COLUMNS = ["run", "seed", "stage", "three_d", "start", "source", "arm", "recipe", "share", "labels"]
COLUMNS += ["learnt_from", "images", "minutes", "scorer", "origin", "test", "value", "low", "high"]


def study_of(profile: str) -> Study:
    """The study of a profile (see `find_study`), or, before it has records, the published one of its name."""
    study = find_study(profile)
    published = study.profile_path.with_name(f"reference_{study.profile.name}.yaml")
    return Study(published) if published.exists() and not study.records[0].exists() else study


def missing(*studies: Study) -> list[str]:
    """What of some studies is not there: one sentence per study without records or set that was absent."""
    lines = []
    for study in studies:
        if not study.records[0].exists():
            command = f"hpe-study study params/{study.profile_path.name}"
            lines.append(f"{study.profile.name} has no records yet: `{command}` makes them.")
        lines += [f"{name} was not found: {reason}" for name, reason in study.absent.items()]
    return lines


def scores_of(study: Study) -> pd.DataFrame:
    """`COLUMNS`, one row per run that ends an arm, column of the table (`TESTS`) and scorer; or none.

    labels is the number of different 2D images; images and minutes count earlier stages too; low and high
    bound the 95 % interval over people.
    """
    path = study.records[0]
    return _tidy(read_runs(path), study) if path.exists() else pd.DataFrame(columns=COLUMNS)


def _tidy(runs, study):
    """Rows of `runs.csv` or `blazepose.csv` as `COLUMNS`."""
    runs = runs[runs["run"].isin({NAME, *(row.run.name for row in study.rows)})]
    tests = pd.Series(list(zip(runs["test_set"], runs["metric"], strict=True)), runs.index).map(TESTS)
    runs = runs.assign(
        test=tests,
        origin=runs["test_origin"],
        start=runs["start"].astype(object).where(runs["start"].notna(), None),
        recipe=runs["recipe"].astype(object).where(runs["recipe"].notna(), ""),
        labels=runs["images_2d"],
        images=runs["images_line"],
        minutes=runs["seconds_line"] / 60,
    )
    runs["source"] = [SOURCES.get(start, start) for start in runs["start"]]
    return runs[tests.notna()][COLUMNS].reset_index(drop=True)


def beside_blazepose(study: Study) -> pd.DataFrame:
    """`COLUMNS` of BlazePose (source: the scorer) and the arms on the joints of both, where it was run."""
    path = study.blazepose[0]
    if not path.exists():
        return pd.DataFrame(columns=COLUMNS)
    scores = _tidy(read_runs(path), study)
    blazepose = scores["run"] == NAME
    return scores.assign(
        source=scores["source"].mask(blazepose, scores["scorer"]),
        three_d=scores["three_d"].astype(object).mask(blazepose, ""),
        share=scores["share"].mask(blazepose, 1.0),
    )


def pooled(scores: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Means over seeds: `by`, value, low, high (95 % interval), seeds, and all of it as a `Score`."""
    rows = []
    for key, group in scores.groupby(list(by), sort=False, dropna=False, observed=True):
        mean, test = mean_of_rows(group), group["test"].iloc[0]
        better = "lower" if "mm" in test or "exchanged" in test else "higher"
        if "scorer" in group and group["scorer"].iloc[0] == FOUND:
            better = None  # not of everybody
        score = Score(mean["value"], mean["low"], mean["high"], test_set=test, better=better, digits=1)
        rows.append((*key, *mean.values(), score))
    return pd.DataFrame(rows, columns=[*by, "value", "low", "high", "seeds", "score"])


def as_table(differences: pd.DataFrame) -> pd.DataFrame:
    """Rows of `contrasts` as a table to show: one row per contrast, one column per test."""
    scores = [Score(*ends, digits=1) for ends in differences[["value", "low", "high"]].to_numpy(float)]
    wide = differences.assign(score=scores)
    wide = wide.pivot_table("score", "contrast", "test", aggfunc="first", sort=False)
    return wide.rename_axis(index="", columns=None)


def in_words(differences: pd.DataFrame) -> dict[str, tuple[str, int]]:
    """{contrast: what comes out on every test, in words; its seeds} of rows of `contrasts`."""
    found = {}
    for title, own in differences.groupby("contrast", sort=False):
        rows = zip(own.itertuples(), as_table(own).loc[title], strict=True)
        text = "; ".join(f"{row.test} {score}, {row.says}" for row, score in rows)
        text = re.sub(r"PCKh?@0\.\d", r"`\g<0>`", text)  # else a page in Markdown makes a mail address of it
        found[title] = text, own["seeds"].max()
    return found


def find_run(study: Study, **wanted: Any) -> Run | None:
    """The first run that ends an arm and has these attributes; None where there is none."""
    ends = (row.run for row in study.rows)
    fitting = (run for run in ends if all(getattr(run, key) == value for key, value in wanted.items()))
    return next(fitting, None)


def contrasts(
    study: Study, pairs: dict[str, tuple[dict[str, Any], dict[str, Any]]], tests: Sequence[tuple[str, str]]
) -> pd.DataFrame:
    """Differences between arms, paired over people and seeds.

    `pairs` are {title: (attributes of an arm's run, those of the arm that it is compared with)}, `tests` keys
    of `TESTS`.

    Returns:
        title, test, value (the first less the second), low, high (95 % interval), seeds, says ("higher",
        "lower", "can't tell"); one row per pair and test that both arms have.
    """
    columns = ["contrast", "test", "value", "low", "high", "seeds", "says"]
    if not study.records[0].exists():
        return pd.DataFrame(columns=columns)
    results, rows = Results(study), []
    for (title, arms), test in product(pairs.items(), tests):
        runs = [find_run(study, **arm) for arm in arms]
        samples = [run and results.sample(run, *test) for run in runs]
        if all(samples) and len(samples[0].seeds) == len(samples[1].seeds):
            sample = combined(np.subtract, samples)
            low, high = sample.interval
            says = "higher" if low > 0 else "lower" if high < 0 else "can't tell"
            rows.append((title, TESTS[test], sample.value, low, high, len(sample.seeds), says))
    return pd.DataFrame(rows, columns=columns)
