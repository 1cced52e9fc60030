"""The paper's own numbers, as printed: `published_numbers/*.csv`.

They are of the real data sets and never share a column with ours.

table1, table2, table3   PCKh in percent (see `PCKH_NOTE`), MPJPE in mm; NaN where the paper prints nothing;
                         `note` says what is odd
timing                   minutes per epoch and epochs, per comparison, scheme and stage
figure3                  training MPJPE at the drop of the learning rate, in mm, as the text says it
datasets                 the data sheet: images a split, joints
settings                 settings and practices as printed or published, and why ours differ
"""

from functools import lru_cache
from importlib.resources import files

import pandas as pd

from hpe_study.config import Counts

NAMES = ("table1", "table2", "table3", "figure3", "timing", "datasets", "settings")
PCKH_NOTE = (
    "The paper's PCKh@0.5 is a score at 5 % of the crop's side over ten joints; our column “crop PCK” is its"
    " counterpart."
)
KEYS = {  # the paper's words → the names that runs carry
    "MPII": "mpii", "LSP": "lsp", "FLIC": "flic", "H36M": "h36m", "MPI-INF-3DHP": "mpi_inf_3dhp",
    "Occlusion-Person": "occlusion_person", "3DPW": "3dpw",
}  # fmt: skip
TITLES = {key: title for title, key in KEYS.items()}


@lru_cache
def _read(name: str) -> pd.DataFrame:
    with (files("hpe_study.study") / "published_numbers" / f"{name}.csv").open() as stream:
        return pd.read_csv(stream)


def published(name: str) -> pd.DataFrame:
    """One of `NAMES` as a data frame, data sets by the names that runs carry; ValueError for another name."""
    if name not in NAMES:
        raise ValueError(f"no published table {name!r}; there are {', '.join(NAMES)}")
    table = _read(name).copy()
    for column in ("train_2d", "train_3d", "stage2_3d", "stage3_3d", "dataset"):
        if column in table:
            table[column] = table[column].map(KEYS)
    return table


@lru_cache
def data_sheet() -> dict[str, Counts]:
    """{data set: counts of its splits} of the paper's data sheet; sets without counts are left out."""
    sheet = published("datasets").dropna(subset=["train_images", "test_images"])
    return {
        row.dataset: Counts(train=int(row.train_images), test=int(row.test_images))
        for row in sheet.itertuples()
    }


def training_images() -> dict[str, int]:
    """{data set: images in its training split}, of the paper's data sheet."""
    return {name: counts.train for name, counts in data_sheet().items()}


def total_minutes() -> dict[tuple[str, str], float]:
    """{(comparison, scheme): minutes}, the paper's four totals over stages: minutes per epoch × epochs."""
    table = published("timing")
    return (
        (table["minutes_per_epoch"] * table["epochs"])
        .groupby([table["comparison"], table["scheme"]])
        .sum()
        .to_dict()
    )
