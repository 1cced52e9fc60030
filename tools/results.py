"""`python -m tools.results`: write README's table of results anew from the published records."""

import re
from pathlib import Path

import pandas as pd

from hpe_study.utils.files import atomic

PROJECT = Path(__file__).resolve().parent.parent
MARKS = re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- /results -->)", re.S)
TABLES = ("records/runs.csv", "fair/records/runs.csv", "real/records/runs.csv")  # below figures/reference
AS_PUBLISHED = "as in the paper: each scheme's own number of images"
EQUAL = "the same number of images learnt from"
# What is compared, test set, metric, the run without and the run with 2D pre-training (names without their seed)
ROWS = (
    (AS_PUBLISHED, "h36m", "mpjpe", "stage3-only3d-h36m-h36m", "stage3-mpii-h36m-h36m"),
    (AS_PUBLISHED, "mpi_inf_3dhp", "mpjpe", "stage3-only3d-h36m-h36m", "stage3-mpii-h36m-h36m"),
    (EQUAL, "h36m", "mpjpe", "stage2-only3d-equal_images-h36m", "stage2-mpii-equal_images-h36m"),
    (EQUAL, "mpi_inf_3dhp", "mpjpe", "stage2-only3d-equal_images-h36m", "stage2-mpii-equal_images-h36m"),
)
NAMES = {"h36m": "Human3.6M", "mpi_inf_3dhp": "MPI-INF-3DHP", "mpjpe": "MPJPE"}


def cell(scores: pd.DataFrame) -> str:
    """Mean over the seeds with its interval: by test people for one seed, the seeds' range for several."""
    low, high = (scores.low, scores.high) if len(scores) == 1 else (scores.value, scores.value)
    return f"{scores.value.mean():.0f} [{low.min():.0f}, {high.max():.0f}] {scores.unit.iloc[0]}"


def results_table(home: Path = PROJECT) -> str:
    """The table in Markdown; rows whose runs are not published are left out."""
    paths = [home / "figures/reference" / table for table in TABLES]
    runs = pd.concat([pd.read_csv(path, low_memory=False) for path in paths if path.exists()])
    runs = runs[(runs.scorer == "model") & (runs.protocol == "study")]
    lines = ["| test people | compared at | 3D data alone | with 2D pre-training (MPII) | n, seeds |"]
    lines += ["|---|---|---:|---:|---|"]
    for what, test_set, metric, without, pretrained in ROWS:
        chosen = runs[(runs.test_set == test_set) & (runs.metric == metric)]
        pair = [chosen[chosen.run.str.fullmatch(rf"{name}-seed\d+")] for name in (without, pretrained)]
        if any(scores.empty for scores in pair):
            continue
        origin = "simulated" if pair[0].simulated.all() else "real"
        size = f"{pair[0].n.max()}, {pair[0].seed.nunique()}"
        cells = [f"{origin} {NAMES[test_set]}, {NAMES[metric]}", what, *map(cell, pair), size]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def with_results(text: str, home: Path = PROJECT) -> str:
    """README's text with the table between its two marks made anew."""
    return MARKS.sub(lambda _: f"\n{results_table(home)}\n\n", text)


if __name__ == "__main__":
    path = PROJECT / "README.md"
    text = with_results(path.read_text())
    with atomic(path) as part:
        part.write_text(text)
