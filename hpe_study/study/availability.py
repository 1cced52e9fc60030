"""Which of a profile's data sets are at hand. Rows whose data are absent are left out of the graph and shown
as absent; others go on.

What is missing stands in `runs/<profile>/absent.json`, {data set: what was looked for and where it is
obtained}, and what the others are, in `sources.json`, {data set: digest of its labels and of which of them
have a picture, how many, and by what options}, so that the graph, its jobs on whatever machine and the tables
agree. `make study` looks again each time it starts: a set that has changed is prepared again, and all after
it follows; one that has lost records stays as it was prepared.
"""

import warnings

from hpe_study.data.store_key import source_of
from hpe_study.datasets import open_dataset
from hpe_study.datasets.base import SPLITS, MissingSetError
from hpe_study.errors import StudyError
from hpe_study.study import Study
from hpe_study.utils.files import digest_of, write_json


def find_data_sets(study):
    """Look for the data sets, write `absent.json` and `sources.json` and return the `Study` of the runs that
    can be made.

    Raises `StudyError` where nothing can be run, or where anything is absent and the profile is strict.
    """
    absent, sources = _looked_for(study)
    if absent and study.profile.strict:
        raise StudyError(
            f"{study.profile_path}: strict, and {len(absent)} data sets are absent:"
            f" {' | '.join(absent.values())}"
        )
    if absent or study.absent_path.exists():
        write_json(study.absent_path, absent)
    if sources:
        write_json(study.sources_path, sources)
    left = Study(study.profile_path)
    if absent and not left.runs:
        raise StudyError(
            f"{study.profile_path}: none of its runs has its data. {' | '.join(absent.values())}"
        )
    return left


def _looked_for(study):
    """({data set: what is missing of it}, {data set: what is there}). Of a set that is gone, its stores and
    what it was stay."""
    absent, sources = {}, dict(study.sources)
    for name in study.profile.set_names:
        if study.is_simulated(name):
            continue  # made where it is missing
        prepared = all(study.store_path(name, split).exists() for split in SPLITS)
        try:
            found = _found(study, name)
        except MissingSetError as error:
            if not prepared:
                absent[name] = str(error)
            continue
        except (StudyError, OSError):
            continue  # there, and wrong: its preparation says what and fails alone
        before = sources.get(name)
        if (
            prepared
            and before
            and before["options"] == found["options"]
            and before["digest"] != found["digest"]
        ):
            if any(now < then for now, then in zip(found["records"], before["records"], strict=True)):
                stores = study.store_path(name, "train").parent
                print(
                    f"{name}: has {_counts(found)} records under {study.root_of(name)}, was prepared from"
                    f" {_counts(before)}, and stays as it is (delete its stores in {stores} to take what is"
                    " there now)"
                )
                continue
            print(
                f"{name}: its files under {study.root_of(name)} are others than it was prepared from; it is prepared"
                " and learnt from again"
            )
        sources[name] = found
    return absent, sources


def _counts(found):
    return " + ".join(f"{count:,}" for count in found["records"])


def _found(study, name):
    source, root = study.profile.source(name), study.root_of(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is left out of a set is said when it is prepared
        records = [open_dataset(source.reader, root, split, **source.options) for split in SPLITS]
        sources = [source_of(split) for split in records]
    return {
        "digest": digest_of(sources),
        "records": [source["records"] for source in sources],
        "options": digest_of(source.options),
    }
