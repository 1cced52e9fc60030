"""Several processes train one model, a GPU (or a core) each: what they must agree on, and nothing else.

Every batch is the same as in one process, cut into equal parts, one a process. A process's loss is its own
part of the batch's: sums over its samples, divided by the counts of all. So losses and gradients of the
processes add up (never: are averaged) to those of one process, and the statistics of batch norm are taken
over the whole batch. In a single process everything here is the identity. What is left are differences of
rounding, which a training magnifies; most of them are those of torch's own batch norm (see
`GlobalBatchNorm2d`).
"""

import os

import numpy as np
import torch
import torch.distributed as group
from torch import nn

from hpe_study.utils.tensors import at_least_float32


def join(kind):
    """Become one of the processes that `torchrun` started. kind: "cuda" (NCCL) or "cpu" (gloo). Returns the
    name of its own device."""
    if kind == "cpu":
        group.init_process_group("gloo")
        return "cpu"
    own = int(os.environ["LOCAL_RANK"])
    torch.cuda.set_device(own)
    group.init_process_group("nccl", device_id=torch.device("cuda", own))
    return f"cuda:{own}"


def leave():
    """Undo `join`."""
    group.destroy_process_group()


def size():
    """How many processes train together."""
    return group.get_world_size() if group.is_initialized() else 1


def rank():
    """Which of them this is, from 0."""
    return group.get_rank() if group.is_initialized() else 0


def is_first():
    """Whether this is the process that writes files and shows progress."""
    return rank() == 0


def total(values):
    """Sum of a tensor over the processes. Gradients do not pass: for counts and for what is only shown."""
    if size() == 1:
        return values
    values = values.detach().clone()
    group.all_reduce(values)
    return values


def own_shard(pairs):
    """This process's share of samples that are to be seen once each: none twice, none left out; it may be
    empty."""
    return np.array_split(pairs, size())[rank()]


def gathered(values):
    """A list with the items of all processes' lists, in the order of the processes."""
    if size() == 1:
        return values
    lists = [None] * size()
    group.all_gather_object(lists, values)
    return [item for items in lists for item in items]


def agreed(value):
    """The first process's value, in every process."""
    if size() == 1:
        return value
    values = [value]
    group.broadcast_object_list(values, src=0)
    return values[0]


@torch.no_grad()
def start_alike(model):
    """Give every process the first one's weights and statistics."""
    if size() > 1:
        for tensor in model.state_dict().values():
            group.broadcast(tensor, src=0)


@torch.no_grad()
def add_gradients(model):
    """Replace each parameter's gradient by the sum over the processes, in one exchange."""
    if size() == 1:
        return
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    group.all_reduce(flat)
    parts = flat.split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view(gradient.shape))


# ---------------------------------------------------------------- batch norm over the whole batch


class _Summed(torch.autograd.Function):
    """Sum over the processes through which gradients pass: what each process's loss asks of the sum adds up,
    too."""

    @staticmethod
    def forward(ctx, values):
        return total(values)

    @staticmethod
    def backward(ctx, gradient):
        return total(gradient)


class GlobalBatchNorm2d(nn.BatchNorm2d):
    """Batch norm whose statistics are those of all processes' samples together; what `nn.SyncBatchNorm` is on
    GPUs, for any device.

    More exact than torch's own on the CPU, whose float32 sums over channels_last images carry errors that a
    training magnifies: the first gradients of a small network are 2e-7 from float64's with this, 1e-3 with
    that (medians over the parameters). It takes about a fifth more time a step, so a single process keeps
    torch's unless it is asked (`exact_batch_norm`).
    """

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        values = at_least_float32(x)
        count = total(values.new_tensor(x.numel() / x.shape[1]))
        mean = _Summed.apply(values.sum((0, 2, 3))) / count
        centred = values - mean[:, None, None]
        variance = _Summed.apply(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        gain = self.weight / (variance + self.eps).sqrt()
        return (centred * gain[:, None, None] + self.bias[:, None, None]).to(x.dtype)


def with_global_batch_norm(model, exact=False):
    """The model, its batch norms exchanged for ones over the whole batch where several processes train. Same
    parameters, same keys.

    On the CPU ours; on GPUs torch's own, which has kernels for it but runs nowhere else. exact: ours in a
    single process, too.
    """
    if size() == 1:
        return exchanged(model) if exact else model
    if next(model.parameters()).is_cuda:
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return exchanged(model)


def exchanged(model):
    """The model, every `nn.BatchNorm2d` a `GlobalBatchNorm2d`."""
    for module in model.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = GlobalBatchNorm2d  # nothing but its forward differs
    return model
