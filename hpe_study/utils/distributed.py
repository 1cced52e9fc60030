"""Several processes train one model, each on a GPU or a core of its own: what they must agree on.

Every batch is the same as in one process, cut into equal parts, one per process. A process's loss is its
part of the batch's: sums over its samples, divided by the counts of all. So losses and gradients add up over
the processes (they are never averaged) to those of one process, and the statistics of batch norm are taken
over the whole batch. In a single process everything here is the identity. What is left are differences of
rounding, which a training magnifies; most of them are those of torch's own batch norm (see
`GlobalBatchNorm2d`).
"""

import os
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from hpe_study.utils.tensors import at_least_float32


def join(kind: str) -> str:
    """Become one of `torchrun`'s processes, by NCCL ("cuda") or gloo ("cpu"); the name of its device."""
    if kind == "cpu":
        dist.init_process_group("gloo")
        return "cpu"
    own = int(os.environ["LOCAL_RANK"])
    torch.cuda.set_device(own)
    dist.init_process_group("nccl", device_id=torch.device("cuda", own))
    return f"cuda:{own}"


def leave() -> None:
    """Undo `join`."""
    dist.destroy_process_group()


def size() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Which of them this is, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def is_first() -> bool:
    """Whether this is the process that writes files and shows progress."""
    return rank() == 0


def total(values: Tensor) -> Tensor:
    """Sum a tensor over the processes. Gradients do not pass: for counts and for what is only shown."""
    if size() == 1:
        return values
    values = values.detach().clone()
    dist.all_reduce(values)
    return values


def own_shard(pairs: np.ndarray) -> np.ndarray:
    """This process's share of samples that are to be seen once each; it may be empty."""
    return np.array_split(pairs, size())[rank()]


def gather(values: list) -> list:
    """One list with the items of all processes' lists, in the order of the processes."""
    if size() == 1:
        return values
    lists = [None] * size()
    dist.all_gather_object(lists, values)
    return [item for items in lists for item in items]


def broadcast(value: Any) -> Any:
    """The first process's value, in every process."""
    if size() == 1:
        return value
    values = [value]
    dist.broadcast_object_list(values, src=0)
    return values[0]


@torch.no_grad()
def broadcast_weights(model: nn.Module) -> None:
    """Give every process the first one's weights and statistics."""
    if size() > 1:
        for tensor in model.state_dict().values():
            dist.broadcast(tensor, src=0)


@torch.no_grad()
def sum_gradients(model: nn.Module) -> None:
    """Replace each parameter's gradient by the sum over the processes, in one exchange."""
    if size() == 1:
        return
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    joined = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(joined)
    parts = joined.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view(gradient.shape))


class _SumOverProcesses(torch.autograd.Function):
    """Sum over the processes, with gradients: what each process's loss asks of the sum adds up, too."""

    @staticmethod
    def forward(ctx, values):
        return total(values)

    @staticmethod
    def backward(ctx, gradient):
        return total(gradient)


class GlobalBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over the samples of all processes: `nn.SyncBatchNorm`, for any device.

    More exact than torch's own on the CPU, whose float32 sums over channels_last images carry errors that a
    training magnifies: the first gradients of a small network are 2e-7 from float64's with this, 1e-3 with
    that (medians over the parameters). It takes about a fifth more time per step, so a single process keeps
    torch's unless `exact_batch_norm` asks for this one.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, H, W)."""
        if not self.training:
            return super().forward(x)
        values = at_least_float32(x)
        count = total(values.new_tensor(x.numel() / x.shape[1]))
        mean = _SumOverProcesses.apply(values.sum((0, 2, 3))) / count
        centred = values - mean[:, None, None]
        variance = _SumOverProcesses.apply(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        gain = self.weight / (variance + self.eps).sqrt()
        return (centred * gain[:, None, None] + self.bias[:, None, None]).to(x.dtype)


def with_global_batch_norm(model: nn.Module, exact: bool = False) -> nn.Module:
    """The model with batch norm over the whole batch, where several processes train; same keys.

    On the CPU by `GlobalBatchNorm2d`, on GPUs by torch's own, which has kernels for it but runs nowhere else.

    The model is changed in place. `exact` takes `GlobalBatchNorm2d` in a single process, too.
    """
    if size() == 1:
        return convert_batch_norm(model) if exact else model
    if next(model.parameters()).is_cuda:
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return convert_batch_norm(model)


def convert_batch_norm(model: nn.Module) -> nn.Module:
    """Make every `nn.BatchNorm2d` of a model a `GlobalBatchNorm2d`, in place."""
    for module in model.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = GlobalBatchNorm2d  # nothing but its forward differs
    return model
