"""Which of a profile's data sets are at hand; rows whose data are absent are left out of the graph.

`runs/<profile>/absent.json` says what was looked for and where it is obtained; `sources.json` has a digest of
each set's labels and of which of them have a picture. `make study` looks again each time it starts: a set
that has changed is prepared again, and what depends on it is remade; one with fewer records than before keeps
its prepared stores.
"""

import warnings

from hpe_study.data.store_key import records_identity
from hpe_study.datasets import open_dataset
from hpe_study.datasets.base import MissingSetError
from hpe_study.errors import StudyError
from hpe_study.study.study import Study
from hpe_study.utils.files import digest_of, write_json


def find_data_sets(study: Study) -> Study:
    """Write `absent.json` and `sources.json`; returns the study of the runs that can be made.

    Raises:
        StudyError: Nothing can be run, or anything is absent and the profile is strict.
    """
    absent, sources = _search(study)
    missing = " | ".join(absent.values())
    if absent and study.profile.strict is True:
        raise StudyError(f"{study.profile_path}: strict, and {len(absent)} data sets are absent: {missing}")
    if absent or study.absent_path.exists():
        write_json(study.absent_path, absent)
    if sources:
        write_json(study.sources_path, sources)
    left = Study(study.profile_path)
    if absent and not left.runs:
        raise StudyError(f"{study.profile_path}: none of its runs has its data. {missing}")
    return left


def _search(study: Study) -> tuple[dict[str, str], dict[str, dict]]:
    """What is missing of absent sets, and the state of the others (of one that is gone: its last)."""
    absent, sources = {}, dict(study.sources)
    for name, splits in study.splits.items():
        if study.is_simulated(name):
            continue  # made where it is missing
        prepared = all(study.store_path(name, split).exists() for split in splits)
        try:
            now = _state(study, name)
        except MissingSetError as error:
            if not prepared:
                absent[name] = str(error)
            continue
        except (StudyError, OSError):
            continue  # there, and wrong: its preparation says what and fails alone
        before = sources.get(name)
        same_options = prepared and before and before["options"] == now["options"]
        changed = same_options and before["digest"] != now["digest"]
        if changed and any(a < b for a, b in zip(now["records"], before["records"], strict=True)):
            stores = study.store_path(name, "test").parent
            print(
                f"{name}: has {_counts(now)} records under {study.root_of(name)}, was prepared from"
                f" {_counts(before)}, and stays as it is (delete its stores in {stores} to take these)"
            )
            continue
        if changed:
            print(
                f"{name}: its files under {study.root_of(name)} are others than it was prepared from;"
                " it is prepared and learnt from again"
            )
        sources[name] = now
    return absent, sources


def _counts(state: dict) -> str:
    return " + ".join(f"{count:,}" for count in state["records"])


def _state(study: Study, name: str) -> dict:
    source, root = study.profile.source(name), study.root_of(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is left out of a set is said when it is prepared
        sources = [
            records_identity(open_dataset(source.reader, root, split, **source.options))
            for split in study.splits[name]
        ]
    records = [split["records"] for split in sources]
    return {"digest": digest_of(sources), "records": records, "options": digest_of(source.options)}
