"""How fast a profile's network trains: rates measured here, out of committed files, and where no GPU was
measured, the goal.

benchmarks/results.csv          rows "<network> training step", and "validation" of the same machine
benchmarks/gpu.csv              rows "training" of the network, with "compiling" of the same setting and
                                "scoring"
params/reference*.yaml          published run records, where they are of this very network
"""

from dataclasses import dataclass

import pandas as pd

from hpe_study.errors import StudyError
from hpe_study.study import Study
from hpe_study.study.records import read_runs

MEASURED, PROJECTED = "at the rate measured", "at the goal, not measured"  # what hours are projected from
GOAL, GOAL_OF = (
    2500.0,
    "ResNet-50 256 px",
)  # images a second on one H100, and the network that this is the goal of
BATCH = 32  # images of a benchmark's batch
PASS = 1 / 3  # of an image learnt from: forward alone, where forward and backward are about one to two


@dataclass(frozen=True)
class Rate:
    """kind: `MEASURED` or `PROJECTED`; training: images learnt from a second; passes: images sent forward
    alone a second; start: seconds that a training takes before that rate."""

    kind: str
    device: str
    precision: str
    training: float
    passes: float
    source: str
    start: float = 0.0

    @property
    def on_gpu(self):
        return "cores)" not in self.device  # as `devices` writes processors

    @property
    def words(self):
        """Where, and how fast."""
        where = ", ".join(part for part in (self.device, self.precision) if part)
        return f"{where}, {self.training:,.{0 if self.training >= 100 else 2}f} images/s"


def rates(study, goal=GOAL, benchmarks=None):
    """The rates of the study's network: of each machine the fastest that was measured; the goal, if it is of
    that network and no GPU was.

    goal: images a second, None: without. benchmarks: folder of the benchmarks' tables, by default the
    project's. Raises `StudyError` for a row in a unit that is no rate.
    """
    network, tables = study.profile.network, benchmarks or study.home / "benchmarks"
    found = (
        _benchmarked(network, tables / "results.csv")
        + _on_gpu(network, tables / "gpu.csv")
        + _recorded(study)
    )
    fastest = {}
    for rate in sorted(found, key=lambda rate: rate.training):
        fastest[rate.device] = rate
    ordered = sorted(fastest.values(), key=lambda rate: rate.training)
    if goal and title(network) == GOAL_OF and not any(rate.on_gpu for rate in ordered):
        ordered.append(Rate(PROJECTED, "one H100", "", goal, goal / PASS, "no GPU's rate stands behind it"))
    return ordered


def title(network):
    """What the benchmarks call a network."""
    return f"{network.model.replace('resnet', 'ResNet-')} {network.input_size} px"


def _benchmarked(network, path):
    if not path.exists():
        return []
    table = pd.read_csv(path, dtype={"precision": str}).fillna({"precision": ""})
    of_network = title(network)
    trained, scored = (
        table[table["benchmark"] == name] for name in (f"{of_network} training step", "validation")
    )
    found = []
    for row in trained.itertuples():
        same = scored[(scored["machine"] == row.machine) & (scored["precision"] == row.precision)]
        training = _per_second(row, path)
        passes = (
            2 * _per_second(next(same.itertuples()), path) if len(same) else training / PASS
        )  # the benchmark sends each image twice
        told = f"{path.parent.name}/{path.name}, {row.data}, {row.date}"
        found.append(Rate(MEASURED, row.machine, row.precision, training, passes, told))
    return found


def _per_second(row, path):
    """Images a second of a benchmark's row."""
    known = {"s/batch": BATCH / row.ours, "ms/image": 1000 / row.ours}
    if row.unit not in known:
        raise StudyError(
            f"{path}: {row.benchmark!r} is in {row.unit}, which is no rate; known are {', '.join(known)}"
        )
    return known[row.unit]


def _on_gpu(network, path):
    if not path.exists():
        return []
    table = pd.read_csv(path)
    rows, found = table[table["network"] == title(network)], []
    for row in rows[rows["quantity"] == "training"].itertuples():
        same = rows[rows["machine"] == row.machine].set_index("quantity")
        scored, compiled = (same.loc[same.index == quantity] for quantity in ("scoring", "compiling"))
        passes = scored["value"].iloc[0] if len(scored) else row.value / PASS
        start = compiled.loc[compiled["setting"] == row.setting, "value"].sum()
        told = f"benchmarks/{path.name}, {row.setting}, {row.data}, {row.date}"
        found.append(Rate(MEASURED, row.machine, row.precision, row.value, passes, told, start))
    return found


def _recorded(study):
    """The published records' rates, where they are of the study's network."""
    wanted, found = study.profile.network, []
    for path in sorted((study.home / "params").glob("reference*.yaml")):
        published = Study(path)
        network = published.profile.network
        if (network.model, network.width, network.input_size) != (
            wanted.model,
            wanted.width,
            wanted.input_size,
        ):
            continue
        runs = read_runs(published.folder / "runs.csv").drop_duplicates("run")
        for (device, precision), group in runs[runs["backbone"].isna()].groupby(["device", "precision"]):
            rate = float(group["images_per_second"].median())
            people = "simulated" if group["simulated"].any() else "real data"
            found.append(
                Rate(
                    MEASURED,
                    device,
                    precision,
                    rate,
                    rate / PASS,
                    f"{path.name}, median of {len(group)} runs, {people}",
                )
            )
    return found
