"""The golden record: another day's clocks are no difference, another score is one."""

import shutil

import pandas as pd
import pytest

from tools.golden import CLOCKS, PROJECT, differences, finished_quick_study


def finished(home, minutes, mpjpe):
    shutil.copytree(PROJECT / "params", home / "params")
    runs, figures = home / "runs" / "quick", home / "figures" / "quick"
    runs.mkdir(parents=True)
    figures.mkdir(parents=True)
    clocks = dict.fromkeys(CLOCKS, minutes)
    pd.DataFrame([{"run": "stage1-mpii-seed0", "value": mpjpe} | clocks]).to_csv(runs / "runs.csv")
    (figures / "table1.csv").write_text(
        f"two_d,target,heading 0,value\nmpii,h36m,h36m,{mpjpe}\nmpii,h36m,minutes,{minutes}\n"
    )
    return finished_quick_study(home)


@pytest.mark.parametrize(("minutes", "mpjpe", "found"), [(2, 484, 0), (1, 485, 2)])
def test_clocks_are_no_difference_and_scores_are(tmp_path, minutes, mpjpe, found):
    first = finished(tmp_path / "first", minutes=1, mpjpe=484)
    assert len(differences(first, finished(tmp_path / "second", minutes, mpjpe))) == found
