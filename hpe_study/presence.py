"""Which of a profile's data sets are at hand. Rows whose data are absent are left out of the graph and shown as absent; others go on.

What is missing stands in `runs/<profile>/absent.json`, {data set: what was looked for and where it is obtained}, so that the graph, its
jobs on whatever machine and the tables agree; `make study` looks again each time it starts.
"""

import warnings

from hpe_study.datasets import open_dataset
from hpe_study.datasets.base import SPLITS, MissingSet
from hpe_study.errors import StudyError
from hpe_study.files import write_json
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
    left = Study(study.profile_path)
    if absent and not left.runs:
        raise StudyError(f"{study.profile_path}: none of its runs has its data. {' | '.join(absent.values())}")
    return left


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
