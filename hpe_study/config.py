"""Parameters as frozen, typed models: an unknown key, a wrong type or an impossible value is one clear line.

`Profile` is one file of `params/`: the data, the network, and a section of training settings for each stage.
`StageConfig` is what one training run depends on, and its hash depends on nothing else.
`hpe_study.config_sections` has the augmentation's section and those of Tables 4 to 8.
`hpe_study.parameter_files` reads the files.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError
from pydantic.functional_validators import AfterValidator, field_validator, model_validator

from hpe_study import published_defects
from hpe_study.config_sections import (
    RENAMED,
    TABLE_SECTIONS,
    AugmentationConfig,
    Fair,
    Frozen,
    GeometrySweep,
    Names,
    NonNegative,
    PositiveFloat,
    PositiveInt,
    PositiveShare,
    RealPeople,
    Size,
    Today,
    each_once,
)
from hpe_study.errors import StudyError
from hpe_study.models.networks import check_network, parse_network
from hpe_study.utils.files import digest_of

PAPER_2D = ("mpii", "lsp", "flic")  # the paper's own sets: of its tables, figures and claims
PAPER_3D = ("h36m", "mpi_inf_3dhp", "occlusion_person")
SETS_2D = (*PAPER_2D, "lsp_extended")  # readers of the sets that a profile may learn from: add yours here
SETS_3D = (*PAPER_3D, "3dpw")  # the paper tried 3DPW and left it out of its tables
READERS = {  # every reader: its module in `hpe_study.datasets`, and what opens the set there
    "mpii": ("mpii", "Mpii"),
    "lsp": ("lsp", "Lsp"),
    "lsp_extended": ("lsp", "LspExtended"),
    "flic": ("flic", "Flic"),
    "h36m": ("h36m", "open_h36m"),
    "mpi_inf_3dhp": ("mpi_inf_3dhp", "open_mpi_inf_3dhp"),
    "occlusion_person": ("occlusion_person", "OcclusionPerson"),
    "3dpw": ("threedpw", "ThreeDPW"),
    "lsp_pseudo3d": ("lsp_pseudo3d", "LspPseudo3d"),
    "pose2sim": ("pose2sim", "Pose2Sim"),
}
# a profile's own, not one set's; the last are arguments of `open_dataset`
STORE_KEYS = {"input_size", "margin", "encoding", "strict", "joint_rules", "legacy", "name", "root", "split"}
CLIPPING, AUDIT = "clipping", "audit"  # notebooks of one profile each; the audit's trains its own runs
TABLES = {n: f"table{n}" for n in range(1, 9)} | {3: "epoch_scaling"}  # table → its notebook
FIGURES = ("timing", "training_curves", "wireframes", "claims", "report")  # the report joins the others
ANALYSES = (*TABLES.values(), *FIGURES, CLIPPING, AUDIT)


def _defects(names: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return published_defects.chosen(names)
    except StudyError as error:
        raise ValueError(str(error).removeprefix("legacy: ")) from error


Seed = Annotated[int, Field(ge=0, lt=2**63)]
Compiling = Literal["none", "default", "reduce-overhead", "max-autotune"]
Defects = Annotated[tuple[str, ...], AfterValidator(_defects)]
CanonicalBones = Literal["drillis_contini", "h36m"]  # `skeletons.CANONICAL_LENGTHS`
JointRules = Literal["corrected", "printed"]  # `datasets.label_mapping`
SetName = Annotated[str, Field(pattern=r"^[a-z0-9_]+$", max_length=40)]


class Counts(Frozen):
    """How many records each split of a simulated stand-in gets."""

    train: PositiveInt
    test: PositiveInt
    options: dict[str, bool | str] = {}  # of the stand-in, such as {clipping: true} of occlusion_person


class DataSetConfig(Frozen):
    """Where a data set comes from: real files, or a simulated stand-in that is made where it is missing."""

    reader: Literal[tuple(READERS)] | None = None  # None: the one of the set's own name
    root: str | None = None  # folder that holds the set's folder; None: the profile's data_root
    simulate: Counts | None = None  # None: real files are expected there
    options: dict[str, bool | int | float | str | list[int]] = {}  # of the reader

    @field_validator("options")
    @classmethod
    def _no_store_keys(cls, options: dict) -> dict:
        if wrong := sorted(STORE_KEYS & set(options)):
            raise ValueError(f"{wrong[0]!r} is no option of a reader; it is set for all data sets together")
        return options


SOURCES = {"h36m_full": DataSetConfig(reader="h36m", options={"layout": "full"})}  # named with their options


class TrainingConfig(Frozen):
    """One stage; the learning rate is multiplied by `drop_factor` after each epoch of `drop_after`.

    With `decay: cosine` it falls along half a cosine instead.
    """

    epochs: PositiveInt = 1
    seconds: PositiveFloat | None = None  # of training, after which no epoch is begun (Table 4's equal times)
    samples_per_epoch: PositiveInt | None = None  # drawn anew each epoch; None: the 2D (3D-only: 3D) set
    batch_size: PositiveInt = 32
    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: PositiveFloat = 1e-3
    weight_decay: NonNegative = 0.0
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    decay: Literal["steps", "cosine"] = "steps"
    drop_after: tuple[PositiveInt, ...] = ()
    drop_factor: PositiveFloat = 0.1
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None  # decay of averaged weights, which are scored
    depth_weight: NonNegative = 0.1  # λ_reg
    geometry_weight: NonNegative = 0.0  # λ_geo

    @model_validator(mode="after")
    def _drops_within_epochs(self) -> "TrainingConfig":
        if any(drop >= self.epochs for drop in self.drop_after):
            drops = list(self.drop_after)
            raise ValueError(f"drop_after {drops} must lie before the last of {self.epochs} epochs")
        return self

    def scaled(self, factor: int) -> "TrainingConfig":
        """The same schedule stretched: epochs and drops times `factor` (Table 3's doubled epochs)."""
        drops = tuple(round(drop * factor) for drop in self.drop_after)
        return self.model_copy(update={"epochs": round(self.epochs * factor), "drop_after": drops})


class NetworkConfig(Frozen):
    """The network, its targets and its decoding."""

    model: str = "resnet50"
    width: PositiveInt | None = None  # first layer's channels of the narrow networks
    pretrained: bool = True  # ImageNet weights where they can be had
    input_size: Annotated[int, Field(gt=0, le=1024)] = 256  # px
    sigma: PositiveFloat = 2.0  # of the target Gaussians, heat-map px
    heatmap_scale: Literal["mean", "peak"] = "mean"  # error per cell, or per unit of the target's energy
    depth_unit: PositiveFloat = 1.0  # crop sides that one unit of the depth head stands for
    decode: Literal["argmax", "quarter", "soft"] = "quarter"
    flip_test: bool = True
    precision: Literal["auto", "fp32", "bf16"] = "auto"

    @model_validator(mode="after")
    def _network_can_be_built(self) -> "NetworkConfig":
        try:
            check_network(self.model, self.input_size, width=self.width)
        except StudyError as error:
            raise ValueError(str(error)) from error
        return self


class StageConfig(Frozen):
    """All that one training run depends on, besides its data and the run it starts from."""

    stage: Literal[1, 2, 3]
    two_d: str | None
    three_d: str | None
    seed: int
    training: TrainingConfig
    augmentation: AugmentationConfig
    network: NetworkConfig
    validate_every: PositiveInt
    share_2d: PositiveShare = 1.0  # of the 2D set's images that are used at all (Table 5)
    share_3d: PositiveShare = Field(1.0, exclude_if=lambda share: share == 1)  # no key of a whole set
    canonical_bones: CanonicalBones = "drillis_contini"
    legacy: Defects

    @property
    def scheme(self) -> Literal["2d", "fusion", "3d"]:
        """2d: stage 1; fusion: 2D and 3D together; 3d: 3D alone."""
        return "fusion" if self.two_d and self.three_d else "2d" if self.two_d else "3d"

    @property
    def hash(self) -> str:
        """First 12 hex digits of the digest of these parameters. Field names are part of it."""
        return digest_of(self.model_dump())[:12]


class Profile(Frozen):
    """One file of `params/`, together with the files that it is based on."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_][a-z0-9_-]*$", max_length=100)]
    question: str = ""
    records: str | None = None  # folder of published run records that analyses read; relative to the project
    data_root: str  # folder that holds one folder for each data set; relative to the project
    sets: dict[SetName, DataSetConfig] = {}  # where they come from; one that is not named: real files
    simulate_size: Annotated[int, Field(gt=0, le=4096)] = 128  # px of a simulated person's crop
    simulate_seed: Seed = 0
    simulate_on: Literal["cpu", "auto"] = "cpu"  # what renders; a GPU's pictures may differ in a last bit
    # true: absent images are an error instead of being left out and counted; "published": as the sets were
    # published, LSP with photographs that are in training and test
    strict: bool | Literal["published"] = False
    crop_margin: Annotated[float, Field(ge=1, le=3)] = 1.5  # side of a stored crop over the person's box's
    encoding: Literal["jpeg", "raw"] = "jpeg"  # of the stored crops
    in_memory: bool = False  # hold the stored crops in memory while training
    workers: Annotated[int, Field(ge=0, le=256)] = 0  # processes that read crops while training
    devices: PositiveInt = 1  # GPUs (without any: cores) that train one run together; rounding differs
    exact_batch_norm: bool = False  # one device, too, sums batch statistics as several do; a fifth slower
    runs_per_gpu: PositiveInt = 1  # runs that may share a GPU at a time, where they are small
    compile: Compiling = "none"  # torch.compile's mode for training steps; costs minutes at a run's start
    two_d: Names = PAPER_2D
    three_d: Names = PAPER_3D
    also_test: Names = ()  # sets without a table of their own that every run is scored on as well
    also_floors: tuple[Literal["3dpw", "h36m_full"], ...] = ()  # oracle floors of sets without a table
    tables: Annotated[tuple[Literal[1, 2, 3, 4, 5, 6, 7, 8], ...], AfterValidator(each_once)] = (1, 2, 3)
    analyses: tuple[Literal[ANALYSES], ...] | None = None  # notebooks to execute; None: all that tables need
    share_3d: PositiveShare = 1.0  # of a 3D set's training images that are used at all; as many updates
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1, max_length=100), AfterValidator(each_once)] = (0,)
    validate_every: PositiveInt = 5  # epochs
    network: NetworkConfig = NetworkConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    stage1: TrainingConfig = TrainingConfig()
    stage2: TrainingConfig = TrainingConfig()
    stage3: TrainingConfig = TrainingConfig()
    stage2_3d_only: TrainingConfig = TrainingConfig()
    stage3_3d_only: TrainingConfig = TrainingConfig()
    large_sets: Names = ()  # 3D sets whose 3D-only stages have their own settings:
    stage2_3d_only_large: TrainingConfig | None = None
    stage3_3d_only_large: TrainingConfig | None = None
    fair: Fair | None = None  # for Tables 4, 6 and 7
    size: Size | None = None  # for Table 5
    real: RealPeople | None = None  # for Table 6
    today: Today | None = None  # for Table 7
    recipes: dict[SetName, dict[str, dict[str, Any]]] = {}  # sections of this file that a recipe changes
    geometry_sweep: GeometrySweep | None = None  # for Table 8
    joint_rules: JointRules = "corrected"  # from the sets' joints to MPII-16's
    canonical_bones: CanonicalBones = "drillis_contini"  # whose ratios the geometric loss asks for
    legacy: Defects = ()  # defects of the published code to turn on: `hpe_study.published_defects`, or all

    @model_validator(mode="before")
    @classmethod
    def _renamed_keys(cls, values: object) -> object:
        for key, instead in RENAMED.items() if isinstance(values, dict) else ():
            if key in values:
                raise ValueError(f"{key!r} is called otherwise now: {instead}")
        return values

    @model_validator(mode="after")
    def _sets_fit(self) -> "Profile":
        for name, source in self.sets.items():
            if source.reader is None and name not in (*READERS, *SOURCES):
                raise ValueError(f"sets.{name}: needs a reader: one of {', '.join(READERS)}")
        for key, allowed in (("two_d", SETS_2D), ("three_d", SETS_3D), ("large_sets", SETS_3D)):
            for name in getattr(self, key):
                if self.source(name).reader not in allowed:
                    raise ValueError(f"{key}: {name!r} is not one of {', '.join(allowed)}")
        for name in self.also_test:
            if name not in (*READERS, *SOURCES, *self.sets):
                known = ", ".join((*READERS, *SOURCES))
                raise ValueError(f"also_test: {name!r} is neither one of {known} nor named in sets")
        for key, tables in (("two_d", {1, 3}), ("three_d", {1, 2, 3})):
            if not getattr(self, key) and tables & set(self.tables):
                raise ValueError(f"{key}: table {min(tables & set(self.tables))} needs at least one set")
        for table, keys in TABLE_SECTIONS.items():
            for key in keys:
                if table in self.tables and getattr(self, key) is None:
                    raise ValueError(f"tables: table {table} needs the section {key}")
        used = [
            (f"{key}.{sets}", sets, getattr(section, sets))
            for key in ("fair", "size", "geometry_sweep")
            if (section := getattr(self, key))
            for sets in ("two_d", "three_d")
        ]
        if real := self.real:
            used += [("real.sources", "two_d", name) for source in real.sources for name in source]
            used += [("real.three_d", "three_d", name) for name in real.three_d]
        for key, sets, name in used:
            if name not in getattr(self, sets):
                raise ValueError(f"{key}: {name!r} must be one of the profile's own {sets}")
        return self

    @model_validator(mode="after")
    def _stages_fit(self) -> "Profile":
        if uneven := [name for name, part in self._trainings() if part.batch_size % self.devices]:
            raise ValueError(f"devices: {self.devices} does not divide the batch_size of {', '.join(uneven)}")
        for backbone in self.size.backbones if self.size else ():
            try:
                name, options = parse_network(backbone)
                check_network(name, self.network.input_size, **options)
            except StudyError as error:
                raise ValueError(f"size.backbones: {error}") from error
        if self.large_sets and not (self.stage2_3d_only_large and self.stage3_3d_only_large):
            raise ValueError("large_sets: needs the sections stage2_3d_only_large and stage3_3d_only_large")
        return self

    @model_validator(mode="after")
    def _recipes_fit(self) -> "Profile":
        known = ", ".join(self.recipes) or "none"
        for key in ("real", "today"):
            section = getattr(self, key)
            for name in section.recipes if section else ():
                if name and name not in self.recipes:
                    raise ValueError(f"{key}.recipes: {name!r} is not one of {known}")
        fields = type(self).model_fields
        allowed = [key for key in fields if key in ("network", "augmentation", "fair") or key[:5] == "stage"]
        for name, changes in self.recipes.items():
            if wrong := sorted(set(changes) - set(allowed)):
                raise ValueError(f"recipes.{name}: {wrong[0]!r} is not one of {', '.join(allowed)}")
            if "input_size" in changes.get("network", {}):
                raise ValueError(f"recipes.{name}: input_size is the profile's: stores are made for it")
            try:
                self.with_recipe(name)
            except ValidationError as error:
                fault = error.errors()[0]
                key = ".".join(map(str, ("recipes", name, *fault["loc"])))
                raise ValueError(f"{key}: {fault['msg'].removeprefix('Value error, ')}") from error
        return self

    def with_recipe(self, name: str) -> "Profile":
        """The profile with the sections that a recipe changes; itself for ""."""
        if not name:
            return self
        changes = self.recipes[name]
        values = self.model_dump(exclude={"recipes", "real", "today"})
        values["tables"] = tuple(table for table in self.tables if table not in (6, 7))
        merged = {key: {**(values.get(key) or {}), **section} for key, section in changes.items()}
        return Profile(**{**values, **merged})

    @property
    def set_names(self) -> list[str]:
        """Names of the data sets that tables need, each once, 2D first."""
        return list(dict.fromkeys((*self.two_d, *self.three_d)))

    def source(self, name: str) -> DataSetConfig:
        """Where a data set comes from; its reader is named."""
        source = self.sets.get(name) or SOURCES.get(name) or DataSetConfig()
        if source.reader is None and name in SOURCES:
            known = SOURCES[name]
            options = {**known.options, **source.options}
            return source.model_copy(update={"reader": known.reader, "options": options})
        return source.model_copy(update={"reader": source.reader or name})

    def _trainings(self) -> list[tuple[str, TrainingConfig]]:
        sections = ((name, getattr(self, name)) for name in type(self).model_fields)
        return [(name, part) for name, part in sections if isinstance(part, TrainingConfig)]

    def training(self, stage: int, two_d: str | None, three_d: str | None) -> TrainingConfig:
        """The section that holds for a stage: fusion and 3D-only differ, and so do the large 3D sets."""
        if two_d:
            return getattr(self, f"stage{stage}")
        return getattr(self, f"stage{stage}_3d_only{'_large' if three_d in self.large_sets else ''}")
