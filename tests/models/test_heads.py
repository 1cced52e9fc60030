import pytest
import torch

from hpe_study.heatmaps import DECODERS
from hpe_study.models.heads import IMAGENET_RGB, ORIGINAL_BGR, HeatmapHead, VolumetricHead
from hpe_study.skeletons import MPII16


class Network(HeatmapHead):
    """Gives what the function makes of the images."""

    def __init__(self, function):
        super().__init__()
        self.forward = function


def test_joints_are_fractions_of_the_crop_and_depth_is_in_its_sides():
    """A peak in the cell of column 2, row 5 of 8 × 8: its centre lies at 2.5/8, 5.5/8 of the crop."""
    maps = torch.zeros(1, 16, 8, 8)
    maps[..., 5, 2] = 0.7
    decoded = HeatmapHead().decode({"heatmap": maps, "depth": maps + 1}, "argmax", 0.5)
    assert decoded.joints[0, 3].tolist() == [2.5 / 8, 5.5 / 8]
    assert decoded.depth[0, 3].item() == pytest.approx(0.5 * 1.7)
    assert decoded.score[0, 3].item() == pytest.approx(0.7)


def test_half_precision_is_decoded_in_single():
    maps = torch.rand(2, 16, 8, 8).bfloat16()
    halves = HeatmapHead().decode({"heatmap": maps, "depth": maps}, "soft", 1.0)
    singles = HeatmapHead().decode({"heatmap": maps.float(), "depth": maps.float()}, "soft", 1.0)
    for ours, expected in zip(halves, singles, strict=True):
        assert ours.dtype == torch.float32
        assert torch.equal(ours, expected)


def test_flip_test_of_a_symmetric_network_changes_nothing():
    """A network that draws what it sees at each joint's partner when mirrored: both passes must agree, cell
    by cell."""
    partner = MPII16.flip

    def forward(images):
        mirrored = images[:, :1, 0, 0] > images[:, :1, 0, -1]  # the test images rise from left to right
        maps = images[:, :1].repeat(1, 16, 1, 1) * torch.arange(1.0, 17)[:, None, None]
        maps = torch.where(mirrored[..., None, None], maps[:, partner], maps)
        return {"heatmap": maps, "depth": -maps}

    network, images = Network(forward), torch.linspace(0, 1, 8).expand(2, 3, 8, 8)
    plain, tested = network(images), network.flip_test(images)
    torch.testing.assert_close(tested["heatmap"], plain["heatmap"])
    torch.testing.assert_close(tested["depth"], plain["depth"])


@pytest.mark.parametrize("method", DECODERS)
def test_nothing_waits_for_the_host(method):
    """Tensors of the meta device have no values: whatever would read one raises."""
    heatmap = torch.ones(2, 16, 8, 8, device="meta")
    network = Network(lambda images: {"heatmap": heatmap, "depth": heatmap})
    decoded = network.decode(network.flip_test(torch.ones(2, 3, 32, 32, device="meta")), method, 1.0)
    assert [values.shape for values in decoded] == [(2, 16, 2), (2, 16), (2, 16)]


def gaussian_volume(x, y, z, cells=16, sigma=1.0):
    """Scores whose softmax is a Gaussian at fractions x, y, z of a cube, the same for every joint."""
    at = (torch.arange(cells, dtype=torch.float32) + 0.5) / cells
    squares = [(at - place) ** 2 for place in (z, y, x)]
    distance = squares[0][:, None, None] + squares[1][None, :, None] + squares[2]
    return (-distance * cells**2 / (2 * sigma**2)).expand(1, 16, cells, cells, cells)


def test_a_volume_is_located_by_its_mean():
    """An oracle's Gaussian comes back where it was drawn, between cells too; its depth counts from the root."""
    decoded = VolumetricHead().decode({"volume": gaussian_volume(0.41, 0.62, 0.70)}, "soft", 123.0)
    torch.testing.assert_close(decoded.joints[0, 3], torch.tensor([0.41, 0.62]), atol=1e-4, rtol=0)
    assert decoded.depth[0, 3].item() == pytest.approx(0.20, abs=1e-4)
    assert 0.7 < decoded.score[0, 3].item() < 0.8  # 3 × 3 cells of a Gaussian of deviation 1


def test_an_empty_volume_is_at_the_root_in_the_middle_of_the_crop():
    decoded = VolumetricHead().decode({"volume": torch.zeros(1, 16, 16, 8, 8).bfloat16()}, "soft", 1.0)
    assert decoded.joints.dtype == torch.float32
    torch.testing.assert_close(decoded.joints, torch.full((1, 16, 2), 0.5))
    torch.testing.assert_close(decoded.depth, torch.zeros(1, 16))


def test_flip_test_of_a_volume_mirrors_x_and_keeps_depth():
    partner = MPII16.flip

    def forward(images):
        mirrored = images[0, 0, 0, 0] > images[0, 0, 0, -1]
        volume = gaussian_volume(0.25, 0.5, 0.75) * torch.linspace(0.5, 1, 16)[:, None, None, None]
        return {"volume": volume.flip(-1)[:, partner] if mirrored else volume}

    network = VolumetricHead()
    network.forward = forward
    images = torch.linspace(0, 1, 8).expand(1, 3, 8, 8)
    torch.testing.assert_close(network.flip_test(images)["volume"], forward(images)["volume"])


def test_rgb_by_hand():
    white = IMAGENET_RGB(torch.ones(1, 3, 1, 1))
    torch.testing.assert_close(
        white.flatten(), torch.tensor([(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225])
    )


def test_original_swaps_channels_and_divides_by_256():
    """A pure red byte of 255: last channel 255/256 in BGR, and the RGB means stay where they are."""
    red = torch.tensor([255, 0, 0], dtype=torch.uint8).reshape(1, 3, 1, 1)
    by_hand = torch.tensor([-0.485 / 0.229, -0.456 / 0.224, (255 / 256 - 0.406) / 0.225])
    torch.testing.assert_close(ORIGINAL_BGR(red).flatten(), by_hand)


def test_bytes_and_fractions_agree():
    picture = torch.randint(0, 256, (2, 3, 4, 4), dtype=torch.uint8)
    torch.testing.assert_close(IMAGENET_RGB(picture), IMAGENET_RGB(picture.float() / 255))
