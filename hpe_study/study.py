"""The study as data: which runs stand behind each table, what each starts from, and where everything lies.

A run is one training: stage 1, 2 or 3 of a scheme. Rows that share a run name the same run, so it is trained once. Tables 1–3 of the paper
need 45 runs a seed (three 2D sets, three 3D sets); a profile that has fewer sets has fewer.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hpe_study.errors import StudyError
from hpe_study.files import digest_of
from hpe_study.params import read_profile

SPLITS = ("train", "test")
TABLES = (1,)  # those that have a notebook
LEVEL_SET = {"mpii": 1, "lsp": 2, "flic": 2}  # Table 3 evens out the 2D sets' sizes: epochs times this


@dataclass(frozen=True)
class Run:
    """One training. `three_d` is the 3D set of stage 2, `target` that of stage 3; `two_d` is None in the 3D-only scheme."""

    stage: int
    two_d: str | None
    three_d: str | None = None
    target: str | None = None
    epoch_scale: int = 1
    seed: int = 0

    @property
    def name(self):
        """Folder and label of the run, e.g. `stage3-lsp-x2-h36m-occlusion_person-seed0`, `stage2-only3d-h36m-seed0`."""
        scale = f"x{self.epoch_scale}" if self.epoch_scale != 1 else None
        parts = (f"stage{self.stage}", self.two_d or "only3d", scale, self.three_d, self.target, f"seed{self.seed}")
        return "-".join(part for part in parts if part)

    @property
    def scheme(self):
        """ "2d" (stage 1), "fusion" or "3d" (3D-only)."""
        return "2d" if self.stage == 1 else "fusion" if self.two_d else "3d"

    @property
    def trained_3d(self):
        """The 3D set that this stage itself learns from, or None."""
        return self.target or self.three_d

    @property
    def parent(self):
        """The run whose weights this one starts from, or None."""
        if self.stage == 3:
            return Run(2, self.two_d, self.three_d, None, self.epoch_scale, self.seed)
        return Run(1, self.two_d, None, None, self.epoch_scale, self.seed) if self.stage == 2 and self.two_d else None

    @property
    def line(self):
        """This run and its ancestors, oldest first."""
        return (*(self.parent.line if self.parent else ()), self)

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
    made = []
    for seed in profile.seeds:
        if 1 in profile.tables:
            made += [Row(1, Run(3, flat, deep, deep, seed=seed)) for flat in profile.two_d for deep in profile.three_d]
        if 2 in profile.tables:
            made += [Row(2, Run(3, None, first, last, seed=seed)) for first in profile.three_d for last in profile.three_d]
        if 3 in profile.tables:
            made += [
                Row(3, Run(3, flat, profile.three_d[0], last, LEVEL_SET[flat], seed)) for flat in profile.two_d for last in profile.three_d
            ]
    return made


class Study:
    """A profile with its place on disk. `home` is the project's folder: parameter files lie in `home/params`."""

    def __init__(self, profile_path):
        self.profile_path = Path(profile_path).resolve()
        self.profile = read_profile(self.profile_path)
        self.home = self.profile_path.parent.parent

    # ---------------------------------------------------------------- what there is to do

    @cached_property
    def rows(self):
        """All rows of all tables."""
        return rows(self.profile)

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
        return flat if run.stage == 1 else (*flat, *self.profile.three_d)

    @property
    def analyses(self):
        """The notebooks that turn the run records into tables and figures, in reading order."""
        return [f"table{table}" for table in self.profile.tables if table in TABLES] + ["training_curves"]

    @property
    def simulated(self):
        """Whether the profile's data are simulated stand-ins."""
        return bool(self.profile.simulate)

    def data_settings(self, name):
        """Digest of all that a set's stores depend on: how its stand-in is made, how it is read and how it is cropped."""
        profile = self.profile
        standin = [profile.simulate[name].model_dump(), profile.simulate_size, profile.simulate_seed] if self.simulated else None
        crops = [profile.network.input_size, profile.crop_margin, profile.encoding, profile.strict, profile.datasets.get(name)]
        return digest_of([name, standin, crops])

    # ---------------------------------------------------------------- where it lies

    @property
    def raw(self):
        """The data root: one folder a data set, in its raw layout."""
        return self.home / self.profile.data_root

    @property
    def folder(self):
        """Where this profile's runs lie."""
        return self.home / "runs" / self.profile.name

    @property
    def figures(self):
        """Where this profile's tables and figures go."""
        return self.home / "figures" / self.profile.name

    def store_path(self, name, split):
        """The prepared store of a data set's split."""
        return self.home / "data" / "prepared" / self.profile.name / f"{name}-{split}.h5"

    def labels_path(self, name):
        """A test set's labels without its pictures: what scoring, tables and the viewer need."""
        return self.folder / "test_sets" / f"{name}.h5"

    def run_folder(self, run):
        """The record of one run."""
        return self.run_folder_named(run.name)

    def run_folder_named(self, name):
        """The record of the run of that name."""
        return self.folder / name
