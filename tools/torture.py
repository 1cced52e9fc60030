"""Kill the quick study at random moments, let it finish, and compare it with one that was not killed.

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
from pathlib import Path

import h5py
import numpy as np

from tools.golden import PROJECT, copy_project, differences, finished_quick_study

COMMAND = [sys.executable, "-m", "hpe_study", "study", "params/quick.yaml"]
LONGEST = 90.0  # seconds from a start to a kill
PATIENCE = 20.0  # seconds in which all processes of a killed study must be gone


def main(kills: int) -> int:
    """Kill, finish, compare; returns the number of faults."""
    faults, random = [], np.random.default_rng(kills)
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("killed", "unbroken"):
            copy_project(Path(folder, name))
        home = Path(folder, "killed")
        for number in range(kills):
            process = subprocess.Popen(
                COMMAND, cwd=home, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            try:
                process.wait(random.uniform(0, LONGEST))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
            faults += [f"kill {number}: {fault}" for fault in [*_outlived(home), *_broken(home)]]
            print(f"kill {number + 1} of {kills}: {len(faults)} faults so far", flush=True)
        for name in ("killed", "unbroken"):
            subprocess.run(
                COMMAND, cwd=Path(folder, name), env=environment, check=True, stdout=subprocess.DEVNULL
            )
        records = [finished_quick_study(Path(folder, name)) for name in ("unbroken", "killed")]
        faults += differences(*records)
    print("\n".join(faults) or f"{kills} kills: every file whole, the end equal bit for bit")
    return len(faults)


def _outlived(home: Path) -> list[str]:
    """Processes that still work in `home` after a while; they are ended."""
    end = time.monotonic() + PATIENCE
    while (left := _processes(home)) and time.monotonic() < end:
        time.sleep(0.2)
    for process in left:
        os.kill(process, signal.SIGKILL)
    return [f"process {process} outlived the study by {PATIENCE:.0f} s" for process in left]


def _processes(home: Path) -> list[int]:
    processes = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
            working = os.readlink(entry / "cwd")
        except OSError:
            continue
        if command and (str(home) in working or str(home).encode() in command):
            processes.append(int(entry.name))
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
        except (OSError, ValueError) as error:
            faults.append(f"{path.relative_to(home)}: {error}")
    return faults


if __name__ == "__main__":
    sys.exit(bool(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)))
