"""A trainer for a GPU that is at hand for a few minutes: its steps are one CUDA graph, and it ends in time.

A training step is about a thousand small kernels, which the host launches slower than a large GPU runs them.
Captured once and replayed, they need one launch, and no compiler. The package's own trainer is left as it is.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from hpe_study.data.augmentation import Augmentation
from hpe_study.errors import StudyError
from hpe_study.training.fit import is_finished
from hpe_study.training.job import TrainingJob
from hpe_study.training.trainer import Trainer
from hpe_study.utils import devices
from hpe_study.utils.files import read_json

WARM_UP = 3  # plain steps before the capture: libraries choose kernels, the optimiser makes its state
SAVE_EVERY = 60.0  # seconds between saved states: ResNet-50's is 400 MB
TOLERANCE = {"bf16": 0.02, "fp32": 1e-3}  # relative, of a captured step's loss and gradients

Capture = Callable[[Callable, list[Tensor]], tuple[list[Tensor], Callable[[], None]]]


class Paused(Exception):
    """A training that stopped with its state saved, because its time was up."""


@dataclass(frozen=True)
class Setting:
    """How a step is computed; `batch` and `precision` are part of a run's identity, the others are not."""

    batch: int = 32
    precision: str = "auto"
    compile: str = "none"
    channels_last: bool = True
    fused: bool = True
    graph: bool = True

    def __str__(self) -> str:
        default = asdict(Setting(graph=False))
        text = ", ".join(f"{key} {value}" for key, value in asdict(self).items() if value != default[key])
        return text or "plain steps"


def nothing() -> None:
    """Do nothing."""


@dataclass
class Pace:
    """Until when a training may go on.

    Attributes:
        ends: `time.time()` by which it must have ended.
        keep: what is learnt by then is finished as it is, marked `cut_short`; else the training pauses.
        tick: called after every epoch.
    """

    ends: float = float("inf")
    keep: bool = False
    tick: Callable[[], None] = nothing

    @property
    def left(self) -> float:
        """Seconds."""
        return self.ends - time.time()


# ---------------------------------------------------------------- capture


def cuda_graph(function: Callable, inputs: list[Tensor]) -> tuple[list[Tensor], Callable[[], None]]:
    """Capture `function(*inputs)`, which then has not been computed yet.

    Returns:
        Its outputs, and what computes them from the inputs' present values.
    """
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        outputs = list(function(*inputs))
    return outputs, graph.replay


class CapturedStep:
    """A function of tensors: computed plainly `WARM_UP` times, then captured, then replayed.

    What it returns is overwritten by the next call.
    """

    def __init__(self, function: Callable, capture: Capture = cuda_graph) -> None:
        self.function, self.capture, self.calls = function, capture, 0
        self.inputs, self.outputs, self.replay = None, None, None

    def __call__(self, tensors: list[Tensor]) -> list[Tensor]:
        """The function's outputs."""
        self.calls += 1
        if self.calls <= WARM_UP:
            with _side_stream(tensors[0].device):
                return list(self.function(*tensors))
        if self.replay is None:
            self.inputs = [tensor.clone() for tensor in tensors]
            self.outputs, self.replay = self.capture(self.function, self.inputs)
        for kept, new in zip(self.inputs, tensors, strict=True):
            kept.copy_(new, non_blocking=True)
        self.replay()
        return self.outputs


@contextlib.contextmanager
def _side_stream(device: torch.device) -> Iterator[None]:
    """A stream apart: what is to be captured must not have been computed on the default one."""
    if device.type != "cuda":
        yield
        return
    stream, current = torch.cuda.Stream(device), torch.cuda.current_stream(device)
    stream.wait_stream(current)
    with torch.cuda.stream(stream):
        yield
    current.wait_stream(stream)


# ---------------------------------------------------------------- training


class QuickTrainer(Trainer):
    """A `Trainer` that computes its steps by a `Setting` and keeps to a `Pace`."""

    def __init__(
        self,
        job: TrainingJob,
        pace: Pace | None = None,
        setting: Setting | None = None,
        capture: Capture | None = None,
    ) -> None:
        """capture: what captures a step; by default `cuda_graph` on a GPU, where the setting has a graph."""
        setting = setting or Setting()
        super().__init__(replace(job, runtime=replace(job.runtime, compile=setting.compile)))
        self.pace, self.ended, self.saved = pace or Pace(), [time.time()], time.time()
        if not setting.channels_last:
            self.model.to(memory_format=torch.contiguous_format)
            self.model.register_forward_pre_hook(lambda model, images: (images[0].contiguous(),))
        if not setting.fused:
            training = self.stage.training
            self.optimizer = type(self.optimizer)(
                self.model.parameters(), training.learning_rate, weight_decay=training.weight_decay
            )
        if capture is None and setting.graph and self.device.type == "cuda":
            capture = cuda_graph
        self.captured = CapturedStep(self._update, capture) if capture else None
        self.provenance["cuda_graph"] = self.captured is not None
        self._prepare_optimizer()

    def _prepare_optimizer(self):
        """A captured update reads its learning rate from the device."""
        for group in self.optimizer.param_groups if self.captured else ():
            group["capturable"] = True
            group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32).to(self.device)

    def _resume(self):
        super()._resume()
        self._prepare_optimizer()

    def _step(self, raw, number):
        if not self.captured:
            return super()._step(raw, number)
        for group in self.optimizer.param_groups:
            group["lr"].fill_(self._learning_rate())
        source, augmentation = self._to_device(raw, number)
        self._names = list(source)
        losses, joints, depth = self.captured([*source.values(), *vars(augmentation).values()])
        self.step += 1
        if self.ema:
            self.ema.update(self.model, step=self.step)
        return losses, joints, depth

    def _update(self, *tensors):
        """One update of the weights; tensors: the batch's, then its augmentation's."""
        inputs = _inputs(self._names, tensors)
        result = self.compiled.run(lambda forward: self._gradients(forward, inputs))
        self.optimizer.step()
        return result

    def _is_out_of_time(self):
        """Stop before an epoch that would end too late: finish as it is, or save the state and pause."""
        now = time.time()
        self.ended.append(now)
        self.pace.tick()
        epoch = self.ended[-1] - self.ended[-2] if len(self.ended) > 2 else 0.0
        if super()._is_out_of_time() or now + epoch < self.pace.ends:
            return super()._is_out_of_time()
        if self.pace.keep and self.history:
            return True
        if self.history:
            super()._save_state()
        raise Paused(f"{self.out.name} stopped after epoch {self.epoch} of {self.stage.training.epochs}")

    def _save_state(self):
        """Every `SAVE_EVERY` seconds; `_is_out_of_time` saves, too."""
        if time.time() - self.saved >= SAVE_EVERY:
            super()._save_state()
            self.saved = time.time()

    def _finish(self):
        epochs = self.stage.training.epochs
        if self.epoch < epochs:
            self.provenance["cut_short"] = f"after epoch {self.epoch} of {epochs}"
        return super()._finish()


def _inputs(names, tensors):
    return dict(zip(names, tensors, strict=False)), Augmentation(*tensors[len(names) :])


def fit_in_time(job: TrainingJob, pace: Pace, setting: Setting) -> dict:
    """`fit` by a `QuickTrainer`: the record of the finished run, at once where its folder holds it.

    Raises:
        Paused: the time was up; the same call goes on.
    """
    if is_finished(job):
        return read_json(Path(job.out) / "run.json")
    return QuickTrainer(job, pace, setting).run()


# ---------------------------------------------------------------- is it the same?


def check_graph(trainer: Trainer, batch: int, capture: Capture = cuda_graph) -> str:
    """Compare a captured step's losses and gradients with a plain one's, on the same batch.

    Returns:
        The relative differences, and those of two plain steps, which rounding makes.

    Raises:
        StudyError: they are larger than `TOLERANCE` allows.
    """
    trainer.model.train()
    raw = first_batch(trainer, batch)
    source, augmentation = trainer._to_device(raw, 0)
    names, tensors = list(source), [*source.values(), *vars(augmentation).values()]

    def gradients(*tensors):
        losses, *_ = trainer._gradients(trainer._forward, _inputs(names, tensors))
        return [losses, *(p.grad for p in trainer.model.parameters() if p.grad is not None)]

    def flat(outputs):
        return outputs[0].double().clone(), torch.cat([g.flatten().double() for g in outputs[1:]])

    def difference(one, other):
        return [float((a - b).norm() / b.norm()) for a, b in zip(one, other, strict=True)]

    plain, again = flat(gradients(*tensors)), flat(gradients(*tensors))
    captured = CapturedStep(gradients, capture)
    for _ in range(WARM_UP + 1):
        outputs = captured(tensors)
    (loss, gradient), (noise_loss, noise) = difference(flat(outputs), plain), difference(again, plain)
    text = f"loss {loss:.1e}, gradients {gradient:.1e} off (plain twice: {noise_loss:.1e}, {noise:.1e})"
    if not max(loss, gradient) <= TOLERANCE[trainer.precision] + 2 * noise:
        raise StudyError(f"a captured step is not the plain one: {text}")
    return f"captured and plain step agree: {text}"


def first_batch(trainer: Trainer, size: int) -> dict[str, Tensor]:
    """A first batch of an epoch."""
    pairs = trainer.variant.sampler.draw(0)[:size]
    return next(iter(trainer.batches(pairs, size)))


def device_name() -> str:
    """The GPU's name, or the processor's."""
    return devices.provenance(devices.pick_device("auto"), "")["device"]
