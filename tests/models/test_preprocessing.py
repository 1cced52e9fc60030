import torch

from hpe_study.models.heads import IMAGENET_RGB, ORIGINAL_BGR


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
