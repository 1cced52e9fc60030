"""ONNX files: the same numbers as torch, for any number of images."""

import numpy as np
import pytest
import torch

from hpe_study.cli import main
from hpe_study.errors import StudyError
from hpe_study.evaluation import onnx
from hpe_study.evaluation.predictor import load_run_model
from hpe_study.models.heads import ORIGINAL_BGR
from tests.tiny_study import RUN


def test_the_exported_network_is_the_network(tiny_study):
    model, _ = load_run_model(tiny_study.folder / RUN)
    model.eval()
    images = torch.rand(2, 3, 64, 64)
    for preprocessing in (model.preprocessing, ORIGINAL_BGR):
        model.preprocessing = preprocessing
        with torch.inference_mode():
            heatmap, depth = onnx.Exported(model).eval()(images)
            expected = model(preprocessing(images))
        torch.testing.assert_close(heatmap, expected["heatmap"])
        torch.testing.assert_close(depth, expected["depth"])


def test_onnx_equals_torch(tiny_study, tmp_path, capsys):
    for name in ("onnx", "onnxscript"):
        pytest.importorskip(name)
    onnxruntime = pytest.importorskip("onnxruntime")
    assert main(["export", str(tiny_study.folder / RUN), str(tmp_path / "m.onnx")]) == 0
    assert "differs from torch by at most" in capsys.readouterr().out
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    images = np.random.default_rng(0).random((5, 3, 64, 64), np.float32)
    model, _ = load_run_model(tiny_study.folder / RUN)
    with torch.inference_mode():
        expected = model.eval()(model.preprocessing(torch.from_numpy(images)))
    for name, values in zip(("heatmap", "depth"), session.run(None, {"images": images}), strict=True):
        assert np.abs(values - expected[name].numpy()).max() < 1e-3
    about = session.get_modelmeta().custom_metadata_map
    assert about["trained_on_simulated_people"] == "true"
    assert about["joints"].split()[0] == "r_ankle"
    images = torch.rand(1, 3, 64, 64)
    assert torch.isfinite(
        model.preprocessing(images)
    ).all()  # tracing has left the study's own constants alone


def test_without_the_extra_it_says_what_to_install(tiny_study, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(StudyError, match="pip install onnx onnxscript onnxruntime"):
        onnx.export_onnx(tiny_study.folder / RUN, tmp_path / "m.onnx")
