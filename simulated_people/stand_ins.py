"""Makes the simulated stand-in of a data set under a data root: all of it, or nothing.

The work is done in `ROOT/.NAME.partial/` and moved to its place when everything is written; `SIMULATED.json`
in the set's folder marks it as simulated and complete. A folder without that file may be real data and is
never touched.
"""

import importlib
import os
import shutil
from pathlib import Path

from hpe_study.errors import StudyError
from hpe_study.utils.files import lock, read_json, write_json
from hpe_study.utils.processes import start_server
from simulated_people.spec import StandInSpec

VERSION = (
    2  # raised when the same arguments come to mean other pictures or labels; a set's module may have its own
)


MARKER = "SIMULATED.json"


SIZES = (32, 1024)  # px


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


def make(name, root, train, test, seed=0, size=128, workers=1, device="cpu", progress=True, **options):
    """Write the simulated stand-in of a data set and return the folders written, as a list of paths.

    name: one of `NAMES`; "lsp" writes `lsp/` and `lsp_extended/`, which belong together.
    root: the data root. train, test: records (people) in each split.
    size: about how many px a person's square crop has in the written images; labels fit the images whatever
    the size.
    workers: processes, of one thread each. device: "cpu" or "cuda". options: the set's own (`layout` of h36m,
    `matlab` of mpii).

    The same arguments give the same bytes whatever the workers. What is complete with these arguments is left
    alone; what was made with others is made anew; what was interrupted goes on. Raises StudyError for
    impossible arguments, for a folder that is there and not marked as simulated, and when another process is
    making the same set.
    """
    if workers > 1:
        start_server()
    module = _module(name)
    spec = _checked(StandInSpec(name, train, test, seed, size, tuple(sorted(options.items()))), module)
    root = Path(root)
    finals = [root / folder for folder in module.FOLDERS]
    order = {
        "name": name,
        "train": train,
        "test": test,
        "seed": seed,
        "size": size,
        "version": _version(module),
        **options,
    }
    made = [_is_made(final, order) for final in finals]
    if all(made):
        return finals
    work = root / f".{name}.partial"
    with lock(work):
        _prepare(work, order)
        if not (work / "ready.json").exists():
            module.write(work, spec, workers, device, progress)
            for final in finals:
                write_json(work / final.name / MARKER, order | {"simulated": True})
            write_json(work / "ready.json", order)
        for final in finals:
            _publish(work, final)
        shutil.rmtree(work)
    return finals


def _module(name):
    if name not in _MODULES:
        raise StudyError(f"no simulated stand-in is called {name!r}; there are {', '.join(NAMES)}")
    return importlib.import_module(f"simulated_people.sets.{_MODULES[name]}")


def _version(module):
    return getattr(module, "VERSION", VERSION)


def _checked(spec, module):
    for key in ("train", "test"):
        if spec.count(key) < 1:
            raise StudyError(f"{spec.name}: {key} must be at least 1 record, not {spec.count(key)}")
    if spec.seed < 0:
        raise StudyError(f"{spec.name}: seed must be 0 or more, not {spec.seed}")
    if not SIZES[0] <= spec.size <= SIZES[1]:
        raise StudyError(f"{spec.name}: size must be {SIZES[0]} to {SIZES[1]} px, not {spec.size}")
    for key, value in spec.options:
        if value not in module.OPTIONS.get(key, ()):
            allowed = (
                ", ".join(
                    f"{option}={' or '.join(map(repr, values))}" for option, values in module.OPTIONS.items()
                )
                or "none"
            )
            raise StudyError(f"{spec.name}: there is no option {key}={value!r}; options: {allowed}")
    if hasattr(module, "check"):
        module.check(spec)
    return spec


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
    """An empty work folder for this order, or the one that an interrupted run of the same order left."""
    if (work / "order.json").exists() and read_json(work / "order.json") == order:
        return
    for path in work.iterdir():
        if path.name != ".lock":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    write_json(work / "order.json", order)


def _publish(work, final):
    """Move a finished folder to its place; one that an older order left there goes first. Done already:
    nothing."""
    if not (work / final.name).exists():
        return
    _refuse_unmarked(final)
    if final.exists():
        shutil.rmtree(work / "old", ignore_errors=True)
        os.replace(final, work / "old")
    os.replace(work / final.name, final)
