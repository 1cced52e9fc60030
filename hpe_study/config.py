"""Parameter files: YAML read into frozen, typed models. An unknown key, a wrong type or an impossible value
is one clear line.

`Profile` is one file of `params/`: the data, the network, and a section of training settings for each stage.
`StageConfig` is what one training run really uses; `Profile.stage` makes it, so a run's hash depends on nothing
else.
"""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from hpe_study import published_defects as published_code
from hpe_study.errors import StudyError
from hpe_study.utils.files import digest_of

SETS_2D = ("mpii", "lsp", "flic")
SETS_3D = ("h36m", "mpi_inf_3dhp", "occlusion_person")
Share = Annotated[float, Field(ge=0, le=1)]
NonNegative = Annotated[float, Field(ge=0)]
Compiling = Literal["none", "default", "reduce-overhead", "max-autotune"]


def _switches(names):
    try:
        return published_code.chosen(names)
    except StudyError as error:
        raise ValueError(str(error).removeprefix("legacy: ")) from error


Switches = Annotated[tuple[str, ...], AfterValidator(_switches)]


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Counts(Frozen):
    """How many records a simulated stand-in gets."""

    train: PositiveInt
    test: PositiveInt


class TrainingConfig(Frozen):
    """Settings of one stage. Learning rate: constant after the warm-up, times `drop_factor` after each epoch
    of `drop_after`."""

    epochs: PositiveInt = 1
    seconds: PositiveFloat | None = (
        None  # training time after which no further epoch is begun (Table 4's equal times); None: no limit
    )
    samples_per_epoch: PositiveInt | None = (
        None  # drawn anew each epoch; None: all of the 2D set (3D-only: all of the 3D set)
    )
    batch_size: PositiveInt = 32
    optimizer: Literal["adam", "adamw"] = "adam"
    learning_rate: PositiveFloat = 1e-3
    weight_decay: NonNegative = 0.0
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    drop_after: tuple[PositiveInt, ...] = ()
    drop_factor: PositiveFloat = 0.1
    ema: Annotated[float, Field(gt=0, lt=1)] | None = (
        None  # decay of the averaged weights that are scored and handed on; None: the plain ones
    )
    depth_weight: NonNegative = 0.1  # λ_reg
    geometry_weight: NonNegative = 0.0  # λ_geo

    @model_validator(mode="after")
    def _drops_within_epochs(self):
        if any(drop >= self.epochs for drop in self.drop_after):
            raise ValueError(
                f"drop_after {list(self.drop_after)} must lie before the last of {self.epochs} epochs"
            )
        return self

    def scaled(self, factor):
        """The same schedule stretched: epochs and drops times `factor` (Table 3's doubled epochs)."""
        return self.model_copy(
            update={
                "epochs": round(self.epochs * factor),
                "drop_after": tuple(round(drop * factor) for drop in self.drop_after),
            }
        )


class AugmentationConfig(Frozen):
    """Limits of the random changes: normal draws of half the limit as deviation, cut at the limit."""

    scale: Share = 0.25  # ± share of the crop's side
    rotation: NonNegative = 30.0  # ± degrees …
    rotation_share: Share = 0.6  # … on this share of the samples
    rotate_3d: bool = False  # rotate the 3D sets' samples too
    shift: Share = 0.0  # ± share of the crop's side
    flip: Share = 0.5
    colour: Share = 0.0  # ± gain and offset per channel


class NetworkConfig(Frozen):
    """The network and its reading."""

    model: str = "resnet50"
    width: PositiveInt | None = None  # first layer's channels of the narrow networks
    pretrained: bool = True  # ImageNet weights where they can be had
    input_size: PositiveInt = 256  # px
    sigma: PositiveFloat = 2.0  # of the target Gaussians, heat-map px
    heatmap_scale: Literal["mean", "peak"] = (
        "mean"  # squared error averaged over the map, or per unit of the target's own energy
    )
    depth_unit: PositiveFloat = 1.0  # crop sides that one unit of the depth head stands for
    decode: Literal["argmax", "quarter", "soft"] = "quarter"
    flip_test: bool = True
    precision: Literal["auto", "fp32", "bf16"] = "auto"

    @model_validator(mode="after")
    def _size_fits(self):
        if self.input_size % 32:
            raise ValueError(f"input_size {self.input_size} must be a multiple of 32")
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
    share_2d: Annotated[float, Field(gt=0, le=1)] = (
        1.0  # of the 2D set's images that are used at all (Table 5)
    )
    legacy: Switches

    @property
    def scheme(self):
        """ "2d" (stage 1), "fusion" (2D and 3D together) or "3d" (3D alone)."""
        return "fusion" if self.two_d and self.three_d else "2d" if self.two_d else "3d"

    @property
    def hash(self):
        """First 12 hex digits of the digest of these parameters."""
        return digest_of(self.model_dump())[:12]


class Fair(Frozen):
    """Table 4: what every arm may spend, so that they differ in nothing but pre-training and mixing."""

    two_d: str = "mpii"
    three_d: str = "h36m"
    images: PositiveInt  # seen in all stages together, 2D and 3D
    pretraining_share: Annotated[float, Field(gt=0, lt=1)] = 0.4  # of these in stage 1, where an arm has one
    seconds: PositiveFloat  # of training in all stages together, in the comparison at equal time


class Size(Frozen):
    """Table 5: networks and shares of the 2D set, at equal updates."""

    two_d: str = "mpii"
    three_d: str = "h36m"
    backbones: Annotated[
        tuple[str, ...], Field(min_length=1)
    ]  # "resnet50", or "narrow18:24" with the first layer's channels
    shares: tuple[Annotated[float, Field(gt=0, le=1)], ...] = (0.25, 0.5, 1.0)


class Profile(Frozen):
    """One file of `params/`."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")]
    question: str = ""
    records: str | None = (
        # folder of published run records, relative to the project, that analyses read instead of runs of
        # one's own
        None
    )
    data_root: str  # folder that holds one folder a data set; relative to the project
    simulate: dict[
        str, Counts
    ] = {}  # stand-ins that are made where they are missing; empty: only what lies in data_root is used
    simulate_size: PositiveInt = 128  # px of a simulated person's crop
    simulate_seed: int = 0
    simulate_on: Literal["cpu", "auto"] = (
        "cpu"  # what renders; auto: the GPU that is seen, whose pictures may differ in a last bit
    )
    datasets: dict[str, dict] = {}  # options of a reader, by data set
    strict: bool = False  # absent images are an error instead of being left out and counted
    crop_margin: Annotated[float, Field(ge=1, le=3)] = (
        1.5  # side of a stored crop over the side of the person's box
    )
    encoding: Literal["jpeg", "raw"] = "jpeg"  # of the stored crops
    in_memory: bool = False  # hold the stored crops in memory while training
    workers: Annotated[int, Field(ge=0)] = 0  # processes that read crops while training
    devices: PositiveInt = (
        1  # GPUs (without any: cores) that train one run together; its numbers depend on it by rounding only
    )
    # one device, too, sums batch statistics as several do: curves agree to 1e-4 at first; a fifth slower
    exact_batch_norm: bool = False
    runs_per_gpu: PositiveInt = 1  # runs that may share a GPU at a time, where they are small
    # torch.compile's mode for training steps: minutes at a run's start; reduce-overhead: CUDA graphs
    compile: Compiling = "none"
    two_d: tuple[str, ...] = SETS_2D
    three_d: tuple[str, ...] = SETS_3D
    also_floors: tuple[
        Literal["3dpw", "h36m_full"], ...
    ] = ()  # sets without a table whose oracle floors stand under Table 1
    tables: tuple[Literal[1, 2, 3, 4, 5], ...] = (1, 2, 3)
    analyses: tuple[str, ...] | None = None  # notebooks of tables and figures to execute; None: all
    seeds: Annotated[tuple[int, ...], Field(min_length=1)] = (0,)
    validate_every: PositiveInt = 5
    network: NetworkConfig = NetworkConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    stage1: TrainingConfig = TrainingConfig()
    stage2: TrainingConfig = TrainingConfig()
    stage3: TrainingConfig = TrainingConfig()
    stage2_3d_only: TrainingConfig = TrainingConfig()
    stage3_3d_only: TrainingConfig = TrainingConfig()
    large_sets: tuple[str, ...] = ()  # 3D sets whose 3D-only stages have their own settings:
    stage2_3d_only_large: TrainingConfig | None = None
    stage3_3d_only_large: TrainingConfig | None = None
    fair: Fair | None = None  # for Table 4
    size: Size | None = None  # for Table 5
    # defects of the published code to turn on: names of `hpe_study.published_defects`, or all
    legacy: Switches = ()

    @model_validator(mode="after")
    def _names_known(self):
        for key, allowed in (("two_d", SETS_2D), ("three_d", SETS_3D), ("large_sets", SETS_3D)):
            for name in getattr(self, key):
                if name not in allowed:
                    raise ValueError(f"{key}: {name!r} is not one of {', '.join(allowed)}")
        if self.simulate and (lacking := set(self.two_d + self.three_d) - set(self.simulate)):
            raise ValueError(f"simulate: no counts for {', '.join(sorted(lacking))}")
        for table, section in ((4, self.fair), (5, self.size)):
            if table in self.tables and section is None:
                raise ValueError(
                    f"tables: table {table} needs the section {'fair' if table == 4 else 'size'}"
                )
        if uneven := [name for name, part in self._trainings() if part.batch_size % self.devices]:
            raise ValueError(
                f"devices: {self.devices} does not divide the batch_size of {', '.join(uneven)}, and each"
                " gets an equal part"
            )
        if self.large_sets and not (self.stage2_3d_only_large and self.stage3_3d_only_large):
            raise ValueError("large_sets: needs the sections stage2_3d_only_large and stage3_3d_only_large")
        return self

    @property
    def sets(self):
        """Its data sets, each once, 2D first."""
        return list(dict.fromkeys((*self.two_d, *self.three_d)))

    def _trainings(self):
        """(name, settings) of every section of training settings."""
        return [
            (name, part)
            for name in type(self).model_fields
            if isinstance(part := getattr(self, name), TrainingConfig)
        ]

    def training(self, stage, two_d, three_d):
        """The section that holds for this stage: fusion and 3D-only differ, and so do the large 3D sets."""
        if two_d:
            return getattr(self, f"stage{stage}")
        return getattr(self, f"stage{stage}_3d_only{'_large' if three_d in self.large_sets else ''}")

    def stage(self, run):
        """The `StageConfig` of one run (`study.Run`) of this profile."""
        three_d = run.trained_3d
        training = self.training(run.stage, run.two_d, three_d).scaled(run.epoch_scale)
        if not run.geometry:
            training = training.model_copy(update={"geometry_weight": 0.0})
        if run.budget:
            training = self._within_budget(training, run)
        return StageConfig(
            stage=run.stage,
            two_d=run.two_d,
            three_d=three_d,
            seed=run.seed,
            training=training,
            augmentation=self.augmentation,
            network=self._network(run.backbone),
            validate_every=self.validate_every,
            share_2d=run.share,
            legacy=self.legacy,
        )

    def _within_budget(self, training, run):
        """Stage 1's or stage 2's part of what an arm of Table 4 may spend; stage 3 is the profile's own."""
        if run.stage == 3:
            return training
        part = (
            self.fair.pretraining_share
            if run.stage == 1
            else 1 - self.fair.pretraining_share
            if run.start
            else 1.0
        )
        sets = 2 if run.two_d and run.three_d else 1
        samples = round(self.fair.images * part / sets / training.epochs)
        update = {"samples_per_epoch": samples}
        if run.budget == "time":
            update |= {"seconds": self.fair.seconds * part, "epochs": 10 * training.epochs, "drop_after": ()}
        return training.model_copy(update=update)

    def _network(self, backbone):
        if not backbone:
            return self.network
        model, _, width = backbone.partition(":")
        return self.network.model_copy(update={"model": model, "width": int(width) if width else None})


def read_profile(path):
    """Read and check a parameter file. Raises `StudyError`, one line: file, key, what is wrong, what is
    allowed."""
    path = Path(path)
    try:
        values = yaml.safe_load(path.read_text())
    except FileNotFoundError as error:
        at_hand = ", ".join(sorted(str(other) for other in path.parent.glob("*.yaml"))) or "none there"
        raise StudyError(f"{path}: no such parameter file (at hand: {at_hand})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise StudyError(
            f"{path}: a parameter file is a list of 'key: value' lines; this one holds"
            f" {type(values).__name__}"
        )
    return checked(Profile, values, path)


def checked(model, values, origin):
    """`model(**values)`; what does not fit becomes a `StudyError` that starts with `origin`."""
    try:
        return model(**values)
    except ValidationError as error:
        raise StudyError(
            f"{origin}: {'; '.join(_explained(model, item) for item in error.errors())}"
        ) from error


def _explained(model, item):
    key = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"unknown key {key!r}; allowed here: {', '.join(_fields(model, item['loc'][:-1]))}"
    if item["type"] == "missing":
        return f"key {key!r} is missing"
    message = item["msg"].removeprefix("Value error, ")
    if isinstance(item["input"], dict):  # a rule about several keys names them itself
        return f"{key}: {message}" if key else message
    return f"{key}: {message} (it is {item['input']!r})"


def _fields(model, location):
    """The keys allowed at a place of the file."""
    for part in location:
        annotation = (
            model.model_fields[part].annotation
            if isinstance(part, str) and part in model.model_fields
            else model
        )
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        model = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), model)
    return sorted(model.model_fields)
