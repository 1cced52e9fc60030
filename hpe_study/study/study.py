"""The study as data: which runs stand behind each table, what each starts from, and where everything lies.

A run is one training: stage 1, 2 or 3 of a scheme. Rows that share a run name the same run, so it is trained
once. Tables 1–3 of the paper need 45 runs a seed (three 2D sets, three 3D sets); a profile that has fewer
sets has fewer.
"""

import copy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from hpe_study import published_defects as published_code
from hpe_study.config import read_profile
from hpe_study.errors import StudyError
from hpe_study.utils.files import digest_of, read_json

TABLES = (1, 2, 3, 4, 5)  # those that have a notebook
# a notebook that trains its own runs (`hpe_study.study.audit`); executed where a profile names it
AUDIT = "audit"
FIGURES = ("timing", "figure1", "figure2", "figure3", "training_curves", "claims", "report")
LEVEL_SET = {"mpii": 1, "lsp": 2, "flic": 2}  # Table 3 evens out the 2D sets' sizes: epochs times this


SAME = "same"


@dataclass(frozen=True)
class Run:
    """One training.

    `two_d` is the 2D set that is learnt from in this run (None: 3D-only), `three_d` the 3D set of stage 2,
    `target` that of stage 3. `start` is the 2D set of the stage 1 that the line begins with: the paper's runs
    begin with their own `two_d` (SAME), the arms of Table 4 set it apart (None: no stage 1). budget: "" |
    "images" | "time" (Table 4). backbone, share: Table 5's network and share of the 2D set. geometry: False
    leaves the geometric loss out.
    """

    stage: int
    two_d: str | None
    three_d: str | None = None
    target: str | None = None
    epoch_scale: int = 1
    seed: int = 0
    start: str | None = SAME
    budget: str = ""
    backbone: str = ""
    share: float = 1.0
    geometry: bool = True

    def __post_init__(self):
        if self.start == SAME:
            object.__setattr__(self, "start", self.two_d)

    @property
    def name(self):
        """Folder and label of the run, e.g. `stage3-lsp-x2-h36m-occlusion_person-seed0`,
        `stage2-only3d-h36m-seed0`."""
        start = None if self.start == self.two_d else f"from_{self.start or 'scratch'}"
        scale = f"x{self.epoch_scale}" if self.epoch_scale != 1 else None
        size = (self.backbone.replace(":", "_"), f"share{self.share:g}" if self.share != 1 else None)
        special = (
            start,
            scale,
            self.budget and f"equal_{self.budget}",
            *size,
            None if self.geometry else "no_geometry",
        )
        parts = (
            f"stage{self.stage}",
            self.two_d or "only3d",
            *special,
            self.three_d,
            self.target,
            f"seed{self.seed}",
        )
        return "-".join(part for part in parts if part)

    @property
    def scheme(self):
        """ "2d" (stage 1), "fusion" or "3d" (3D-only)."""
        return "2d" if self.stage == 1 else "fusion" if self.two_d else "3d"

    @property
    def arm(self):
        """What Table 4 calls it: none, 2d pre-training, mixing or both."""
        mixing = bool(self.two_d) and self.stage > 1
        return ("both" if mixing else "2d pre-training") if self.start else "mixing" if mixing else "none"

    @property
    def trained_3d(self):
        """The 3D set that this stage itself learns from, or None."""
        return self.target or self.three_d

    @property
    def parent(self):
        """The run whose weights this one starts from, or None."""
        if self.stage == 3:
            return replace(self, stage=2, target=None, geometry=True)
        if self.stage == 2 and self.start:
            return replace(self, stage=1, two_d=self.start, three_d=None, geometry=True)
        return None

    @property
    def line(self):
        """This run and its ancestors, oldest first."""
        return (*(self.parent.line if self.parent else ()), self)

    @property
    def sets(self):
        """The data sets that it and its ancestors learn from."""
        return {self.two_d, self.three_d, self.target, self.start} - {None}

    @property
    def notebook(self):
        """The notebook that executes it."""
        return f"stage{self.stage}"


@dataclass(frozen=True)
class Row:
    """One row of a table for one seed: its last run, whose `line` holds the others."""

    table: int
    run: Run


def rows(profile):
    """All rows of the profile's tables, seed by seed."""
    makers = {1: _table1, 2: _table2, 3: _table3, 4: _table4, 5: _table5}
    return [
        Row(table, run)
        for seed in profile.seeds
        for table in profile.tables
        for run in makers[table](profile, seed)
    ]


def _table1(profile, seed):
    return [Run(3, flat, deep, deep, seed=seed) for flat in profile.two_d for deep in profile.three_d]


def _table2(profile, seed):
    return [Run(3, None, first, last, seed=seed) for first in profile.three_d for last in profile.three_d]


def _table3(profile, seed):
    first = profile.three_d[0]
    return [
        Run(3, flat, first, last, LEVEL_SET[flat], seed) for flat in profile.two_d for last in profile.three_d
    ]


def _table4(profile, seed):
    """Four arms at equal images and again at equal time; then stage 3 with and without the geometric loss,
    from "both"."""
    flat, deep = profile.fair.two_d, profile.fair.three_d
    arms = [(None, None), (None, flat), (flat, None), (flat, flat)]
    made = [
        Run(2, mixed, deep, seed=seed, start=start, budget=budget)
        for budget in ("images", "time")
        for mixed, start in arms
    ]
    return made + [
        Run(3, flat, deep, deep, seed=seed, budget="images", geometry=geometry) for geometry in (True, False)
    ]


def _table5(profile, seed):
    size = profile.size
    return [
        Run(2, size.two_d, size.three_d, seed=seed, backbone=backbone, share=share)
        for backbone in size.backbones
        for share in size.shares
    ]


class Study:
    """A profile with its place on disk. `home` is the project's folder: parameter files lie in
    `home/params`."""

    def __init__(self, profile_path):
        self.profile_path = Path(profile_path).resolve()
        self.profile = read_profile(self.profile_path)
        self.home = self.profile_path.parent.parent
        self.variant = ""  # of the audit: part of the folders' names

    def with_legacy(self, names):
        """The same study with other switches of the published code, its runs and figures in folders of their
        own; the stores are shared."""
        other = copy.copy(self)
        names = published_code.chosen(names)
        other.profile = self.profile.model_copy(update={"legacy": names})
        other.variant = "all" if names == published_code.NAMES else "+".join(names) or "corrected"
        return other

    # ---------------------------------------------------------------- what there is to do

    @cached_property
    def rows(self):
        """All rows of all tables whose data are at hand."""
        return [row for row in rows(self.profile) if not row.run.sets & set(self.absent)]

    @cached_property
    def absent(self):
        """{data set: what is missing} of the sets that were not found when the study was last started
        (`presence.find_data_sets`)."""
        return read_json(self.absent_path) if self.absent_path.exists() else {}

    @cached_property
    def sources(self):
        """{data set: what its files are} of the real sets, as they were when the study was last started
        (`presence.find_data_sets`)."""
        return read_json(self.sources_path) if self.sources_path.exists() else {}

    @property
    def sets(self):
        """The data sets at hand."""
        return [name for name in self.profile.sets if name not in self.absent]

    @cached_property
    def runs(self):
        """Every run, each once, parents before children."""
        return list(dict.fromkeys(run for row in self.rows for run in row.run.line))

    def run(self, name):
        """The run of that name."""
        by_name = {run.name: run for run in self.runs}
        if name not in by_name:
            raise StudyError(f"{self.profile_path}: has no run {name!r}; its runs are {', '.join(by_name)}")
        return by_name[name]

    def test_sets(self, run):
        """Where a run is scored: its 2D set, and every 3D set once it has learnt depth."""
        flat = (run.two_d,) if run.two_d else ()
        return (
            flat
            if run.stage == 1
            else (*flat, *(name for name in self.profile.three_d if name not in self.absent))
        )

    @property
    def analyses(self):
        """The notebooks that turn the run records into tables and figures, in reading order."""
        every = [f"table{table}" for table in self.profile.tables if table in TABLES] + list(FIGURES)
        chosen = self.profile.analyses
        return every if chosen is None else [name for name in (*every, AUDIT) if name in chosen]

    @property
    def simulated(self):
        """Whether the profile's data are simulated stand-ins."""
        return bool(self.profile.simulate)

    def data_settings(self, name):
        """Digest of all that a set's stores depend on: how its stand-in is made, what its files are, how it
        is read and cropped."""
        profile = self.profile
        standin = (
            [profile.simulate[name].model_dump(), profile.simulate_size, profile.simulate_seed]
            if self.simulated
            else None
        )
        crops = [
            profile.network.input_size,
            profile.crop_margin,
            profile.encoding,
            profile.strict,
            profile.datasets.get(name),
        ]
        way = published_code.of_reading(profile.legacy, name)
        found = self.sources.get(name, {}).get("digest")
        return digest_of([name, standin, crops, *([way] if way else []), *([found] if found else [])])

    # ---------------------------------------------------------------- where it lies

    @property
    def raw(self):
        """The data root: one folder a data set, in its raw layout."""
        return self.home / self.profile.data_root

    @property
    def folder(self):
        """Where this profile's runs lie; of a published profile, its records."""
        return self.home / (self.profile.records or f"runs/{self.profile.name}") / self.variant

    @property
    def absent_path(self):
        """What was not found when the study was last started, for all its variants."""
        return self.home / "runs" / self.profile.name / "absent.json"

    @property
    def sources_path(self):
        """What the real data sets' files were when the study was last started."""
        return self.absent_path.with_name("sources.json")

    @property
    def records(self):
        """The tables that analyses read (`records`): of runs, of epochs, of oracle floors."""
        return tuple(self.folder / name for name in ("runs.csv", "history.csv", "floors.csv"))

    @property
    def figures(self):
        """Where this profile's tables and figures go; a published profile's lie beside its records."""
        if self.profile.records:
            return (self.home / self.profile.records).parent
        return self.home / "figures" / self.profile.name / self.variant

    def store_path(self, name, split):
        """The prepared store of a data set's split; one that is read as the published code did has a file of
        its own."""
        way = "".join(f"+{switch}" for switch in published_code.of_reading(self.profile.legacy, name))
        return self.home / "data" / "prepared" / self.profile.name / f"{name}-{split}{way}.h5"

    def labels_path(self, name):
        """A test set's labels without its pictures: what scoring, tables and the viewer need."""
        return self.folder / "test_sets" / f"{name}.h5"

    def run_folder(self, run):
        """The record of one run."""
        return self.run_folder_named(run.name)

    def run_folder_named(self, name):
        """The record of the run of that name."""
        return self.folder / name
