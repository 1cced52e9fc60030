"""Worker processes end with the process that started them, also those that read crops for a training."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.stick_people import stick_store_path

REPOSITORY = Path(__file__).resolve().parents[2]
READ = """
import sys, numpy as np, time
from hpe_study.data.loading import StreamedBatches
from hpe_study.data.store import Store
if __name__ == "__main__":
    pairs = np.stack([np.zeros(24, int), np.arange(24)], 1)
    source = StreamedBatches([Store(sys.argv[1])], workers=2)
    for raw in source.batches(pairs, 4):
        pass
    print("read", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_readers_end_with_a_killed_training(tmp_path):
    path = stick_store_path(tmp_path, 24)
    script = tmp_path / "read.py"
    script.write_text(READ)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(
        [sys.executable, script, path],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == "read\n"

    def session():
        return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _session(entry) == process.pid]

    assert len(session()) >= 4  # itself, the server, two readers
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 20
    while session() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert session() == []


def _session(entry):
    """The session that a process belongs to; None where it is gone or only waited for."""
    try:
        state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
    except OSError:
        return None
    return None if state == "Z" else int(session)
