"""What the tests of a user's troubles share: a stage that is trained in a moment, and how
a message reads."""

from hpe_study.config import AugmentationConfig, NetworkConfig, StageConfig, TrainingConfig


def small_stage(number=1, three_d=None, training=None, **network):
    """A stage that learns from "flat" (and `three_d`). training, network: settings that are other ones."""
    settings = {"model": "narrow18", "width": 16, "pretrained": False, "input_size": 64, "flip_test": False}
    return StageConfig(
        stage=number,
        two_d="flat",
        three_d=three_d,
        seed=0,
        training=TrainingConfig(**{"batch_size": 4} | (training or {})),
        augmentation=AugmentationConfig(),
        network=NetworkConfig(**settings | {"heatmap_scale": "peak", "decode": "soft"} | network),
        validate_every=1,
        legacy=(),
    )


def one_line(message, *named):
    """Assert that a message is one line, and that it names all of these; returns True."""
    message = str(message).strip()
    assert len(message.splitlines()) == 1, message
    assert all(name in message for name in named), message
    return True
