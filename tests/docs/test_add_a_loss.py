"""The worked example in docs/add_a_loss.md, applied to a copy of the package and trained with."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^`(\S+)`, (?:at the end|(above|below) `([^\n]+?)`):\n```python\n(.+?)^```", re.M | re.S)
CHECK = """
import sys
from pathlib import Path

import pandas as pd
import torch

import hpe_study
from hpe_study.losses import symmetry_loss
from hpe_study.skeletons import MPII16
from hpe_study.training.fit import fit
from tests.stick_people import stick_store
from tests.training.stick_runs import ON_CPU, RunData, stage

assert Path(hpe_study.__file__).is_relative_to(Path.cwd())
joints, visible = torch.zeros(1, 16, 3, requires_grad=True), torch.ones(1, 16, dtype=torch.bool)
with torch.no_grad():
    joints[0, MPII16.index("r_wrist"), 2] = 3.0
pairs = (len(MPII16.bones) - 3) // 2  # without pelvis-thorax, thorax-neck, neck-head
loss = symmetry_loss(joints, visible)
torch.testing.assert_close(float(loss), 3.0 / pairs)
loss.backward()
assert joints.grad.isfinite().all()
assert symmetry_loss(joints, ~visible) == 0

store = stick_store(Path("people"), 8, name="stick2d")
last = []
for weight in (0.0, 10.0):
    settings = stage(1, three_d=None, epochs=4, drop_after=(), symmetry_weight=weight)
    run = Path(f"run{weight}")
    fit(settings, RunData(store, None, store, None), run, runtime=ON_CPU)
    history = pd.read_csv(run / "history.csv")
    assert (history["loss_symmetry"] > 0).all()
    last.append(history["loss_symmetry"].iloc[-1])
assert last[0] != last[1]
"""


@pytest.fixture(scope="module")
def blocks():
    """[(file, "above" or "below", a line of the file, code)]; without a line: at the end."""
    examples = BLOCK.findall((PROJECT / "docs" / "add_a_loss.md").read_text())
    assert len(examples) == 5
    return examples


def apply(path, side, line, code):
    """Write a block of code into a file, indented as the line that it stands at."""
    text = path.read_text()
    if not line:
        path.write_text(f"{text}\n\n{code}")
        return
    (indent,) = re.findall(rf"^( *){re.escape(line)}$", text, re.M)
    code, line = textwrap.indent(code, indent), f"{indent}{line}\n"
    path.write_text(text.replace(line, f"{code}\n{line}" if side == "above" else f"{line}{code}"))


def test_the_example_is_short(blocks):
    assert sum(bool(line.strip()) for *_, code in blocks for line in code.splitlines()) <= 40


def test_the_example_works(blocks, tmp_path):
    for folder in ("hpe_study", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", "assets")
        shutil.copytree(PROJECT / folder, tmp_path / folder, ignore=ignored)
    for name, side, line, code in blocks:
        apply(tmp_path / name, side, line, code)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHECK],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
