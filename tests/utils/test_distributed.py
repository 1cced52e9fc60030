"""What several processes share: batch norm over the whole batch, parts of batches, shards."""

import numpy as np
import pytest
import torch

from hpe_study.data.loading import shard_batches
from hpe_study.utils import distributed


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_batch_norm_is_torchs(layout):
    torch.manual_seed(0)
    own, theirs = (
        distributed.convert_batch_norm(torch.nn.BatchNorm2d(3).double()),
        torch.nn.BatchNorm2d(3).double(),
    )
    results = []
    for norm in (own, theirs):
        torch.manual_seed(1)
        x = (
            (5 + torch.randn(4, 3, 6, 6, dtype=torch.float64))
            .contiguous(memory_format=layout)
            .requires_grad_()
        )
        (norm(x) * torch.randn(4, 3, 6, 6, dtype=torch.float64)).sum().backward()
        results.append(
            [x.grad, norm.weight.grad, norm.bias.grad, norm(x), *norm.state_dict().values(), norm.eval()(x)]
        )
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("count", [2, 3])
def test_parts_are_a_batch_and_shards_are_all_once(monkeypatch, count):
    pairs = np.stack([np.zeros(20, int), np.arange(20)], 1)
    monkeypatch.setattr(distributed, "size", lambda: count)
    parts, shards = [], []
    for rank in range(count):
        monkeypatch.setattr(distributed, "rank", lambda rank=rank: rank)
        part, size = shard_batches(pairs, 6)
        assert size == 6 // count
        parts.append(part.reshape(3, size, 2))  # three whole batches of six; two samples are left out
        shards.append(distributed.own_shard(pairs))
    assert np.array_equal(np.concatenate(parts, 1).reshape(-1, 2), pairs[:18])
    assert np.array_equal(np.concatenate(shards), pairs)
