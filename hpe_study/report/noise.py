"""How far two trainings of one run differ, which a study of one seed cannot know of itself.

python -m hpe_study.report.noise OLD_RUNS.csv NEW_RUNS.csv

compares the records of one profile that were made twice with equal parameters, data and seeds, by revisions
of the code that differ in rounding alone, and writes `training_noise.csv` beside this module: network, test
set, the standard deviation of one training's MPJPE as a share of it, pairs of runs, and which revisions.
Another seed also changes the first weights and the order of the images, so this is the least that trainings
differ.
"""

import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from hpe_study.errors import StudyError
from hpe_study.study.records import read_runs
from hpe_study.utils.files import atomic

NAME = "training_noise.csv"
PAIRED = ["run", "test_set", "scorer", "metric", "protocol", "hash"]


def repeated(old, new):
    """A row a test set, a data frame: relative_sd of one training's MPJPE, pairs, codes. old, new: tables of
    `read_runs`.

    Raises `StudyError` where no run of equal parameters was made by two revisions.
    """
    pairs = old.merge(new, on=PAIRED, suffixes=("_old", "_new"))
    pairs = pairs[
        (pairs["metric"] == "mpjpe") & (pairs["scorer"] == "model") & (pairs["code_old"] != pairs["code_new"])
    ]
    if pairs.empty:
        raise StudyError("the two tables have no run of equal parameters that two revisions of the code made")
    ratio = np.log(pairs["value_new"] / pairs["value_old"])
    codes = f"{' '.join(sorted(set(pairs['code_old'])))} and {' '.join(sorted(set(pairs['code_new'])))}"
    of_one = ratio.pow(2).groupby(pairs["test_set"]).mean().pow(0.5) / np.sqrt(2)
    return pd.DataFrame(
        {"relative_sd": of_one, "pairs": ratio.groupby(pairs["test_set"]).size(), "codes": codes}
    ).reset_index()


def training_noise(network):
    """{test set: standard deviation of one training's MPJPE as a share of it}; empty for a network that was
    not trained twice.

    network: `config.NetworkConfig`.
    """
    table = pd.read_csv(files("hpe_study.report") / NAME)
    same = (
        (table["model"] == network.model)
        & (table["width"] == (network.width or 0))
        & (table["input_size"] == network.input_size)
    )
    return dict(zip(table.loc[same, "test_set"], table.loc[same, "relative_sd"], strict=True))


def main(old, new, network):
    """Write the file anew for one network. old, new: paths of `runs.csv`."""
    path = Path(str(files("hpe_study.report") / NAME))
    found = repeated(read_runs(old), read_runs(new))
    found = found.assign(model=network.model, width=network.width or 0, input_size=network.input_size)
    columns = ["model", "width", "input_size", "test_set", "relative_sd", "pairs", "codes"]
    with atomic(path) as part:
        found[columns].to_csv(part, index=False, float_format="%.4f")
    return path


if __name__ == "__main__":
    from hpe_study.config import read_profile

    try:
        print(main(*sys.argv[1:3], read_profile("params/demo.yaml").network))
    except (StudyError, TypeError) as error:
        sys.exit(f"error: {error}")
