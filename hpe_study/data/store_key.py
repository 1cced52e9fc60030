"""What a store is made from: its settings, its labels, and which of their records have a picture.

The key is a digest of all this. Where it differs, the store is made anew.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py

from hpe_study.datasets.base import Records
from hpe_study.datasets.hdf5 import DAMAGED, require_readable
from hpe_study.datasets.label_mapping import LabelMapping, label_mapping
from hpe_study.errors import StudyError
from hpe_study.utils.files import digest, digest_of

VERSION = 1  # increase it when the same files and settings produce a different store


@dataclass(frozen=True)
class StoreSettings:
    """How the store of one data set and split is made."""

    data_set: str  # the name that `open_dataset` knows it by
    split: str  # "train" or "test"
    input_size: int  # side of the network's input in px
    margin: float = 1.5  # side of the stored square over the side of the person's box
    encoding: str = "jpeg"  # "jpeg" or "raw"
    strict: bool | str = False  # refuse an incomplete data set, or "published": see `open_dataset`
    joint_rules: str = "corrected"  # "corrected", or "printed" for the paper's (`datasets.label_mapping`)
    # published defects; those that do not concern how this set is read change nothing
    legacy: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)  # of the data set's reader

    @property
    def crop_size(self) -> int:
        """Side of the stored square in px."""
        return round(self.input_size * self.margin)

    @property
    def mapping(self) -> LabelMapping:
        """How the data set's labels become the study's."""
        return label_mapping(self.data_set, self.legacy, self.joint_rules)

    def description(self) -> dict[str, Any]:
        """What the store says of its own making (its attribute `settings`); part of its key."""
        mapping = self.mapping
        return {
            "name": self.data_set, "split": self.split, "input_size": self.input_size, "margin": self.margin,
            "encoding": self.encoding, "strict": self.strict, "joint_rules": mapping.rules,
            "legacy": list(mapping.defects), **self.options,
        }  # fmt: skip


def store_key(records: Records, settings: StoreSettings) -> str:
    """Digest of what a store depends on: settings, label files, which records have a picture, and `VERSION`.

    The pictures' contents are not read. After changing a picture under its old name, delete the store.
    """
    return digest_of({"settings": settings.description(), "version": VERSION, **records_identity(records)})


def records_identity(records: Records) -> dict[str, Any]:
    """Digest of the records' label files, how many records there are, and which have a picture."""
    # a plain list drops no records
    chosen = records.fingerprint() if hasattr(records, "fingerprint") else None
    return {"labels": digest(*records.label_files), "records": len(records), "chosen": chosen}


def made_with(path: Path, settings: StoreSettings) -> bool:
    """Whether a store was made with these settings, by this `VERSION`."""
    stored = stored_attributes(path)
    try:
        same = json.loads(stored["settings"]) == json.loads(json.dumps(settings.description()))
    except (KeyError, TypeError, ValueError):  # no store, or a damaged one
        return False
    return same and stored.get("version", 1) == VERSION  # the first version stored none


def stored_key(path: Path) -> str | None:
    """The key of a store on disk; None where the file is not a whole store."""
    key = stored_attributes(path).get("key")
    return key if isinstance(key, str) else None


def stored_attributes(path: Path) -> dict[str, Any]:
    """The attributes of a store on disk; none where the file is not a whole HDF5 file."""
    if not Path(path).is_file():  # opening a FIFO would wait for ever
        return {}
    try:
        require_readable(path)
        with h5py.File(path) as store:
            return dict(store.attrs)
    except (StudyError, *DAMAGED):
        return {}
