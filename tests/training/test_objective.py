"""The objective: names, sums, stacks, and the losses of volumes."""

import math
from types import SimpleNamespace

import pytest
import torch

from hpe_study.data.augmentation import Batch
from hpe_study.errors import StudyError
from hpe_study.models import build_model
from hpe_study.models.heads import HeatmapHead, PoseNetwork
from hpe_study.training import objective
from hpe_study.training.objective import Objective, Term, objective_for
from hpe_study.training.variants import InCropUnits, labelled_bones
from tests.training.stick_runs import stage


def test_names_and_values_follow_from_the_terms():
    terms = {
        "heatmap": Term(lambda read, batch: read["x"] + batch),
        "depth": Term(lambda read, batch: read["x"] * batch, 0.5),
    }
    summed = Objective(terms, lambda outputs, batch: outputs)
    assert summed.columns == ["loss", "loss_heatmap", "loss_depth"]
    total, values = summed({"x": torch.tensor(3.0)}, 2.0)
    assert float(total) == 5 + 0.5 * 6
    assert {name: float(value) for name, value in values.items()} == {"heatmap": 5, "depth": 6}


def test_stacks_are_summed_and_each_is_read_once():
    reads = []

    def read(outputs, batch):
        reads.append(float(outputs["x"]))
        return outputs["x"]

    terms = {"a": Term(lambda x, batch: x), "b": Term(lambda x, batch: x**2, 0.1)}
    stacks = [{"x": torch.tensor(1.0)}, {"x": torch.tensor(2.0)}]
    total, values = Objective(terms, read)({"x": stacks[-1]["x"], "stacks": stacks}, None)
    assert reads == [1, 2]
    assert (float(values["a"]), float(values["b"])) == (3, 5)
    assert float(total) == pytest.approx(3 + 0.1 * 5)


@pytest.mark.parametrize("name", ["narrow18", "hourglass2"])
def test_networks_of_heat_maps_have_the_papers_terms(name):
    assert list(objective_for(build_model(name), stage(), None).terms) == ["heatmap", "depth", "geometry"]


def test_a_head_of_another_kind_brings_its_own(monkeypatch):
    class Volumetric(PoseNetwork):
        pass

    monkeypatch.setitem(objective.OBJECTIVES, Volumetric, lambda model, stage, variant: (type(model), stage))
    assert objective_for(Volumetric(), "stage", None) == (Volumetric, "stage")


def test_the_entry_of_the_most_derived_class_is_the_one_that_counts(monkeypatch):
    class DepthBins(HeatmapHead):
        pass

    class Finer(DepthBins):
        pass

    monkeypatch.setitem(objective.OBJECTIVES, DepthBins, lambda model, stage, variant: DepthBins)
    assert objective_for(object.__new__(DepthBins), None, None) is DepthBins
    assert objective_for(object.__new__(Finer), None, None) is DepthBins


def test_a_network_without_an_objective_is_an_error_that_says_where_to_add_it():
    class Volumetric(PoseNetwork):
        pass

    with pytest.raises(StudyError, match=r"^Volumetric: no objective .* OBJECTIVES in hpe_study/training"):
        objective_for(Volumetric(), None, None)


# ---------------------------------------------------------------- volumes


def labelled_batch(joints, depth, labelled=True):
    """Two samples of 16 joints, all at the same place; the second sample of the 2D set has no depth."""
    shape = torch.Size((2, 16))
    has_depth = torch.tensor([True, False])[:, None].expand(shape) & torch.tensor(labelled)
    return Batch(
        images=torch.zeros(2, 3, 32, 32, dtype=torch.float64),
        joints=torch.tensor(joints, dtype=torch.float64).expand(*shape, 2),
        labelled=torch.tensor(labelled).expand(shape),
        depth=torch.where(has_depth, depth, torch.nan).double(),
        has_depth=has_depth,
        augmentation=None,
        source={"sample": torch.tensor([[1, 0], [0, 0]])},
    )


def volumetric_terms(geometry_weight=0.01):
    settings = stage(geometry_weight=geometry_weight, depth_weight=0.3)
    variant = SimpleNamespace(geometry_inputs=labelled_bones, geometry_loss=InCropUnits("drillis_contini"))
    return objective_for(build_model("narrow18_volumetric", width=4), settings, variant)


def test_a_volume_that_is_right_costs_nothing_but_its_entropy():
    """One cell holds all: the means are that cell's centre, and the Gaussian's own entropy is left."""
    volume = torch.full((2, 16, 16, 8, 8), -40.0, dtype=torch.float64)
    volume[:, :, 10, 3, 5] = 40.0
    batch = labelled_batch([5.5 / 8, 3.5 / 8], 10.5 / 16 - 0.5)
    _, values = volumetric_terms()({"volume": volume}, batch)
    assert float(values["joints"]) == pytest.approx(0, abs=1e-6)
    assert float(values["depth"]) == pytest.approx(0, abs=1e-6)


def test_lengths_are_in_cells():
    """An empty volume is at the middle of the crop: 2 cells off in x, 1 in y, 3 in depth, of 8."""
    batch = labelled_batch([0.5 + 2 / 8, 0.5 - 1 / 8], 3 / 8)
    total, values = volumetric_terms(geometry_weight=0.0)({"volume": torch.zeros(2, 16, 16, 8, 8)}, batch)
    assert float(values["joints"]) == pytest.approx(3)
    assert float(values["depth"]) == pytest.approx(3)
    assert float(values["heatmap"]) == pytest.approx(math.log(64), rel=1e-5)
    assert float(total) == pytest.approx(0.3 * (3 + 3) + math.log(64), rel=1e-5)


def test_gradients_of_a_volumes_losses():
    terms = volumetric_terms()
    batch = labelled_batch([0.4, 0.7], 0.1)
    volume = torch.randn(2, 16, 4, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for name, term in terms.terms.items():
        loss = lambda x, term=term: term.function(terms.read({"volume": x}, batch), batch)  # noqa: E731
        assert torch.autograd.gradcheck(loss, volume.requires_grad_(), fast_mode=True), name


def test_joints_without_a_label_have_no_influence_on_a_volume():
    terms, nothing = volumetric_terms(), labelled_batch([float("nan")] * 2, 0.0, labelled=False)
    volume = torch.randn(2, 16, 4, 8, 8, requires_grad=True)
    total, values = terms({"volume": volume}, nothing)
    total.backward()
    assert all(value.item() == 0 for value in values.values())
    assert float(volume.grad.abs().max()) == 0
