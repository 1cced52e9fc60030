"""The objective: names, sums, stacks."""

import pytest
import torch

from hpe_study.errors import StudyError
from hpe_study.models import build_model
from hpe_study.models.heads import HeatmapHead, PoseNetwork
from hpe_study.training import objective
from hpe_study.training.objective import Objective, Term, objective_for
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
