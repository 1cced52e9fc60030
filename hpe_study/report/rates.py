"""How fast a network trains: the rates that were measured with this code.

benchmarks/results.csv   of a processor: rows "<network> training step", and "validation" of the same machine
benchmarks/gpu.csv       of a GPU: rows "training", "scoring", and "compiling" of the same setting
"""

from dataclasses import dataclass
from pathlib import Path

from hpe_study.config import NetworkConfig
from hpe_study.errors import StudyError
from hpe_study.utils.tables import read_table

BATCH = 32  # images in a batch of the processor's benchmark


@dataclass(frozen=True)
class Rate:
    """How fast one device trains one network; `startup`: seconds to compile it before each training."""

    device: str
    precision: str
    training: float  # images per second that are learnt from
    forward: float  # images per second that are sent forward only
    source: str = ""  # file, setting, data, date
    startup: float = 0.0
    is_gpu: bool = False  # False: one core of a processor


def measured_rates(network: NetworkConfig, benchmarks: Path) -> list[Rate]:
    """The network's fastest rate on each device, slowest device first, by the tables in a folder.

    `StudyError` where a table is damaged, a row's unit is no rate, or the network was not measured.
    """
    rates = _of_processors(network, benchmarks / "results.csv") + _of_gpus(network, benchmarks / "gpu.csv")
    if not rates:
        raise StudyError(f"{benchmarks}: has no rate of {title(network)}; `make bench` measures rates")
    rates.sort(key=lambda rate: rate.training)
    fastest = {rate.device: rate for rate in rates}
    return [rate for rate in rates if rate is fastest[rate.device]]


def title(network: NetworkConfig) -> str:
    """What the benchmarks call a network."""
    return f"{network.model.replace('resnet', 'ResNet-')} {network.input_size} px"


def _of_processors(network, path):
    columns = ["benchmark", "precision", "unit", "machine", "data", "date", "ours"]
    table, rates = read_table(path, "benchmarks", columns, ["ours"]), []
    validated = table[table["benchmark"] == "validation"]
    for row in table[table["benchmark"] == f"{title(network)} training step"].itertuples():
        same = validated[(validated["machine"] == row.machine) & (validated["precision"] == row.precision)]
        validation = _first(same, "validation", row, path)
        forward = 2 * _per_second(validation, path)  # each image and its mirror image
        source = f"{path.parent.name}/{path.name}, {row.data}, {row.date}"
        rates.append(Rate(row.machine, row.precision, _per_second(row, path), forward, source))
    return rates


def _per_second(row, path):
    images = {"s/batch": BATCH / row.ours, "ms/image": 1000 / row.ours}
    if row.unit not in images:
        raise StudyError(f"{path}: a rate is in {row.unit!r}; the units known are {', '.join(images)}")
    return images[row.unit]


def _first(table, quantity, row, path):
    if table.empty:
        raise StudyError(f"{path}: no {quantity} of {row.machine}, {row.precision}; measure it, too")
    return table.iloc[0]


def _of_gpus(network, path):
    columns = ["quantity", "network", "setting", "precision", "machine", "data", "date", "value"]
    table, rates = read_table(path, "GPU benchmarks", columns, ["value"]), []
    table = table[table["network"] == title(network)]
    for row in table[table["quantity"] == "training"].itertuples():
        same = table[table["machine"] == row.machine]
        scoring = _first(same[same["quantity"] == "scoring"], "scoring", row, path)
        startup = same.query("quantity == 'compiling' and setting == @row.setting")["value"].sum()
        source = f"{path.parent.name}/{path.name}, {row.setting}, {row.data}, {row.date}"
        source += f"; {startup:.0f} s before each training, to compile it, are counted" if startup else ""
        rates.append(Rate(row.machine, row.precision, row.value, scoring["value"], source, startup, True))
    return rates
