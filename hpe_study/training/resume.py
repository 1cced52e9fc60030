"""The state of an unfinished training on disk: `resume.pt`, written after every epoch."""

from pathlib import Path
from typing import Any

import torch

from hpe_study.utils.files import require_regular_file

FILE = "resume.pt"
DAMAGED = "resume.damaged.pt"
ENTRIES = {
    "inputs": str, "precision": str, "epoch": int, "step": int, "model": dict, "ema": (dict, type(None)),
    "optimizer": dict, "history": list,
}  # fmt: skip


def set_aside_damaged(folder: Path) -> None:
    """Rename a resume file that cannot be read, saying so: the training then starts anew."""
    path = folder / FILE
    if not path.exists():
        return
    require_regular_file(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        lacking = [name for name, kind in ENTRIES.items() if not isinstance(state.get(name, ...), kind)]
        reason = f"it lacks {', '.join(lacking)}" if lacking else None
    except Exception as error:  # what a damaged file makes the unpickler raise cannot be listed
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
    if reason:
        path.replace(folder / DAMAGED)
        print(f"{path}: damaged ({reason}); set aside as {DAMAGED}, training starts anew", flush=True)


def read(folder: Path, device: torch.device) -> dict[str, Any] | None:
    """The saved state, its tensors on `device`; None where there is none."""
    path = folder / FILE
    return torch.load(path, map_location=device, weights_only=True) if path.exists() else None
