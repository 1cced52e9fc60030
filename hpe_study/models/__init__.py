"""The networks: images in, 16 heat maps and 16 depth maps out."""

from hpe_study.models.checkpoints import load_weights
from hpe_study.models.pose_resnet import NAMES, PoseResNet, build_model, model_from_checkpoint

__all__ = ["NAMES", "PoseResNet", "build_model", "load_weights", "model_from_checkpoint"]
