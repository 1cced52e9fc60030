"""Where a run computes and in what precision; and what the run record says about it."""

import hashlib
import os
import platform
import re
import resource
import subprocess
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from hpe_study.errors import StudyError
from hpe_study.utils import distributed

UNKNOWN = "unknown"  # the version of code that is neither in a checkout nor installed
LIBRARIES = ("torch", "torchvision", "timm", "numpy", "pandas", "h5py", "opencv-python-headless")


def pick_device(name: str = "auto", cores: int = 1) -> torch.device:
    """Give the `torch.device` of "auto" (the GPU that this process sees, else the CPU), "cpu" or "cuda:1".

    On the CPU the process is held to `cores` threads: two runs side by side, one thread each, beat one run
    with two (measured).
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if not re.fullmatch(r"cpu|cuda(:[0-9]{1,3})?", name):
        raise StudyError(f"device: {name!r} is not one of auto, cpu, cuda, cuda:0, …")
    device = torch.device(name)
    if device.type == "cpu":
        torch.set_num_threads(cores)
        return device
    if not torch.cuda.is_available():
        raise StudyError(f"device: {name!r} asked for, but this process sees no GPU; use device: auto or cpu")
    if (device.index or 0) >= torch.cuda.device_count():
        there = f"this process sees {torch.cuda.device_count()} GPU(s)"
        raise StudyError(f"device: {name!r} asked for, but {there}; use device: auto")
    torch.backends.cudnn.benchmark = True  # every batch has the same shape: look for fast kernels once
    return device


def check_count(count: int, name: str = "auto") -> None:
    """Refuse more processes than there are devices: GPUs where `pick_device(name)` is one, else cores."""
    if count == 1:
        return
    asked = f"devices: {count} asked for"
    if name not in ("auto", "cpu", "cuda"):
        raise StudyError(f"{asked}, but device {name!r} is a single one; use device: auto, cpu or cuda")
    on_gpu = pick_device(name).type == "cuda"
    there, kind = (torch.cuda.device_count(), "GPU") if on_gpu else (os.cpu_count(), "processor core")
    if count > there:
        advice = f"set devices to {there} or less, or run on a machine with {count}"
        raise StudyError(f"{asked}, but this machine has {there} {kind}{'s' if there > 1 else ''}; {advice}")


def pick_precision(name: str, device: torch.device) -> str:
    """Give "bf16" or "fp32" for a parameter file's precision.

    "auto" is bf16 where the device computes in it (measured on AVX-512 BF16: 1.4 × as fast), else fp32.
    """
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    supported = device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    native = "avx512_bf16" in _cpuinfo() or "amx_bf16" in _cpuinfo()
    return "bf16" if supported and native else "fp32"


@lru_cache
def _cpuinfo():
    """What Linux says of the processor; elsewhere nothing."""
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """The autocast context of a precision."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


@lru_cache
def code_version() -> str:
    """Commit of the code, with "+changes" where tracked files differ from it.

    Outside a checkout the package's version; "unknown" where it is not installed either.
    """
    here = Path(__file__).parents[1]

    def git(*arguments):
        return subprocess.check_output(
            ["git", *arguments], cwd=here, text=True, stderr=subprocess.DEVNULL
        ).strip()

    try:
        changes = git("status", "--porcelain", "-uno", "--", str(here))
        return git("rev-parse", "--short=12", "HEAD") + ("+changes" if changes else "")
    except (OSError, subprocess.CalledProcessError):
        return _version_of("hpe_study")


def provenance(device: torch.device, precision: str) -> dict[str, Any]:
    """What computed a run: processor or GPU, precision, libraries, code."""
    return {
        "device": _device_name(device), "devices": distributed.size(), "cores": _cores(device),
        "precision": precision, "code": code_version(), "python": platform.python_version(),
        "libraries": {name: _version_of(name) for name in LIBRARIES}, "lock": _lock(),
    }  # fmt: skip


def _lock():
    """Whether the libraries are those of constraints.txt, by its digest, or which are not."""
    path = Path(__file__).parents[2] / "constraints.txt"
    if not path.exists():
        return "none"
    text = path.read_text()
    locked = dict(line.split("==") for line in text.splitlines() if "==" in line)
    others = []
    for name in LIBRARIES:
        installed = _version_of(name).partition("+")[0]  # without the build: +cu130
        if installed != locked.get(name):
            others.append(f"{name} {installed}, not {locked.get(name)}")
    return "; ".join(others) or f"{path.name} {hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _version_of(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return UNKNOWN


def _cores(device):
    """How many cores compute: of a run on GPUs one for each."""
    return distributed.size() * (torch.get_num_threads() if device.type == "cpu" else 1)


def _device_name(device):
    count = distributed.size()
    if device.type == "cuda":
        return torch.cuda.get_device_name(device) + (f" × {count}" if count > 1 else "")
    return f"{_processor()} ({_cores(device)} of {os.cpu_count()} cores)"


def _processor():
    names = re.search(r"^model name\s*:(.*)$", _cpuinfo(), re.MULTILINE)
    return names[1].strip() if names else platform.processor() or platform.machine()


def peak_memory_mb(device: torch.device) -> float:
    """Largest memory so far in MB: of the GPU, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
