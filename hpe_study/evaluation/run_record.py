"""`run.json`, the record of a finished training: one schema, which every reader asks for."""

from pathlib import Path
from typing import Annotated, Any

import pydantic

from hpe_study.errors import StudyError
from hpe_study.skeletons import MPII16
from hpe_study.utils.files import read_json, require_regular_file

LARGEST = 1 << 24  # bytes; a real one has a few thousand
ADVICE = "delete this folder and train the run again"

NotNegative = Annotated[float, pydantic.Field(ge=0)]
Count = Annotated[int, pydantic.Field(ge=0)]
Line = Annotated[str, pydantic.Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=1000)]
BoneLength = Annotated[float, pydantic.Field(gt=0)]


class _Entry(pydantic.BaseModel):
    """Types as they stand in the file, finite numbers, further keys kept."""

    model_config = pydantic.ConfigDict(strict=True, frozen=True, extra="allow", allow_inf_nan=False)


class TrainingParameters(_Entry):
    """What readers use of the record's `parameters.training`."""

    epochs: Count


class RunParameters(_Entry):
    """What readers use of the record's `parameters` (`config.StageConfig`, as it was dumped)."""

    training: TrainingParameters
    legacy: list[str]
    two_d: str | None = None
    three_d: str | None = None


class RunRecord(_Entry):
    """The record of a finished training."""

    name: Line  # of the run
    hash: Line  # of its parameters, the run's identity
    parameters: RunParameters  # what it was trained with
    data: dict[str, str]  # {file name of a store: its key}
    simulated: bool  # whether any training data, here or in the runs that it began with, are simulated people
    real: bool | None = None  # whether any are real ones; None in old records
    weights_from: Line  # where the first weights came from
    images_seen: Count  # in all epochs
    images_2d: Count | None  # distinct images of the 2D set
    seconds: NotNegative  # of training, this stage
    seconds_per_epoch: NotNegative  # median
    images_per_second: NotNegative  # median
    peak_memory_mb: NotNegative  # of the GPU, else of the process
    # (15,) the canonical lengths of `MPII16.bones`, None where unknown; None after stage 1
    bones_mm: list[BoneLength | None] | None
    device: Line  # what it was trained on
    precision: Line  # "bf16" or "fp32"
    code: Line  # commit or version

    @pydantic.field_validator("bones_mm")
    @classmethod
    def _one_per_bone(cls, lengths: list[float | None] | None) -> list[float | None] | None:
        if lengths is not None and len(lengths) != len(MPII16.bones):
            raise ValueError(f"must have {len(MPII16.bones)} lengths, not {len(lengths)}")
        return lengths

    @property
    def trained_on(self) -> str:
        """Whom it learnt from: "real people", "simulated people", or "real and simulated people"."""
        real = not self.simulated if self.real is None else self.real
        return " and ".join(["real"] * real + ["simulated"] * self.simulated) + " people"

    def as_dict(self) -> dict[str, Any]:
        """The record as it stands in the file."""
        return self.model_dump()


def read_run_record(folder: str | Path) -> RunRecord:
    """Read and check the record of a finished run; `StudyError` names the file and the first wrong key."""
    path = require_regular_file(Path(folder) / "run.json")
    if path.stat().st_size > LARGEST:
        raise StudyError(f"{path}: is no record of a training (too large); {ADVICE}")
    try:
        return RunRecord.model_validate(read_json(path, advice=ADVICE))
    except pydantic.ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(map(str, fault["loc"])) or "the file"
        raise StudyError(f"{path}: is no record of a training ({key}: {fault['msg']}); {ADVICE}") from error
