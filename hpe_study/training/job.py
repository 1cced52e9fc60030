"""What one training is given: its data, where it runs, and both together with its parameters."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hpe_study.config import StageConfig
from hpe_study.data.store import Store
from hpe_study.errors import StudyError
from hpe_study.models.checkpoints import read_checkpoint


@dataclass(frozen=True)
class Runtime:
    """Where and how a run is trained. No part of its identity: its numbers depend on it by rounding only."""

    device: str = "auto"  # "auto", "cpu", "cuda" or "cuda:1"
    processes: int = 1  # how many train the run together, each on a GPU (without any: on a core) of its own
    cores: int = 1  # threads of each of those on a CPU. Recorded, because another number rounds differently
    workers: int = 0  # processes that read crops, for each of those
    compile: str = "none"  # `torch.compile`'s mode for a training step, or "none"
    # sum batch statistics as several processes do, in one process too, so that their curves can be
    # compared; a fifth slower
    exact_batch_norm: bool = False
    progress: bool = True


@dataclass(frozen=True)
class RunData:
    """The stores of a run: two to learn from, two to draw its curves on; None where the scheme has none."""

    train_2d: Store | None
    train_3d: Store | None
    test_2d: Store | None
    test_3d: Store | None

    @property
    def train(self) -> list[Store]:
        """The training stores, 2D first."""
        return [store for store in (self.train_2d, self.train_3d) if store is not None]

    @property
    def validation(self) -> Store:
        """The store that the curves are drawn on: the 3D set's where there is one."""
        return self.test_3d if self.test_3d is not None else self.test_2d


@dataclass(frozen=True)
class TrainingJob:
    """One training."""

    stage: StageConfig
    data: RunData
    out: Path  # the run's folder
    init: Path | None = None  # checkpoint of the run that it starts from, if any
    # (15,) mm, the canonical lengths that size predicted skeletons in the curves; None in stage 1
    bones: np.ndarray | None = None
    runtime: Runtime = Runtime()

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """What the weights depend on besides the code: parameters, stores, identity of first weights."""
        stores = (*self.data.train, self.data.validation)
        return {
            "parameters": self.stage.model_dump(mode="json"),
            "data": {store.path.name: store.attrs["key"] for store in stores},
            "init": _identity_of(self.init) if self.init else None,
        }

    def to_json(self) -> dict[str, Any]:
        """The job as JSON, for another process on this machine."""
        stores = {
            key: store and {"path": str(store.path), "in_memory": store.in_memory}
            for key, store in vars(self.data).items()
        }
        return {
            "stage": self.stage.model_dump(mode="json"),
            "data": stores,
            "out": str(self.out),
            "init": self.init and str(self.init),
            "bones": None if self.bones is None else self.bones.tolist(),
            "runtime": vars(self.runtime),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "TrainingJob":
        """The job that `to_json` described; opens its stores."""
        stores = {key: Store(**store) if store else None for key, store in values["data"].items()}
        return cls(
            stage=StageConfig(**values["stage"]),
            data=RunData(**stores),
            out=Path(values["out"]),
            init=values["init"] and Path(values["init"]),
            bones=None if values["bones"] is None else np.array(values["bones"], float),
            runtime=Runtime(**values["runtime"]),
        )


def _identity_of(checkpoint):
    identity = read_checkpoint(checkpoint).identity
    if identity is None:
        raise StudyError(
            f"{checkpoint}: not a checkpoint of a run (it has no identity); train that run again"
        )
    return identity
