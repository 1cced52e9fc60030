"""`make lock`: write constraints.txt, the versions that are installed here, which installations keep to.

Without local builds (+cpu, +cu130) and without CUDA's own packages, which PyTorch pins itself: one file serves machines with
and without a GPU.
"""

import platform
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).resolve().parents[1] / "constraints.txt"
LEFT_OUT = ("nvidia-", "cuda-", "triton")


def lock(freeze: str) -> str:
    """The text of constraints.txt. freeze: what `pip freeze` prints."""
    pins = [line.partition("+")[0].strip() for line in freeze.splitlines() if "==" in line]
    kept = sorted((pin for pin in pins if not pin.lower().startswith(LEFT_OUT)), key=str.lower)
    head = f"# Made by `make lock` with Python {platform.python_version()}; installations keep to these versions.\n"
    return head + "\n".join(kept) + "\n"


if __name__ == "__main__":
    command = [sys.executable, "-m", "pip", "freeze", "--exclude-editable"]
    LOCK.write_text(lock(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    print(f"{LOCK.name}: written")
