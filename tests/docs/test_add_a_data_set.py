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
DOCUMENT = PROJECT / "docs" / "add_a_data_set.md"
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
STUDY = """
import pandas as pd
from hpe_study.config import Profile
from hpe_study.report import claims, style
from hpe_study.report.scores import pool_seeds
from hpe_study.study.records import RECORD_COLUMNS, RUN_COLUMNS, SCORE_COLUMNS
from hpe_study.study.runs import paper_table, rows, stage_config

profile = Profile(
    name="mine", question="And COCO?", data_root="data", two_d=("mpii", "coco"), three_d=("h36m",), tables=(1, 2, 3)
)
coco = [row.run for row in rows(profile) if row.run.two_d == "coco"]
assert [run.name for run in coco] == ["stage3-coco-h36m-h36m-seed0"] * 2, coco
assert stage_config(profile, coco[0]).two_d == "coco"
assert not any("coco" in run.sets for table in (1, 2, 3) for run in paper_table(table))
assert style.SET_COLOURS["coco"]
columns = [*RUN_COLUMNS, *SCORE_COLUMNS, *RECORD_COLUMNS]
record = dict.fromkeys(columns, 1.0) | {key: getattr(coco[0], key, None) for key in RUN_COLUMNS} | {
    "run": coco[0].name, "test_set": "h36m", "metric": "mpjpe", "scorer": "model", "protocol": "study",
    "value": 77.0, "low": 70.0, "high": 80.0, "weights_from": "random", "test_origin": "simulated",
}  # fmt: skip
scores = pool_seeds(pd.DataFrame([record]))
assert scores["label"].tolist() == ["coco → H36M"] and str(scores["score"][0]) == "77 [70, 80]"
assert scores.pivot(index="two_d", columns="test_set", values="score").index.tolist() == ["coco"]
"""


@pytest.fixture(scope="module")
def blocks():
    """{what to do with it: code} of the document."""
    found = re.findall(r"^`(.+?)`\n```python\n(.+?)^```", DOCUMENT.read_text(), re.M | re.S)
    assert len(found) == 3
    return dict(found)


def test_the_example_is_short(blocks):
    lines = [line for code in blocks.values() for line in code.splitlines() if line.strip()]
    assert len(lines) <= 60


@pytest.fixture(scope="module")
def code(blocks, tmp_path_factory):
    """The folder of a copy of the package with the document's blocks and its last step applied."""
    root = tmp_path_factory.mktemp("code")
    package = root / "hpe_study"
    shutil.copytree(PROJECT / "hpe_study", package, ignore=shutil.ignore_patterns("__pycache__", "assets"))
    for target, code in blocks.items():
        action, _, path = target.rpartition(" ")
        path = root / path
        if action.startswith("add to"):
            assert LAST_READER in path.read_text()
            path.write_text(path.read_text().replace(LAST_READER, LAST_READER + code))
        else:
            with open(path, "a") as file:
                file.write(code)
    line = re.search(r"write `(SETS_2D = .+?)` in `hpe_study/config.py`", DOCUMENT.read_text())[1]
    config = package / "config.py"
    text, count = re.subn(r"^SETS_2D = .+?\)", line, config.read_text(), flags=re.M)
    assert count == 1
    config.write_text(text)
    return root


def test_the_added_set_is_read_and_has_rows_and_the_paper_keeps_its_own(code, tmp_path):
    write_coco(tmp_path / "data")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHECK + STUDY, tmp_path / "data", tmp_path / "store.h5"],
        env={**os.environ, "PYTHONPATH": f"{code}{os.pathsep}{PROJECT}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
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
