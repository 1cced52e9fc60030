"""Sections of a parameter file: augmentation, and what the study's own tables (4 to 8) compare.

They come with what all models of parameters share: frozen models, and types of their values.
"""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

TABLE_SECTIONS = {  # table → the sections of a parameter file that it needs
    4: ("fair",), 5: ("size",), 6: ("real", "fair"), 7: ("today", "fair"), 8: ("geometry_sweep",),
}  # fmt: skip

RENAMED = {  # a key of earlier parameter files → what to write instead
    "simulate": "write sets: {NAME: {simulate: {train: …, test: …}}}",
    "datasets": "write sets: {NAME: {options: {…}}}",
}


def each_once(values: tuple) -> tuple:
    """The values. Raises `ValueError` where one stands there twice."""
    if twice := sorted({value for value in values if values.count(value) > 1}):
        raise ValueError(f"{twice[0]!r} stands there twice")
    return values


Share = Annotated[float, Field(ge=0, le=1)]
PositiveShare = Annotated[float, Field(gt=0, le=1)]
Shares = Annotated[tuple[PositiveShare, ...], AfterValidator(each_once)]
# what arrays and float32 can hold
PositiveInt = Annotated[int, Field(gt=0, le=10**9)]
PositiveFloat = Annotated[float, Field(gt=0, le=1e30)]
NonNegative = Annotated[float, Field(ge=0, le=1e30)]
Names = Annotated[tuple[str, ...], AfterValidator(each_once)]
Arm = Literal["none", "2d pre-training", "mixing", "both"]


class Frozen(BaseModel):
    """A model that takes no unknown key, no NaN and no change."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class AugmentationConfig(Frozen):
    """Random changes: normal draws, cut at a limit. The defaults are the published ones."""

    scale_sd: Share = 0.25  # share of the crop's side
    scale_limit: Share = 0.25
    rotation_sd: NonNegative = 30.0  # degrees …
    rotation_limit: NonNegative = 60.0
    rotation_share: Share = 0.6  # … on this share of the samples
    rotate_3d: bool = False  # rotate the 3D sets' samples too
    shift: Share = 0.0  # ± share of the crop's side
    flip: Share = 0.5
    colour: Share = 0.0  # ± gain and offset per channel
    occlusion: Share = 0.0  # of the samples, on which a rectangle of one colour is laid

    @model_validator(mode="before")
    @classmethod
    def _renamed_keys(cls, values: object) -> object:
        for key in ("scale", "rotation") if isinstance(values, dict) else ():
            if key in values:
                raise ValueError(
                    f"{key!r} was the limit, twice the standard deviation; write {key}_sd and {key}_limit"
                )
        return values


class Fair(Frozen):
    """Table 4: what every arm may spend, so that arms differ in nothing but pre-training and mixing."""

    two_d: str = "mpii"
    three_d: str = "h36m"
    images: PositiveInt  # seen in all stages together, 2D and 3D
    pretraining_share: Annotated[float, Field(gt=0, lt=1)] = 0.4  # of these in stage 1, where an arm has one
    seconds: PositiveFloat  # of training in all stages together, in the comparison at equal time


class Size(Frozen):
    """Table 5: networks and shares of the 2D set, at equal updates."""

    two_d: str = "mpii"
    three_d: str = "h36m"
    # "resnet50", or "narrow18:24" with the first layer's channels
    backbones: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(each_once)]
    shares: Shares = (0.25, 0.5, 1.0)


class RealPeople(Frozen):
    """Table 6: each source of 2D with each simulated 3D set, at the equal images of the section `fair`."""

    # the 2D sets of stage 1, one after the other; stage 2 mixes the last with the 3D set; []: 3D only
    sources: Annotated[tuple[Names, ...], Field(min_length=1), AfterValidator(each_once)]
    three_d: Annotated[Names, Field(min_length=1)]
    # of the last source's labels, with the first 3D set: the curve
    shares: Shares = ()
    recipes: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(each_once)] = ("",)

    @model_validator(mode="after")
    def _curve_has_labels(self) -> "RealPeople":
        if self.shares and not self.sources[-1]:
            raise ValueError("shares: are of the last source's labels, and that names no 2D set")
        return self


class Today(Frozen):
    """Table 7: arms of Table 4 under several recipes, at the equal images of the section `fair`."""

    recipes: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(each_once)]
    arms: tuple[Arm, ...] = get_args(Arm)


class GeometrySweep(Frozen):
    """Table 8: stage 3 with the geometric loss at several weights λ_geo, in crop units."""

    two_d: str = "mpii"
    three_d: str = "h36m"
    weights: Annotated[tuple[NonNegative, ...], Field(min_length=1), AfterValidator(each_once)]
