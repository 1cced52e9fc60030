"""What a store was made from: settings, labels, and which of their records have a picture. Another key means
that it is made anew."""

import json

import h5py

from hpe_study.datasets.label_mapping import label_mapping
from hpe_study.utils.files import digest, digest_of

VERSION = 1  # raised when the same files and settings come to mean another store


def store_key(records, settings):
    """What a store depends on: settings, label files, which of their records have a picture, and `VERSION`.

    The pictures themselves are not looked at again: to whoever changes one under its old name the store has
    to be deleted.
    """
    return digest_of({"settings": settings, "version": VERSION, **source_of(records)})


def source_of(records):
    """What a store's records are, for a key: the digest of their label files, and which of their records have
    a picture."""
    chosen = (
        records.fingerprint() if hasattr(records, "fingerprint") else None
    )  # a plain list of records leaves out nobody
    return {"labels": digest(*records.label_files), "records": len(records), "chosen": chosen}


def settings_of(name, split, legacy=(), *, input_size, margin=1.5, encoding="jpeg", strict=False, **options):
    """What a store says of its own making (attribute `settings`); the arguments are `prepare`'s."""
    settings = {
        "name": name,
        "split": split,
        "input_size": input_size,
        "margin": margin,
        "encoding": encoding,
        "strict": strict,
        **options,
    }
    mapping = label_mapping(name, legacy)
    return settings | ({"legacy": list(mapping.defects)} if mapping.defects else {})


def made_with(path, settings):
    """Whether a store was made with these settings (`settings_of`), by this `VERSION`."""
    with h5py.File(path) as store:
        same_version = store.attrs.get("version", 1) == VERSION  # the first wrote none
        return same_version and json.loads(store.attrs["settings"]) == json.loads(json.dumps(settings))


def stored_key(path):
    """The key of a store on disk, or None when the file is not a whole store."""
    try:
        with h5py.File(path) as store:
            return store.attrs.get("key")
    except (OSError, KeyError, RuntimeError, ValueError):  # h5py's words for what is cut short or damaged
        return None
