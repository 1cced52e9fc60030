"""Crops of people: where each pixel comes from, px per mm, and JPEG bytes that are not what they should be."""

import numpy as np
import pytest

from hpe_study.data.crops import crop_square, decode_jpeg, encode_jpeg, similarity_scale, stored_region


def test_similarity_scale_is_the_camera_s_own():
    random = np.random.default_rng(0)
    pose = random.normal(0, 300, (16, 3))
    assert similarity_scale(pose, 0.12 * pose[:, :2] + [400, 300]) == pytest.approx(0.12)
    pose[3], image = np.nan, 0.12 * pose[:, :2] + 7
    assert similarity_scale(pose, image) == pytest.approx(0.12)
    assert np.isnan(similarity_scale(np.full((16, 3), np.nan), image))


def test_cut_places_every_pixel_and_is_black_outside():
    image = np.random.default_rng(0).integers(1, 255, (40, 50, 3), dtype=np.uint8)
    region = stored_region(np.array([3.0, 4.0]), 16, 1.25)
    left, top, side = region
    assert side == 20
    assert (left, top) == (-6, -6)  # (3 + ½ − 10, 4 + ½ − 10), rounded to even
    square = crop_square(image, region, side)
    assert (square[:-top, :] == 0).all()
    assert (square[-top:, -left:] == image[: side + top, : side + left]).all()


def test_jpeg_bytes_come_back_at_their_size_or_not_at_all():
    crop = np.full((32, 32, 3), (10, 120, 240), np.uint8)
    data = encode_jpeg(crop)
    assert np.abs(decode_jpeg(data, 32).astype(int) - crop).max() < 4
    assert decode_jpeg(data, 48) is None
    assert decode_jpeg(data[:1], 32) is None
    assert decode_jpeg(data[:30], 32) is None
    assert decode_jpeg(data[:-20], 32) is None
    assert decode_jpeg(np.zeros(100, np.uint8), 32) is None
