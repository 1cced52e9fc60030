"""One forward pass with decoding: what a network predicts for the people of a store, or for images."""

import copy
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pydantic
import torch
from timm.layers import BatchNormAct2d
from timm.models import FeatureListNet
from timm.models.resnet import BasicBlock, Bottleneck
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from hpe_study.config import NetworkConfig
from hpe_study.data.augmentation import augment_batch, identity_augmentation, to_device, undo_augmentation
from hpe_study.data.loading import loader, out_of_memory
from hpe_study.data.store import Store
from hpe_study.errors import StudyError
from hpe_study.evaluation.prediction_file import Predictions
from hpe_study.models import model_from_checkpoint
from hpe_study.models.checkpoints import read_checkpoint
from hpe_study.models.heads import Joints, PoseNetwork
from hpe_study.models.pose_resnet import Upsampling
from hpe_study.utils import devices

BATCH = 64
CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)
NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm)
# In these a batch norm directly after a convolution has that convolution as its only input.
IN_ORDER = (nn.Sequential, FeatureListNet, BasicBlock, Bottleneck, Upsampling)


class PredictedBatch(NamedTuple):
    """Predictions of B people, tensors on the network's device."""

    joints: torch.Tensor  # (B, 16, 2) fractions of the person's box
    depth: torch.Tensor  # (B, 16) root-relative, in its sides
    score: torch.Tensor  # (B, 16) confidence
    sample: torch.Tensor  # (B, 2) which people: (store, index)


def load_run_model(folder: str | Path) -> tuple[PoseNetwork, NetworkConfig]:
    """The network of a finished run's folder. Raises `StudyError` where it has no whole checkpoint."""
    path = Path(folder) / "checkpoint.pt"
    if not path.exists():
        raise StudyError(f"{path}: not there; this run has not finished training")
    try:
        network = NetworkConfig.model_validate(read_checkpoint(path).network)
    except pydantic.ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(("network", *map(str, fault["loc"])))
        raise StudyError(f"{path}: not a checkpoint of this study ({key}: {fault['msg']})") from error
    return model_from_checkpoint(path), network


class Predictor:
    """A network made ready to predict."""

    def __init__(
        self, model: PoseNetwork, network: NetworkConfig, device: str | torch.device = "auto",
        precision: str | None = None, flip: bool | None = None,
    ) -> None:  # fmt: skip
        """Copy the network to where it predicts; `network` says how its outputs are decoded.

        By default precision ("auto", "fp32", "bf16") and flip (average with the mirrored images) are the
        network's.
        """
        self.network = network
        self.device = devices.pick_device(device) if isinstance(device, str) else device
        self.precision = devices.pick_precision(precision or network.precision, self.device)
        self.flip = network.flip_test if flip is None else flip
        model = model.to(self.device, memory_format=torch.channels_last)
        self.model = fuse_for_inference(model, self.device, self.precision)

    @classmethod
    def from_run(
        cls, folder: str | Path, device: str = "auto", precision: str | None = None, flip: bool | None = None
    ) -> "Predictor":
        """The network of a finished run. Raises `StudyError` where its folder has no whole checkpoint."""
        return cls(*load_run_model(folder), device, precision, flip)

    @torch.inference_mode()
    def __call__(self, store: Store, samples: np.ndarray, workers: int = 0) -> Iterator[PredictedBatch]:
        """Predict people of a store with pictures, batch by batch.

        The samples are indices (N,), or (N, 2 | 3) as `loading.Samples` are addressed; `workers` processes
        read crops. Raises `StudyError` where the device's memory is too small.
        """
        pairs = samples if samples.ndim == 2 else np.stack([np.zeros_like(samples), samples], 1)
        try:
            for raw in loader([store], pairs, BATCH, workers):
                batch = self._batch(raw)
                joints, depth, score = self.on_images(batch.images)
                joints, depth = undo_augmentation(joints, depth, batch.augmentation)
                yield PredictedBatch(joints, depth, score, raw["sample"])
        except torch.OutOfMemoryError as error:
            size = self.network.input_size
            advice = f"predicting takes {BATCH} images at a time; lower input_size (it is {size})"
            raise out_of_memory(error, self.device, advice) from error

    def arrays(self, store: Store, samples: np.ndarray | None = None) -> Predictions:
        """The predictions of people of a store (by default all) in memory; arguments as of a call."""
        samples = np.arange(len(store)) if samples is None else samples
        batches = [batch[:3] for batch in self(store, samples)]
        return Predictions(*(torch.cat(parts).cpu().numpy() for parts in zip(*batches, strict=True)))

    @torch.inference_mode()
    def on_images(self, images: torch.Tensor, flip: bool | None = None) -> Joints:
        """Joints in (B, 3, H, W) images in [0, 1], RGB, on the network's device; `flip` as for the class."""
        outputs = self._outputs(images, self.flip if flip is None else flip)
        return self.model.decode(outputs, self.network.decode, self.network.depth_unit)

    @torch.inference_mode()
    def heatmaps(self, store: Store, index: int) -> np.ndarray:
        """(16, h, w) heat maps of one person of a store with pictures, over the person's box."""
        batch = self._batch(next(iter(loader([store], np.array([[0, index]]), 1))))
        return self.heatmaps_on(batch.images)[0]

    @torch.inference_mode()
    def heatmaps_on(self, images: torch.Tensor) -> np.ndarray:
        """(B, 16, h, w) heat maps of images as for `on_images`, not averaged with the mirrored image's."""
        return self.model.heatmaps(self._outputs(images, flip=False)).float().cpu().numpy()

    def _batch(self, raw):
        change = identity_augmentation(len(raw["sample"])).to(self.device)
        return augment_batch(to_device(raw, self.device), change, self.network.input_size)

    def _outputs(self, images, flip):
        images = self.model.preprocessing(images).contiguous(memory_format=torch.channels_last)
        with devices.autocast(self.device, self.precision):
            return self.model.flip_test(images) if flip else self.model(images)


def fuse_for_inference(model: PoseNetwork, device: torch.device, precision: str = "fp32") -> PoseNetwork:
    """Copy a network, in evaluation mode, with its batch norms folded into its convolutions.

    The outputs are the same but for rounding, sooner: measured with ResNet-50 at 256 px on one core (AVX-512
    BF16), a sixth less time in fp32, an eighth in bf16. The device is the copy's; precision as in
    `devices.pick_precision`: "bf16" on a CPU converts the weights.
    """
    model = copy.deepcopy(model).eval()
    for module in list(model.modules()):
        if isinstance(module, IN_ORDER):
            _fuse_children(module)
    if device.type == "cpu" and precision == "bf16":
        model = model.to(torch.bfloat16)  # as autocast would in every call
    return model


def _fuse_children(module):
    for (name, conv), (next_name, norm) in itertools.pairwise(list(module.named_children())):
        if not isinstance(conv, CONVOLUTIONS) or not isinstance(norm, NORMS):
            continue
        if not isinstance(norm, BatchNormAct2d):  # which is an activation, too
            transposed = isinstance(conv, nn.ConvTranspose2d)
            setattr(module, name, fuse_conv_bn_eval(conv, norm, transpose=transposed))
            setattr(module, next_name, nn.Identity())
