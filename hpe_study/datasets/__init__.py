"""The data sets: raw layout → records. Nothing else in the project knows a raw layout.

One module per data set; each documents the facts and quirks that it relies on and keeps the set's page, terms
and citation (`INFO`).
"""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

from hpe_study.config import READERS
from hpe_study.datasets.base import Records
from hpe_study.datasets.record import DatasetInfo, Record
from hpe_study.errors import StudyError

__all__ = ["NAMES", "DatasetInfo", "Record", "info", "open_dataset"]

NAMES = tuple(READERS)


def _module(name: str) -> tuple[ModuleType, Any]:
    """A data set's module, and what opens it."""
    if name not in READERS:
        raise StudyError(f"no data set is called {name!r}; there are {', '.join(NAMES)}")
    module, opener = READERS[name]
    module = importlib.import_module(f"hpe_study.datasets.{module}")
    return module, getattr(module, opener)


def open_dataset(
    name: str, root: str | Path, split: str, strict: bool | str = False, **options: Any
) -> Records:
    """Open a data set as a sequence of `Record` (`len`, `[i]`, iteration).

    Image coordinates are 0-based px with the integer at the pixel's centre; 3D is mm in the camera frame;
    missing is NaN.

    Args:
        name: One of `NAMES`.
        root: The data root, which holds one folder per set.
        split: "train" or "test".
        strict: An absent image is an error instead of a record left out, counted and reported once;
            "published": LSP keeps photographs that are in training and test.
        options: The set's own (see its module): `layout`, `every`, `cameras`, `truth`, `variant`.

    Raises:
        StudyError: Unknown name, split or option, a missing folder, or label files that are broken or another
            set's.
    """
    return _module(name)[1](root, split, strict, **options)


def info(name: str) -> DatasetInfo:
    """The `DatasetInfo` of a data set: page, terms, citation, expected counts."""
    module, _ = _module(name)
    return module.EXTENDED_INFO if name == "lsp_extended" else module.INFO
