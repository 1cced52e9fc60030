"""A study: a profile with its place on disk, its runs and its paths."""

import copy
import os
import re
from collections import Counter
from functools import cached_property
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from hpe_study import published_defects
from hpe_study.config import AUDIT, CLIPPING, FIGURES, TABLES, Profile, StageConfig
from hpe_study.datasets.base import SPLITS
from hpe_study.datasets.label_mapping import label_mapping
from hpe_study.errors import StudyError
from hpe_study.parameter_files import read_profile
from hpe_study.study.runs import Row, Run, rows, stage_config
from hpe_study.utils.files import digest_of, read_json

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def _found(path: Path) -> Path:
    """A parameter file, found by notebooks as `../params/demo.yaml` wherever they are executed."""
    beside = NOTEBOOKS / path
    return beside if not os.path.exists(path) and os.path.exists(beside) else path


class _Source(TypedDict):
    """What a real data set's files are; written by `availability`."""

    digest: str
    options: str
    records: list[int]


def _noted(path: Path, kind: type) -> dict:
    """What `availability` wrote; nothing where it has not."""
    if not path.exists():
        return {}
    try:
        return TypeAdapter(kind).validate_python(read_json(path), strict=True)
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(map(str, fault["loc"])) or "the file"
        raise StudyError(f"{path}: is damaged ({key!r}: {fault['msg']}); delete it") from error


class Study:
    """A profile with its place on disk.

    Attributes:
        profile_path: The parameter file, in the project's folder `params/`.
        profile: What it holds.
        home: The project's folder.
        variant: Part of the folders' names, where defects of the published code are turned on by the audit.
    """

    def __init__(self, profile_path: str | Path) -> None:
        path = _found(Path(profile_path))
        self.profile: Profile = read_profile(path)
        self.profile_path = path.resolve()
        self.home = self.profile_path.parent.parent
        self.variant = ""
        if self.profile_path.parent.name != "params":
            raise StudyError(
                f"{self.profile_path}: put it into the project's folder params/, beside the others"
            )
        self._check_stand_ins()

    def _check_stand_ins(self):
        """Refuse two stand-ins of one reader in one folder: the second would take the first one's place."""
        first = {}
        for name in self.splits:
            source, root = self.profile.source(name), self.root_of(name)
            other = first.setdefault((source.reader, root), name) if source.simulate else name
            if self.profile.source(other).simulate != source.simulate:
                raise StudyError(
                    f"{self.profile_path}: sets.{name}: would be written over {other} in {root}; give it a"
                    " root of its own"
                )

    def __repr__(self) -> str:
        kind = "simulated people" if self.simulated else "real people"
        seeds = ", ".join(map(str, self.profile.seeds))
        origin = "published results" if self.profile.records else "your results"
        text = f"{self.profile.name}: {origin}, {kind}, {len(self.runs)} runs, seeds {seeds}"
        return f"{text} (params/{self.profile_path.name})\n{self.profile.question}"

    def with_legacy(self, names: tuple[str, ...]) -> "Study":
        """The same study with other defects of the published code turned on.

        Its runs and figures have folders of their own; stores are shared.
        """
        other = copy.copy(self)
        names = published_defects.chosen(names)
        other.profile = self.profile.model_copy(update={"legacy": names})
        other.variant = "all" if names == published_defects.NAMES else "+".join(names) or "corrected"
        return other

    @cached_property
    def rows(self) -> list[Row]:
        """All rows of all tables whose data are at hand."""
        return [row for row in rows(self.profile) if not row.run.sets & set(self.absent)]

    @cached_property
    def absent(self) -> dict[str, str]:
        """{data set: what is missing} of the sets that were not found when the study was last started."""
        return _noted(self.absent_path, dict[str, str])

    @cached_property
    def sources(self) -> dict[str, dict]:
        """{data set: what its files are} of the real sets, as found when the study was last started."""
        return _noted(self.sources_path, dict[str, _Source])

    @property
    def sets(self) -> list[str]:
        """The data sets at hand, those of `also_test` last."""
        return [name for name in self.splits if name not in self.absent]

    @property
    def splits(self) -> dict[str, tuple[str, ...]]:
        """{data set: its splits that are prepared}: of a set in `also_test` alone, the test split."""
        learnt = dict.fromkeys(self.profile.set_names, SPLITS)
        return learnt | {name: ("test",) for name in self.profile.also_test if name not in learnt}

    @cached_property
    def runs(self) -> list[Run]:
        """Every run, each once, parents before children. Raises `StudyError` where two have one name."""
        runs = list(dict.fromkeys(run for row in self.rows for run in row.run.lineage))
        names = Counter(run.name for run in runs)
        if twice := [name for name in names if names[name] > 1]:
            raise StudyError(
                f"{self.profile_path}: two runs would be called {twice[0]}; shares and weights must differ"
                " within six digits"
            )
        return runs

    def run(self, name: str) -> Run:
        """The run of that name. Raises `StudyError` where there is none."""
        by_name = {run.name: run for run in self.runs}
        if name not in by_name:
            raise StudyError(f"{self.profile_path}: has no run {name!r}; its runs are {', '.join(by_name)}")
        return by_name[name]

    def is_alone(self, run: Run) -> bool:
        """Whether no other run can be trained beside it: all the others are its ancestors or descendants."""
        return all(run in other.lineage or other in run.lineage for other in self.runs)

    def stage(self, run: Run) -> StageConfig:
        """What a run depends on. Raises `StudyError` where the profile gives it nothing to learn from."""
        try:
            return stage_config(self.profile, run)
        except StudyError as error:
            raise StudyError(f"{self.profile_path}: {error}") from error

    def test_sets(self, run: Run) -> tuple[str, ...]:
        """Where a run is scored: its 2D set, 3D sets once it has learnt depth, and all of `also_test`."""
        own = (run.two_d,) if run.two_d else ()
        learnt = self.profile.three_d if run.stage > 1 else ()
        others = (name for name in (*learnt, *self.profile.also_test) if name not in self.absent)
        return tuple(dict.fromkeys((*own, *others)))

    @property
    def analyses(self) -> list[str]:
        """The notebooks that turn the run records into tables and figures, in reading order."""
        every = [*(TABLES[table] for table in self.profile.tables), *FIGURES]
        chosen = self.profile.analyses
        return every if chosen is None else [name for name in (*every, CLIPPING, AUDIT) if name in chosen]

    @property
    def simulated(self) -> bool:
        """Whether any of the profile's data sets is a simulated stand-in."""
        return any(self.is_simulated(name) for name in self.profile.set_names)

    def is_simulated(self, name: str) -> bool:
        """Whether a data set is a simulated stand-in."""
        return self.profile.source(name).simulate is not None

    def learnt_from(self, run: Run) -> str:
        """What a run and its ancestors learnt from: "real", "simulated" or "real + simulated" people."""
        origins = {"simulated" if self.is_simulated(name) else "real" for name in run.sets}
        return " + ".join(sorted(origins))

    def root_of(self, name: str) -> Path:
        """The folder that holds a data set's folder."""
        return self._root(self.profile.source(name).root or self.profile.data_root)

    @property
    def raw(self) -> Path:
        """The data root: one folder for each data set, in its raw layout."""
        return self._root(self.profile.data_root)

    def _root(self, text: str) -> Path:
        place = os.path.expandvars(os.path.expanduser(text))
        if unknown := re.search(r"\$\w+|\$\{\w+\}|^~[^/]*", place):
            raise StudyError(f"{self.profile_path}: data root {text!r}: nothing is known as {unknown[0]}")
        return self.home / place

    def data_settings(self, name: str) -> str:
        """Digest of all that a set's stores depend on: its files, and how it is made, read and cropped."""
        profile, source = self.profile, self.profile.source(name)
        stand_in = None
        if source.simulate:
            counts = source.simulate.model_dump(exclude_defaults=True)
            stand_in = [counts, profile.simulate_size, profile.simulate_seed]
        crops = [profile.network.input_size, profile.crop_margin, profile.encoding, profile.strict]
        mapping = label_mapping(source.reader, profile.legacy, profile.joint_rules)
        reading = [source.options, mapping.rules, mapping.defects]
        files = self.sources.get(name, {}).get("digest")
        return digest_of([name, stand_in, crops, reading, files])

    @property
    def folder(self) -> Path:
        """Folder of the profile's runs (for a published profile: of its records)."""
        return self.home / (self.profile.records or f"runs/{self.profile.name}") / self.variant

    @property
    def absent_path(self) -> Path:
        """What was not found when the study was last started, for all its variants."""
        return self.home / "runs" / self.profile.name / "absent.json"

    @property
    def sources_path(self) -> Path:
        """What the real data sets' files were when the study was last started."""
        return self.absent_path.with_name("sources.json")

    @property
    def records(self) -> tuple[Path, Path, Path]:
        """The tables that analyses read (`records`): of runs, of epochs, of oracle floors."""
        runs, history, floors = (self.folder / name for name in ("runs.csv", "history.csv", "floors.csv"))
        return runs, history, floors

    @property
    def errors_path(self) -> Path:
        """The errors of every run on every single test person (`person_errors`)."""
        return self.folder / "errors.h5"

    @property
    def published_errors(self) -> list[Path]:
        """The same, of published records: one file per seed, so that a new seed changes no other's."""
        return sorted(self.folder.glob("errors-seed*.h5"))

    @property
    def blazepose(self) -> tuple[Path, Path]:
        """What BlazePose scores on the test sets (`study.blazepose`): the table, and errors of people."""
        return self.folder / "blazepose.csv", self.folder / "blazepose.h5"

    @property
    def figures(self) -> Path:
        """Where this profile's tables and figures go.

        A published profile's go elsewhere than those that are published with it (`tools.publish`).
        """
        if self.profile.records:
            return self.home / "figures" / "again" / self.profile.name
        return self.home / "figures" / self.profile.name / self.variant

    def store_path(self, name: str, split: str) -> Path:
        """The prepared store of a split; one that is read as the published code did has its own file."""
        defects = published_defects.of_reading(self.profile.legacy, self.profile.source(name).reader)
        suffix = "".join(f"+{defect}" for defect in defects)
        return self.home / "data" / "prepared" / self.profile.name / f"{name}-{split}{suffix}.h5"

    def labels_path(self, name: str) -> Path:
        """A test set's labels without its pictures: what scoring, tables and the viewer need."""
        return self.folder / "test_sets" / f"{name}.h5"

    def picture_path(self, name: str, person: int) -> Path:
        """The picture of a test person, published with the records where a notebook shows them."""
        return self.folder / "pictures" / name / f"{person}.jpg"

    def run_folder(self, run: Run) -> Path:
        """The record of one run."""
        return self.run_folder_named(run.name)

    def run_folder_named(self, name: str) -> Path:
        """The record of the run of that name."""
        return self.folder / name
