"""Which study a notebook shows: a profile by name or path, from any folder, or the newest finished one."""

import contextlib
from pathlib import Path

from hpe_study.errors import StudyError
from hpe_study.study.study import Study

NEWEST = "newest"


def project_folder() -> Path:
    """The nearest folder above the current one that holds `params/`; else the one that holds this package."""
    here = Path.cwd()
    found = (folder for folder in (here, *here.parents) if any(folder.glob("params/*.yaml")))
    return next(found, Path(__file__).resolve().parents[2])


def find_study(profile: str | Path = NEWEST, table: int | None = None) -> Study:
    """The study that a notebook shows; `StudyError` where there is no such file, or no finished study.

    The profile is a parameter file, as it lies from here, from the project or from its notebooks; its name
    alone ("demo"); or "newest": the newest finished study (that has the table), or the published one.
    """
    home = project_folder()
    if str(profile) == NEWEST:
        return _newest(home, table)
    if "/" not in str(profile) and not str(profile).endswith(".yaml"):
        return Study(home / "params" / f"{profile}.yaml")
    places = (Path(profile), home / profile, home / "notebooks" / profile)
    return Study(next((place for place in places if place.exists()), Path(profile)))


def _newest(home, table):
    studies = []
    for path in sorted((home / "params").glob("*.yaml")):
        with contextlib.suppress(StudyError):  # a file that is being written hides no other's results
            studies.append(Study(path))
    with_table = [study for study in studies if table in (None, *study.profile.tables)]
    finished = [study for study in with_table if all(path.exists() for path in study.records)]
    if not finished:
        wanted = f" with Table {table}" if table else ""
        raise StudyError(f"{home / 'params'}: no study{wanted} is finished; run make study")
    own = [study for study in finished if not study.profile.records]
    return max(own or finished[:1], key=lambda study: study.records[0].stat().st_mtime)
