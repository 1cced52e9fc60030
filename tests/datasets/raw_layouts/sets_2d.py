"""The 2D sets."""

import json

import numpy as np

from tests.datasets.raw_layouts.files import numbers, picture, save_mat

ABSENT = -1.0


def mpii_json(root, people=4, name="valid.json"):
    """MPII's JSON: two people an image; person 1 lacks joint 0 (−1, −1), person 2 joint 5 (0, 0) though
    marked as annotated."""
    joints = numbers(people, 16, 2)
    entries = []
    for i, pose in enumerate(joints):
        raw, annotated = pose + 1, [1] * 16
        if i == 1:
            raw[0], annotated[0] = ABSENT, 0
        if i == 2:
            raw[5] = 0
        image = f"{i // 2:09d}.jpg"
        picture(root / "mpii" / "images" / image)
        entries.append(
            {
                "image": image,
                "joints": raw.tolist(),
                "joints_vis": annotated,
                "scale": 0.2,
                "center": [31.0 + i, 21.0],
            }
        )
    path = root / "mpii" / "annot" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entries))
    return joints


def lsp(root, people=6, scale=1.0, size=(48, 44)):
    """LSP's (3, 14, N); joint 3 of everybody is occluded. Images of `size`, labels times `scale`."""
    joints = numbers(people, 14, 2) * scale
    flags = np.zeros((people, 14, 1))
    flags[:, 3] = 1
    save_mat(root / "lsp" / "joints.mat", joints=np.concatenate([joints, flags], 2).transpose(2, 1, 0))
    for i in range(people):
        picture(root / "lsp" / "images" / f"im{i + 1:04d}.jpg", *size)
    return joints


def lsp_extended(root, people=5):
    """LSP-Extended's (14, 3, N); person 0 lacks a shoulder (joint 8), at (−3, −7)."""
    joints = numbers(people, 14, 2, seed=1)
    flags = np.ones((people, 14, 1))
    raw = joints.copy()
    raw[0, 8], flags[0, 8] = (-3, -7), 0
    save_mat(root / "lsp_extended" / "joints.mat", joints=np.concatenate([raw, flags], 2).transpose(1, 2, 0))
    for i in range(people):
        picture(root / "lsp_extended" / "images" / f"im{i + 1:05d}.jpg", 48, 44)
    return joints


FLIC_LABELLED = [0, 1, 2, 3, 4, 5, 6, 9, 12, 13, 16]


def flic(root, folder="flic", marks=((1, 0), (1, 0), (0, 1)), bad=None, images=None, shuffled_fields=False):
    """FLIC's struct array; `marks` are (istrain, istest) of each person, `images` their file names."""
    joints = np.full((len(marks), 29, 2), np.nan)
    joints[:, FLIC_LABELLED] = numbers(len(marks), 11, 2, seed=2)
    images = images or [f"movie-{i:08d}.jpg" for i in range(len(marks))]
    fields = {
        "poselet_hit_idx": lambda i: np.array([[1]], np.uint16),
        "moviename": lambda i: "movie",
        "coords": lambda i: joints[i].T,
        "filepath": lambda i: images[i],
        "imgdims": lambda i: np.array([[48, 64, 3]], np.uint16),
        "currframe": lambda i: np.array([[100 + i]], np.uint16),
        "torsobox": lambda i: np.array([[10, 10, 30, 44]], np.float32),
        "istrain": lambda i: np.array([[marks[i][0]]], np.uint8),
        "istest": lambda i: np.array([[marks[i][1]]], np.uint8),
    }
    if bad is not None:
        fields["isbad"] = lambda i: np.array([[bad[i]]], np.uint8)
        fields["isunchecked"] = lambda i: np.array([[0]], np.uint8)
    if shuffled_fields:
        fields = dict(reversed(fields.items()))
    examples = np.zeros((1, len(marks)), [(name, object) for name in fields])
    for i, image in enumerate(images):
        for name, value in fields.items():
            examples[0, i][name] = value(i)
        picture(root / folder / "images" / image)
    save_mat(root / folder / "examples.mat", examples=examples)
    return joints
