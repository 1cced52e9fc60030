"""Which of a profile's data sets are at hand. Rows whose data are absent are left out of the graph and shown as absent; others go on.

What is missing stands in `runs/<profile>/absent.json`, {data set: what was looked for and where it is obtained}, so that the graph, its
jobs on whatever machine and the tables agree; `make study` looks again each time it starts, also whether the stores are still those of
the files that lie there.
"""

import warnings

from hpe_study.datasets import open_dataset
from hpe_study.datasets.base import SPLITS, MissingSet
from hpe_study.errors import StudyError
from hpe_study.files import write_json
from hpe_study.pipeline import store_settings
from hpe_study.store import is_current
from hpe_study.study import Study


def note_absent(study):
    """Look for the data sets, write `absent.json` and return the `Study` of the runs that can be made.

    Raises `StudyError` where nothing can be run, or where anything is absent and the profile is strict.
    """
    absent = {} if study.simulated else {name: words for name in study.profile.sets if (words := _lacking(study, name))}
    if absent and study.profile.strict:
        raise StudyError(f"{study.profile_path}: strict, and {len(absent)} data sets are absent: {' | '.join(absent.values())}")
    if absent or study.absent_path.exists():
        write_json(study.absent_path, absent)
    if not study.simulated:
        _remove_outdated(study)
    left = Study(study.profile_path)
    if absent and not left.runs:
        raise StudyError(f"{study.profile_path}: none of its runs has its data. {' | '.join(absent.values())}")
    return left


def _remove_outdated(study):
    """Remove the stores that were made of other files than lie under the data root now: they, and all after them, are made again."""
    for name in study.profile.sets:
        paths = [study.store_path(name, split) for split in SPLITS]
        if all(path.exists() for path in paths) and not _is_current(study, name):
            print(f"{name}: its files under {study.raw} are not those that it was prepared from; it is prepared and learnt from again")
            for path in paths:
                path.unlink()


def _is_current(study, name):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return all(is_current(name, study.raw, split, study.store_path(name, split), **store_settings(study, name)) for split in SPLITS)
    except StudyError:
        return True  # gone, or broken since: the stores are what there is


def _lacking(study, name):
    """What is missing of a set, in words; None where its stores are made or its raw files are there."""
    if all(study.store_path(name, split).exists() for split in SPLITS):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is left out of a set is said when it is prepared
            for split in SPLITS:
                open_dataset(name, study.raw, split, **study.profile.datasets.get(name, {}))
    except MissingSet as error:
        return str(error)
    except StudyError:
        return None  # there, and wrong: its preparation says what and fails alone
    return None
