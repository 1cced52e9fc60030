"""`python -m tools.results`: write README's table of results anew from the published records."""

import re
from pathlib import Path

import pandas as pd

from hpe_study.report.intervals import mean_of_rows
from hpe_study.utils.files import atomic

PROJECT = Path(__file__).resolve().parent.parent
MARKS = re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- /results -->)", re.S)
AS_PUBLISHED = "as in the paper: each scheme's own number of images"
EQUAL = "the same number of images learnt from"
# What is compared, the published records (below figures/reference), test set, metric, the run without and the run with 2D data
# (names without their seed), and what that one learnt from in 2D
ONLY = "stage2-only3d-equal_images-h36m"
# Table 4's arms, on more seeds: neither, pre-training alone, and both
NEITHER = "stage2-only3d-equal_images-paper-h36m"
ALONE, BOTH = "stage2-only3d-from_mpii-equal_images-paper-h36m", "stage2-mpii-equal_images-paper-h36m"
TRAINED_ALONE = "simulated MPII, pre-training alone"
ROWS = (
    (AS_PUBLISHED, "", "h36m", "mpjpe", "stage3-only3d-h36m-h36m", "stage3-mpii-h36m-h36m", "simulated MPII"),
    (AS_PUBLISHED, "", "mpi_inf_3dhp", "mpjpe", "stage3-only3d-h36m-h36m", "stage3-mpii-h36m-h36m", "simulated MPII"),
    (EQUAL, "today", "h36m", "mpjpe", NEITHER, BOTH, "simulated MPII"),
    (EQUAL, "today", "mpi_inf_3dhp", "mpjpe", NEITHER, BOTH, "simulated MPII"),
    (EQUAL, "today", "mpi_inf_3dhp", "mpjpe", NEITHER, ALONE, TRAINED_ALONE),
    (EQUAL, "real", "lsp", "pckh", ONLY, "stage2-lsp_simulated-equal_images-h36m", "simulated LSP"),
    (EQUAL, "real", "lsp", "pckh", ONLY, "stage2-lsp_extended-equal_images-h36m", "real LSP-Extended"),
    (EQUAL, "real", "lsp_pseudo3d", "ordinal", ONLY, "stage2-lsp_extended-equal_images-h36m", "real LSP-Extended"),
)  # fmt: skip
NAMES = {"h36m": "Human3.6M", "mpi_inf_3dhp": "MPI-INF-3DHP", "lsp": "LSP test", "lsp_pseudo3d": "LSP train"}
METRICS = {"mpjpe": "MPJPE", "pckh": "`PCKh@0.5`", "ordinal": "order in depth"}


def cell(scores: pd.DataFrame) -> str:
    """Mean over the seeds with its 95 % interval over test people and seeds."""
    mean, unit = mean_of_rows(scores), scores.unit.iloc[0]
    value, low, high = (f"{mean[key]:.{0 if unit == 'mm' else 1}f}" for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}] {unit}"


def results_table(home: Path = PROJECT) -> str:
    """The table in Markdown; rows whose runs are not published are left out."""
    lines = [
        "| test people | compared at | 3D data alone | pre-trained on 2D and mixed | learnt from in 2D | n, seeds |"
    ]
    lines += ["|---|---|---:|---:|---|---|"]
    for what, records, test_set, metric, without, pretrained, source in ROWS:
        path = home / "figures/reference" / records / "records/runs.csv"
        if not path.exists():
            continue
        runs = pd.read_csv(path, low_memory=False).query("scorer == 'model' and protocol == 'study'")
        runs = runs[(runs.test_set == test_set) & (runs.metric == metric)]
        pair = [runs[runs.run.str.fullmatch(rf"{name}-seed\d+")] for name in (without, pretrained)]
        if any(scores.empty for scores in pair):
            continue
        people = f"{pair[0].test_origin.iloc[0]} {NAMES[test_set]}, {METRICS[metric]}"
        size = f"{pair[0].n.max():.0f}, {pair[0].seed.nunique()}"
        lines.append(f"| {' | '.join([people, what, *map(cell, pair), source, size])} |")
    return "\n".join(lines)


def with_results(text: str, home: Path = PROJECT) -> str:
    """README's text with the table between its two marks made anew."""
    return MARKS.sub(lambda _: f"\n{results_table(home)}\n\n", text)


if __name__ == "__main__":
    path = PROJECT / "README.md"
    text = with_results(path.read_text())
    with atomic(path) as part:
        part.write_text(text)
