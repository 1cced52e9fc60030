"""predictions.h5: written and read back; what is damaged, foreign or not finite is one line."""

from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from hpe_study.errors import StudyError
from hpe_study.evaluation.prediction_file import (
    CanonicalBones,
    PredictionFile,
    Predictions,
    write_predictions,
)

STORE = SimpleNamespace(attrs={"key": "abc"}, simulated=True, path="labels.h5")
BONES = CanonicalBones(np.arange(1, 16.0), np.full(15, np.nan))


def predictions(count=5):
    values = np.random.default_rng(0)
    shapes = {"joints": (16, 2), "depth": (16,), "score": (16,)}
    return Predictions(**{name: values.random((count, *shape), np.float32) for name, shape in shapes.items()})


@pytest.fixture
def folder(tmp_path):
    write_predictions(tmp_path / "predictions.h5", BONES, {"h36m": predictions()}, {"h36m": STORE})
    return tmp_path


def test_what_is_written_is_read(folder):
    file = PredictionFile(folder)
    assert file.test_sets == ["h36m"]
    assert file.keys == {"h36m": "abc"}
    for name in ("joints", "depth", "score"):
        np.testing.assert_array_equal(getattr(file["h36m"], name), getattr(predictions(), name))
    np.testing.assert_array_equal(file.bones.own, BONES.own)
    assert file.bones.known
    assert not CanonicalBones.unknown().known
    with pytest.raises(StudyError, match="has no predictions of lsp; it has h36m"):
        file["lsp"]
    with pytest.raises(StudyError, match=r"predictions\.h5: not there; evaluate"):
        PredictionFile(folder / "elsewhere")


@pytest.mark.parametrize("length", [0, -5, 1e300, np.inf])
def test_bones_of_no_persons_length_are_refused(folder, length):
    with h5py.File(folder / "predictions.h5", "r+") as file:
        file["bones"][3] = length
    with pytest.raises(StudyError, match=r"predictions\.h5: not readable .bones: a length is not between"):
        PredictionFile(folder)


def external(file):
    file["h36m/depth"] = h5py.ExternalLink("/etc/hostname", "/")


def virtual(file):
    layout = h5py.VirtualLayout((5, 16), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "depth", (5, 16))
    file["h36m"].create_virtual_dataset("depth", layout)


def enormous(file):
    file["h36m"].create_dataset("depth", (10**9, 16), "f4", chunks=(1, 16))


def values(shape, value=0.5, dtype="f4"):
    def put(file):
        file["h36m/depth"] = np.full(shape, value, dtype)

    return put


@pytest.mark.parametrize(
    "put",
    [
        lambda file: None, external, virtual, enormous, values((5, 15)), values((5,)), values((4, 16)),
        values((5, 16), 1, "i4"), values((5, 16), np.nan), values((5, 16), -np.inf),
    ],
)  # fmt: skip
def test_an_entry_that_is_not_an_array_is_refused(folder, put):
    with h5py.File(folder / "predictions.h5", "a") as file:
        del file["h36m/depth"]
        put(file)
    with pytest.raises(StudyError, match=r"predictions\.h5: .*(not readable|not finite)"):
        PredictionFile(folder)["h36m"]


def test_an_infinite_prediction_names_the_person():
    broken = predictions()
    broken.depth[3, 2] = np.inf
    with pytest.raises(StudyError, match="run on h36m: depth of person 3 is not finite"):
        broken.check_finite("run on h36m")
    assert len(predictions(0).check_finite("nobody")) == 0


def test_other_labels_are_refused(folder):
    class Labels(list):
        attrs, path = {"key": "abc"}, "labels.h5"

    file = PredictionFile(folder)
    assert len(file.of_labels("h36m", Labels(range(5)))) == 5
    with pytest.raises(StudyError, match="other labels"):
        file.of_labels("h36m", Labels(range(4)))
