"""Photographs that are there twice, or of one shoot, in made-up photographs and in LSP's own."""

import cv2
import numpy as np
import pytest

from hpe_study.datasets import open_dataset, same_photos
from hpe_study.datasets.lsp import SHARED_SHOOT, read_lsp
from hpe_study.datasets.same_photos import SAME_PHOTO, SAME_SHOOT, photo_pairs
from tests.datasets.raw_layouts import save_mat


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    """Nothing found before, and a cache of its own."""
    monkeypatch.setattr(same_photos, "_KNOWN", {})
    monkeypatch.setattr(same_photos, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


def scene(random):
    """A grey picture of blots of all sizes."""
    noise = sum(
        cv2.GaussianBlur(random.normal(0, 1, (120, 100)).astype(np.float32), (0, 0), size) * size
        for size in (2, 4, 8)
    )
    return 128 + 40 * noise / noise.std()


def written(root):
    """LSP of 8 photographs: 1 is 5 (0-based) shrunk and shifted, 2 is 3, and 0, 4 and 7 are of one shoot."""
    random = np.random.default_rng(0)
    scenes = [scene(random) for _ in range(8)]
    joints = random.uniform([35, 40], [65, 80], (8, 14, 2))
    scale, shift = 0.8, np.array([3.0, 2.0])
    scenes[5] = cv2.warpAffine(scenes[1], np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]), (83, 98))
    joints[5] = joints[1] * scale + shift + random.normal(0, 0.5, (14, 2))
    scenes[3], joints[3] = scenes[2], joints[2]
    for i in (4, 7):
        scenes[i], joints[i] = 0.85 * (scenes[0] - 128) + 0.5 * (scenes[i] - 128) + 128, joints[0]
    folder = root / "lsp" / "images"
    folder.mkdir(parents=True)
    for i, picture in enumerate(scenes):
        cv2.imwrite(str(folder / f"im{i + 1:04d}.jpg"), picture.clip(0, 255), [cv2.IMWRITE_JPEG_QUALITY, 60])
    save_mat(
        root / "lsp" / "joints.mat",
        joints=np.concatenate([joints, np.zeros((8, 14, 1))], 2).transpose(2, 1, 0),
    )
    return joints


@pytest.mark.filterwarnings("ignore:lsp train. not there")
def test_they_are_left_out_of_training_and_counted_and_shoots_are_named(tmp_path, empty_cache):
    written(tmp_path)
    train, test = (open_dataset("lsp", tmp_path, split) for split in ("train", "test"))
    assert [record.image.name for record in train] == ["im0001.jpg", "im0003.jpg"]
    assert train.left_out == {"photograph also in the test half": 1, "photograph there twice": 1}
    assert len(test) == 4
    shoots = [record.meta.get("subject") for record in test]
    assert shoots == [f"{SHARED_SHOOT} 1", None, None, f"{SHARED_SHOOT} 1"]
    published = open_dataset("lsp", tmp_path, "train", strict="published")
    assert len(published) == 4
    assert not published.left_out
    kept = list(empty_cache.iterdir())
    same_photos._KNOWN.clear()
    kept[0].write_text("[]")  # what is kept is what is read
    assert len(open_dataset("lsp", tmp_path, "train")) == 4


@pytest.mark.filterwarnings("ignore:lsp train. not there")
def test_simulated_people_are_not_compared(tmp_path):
    written(tmp_path)
    (tmp_path / "lsp" / "SIMULATED.json").write_text("{}")
    assert len(open_dataset("lsp", tmp_path, "train")) == 4


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    joints = written(tmp_path)
    (tmp_path / "a file").write_text("")
    monkeypatch.setattr(same_photos, "CACHE", tmp_path / "a file" / "hpe_study")
    paths = sorted((tmp_path / "lsp" / "images").iterdir())
    pairs = photo_pairs(tmp_path / "lsp" / "joints.mat", joints, paths)
    assert {(1, 5), (2, 3)} == {(int(i), int(j)) for i, j, alike in pairs if alike >= SAME_PHOTO}


def test_the_real_pairs_that_are_known(real_data):
    """Found by eye and by other means before; numbers as in the files' names."""
    same = {
        (550, 1366),
        (492, 1436),
        (371, 1622),
        (670, 1805),
        (483, 1211),
        (535, 1233),
        (285, 1680),
        (575, 970),
    }
    shoots = {(85, 1223), (326, 1590), (652, 1828), (652, 1445), (319, 1839), (231, 1949)}
    numbers = sorted({number for pair in same | shoots for number in pair} | set(range(100, 130)))
    labels = real_data / "lsp" / "joints.mat"
    joints, _ = read_lsp(labels)
    paths = [real_data / "lsp" / "images" / f"im{number:04d}.jpg" for number in numbers]
    pairs = photo_pairs(labels, joints[np.array(numbers) - 1], paths)
    found = {(numbers[int(i)], numbers[int(j)]): alike for i, j, alike in pairs}
    assert {pair for pair, alike in found.items() if alike >= SAME_PHOTO} == same
    assert shoots <= {pair for pair, alike in found.items() if alike >= SAME_SHOOT}
