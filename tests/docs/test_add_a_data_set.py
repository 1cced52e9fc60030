"""The worked example in docs/add_a_data_set.md, applied to a copy of the package and run."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

PROJECT = Path(__file__).resolve().parents[2]
LAST_READER = '    "3dpw": ("threedpw", "ThreeDPW"),\n'
CHECK = """
import sys
import numpy as np
from hpe_study.datasets import open_dataset
from hpe_study.skeletons import MPII16, convert
from hpe_study.data.preparation import prepare
from hpe_study.data.store import Store
from hpe_study.data.store_key import StoreSettings

records = open_dataset("coco", sys.argv[1], "train")
assert len(records) == 1 and records.left_out == {"image absent": 1}, (len(records), records.left_out)
record = records[0]
assert record.joints2d[5].tolist() == [20, 15] and np.isnan(record.joints2d[0]).all()
assert record.occluded[[0, 5, 6]].tolist() == [-1, 0, 1]
common = convert(record.joints2d, record.skeleton, MPII16)
assert common[MPII16.index("thorax")].tolist() == [25, 15]
assert np.isnan(common[MPII16.index("head_top")]).all()
store = Store(prepare(StoreSettings("coco", "train", 64), sys.argv[1], sys.argv[2], progress=False))
assert store["labelled"][0].sum() == 14 and store.own_skeleton.name == "coco17"
"""


@pytest.fixture(scope="module")
def blocks():
    """{what to do with it: code} of the document."""
    found = re.findall(
        r"^`(.+?)`\n```python\n(.+?)^```", (PROJECT / "docs" / "add_a_data_set.md").read_text(), re.M | re.S
    )
    assert len(found) == 3
    return dict(found)


def test_the_example_is_short(blocks):
    lines = [line for code in blocks.values() for line in code.splitlines() if line.strip()]
    assert len(lines) <= 60


def test_the_example_works(blocks, tmp_path):
    package = tmp_path / "code" / "hpe_study"
    shutil.copytree(PROJECT / "hpe_study", package, ignore=shutil.ignore_patterns("__pycache__", "assets"))
    for target, code in blocks.items():
        action, _, path = target.rpartition(" ")
        path = tmp_path / "code" / path
        if action.startswith("add to"):
            assert LAST_READER in path.read_text()
            path.write_text(path.read_text().replace(LAST_READER, LAST_READER + code))
        else:
            with open(path, "a") as file:
                file.write(code)
    write_coco(tmp_path / "data")
    words = [sys.executable, "-W", "ignore", "-c", CHECK, str(tmp_path / "data"), str(tmp_path / "store.h5")]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "code")}
    done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def write_coco(root):
    """Two people and a crowd; the second person's image is absent. Of the first: no face, the right shoulder
    hidden."""
    keypoints = np.array([[0, 0, 0]] * 5 + [[20 + 10 * (i % 2), 15 + 4 * (i // 2), 2] for i in range(12)])
    keypoints[6, 2] = 1
    person = {
        "keypoints": keypoints.ravel().tolist(),
        "num_keypoints": 12,
        "bbox": [10, 5, 30, 40],
        "iscrowd": 0,
    }
    people = [{**person, "image_id": 7}, {**person, "image_id": 8}, {**person, "image_id": 7, "iscrowd": 1}]
    images = [{"id": 7, "file_name": "000007.jpg"}, {"id": 8, "file_name": "000008.jpg"}]
    (root / "coco" / "annotations").mkdir(parents=True)
    (root / "coco" / "train2017").mkdir()
    (root / "coco" / "annotations" / "person_keypoints_train2017.json").write_text(
        json.dumps({"images": images, "annotations": people})
    )
    cv2.imwrite(str(root / "coco" / "train2017" / "000007.jpg"), np.full((60, 60, 3), 90, np.uint8))
