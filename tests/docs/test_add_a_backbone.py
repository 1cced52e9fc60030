"""The worked example in docs/add_a_backbone.md, applied to a copy of the package and run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
CHECK = """
import sys, torch
from hpe_study.config import NetworkConfig
assert "torchvision" not in sys.modules and "timm" not in sys.modules
from hpe_study.errors import StudyError
from hpe_study.models import build_model, check_network, model_from_checkpoint
from hpe_study.evaluation.predictor import fuse_for_inference

for name, impossible in (("mobilenet", {"input_size": 48}), ("plain", {"input_size": 64, "channels": 2})):
    try:
        check_network(name, **impossible)
    except StudyError:
        pass
    else:
        raise AssertionError(name)
    network = NetworkConfig(model=name, input_size=64, pretrained=False)
    model = build_model(network.model)
    outputs = model(torch.rand(4, 3, 64, 64))
    assert outputs["heatmap"].shape == outputs["depth"].shape == (4, 16, 16, 16)
    (outputs["heatmap"].square().mean() + outputs["depth"].square().mean()).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    torch.save({"model": model.state_dict(), "network": network.model_dump(mode="json")}, "checkpoint.pt")
    again = model_from_checkpoint("checkpoint.pt").eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        expected = again.decode(again.flip_test(images), "soft", 1.0)
        fused = fuse_for_inference(again, torch.device("cpu"))
        found = fused.decode(fused.flip_test(images), "soft", 1.0)
    torch.testing.assert_close(found.score, expected.score, rtol=1e-3, atol=1e-6)
"""


@pytest.fixture(scope="module")
def blocks():
    """{file that the code is appended to: code} of the document."""
    text = (PROJECT / "docs" / "add_a_backbone.md").read_text()
    found = re.findall(r"^`append to (.+?)`\n```python\n(.+?)^```", text, re.M | re.S)
    assert len(found) == 2
    return dict(found)


def test_the_example_is_short(blocks):
    lines = [line for code in blocks.values() for line in code.splitlines() if line.strip()]
    assert len(lines) <= 60


def test_the_example_works(blocks, tmp_path):
    package = tmp_path / "code" / "hpe_study"
    shutil.copytree(PROJECT / "hpe_study", package, ignore=shutil.ignore_patterns("__pycache__", "assets"))
    for path, code in blocks.items():
        with open(tmp_path / "code" / path, "a") as file:
            file.write(code)
    command = [sys.executable, "-W", "ignore", "-c", CHECK]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "code")}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
