"""Trainings of stick people that take a second: what the tests of this folder share."""

import pandas as pd
import torch

from hpe_study.config import AugmentationConfig, NetworkConfig, StageConfig, TrainingConfig
from hpe_study.training.job import RunData, Runtime

ON_CPU = Runtime(device="cpu", progress=False)
NETWORK = NetworkConfig(
    model="narrow18",
    width=4,
    pretrained=False,
    input_size=64,
    sigma=1.0,
    heatmap_scale="peak",
    depth_unit=1 / 16,
    decode="soft",
    flip_test=False,
)
SMALL = TrainingConfig(
    epochs=3,
    batch_size=8,
    optimizer="adamw",
    learning_rate=3e-3,
    warmup_steps=2,
    drop_after=(2,),
    ema=0.9,
    geometry_weight=0.01,
)


def stage(number=2, two_d="stick2d", three_d="stick3d", **changes):
    """A stage's parameters; changes: training settings that differ from `SMALL`."""
    return StageConfig(
        stage=number,
        two_d=two_d,
        three_d=three_d,
        seed=0,
        training=SMALL.model_copy(update=changes),
        augmentation=AugmentationConfig(shift=0.02, colour=0.1),
        network=NETWORK,
        validate_every=1,
        legacy=(),
    )


def run_data(stores):
    """The `RunData` of the fixture `stick_stores`: 40 samples to learn from and 16 to test on, 2D and 3D."""
    return RunData(
        *(stores[key] for key in (("2d", "train"), ("3d", "train"), ("2d", "test"), ("3d", "test")))
    )


def assert_same_run(first, second):
    """Weights to the bit, and the history but for its clocks."""
    a, b = (torch.load(folder / "checkpoint.pt", weights_only=True)["model"] for folder in (first, second))
    assert all(torch.equal(a[key], b[key]) for key in a)
    clocks = ["seconds", "images_per_second"]
    frames = [pd.read_csv(folder / "history.csv").drop(columns=clocks) for folder in (first, second)]
    pd.testing.assert_frame_equal(*frames, check_exact=True)
