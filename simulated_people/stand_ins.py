"""Makes the simulated stand-in of a data set under a data root: all of it, or nothing.

The work is done in `ROOT/.NAME.partial/` and moved to its place when everything is written; `SIMULATED.json`
in the set's folder marks it as simulated and complete. A folder without that file may be real data and is
never touched.
"""

import importlib
import os
import shutil
from pathlib import Path
from types import ModuleType

from hpe_study.errors import StudyError
from hpe_study.utils.files import lock, read_json, write_json
from hpe_study.utils.processes import start_server
from simulated_people.spec import StandInSpec

# Raised when the same arguments come to mean other images or labels; a set's module may have its own.
VERSION = 6
MARKER = "SIMULATED.json"
SIZES = (32, 1024)  # px, smallest and largest
_MODULES = {
    "mpii": "mpii",
    "lsp": "lsp",
    "flic": "flic",
    "h36m": "h36m",
    "mpi_inf_3dhp": "mpi_inf_3dhp",
    "occlusion_person": "occlusion_person",
    "3dpw": "threedpw",
}
NAMES = tuple(_MODULES)
MOST = 10**9  # records of a split


def make(
    spec: StandInSpec, root: str | Path, workers: int = 1, device: str = "cpu", progress: bool = True
) -> list[Path]:
    """Write the simulated stand-in of a data set.

    The same spec gives the same bytes whatever the number of workers. A stand-in that is complete with this
    spec is left alone; one of another spec is made anew; an interrupted one is continued.

    Args:
        spec: What it is to contain.
        root: The data root, which holds one folder per data set.
        workers: Processes, of one thread each.
        device: "cpu" or "cuda".
        progress: Show a progress bar.

    Returns:
        The folders written.

    Raises:
        StudyError: The spec is impossible, a folder is there that is not marked as simulated, or another
            process is making the same set.
    """
    if workers < 1:
        raise StudyError(f"{spec.name}: workers must be 1 or more, not {workers}")
    if workers > 1:
        start_server()
    module = _module(spec.name)
    _check(spec, module)
    root = Path(root)
    targets = [root / folder for folder in module.FOLDERS]
    order = {
        "name": spec.name,
        "train": spec.train,
        "test": spec.test,
        "seed": spec.seed,
        "size": spec.size,
        "version": getattr(module, "VERSION", VERSION),
        **dict(spec.options),
    }
    complete = [_is_made(target, order) for target in targets]
    if all(complete):
        return targets
    work = root / f".{spec.name}.partial"
    with lock(work):
        _prepare(work, order)
        if not (work / "ready.json").exists():
            # imported here, so that the process server starts before the renderer loads (seconds)
            from simulated_people.render_jobs import render_splits

            module.write(work, spec, render_splits(spec, module.__name__, work, workers, device, progress))
            for target in targets:
                write_json(work / target.name / MARKER, order | {"simulated": True})
            write_json(work / "ready.json", order)
        for target in targets:
            _publish(work, target)
        shutil.rmtree(work)
    return targets


def _module(name: str) -> ModuleType:
    if name not in _MODULES:
        raise StudyError(f"no simulated stand-in is called {name!r}; there are {', '.join(NAMES)}")
    return importlib.import_module(f"simulated_people.sets.{_MODULES[name]}")


def _check(spec, module):
    """Raise StudyError where the spec cannot be made."""
    for key in ("train", "test"):
        if not 1 <= spec.count(key) <= MOST:
            raise StudyError(
                f"{spec.name}: {key} must be at least 1 record and at most {MOST:,}, not {spec.count(key)}"
            )
    if spec.seed < 0:
        raise StudyError(f"{spec.name}: seed must be 0 or more, not {spec.seed}")
    if not SIZES[0] <= spec.size <= SIZES[1]:
        raise StudyError(f"{spec.name}: size must be {SIZES[0]} to {SIZES[1]} px, not {spec.size}")
    for key, value in spec.options:
        if value not in module.OPTIONS.get(key, ()):
            options = (
                f"{name}={' or '.join(map(repr, allowed))}" for name, allowed in module.OPTIONS.items()
            )
            raise StudyError(
                f"{spec.name}: there is no option {key}={value!r}; options: {', '.join(options) or 'none'}"
            )
    if hasattr(module, "check"):
        module.check(spec)


def _is_made(folder, order):
    if not folder.exists():
        return False
    _refuse_unmarked(folder)
    return {key: value for key, value in read_json(folder / MARKER).items() if key != "simulated"} == order


def _refuse_unmarked(folder):
    if folder.exists() and not (folder / MARKER).exists():
        raise StudyError(
            f"{folder}: is there and has no {MARKER}, so it may be real data and is left alone; choose"
            " another data root"
        )


def _prepare(work, order):
    """Leave in the work folder nothing but what an interrupted run of the same order made."""
    if (work / "order.json").exists() and read_json(work / "order.json") == order:
        return
    for path in work.iterdir():
        if path.name != ".lock":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    write_json(work / "order.json", order)


def _publish(work, target):
    """Move a finished folder to its place, after removing one that an older order left there."""
    if not (work / target.name).exists():  # moved already, by an interrupted run
        return
    _refuse_unmarked(target)
    if target.exists():
        shutil.rmtree(work / "old", ignore_errors=True)
        os.replace(target, work / "old")
    os.replace(work / target.name, target)
