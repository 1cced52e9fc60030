"""Kill a small study (the quick profile's Table 1) at random moments, let it finish, and compare it with one that was not killed.

    python -m tools.torture 50        (or: make torture KILLS=50)

Every file must be whole after each kill, no process may outlive the killed one for long, and in the end weights, run
records and tables must be equal bit for bit.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import h5py
import numpy as np
import yaml

from tools.golden import PROJECT, copy_project, differences, finished_quick_study

COMMAND = [sys.executable, "-m", "hpe_study", "study", "params/quick.yaml"]
SHARE = 0.3  # of an unbroken study's time: the longest from a start to a kill
PATIENCE = 20.0  # seconds in which all processes of a killed study must be gone


def main(kills: int) -> int:
    """Kill, finish, compare; returns the number of faults."""
    faults, random = [], np.random.default_rng(kills)
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        unbroken, killed = Path(folder, "unbroken"), Path(folder, "killed")
        for home in (unbroken, killed):
            copy_project(home)
            profile = home / "params" / "quick.yaml"
            values = yaml.safe_load(profile.read_text()) | {"tables": [1], "analyses": ["table1"]}
            profile.write_text(yaml.safe_dump(values))
        start = time.monotonic()
        subprocess.run(COMMAND, cwd=unbroken, env=environment, check=True, stdout=subprocess.DEVNULL)
        longest = SHARE * (time.monotonic() - start)
        for number in range(kills):
            process = subprocess.Popen(
                COMMAND, cwd=killed, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            try:
                process.wait(random.uniform(0, longest))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
            new = [f"kill {number + 1}: {fault}" for fault in [*_outlived(killed), *_broken(killed)]]
            print("\n".join([f"kill {number + 1} of {kills}", *new]), flush=True)
            faults += new
        subprocess.run(COMMAND, cwd=killed, env=environment, check=True, stdout=subprocess.DEVNULL)
        faults += differences(finished_quick_study(unbroken), finished_quick_study(killed))
    print("\n".join(faults) or f"{kills} kills: every file whole, the end equal bit for bit")
    return len(faults)


def _outlived(home: Path) -> list[str]:
    """Processes that still work in `home` after a while; they are ended."""
    end = time.monotonic() + PATIENCE
    while (left := _processes(home)) and time.monotonic() < end:
        time.sleep(0.2)
    for process in left:
        os.kill(process, signal.SIGKILL)
    return [f"{command} outlived the study by {PATIENCE:.0f} s" for command in left.values()]


def _processes(home: Path) -> dict[int, str]:
    """{process that works in `home`: its command}."""
    processes = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
            working = os.readlink(entry / "cwd")
        except OSError:
            continue
        if command and (str(home) in working or str(home).encode() in command):
            processes[int(entry.name)] = command.replace(b"\0", b" ").decode(errors="replace")[:200]
    return processes


def _broken(home: Path) -> list[str]:
    """Files that are neither whole nor on their way: temporary names do not count."""
    faults = []
    for path in home.rglob("*"):
        if path.name.startswith(".") or not path.is_file() or ".snakemake" in path.parts:
            continue
        try:
            if path.suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))
            elif path.suffix == ".h5":
                h5py.File(path).close()
            elif path.suffix == ".pt" and (entry := zipfile.ZipFile(path).testzip()):
                raise ValueError(f"damaged at {entry}")
            elif path.suffix == ".csv" and not path.read_bytes().endswith(b"\n"):
                raise ValueError("ends within a line")
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            faults.append(f"{path.relative_to(home)}: {error}")
    return faults


if __name__ == "__main__":
    sys.exit(bool(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)))
