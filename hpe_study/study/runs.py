"""The grid of the study: which trainings stand behind each table, and what each starts from.

A run is one training: stage 1, 2 or 3 of a scheme. Rows that share a run name the same run, so it is trained
once. Tables 1–3 of the paper need 45 runs for each seed, and 4 more for Table 3 at single epochs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

from hpe_study.config import PAPER_2D, PAPER_3D, Profile, RealPeople, StageConfig, TrainingConfig
from hpe_study.errors import StudyError
from hpe_study.models.networks import parse_network

LEVEL_SET = {"mpii": 1, "lsp": 2, "flic": 2}  # Table 3 evens out the 2D sets' sizes: epochs times this
SAME = "same"


@dataclass(frozen=True)
class Run:
    """One training."""

    stage: int  # 1, 2 or 3
    two_d: str | None  # the 2D set that is learnt from in this run; None: 3D only
    three_d: str | None = None  # the 3D set of stage 2
    target: str | None = None  # the 3D set of stage 3
    epoch_scale: int = 1  # epochs and drops of the schedule times this (Table 3)
    seed: int = 0  # of the weights and of all random draws
    # the 2D sets of the stages 1 that the lineage begins with, joined by "+". The paper's runs begin with
    # their own `two_d` (SAME); the arms of Tables 4, 6 and 7 set it apart (None: no stage 1)
    start: str | None = SAME
    budget: str = ""  # what Tables 4, 6 and 7 hold equal: "", "images" or "time"
    backbone: str = ""  # table 5's network, such as "narrow18:24"; "": the profile's
    share: float = 1.0  # of the 2D set's images that are used (Tables 5 and 6)
    # λ_geo of stage 3, where it is not the profile's (Table 8); 0 leaves the loss out
    geometry_weight: float | None = None
    recipe: str = ""  # one of the profile's recipes (Tables 6 and 7); "": the profile as it stands

    def __post_init__(self) -> None:
        if self.start == SAME:
            object.__setattr__(self, "start", self.two_d)

    @property
    def name(self) -> str:
        """Folder and label, such as `stage3-lsp-x2-h36m-occlusion_person-seed0`."""
        parts = (
            f"stage{self.stage}",
            self.two_d or "only3d",
            None if self.start == self.two_d else f"from_{self.start or 'scratch'}",
            f"x{self.epoch_scale}" if self.epoch_scale != 1 else None,
            self.budget and f"equal_{self.budget}",
            self.recipe,
            self.backbone.replace(":", "_"),
            f"share{self.share:g}" if self.share != 1 else None,
            self._geometry_label,
            self.three_d,
            self.target,
            f"seed{self.seed}",
        )
        return "-".join(part for part in parts if part)

    @property
    def _geometry_label(self):
        weight = self.geometry_weight
        return f"geometry{weight:g}" if weight else None if weight is None else "no_geometry"

    @property
    def scheme(self) -> Literal["2d", "fusion", "3d"]:
        """2d: stage 1; fusion: 2D and 3D together; 3d: 3D only."""
        return "2d" if self.stage == 1 else "fusion" if self.two_d else "3d"

    @property
    def arm(self) -> Literal["none", "2d pre-training", "mixing", "both"]:
        """What Table 4 calls it."""
        mixing = bool(self.two_d) and self.stage > 1
        return ("both" if mixing else "2d pre-training") if self.start else "mixing" if mixing else "none"

    @property
    def trained_3d(self) -> str | None:
        """The 3D set that this stage itself learns from."""
        return self.target or self.three_d

    @property
    def parent(self) -> "Run | None":
        """The run whose weights this one starts from."""
        if self.stage == 3:
            return replace(self, stage=2, target=None, geometry_weight=None)
        before = self.starts if self.stage == 2 else self.starts[: self.starts.index(self.two_d)]
        if not before:
            return None
        share = self.share if before[-1] == self.two_d else 1.0  # it is one of the run's own 2D set
        return replace(self, stage=1, two_d=before[-1], share=share, three_d=None, geometry_weight=None)

    @property
    def starts(self) -> tuple[str, ...]:
        """The 2D sets of the stages 1 that the lineage begins with."""
        return tuple(self.start.split("+")) if self.start else ()

    @property
    def lineage(self) -> "tuple[Run, ...]":
        """This run and its ancestors, oldest first."""
        return (*(self.parent.lineage if self.parent else ()), self)

    @property
    def sets(self) -> set[str]:
        """The data sets that it and its ancestors learn from."""
        names = (name for run in self.lineage for name in (run.two_d, run.three_d, run.target))
        return {name for name in names if name}

    @property
    def notebook(self) -> str:
        """Name of the notebook that executes it."""
        return f"stage{self.stage}"


@dataclass(frozen=True)
class Row:
    """One row of a table for one seed: its last run, whose `lineage` holds the others."""

    table: int
    run: Run


def paper_table(
    table: Literal[1, 2, 3], sets_2d: Sequence[str] = PAPER_2D, sets_3d: Sequence[str] = PAPER_3D
) -> list[Run]:
    """The last runs of all rows of one of the paper's own tables."""
    if table == 1:  # each 2D set with each 3D set
        return [Run(3, two_d, three_d, three_d) for two_d, three_d in product(sets_2d, sets_3d)]
    if table == 2:  # 3D only: each 3D set in stage 2 with each in stage 3
        return [Run(3, None, first, last) for first, last in product(sets_3d, sets_3d)]
    # doubled epochs for the smaller 2D sets; stage 2 on the first 3D set, stage 3 on each
    pairs = product(sets_2d, sets_3d)
    return [Run(3, two_d, sets_3d[0], last, LEVEL_SET.get(two_d, 1)) for two_d, last in pairs]


def arms(two_d: str, three_d: str, **options: str) -> list[Run]:
    """Without 2D, with 2D pre-training, with mixing, with both; options: of every run."""
    pairs = [(None, None), (None, two_d), (two_d, None), (two_d, two_d)]
    return [Run(2, mixed, three_d, start=start, **options) for mixed, start in pairs]


def table4(two_d: str, three_d: str) -> list[Run]:
    """Four arms at equal images and again at equal time; then stage 3 with and without the geometric loss."""
    stage2 = [run for budget in ("images", "time") for run in arms(two_d, three_d, budget=budget)]
    stage3 = Run(3, two_d, three_d, three_d, budget="images")
    return [*stage2, stage3, replace(stage3, geometry_weight=0.0)]


def table6(real: RealPeople) -> list[Run]:
    """Each source of 2D with each 3D set; then the curve over shares of the last source's labels."""

    def arm(recipe, three_d, source, share=1.0):
        two_d, start = (source[-1], "+".join(source)) if source else (None, None)
        return Run(2, two_d, three_d, start=start, budget="images", share=share, recipe=recipe)

    labelled = [source for source in real.sources if source and source[-1] == real.sources[-1][-1]]
    grid = product(real.recipes, real.three_d, real.sources)
    curve = product(real.recipes, real.three_d[:1], labelled, real.shares)
    return [arm(*place) for place in (*grid, *curve)]


LAST_RUN = {  # (comparison, scheme) of the paper's four totals of minutes → the run whose lineage took them
    ("best_occlusion_person", "2d_pretraining"): Run(3, "mpii", "occlusion_person", "occlusion_person"),
    ("best_occlusion_person", "3d_only"): Run(3, None, "mpi_inf_3dhp", "occlusion_person"),
    ("best_mpi_inf_3dhp", "2d_pretraining"): Run(3, "lsp", "h36m", "h36m"),
    ("best_mpi_inf_3dhp", "3d_only"): Run(3, None, "occlusion_person", "mpi_inf_3dhp"),
}


def _rows_of_table(profile: Profile, table: int) -> list[Run]:
    sets, fair, size = (profile.two_d, profile.three_d), profile.fair, profile.size
    today, sweep = profile.today, profile.geometry_sweep
    match table:
        case 1 | 2:
            return paper_table(table, *sets)
        case 3:  # the doubled rows at the epochs of Table 1, too, most of which the paper does not have
            made = paper_table(3, *sets)
            return [*made, *(replace(run, epoch_scale=1) for run in made if run.epoch_scale != 1)]
        case 4:
            return table4(fair.two_d, fair.three_d)
        case 5:
            networks = product(size.backbones, size.shares)
            return [Run(2, size.two_d, size.three_d, backbone=name, share=share) for name, share in networks]
        case 6:
            return table6(profile.real)
        case 7:  # arms of Table 4 at equal images under each recipe
            of = [arms(fair.two_d, fair.three_d, budget="images", recipe=name) for name in today.recipes]
            return [run for made in of for run in made if run.arm in today.arms]
        case 8:  # one stage 2, and from it a stage 3 at each weight of the geometric loss
            last = Run(3, sweep.two_d, sweep.three_d, sweep.three_d)
            return [replace(last, geometry_weight=weight) for weight in sweep.weights]


def rows(profile: Profile) -> list[Row]:
    """All rows of the profile's tables, seed by seed."""
    made = [Row(table, run) for table in profile.tables for run in _rows_of_table(profile, table)]
    return [Row(row.table, replace(row.run, seed=seed)) for seed in profile.seeds for row in made]


def stage_config(profile: Profile, run: Run) -> StageConfig:
    """What one run of a profile depends on."""
    profile = profile.with_recipe(run.recipe)
    training = profile.training(run.stage, run.two_d, run.trained_3d).scaled(run.epoch_scale)
    if run.geometry_weight is not None:
        training = training.model_copy(update={"geometry_weight": run.geometry_weight})
    if run.budget:
        training = _within_budget(profile, training, run)
    network = profile.network
    if run.backbone:
        name, options = parse_network(run.backbone)
        network = network.model_copy(update={"model": name, "width": options.get("width")})
    return StageConfig(
        stage=run.stage, two_d=run.two_d, three_d=run.trained_3d, seed=run.seed, training=training,
        augmentation=profile.augmentation, network=network,
        validate_every=profile.validate_every, share_2d=run.share,
        share_3d=profile.share_3d if run.trained_3d else 1.0, canonical_bones=profile.canonical_bones,
        legacy=profile.legacy,
    )  # fmt: skip


def _within_budget(profile: Profile, training: TrainingConfig, run: Run) -> TrainingConfig:
    """A stage's part of what an arm may spend: stages 1 have equal parts, stage 3 is the profile's own."""
    if run.stage == 3:
        return training
    pretraining = profile.fair.pretraining_share if run.start else 0.0
    part = pretraining / len(run.starts) if run.stage == 1 else 1 - pretraining
    sets = 2 if run.two_d and run.three_d else 1
    update = {"samples_per_epoch": round(profile.fair.images * part / sets / training.epochs)}
    if not update["samples_per_epoch"]:
        raise StudyError(
            f"fair.images: {profile.fair.images} are less than one for each of {training.epochs} epochs"
            f" ({run.name})"
        )
    if run.budget == "time":
        update |= {"seconds": profile.fair.seconds * part, "epochs": 10 * training.epochs, "drop_after": ()}
    return training.model_copy(update=update)
