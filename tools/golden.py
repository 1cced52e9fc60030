"""The golden record: what a rebuilding of the code must leave as it is.

    python -m tools.golden before.json                    take the record (about four minutes on two cores)
    python -m tools.golden after.json --against before.json

Of every profile: the identity hash of each run and the digest of each data set's settings. Of the `quick`
profile, run whole in an empty folder: the key of each store, the digest of every weight tensor, runs.csv and the tables without clocks.
Of every data set: the digest of its simulated stand-in's files at a small size. Equal only on one kind of
processor and one set of library versions.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import torch

from hpe_study.data.store_key import stored_key
from hpe_study.study import Study
from simulated_people import NAMES, StandInSpec, make

PROJECT = Path(__file__).resolve().parents[1]
CLOCKS = [
    "code", "device", "seconds", "seconds_line", "seconds_per_epoch", "images_per_second", "peak_memory_mb"
]  # fmt: skip
TRAIN, TEST, SIZE = 12, 6, 48  # records in each split of a stand-in, px


def identities():
    """{profile: {"runs": {name: hash}, "data": {set: digest}}} of every parameter file."""
    studies = [Study(path) for path in sorted((PROJECT / "params").glob("*.yaml"))]
    return {
        study.profile.name: {
            "runs": {run.name: study.stage(run).hash for run in study.runs},
            "data": {name: study.data_settings(name) for name in study.profile.set_names},
        }
        for study in studies
    }


def copy_project(home):
    """Put what a study needs, besides the package, into the folder `home`."""
    for name in ("params", "notebooks"):
        shutil.copytree(PROJECT / name, home / name)
    shutil.copy(PROJECT / "Snakefile", home)


def quick_study(home):
    """Run the quick profile in the folder `home`; see `finished_quick_study`."""
    copy_project(home)
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "hpe_study", "study", "params/quick.yaml"]
    subprocess.run(command, cwd=home, env=environment, check=True)
    return finished_quick_study(home)


def finished_quick_study(home):
    """Its stores' keys, weights' digests, run records and tables; all without clocks."""
    study = Study(home / "params" / "quick.yaml")
    records = pd.read_csv(study.folder / "runs.csv").drop(columns=CLOCKS)
    stores = sorted((home / "data" / "prepared" / "quick").glob("*.h5"))
    return {
        "stores": {path.name: stored_key(path) for path in stores},
        "weights": {
            path.parent.name: _tensors(path) for path in sorted(study.folder.glob("*/checkpoint.pt"))
        },
        "runs.csv": records.to_csv(index=False).splitlines(),
        "tables": {
            path.name: [line for line in path.read_text().splitlines() if "minutes" not in line.split(",")]
            for path in sorted(study.figures.glob("table*.csv"))
        },
    }


def _tensors(path):
    weights = torch.load(path, map_location="cpu", weights_only=True)["model"]
    return {
        name: hashlib.sha256(tensor.numpy().tobytes()).hexdigest()[:16] for name, tensor in weights.items()
    }


def stand_ins(root):
    """{set: digest of all files of its stand-in, names and bytes}."""
    digests = {}
    for name in NAMES:
        folders = make(StandInSpec(name, TRAIN, TEST, size=SIZE), root, workers=2, progress=False)
        sha = hashlib.sha256()
        for path in sorted(path for folder in folders for path in folder.rglob("*") if path.is_file()):
            sha.update(str(path.relative_to(root)).encode() + path.read_bytes())
        digests[name] = sha.hexdigest()
    return digests


def differences(one, other, place=""):
    """Lines that name every place where two records differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted({*one, *other})
        return [line for key in keys for line in differences(one.get(key), other.get(key), f"{place}/{key}")]
    return [] if one == other else [f"{place}: {str(one)[:120]} → {str(other)[:120]}"]


def main():
    """Take the record; with `--against`, compare. The exit status is 1 where something differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--against", type=Path, metavar="FILE", help="a record taken before")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "project")
        record = {
            "identities": identities(),
            "quick": quick_study(home),
            "stand-ins": stand_ins(Path(folder, "raw")),
        }
    arguments.out.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
    found = (
        differences(json.loads(arguments.against.read_text()), json.loads(arguments.out.read_text()))
        if arguments.against
        else []
    )
    print(
        "\n".join(found)
        or f"{arguments.out}: written" + (f", equal to {arguments.against}" if arguments.against else "")
    )
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
