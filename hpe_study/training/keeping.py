"""A finished training outlives what comes after it in the same step: a page that cannot be drawn, a kill, a full disk.

Snakemake removes all outputs of a step that fails, finished weights among them. So a finished run's files have second names that are
no outputs, in `.finished/` beside the run's folder, until the run has been scored: hard links, which take no space.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path

RECORD = "run.json"  # the last that is written


def second_names(out):
    """The folder of a run's second names."""
    out = Path(out).absolute()
    return out.parent / ".finished" / out.name


def keep(out, names):
    """Give the finished run's files (`names`, in the folder `out`) their second names; the record last."""
    folder = second_names(out)
    forget(out)
    folder.mkdir(parents=True)
    for name in sorted(names, key=lambda name: name == RECORD):
        _link(Path(out) / name, folder / name)


def bring_back(out):
    """Give a run's files back the names that they had in `out`; the record last."""
    names = os.listdir(second_names(out))
    for name in sorted(names, key=lambda name: name == RECORD):
        (Path(out) / name).unlink(missing_ok=True)
        _link(second_names(out) / name, Path(out) / name)


def forget(out):
    """Take the second names away."""
    shutil.rmtree(second_names(out), ignore_errors=True)
    with suppress(OSError):
        second_names(out).parent.rmdir()  # where it was the last


def tidy(out):
    """Remove files that a killed process was writing in `out`; nobody else works there (`files.lock`)."""
    for part in Path(out).glob(".*.part*"):
        part.unlink()


def _link(source, target):
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copy2(source, target)
