"""A run's network as an ONNX file, checked against torch. Needs the extra `hpe_study[onnx]`.

Input "images": (B, 3, H, W) float32 RGB in [0, 1], not normalised (the file does that itself), H = W = the
network's input size. Outputs "heatmap", "depth": (B, 16, H/4, W/4) float32; depth in units of `depth_unit`
crop sides, root-relative. The file's metadata name run, skeleton, joints, units, and whether it learnt from
simulated people.
"""

import contextlib
import io
import logging
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn

from hpe_study.errors import StudyError
from hpe_study.evaluation.predictor import load_run_model
from hpe_study.evaluation.run_record import read_run_record
from hpe_study.models.heads import PoseNetwork
from hpe_study.skeletons import MPII16
from hpe_study.utils.files import atomic

TOLERANCE = 1e-3  # of a heat map's or depth map's value
TRACED, CHECKED = 2, 3  # images: traced with one number of them, checked with another


class Exported(nn.Module):
    """The network with its normalisation inside: RGB in [0, 1] → (heat maps, depth maps)."""

    def __init__(self, model: PoseNetwork) -> None:
        super().__init__()
        self.model = model
        pixels = model.preprocessing
        self.swap_channels, self.gain = pixels.order == "BGR", 255 / pixels.divisor
        # buffers of its own: what tracing touches must not be the constants that the running study shares
        self.register_buffer("mean", torch.tensor(pixels.mean)[:, None, None])
        self.register_buffer("std", torch.tensor(pixels.std)[:, None, None])

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, 3, H, W) RGB in [0, 1] → heat maps and depth maps, (B, 16, H/4, W/4) each."""
        images = images.flip(1) if self.swap_channels else images
        outputs = self.model((images * self.gain - self.mean) / self.std)
        return tuple(outputs[name] for name in self.model.output_names)


def export_onnx(folder: str | Path, path: str | Path) -> float:
    """Write the network of a finished run to a file.

    Returns:
        The largest difference from torch on random images.

    Raises:
        StudyError: the extra is not installed, the run is not finished, or they differ by more than
            `TOLERANCE`.
    """
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401  (torch's exporter needs it)
    except ImportError as error:
        advice = "an export needs it: pip install onnx onnxscript onnxruntime"
        raise StudyError(f"{error.name} is not installed; {advice}") from error
    model, network = load_run_model(folder)
    module = Exported(model).eval()
    random = torch.Generator().manual_seed(0)
    images = torch.rand(CHECKED, 3, network.input_size, network.input_size, generator=random)
    with torch.inference_mode():
        expected = [output.numpy() for output in module(images)]
    with atomic(path) as part:
        _trace(module, images[:TRACED], part)
        file = onnx.load(part)
        onnx.helper.set_model_props(file, _about(folder, network))
        onnx.save(file, part)
        session = onnxruntime.InferenceSession(part, providers=["CPUExecutionProvider"])
        outputs = session.run(None, {"images": images.numpy()})
        difference = max(float(np.abs(a - b).max()) for a, b in zip(outputs, expected, strict=True))
        if not difference <= TOLERANCE:
            difference = f"{difference:.2g}, more than {TOLERANCE:g}"
            raise StudyError(f"{path}: ONNX and torch differ by {difference}; nothing was written")
    return difference


def _trace(module, images, path):
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")  # the exporter's own, about its internals
            names = {"input_names": ["images"], "output_names": list(module.model.output_names)}
            torch.onnx.export(
                module, (images,), str(path), dynamo=True, external_data=False, verbose=False,
                dynamic_shapes={"images": {0: "batch"}}, **names,
            )  # fmt: skip
    finally:
        quiet.setLevel(level)


def _about(folder, network):
    record, size = read_run_record(folder), network.input_size
    return {
        "run": record.name, "trained_on_simulated_people": str(record.simulated).lower(),
        "skeleton": MPII16.name, "joints": " ".join(MPII16.joints),
        "input": f"RGB in [0, 1], {size}×{size} px, not normalised",
        "depth_unit": f"{network.depth_unit:g} crop sides",
    }  # fmt: skip
