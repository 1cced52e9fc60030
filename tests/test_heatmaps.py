import numpy as np
import pytest
import torch

from hpe_study.heatmaps import DECODERS, decode, gaussian_targets, read_depth


def targets_by_loops(joints, labelled, size, sigma):
    maps = np.zeros((*labelled.shape, *size))
    for sample, joint in np.ndindex(*labelled.shape):
        if labelled[sample, joint]:
            x, y = joints[sample, joint]
            for row, column in np.ndindex(*size):
                maps[sample, joint, row, column] = np.exp(
                    -((column - x) ** 2 + (row - y) ** 2) / (2 * sigma**2)
                )
    return maps


def test_targets_equal_the_literal_loops():
    random = np.random.default_rng(0)
    joints, labelled = random.uniform(-2, 14, (3, 4, 2)), random.random((3, 4)) < 0.7
    joints[~labelled] = np.nan
    maps = gaussian_targets(torch.tensor(joints), torch.tensor(labelled), (9, 12), 1.5)
    np.testing.assert_allclose(maps, targets_by_loops(joints, labelled, (9, 12), 1.5), atol=1e-14)


def test_target_written_by_hand():
    far, near = np.exp(-2 / 2), np.exp(-1 / 2)
    by_hand = [
        [0, 0, 0, 0, 0],
        [0, far, near, far, 0],
        [0, near, 1, near, 0],
        [0, far, near, far, 0],
        [0, 0, 0, 0, 0],
    ]
    target = gaussian_targets(torch.tensor([[[2.0, 2.0]]]), torch.tensor([[True]]), (5, 5), 1.0)[0, 0]
    inner = torch.zeros(5, 5, dtype=torch.bool)
    inner[1:4, 1:4] = True
    torch.testing.assert_close(target[inner], torch.tensor(by_hand)[inner].float())


@pytest.mark.parametrize(
    ("method", "sigma", "within"),
    [("argmax", 1, 0.5), ("quarter", 1, 0.26), ("soft", 1, 0.005), ("soft", 2, 0.17)],
)
def test_what_is_encoded_is_decoded(method, sigma, within):
    joints = 4 + 24 * torch.rand(8, 16, 2, generator=torch.Generator().manual_seed(0))
    maps = gaussian_targets(joints, torch.ones(8, 16, dtype=torch.bool), (32, 32), sigma)
    decoded, score = decode(maps, method)
    assert (decoded - joints).abs().max() < within
    assert (score > 0.7).all()


def test_decoding_by_hand():
    heatmap = torch.zeros(1, 3, 5, 5)
    heatmap[0, 0, 2, 3], heatmap[0, 0, 2, 2], heatmap[0, 0, 3, 3] = (
        1.0,
        0.5,
        0.25,
    )  # highest at x 3, y 2; higher neighbours left and below
    heatmap[0, 1, 0, 4] = 1.0  # in a corner
    assert decode(heatmap, "argmax")[0][0].tolist() == [[3, 2], [4, 0], [0, 0]]
    assert decode(heatmap, "quarter")[0][0].tolist() == [[2.75, 2.25], [4, 0], [0, 0]]
    soft = decode(heatmap, "soft")[0][0]
    mass = 1 + 0.25 + 0.0625
    torch.testing.assert_close(soft[0], torch.tensor([3 - 0.25 / mass, 2 + 0.0625 / mass]))
    assert soft[1].tolist() == [4, 0]
    assert decode(heatmap)[1].tolist() == [[1, 1, 0]]


def test_quarter_stays_at_the_border():
    heatmap = torch.zeros(1, 1, 5, 5)
    heatmap[0, 0, 0, 0], heatmap[0, 0, 0, 1], heatmap[0, 0, 1, 0] = 1.0, 0.9, 0.9
    assert decode(heatmap, "quarter")[0].tolist() == [[[0, 0]]]


def test_unknown_decoder_is_refused():
    with pytest.raises(ValueError, match="argmax, quarter, soft"):
        decode(torch.zeros(1, 1, 5, 5), "mean")


def test_depth_is_read_bilinearly():
    rows, columns = torch.meshgrid(torch.arange(6.0), torch.arange(7.0), indexing="ij")
    plane = (2 * columns - 3 * rows + 1)[None, None].expand(1, 4, 6, 7)
    joints = torch.tensor([[[2.5, 1.25], [0.0, 0.0], [6.0, 5.0], [9.0, -3.0]]])
    x, y = joints[..., 0].clamp(0, 6), joints[..., 1].clamp(0, 5)
    torch.testing.assert_close(read_depth(plane, joints), 2 * x - 3 * y + 1)


def test_reading_depth_keeps_half_precision_out():
    assert (
        read_depth(torch.ones(1, 1, 4, 4, dtype=torch.bfloat16), torch.ones(1, 1, 2)).dtype == torch.float32
    )


@pytest.mark.parametrize("method", DECODERS)
def test_nothing_waits_for_the_host(method):
    """Tensors of the meta device have no values: whatever would read one (item, nonzero, a boolean index, an
    if) raises."""
    heatmap = torch.ones(2, 16, 8, 8, device="meta")
    joints, score = decode(heatmap, method)
    assert joints.shape == (2, 16, 2)
    assert score.shape == read_depth(heatmap, joints).shape == (2, 16)
