"""What a training minimises: a weighted sum of named terms.

L = L_2D + λ_reg · L_dep (samples with depth) + λ_geo · L_geo (samples of the 2D set), as in the paper's three
stages. The names of the terms are those of the history's columns.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from hpe_study.config import StageConfig
from hpe_study.data.augmentation import Batch
from hpe_study.errors import StudyError
from hpe_study.heatmaps import soft_argmax
from hpe_study.losses import depth_at_joints, depth_loss_of_values, heatmap_loss, masked_mean
from hpe_study.models.heads import HeatmapHead, PoseNetwork, VolumetricHead
from hpe_study.training.variants import TrainingVariant

TINY = 1e-12  # a probability whose logarithm is finite


class Term(NamedTuple):
    """One loss."""

    function: Callable[[Any, Batch], Tensor]  # (prediction, batch) → a scalar tensor
    weight: float = 1.0  # its factor in the sum


@dataclass(frozen=True)
class Objective:
    """A weighted sum of named terms.

    A network with several stacks is supervised at each (Newell et al. 2016): sums go over the stacks.
    """

    terms: dict[str, Term]  # by name, in the order of the history's columns
    # (outputs, batch) → what every term's function is given; called once per stack, so that terms share
    # what is costly
    read: Callable[[dict[str, Tensor], Batch], Any]

    @property
    def columns(self) -> list[str]:
        """Names in the history: the total's, then one per term."""
        return ["loss", *(f"loss_{name}" for name in self.terms)]

    def __call__(self, outputs: dict[str, Any], batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The total and the unweighted value of each term, all scalars."""
        stacks = []
        for stack in outputs.get("stacks", [outputs]):
            prediction = self.read(stack, batch)
            stacks.append({name: term.function(prediction, batch) for name, term in self.terms.items()})
        totals = [sum(self.terms[name].weight * value for name, value in values.items()) for values in stacks]
        return sum(totals), {name: sum(values[name] for values in stacks) for name in self.terms}


class MapsAndDepth(NamedTuple):
    """Heat maps (B, J, H, W), and depth (B, J) of the depth maps at the labelled joints, in head units."""

    heatmap: Tensor
    depth: Tensor


class HeatmapTerms:
    """The losses of a network with heat maps and depth maps (Zhou et al. 2017)."""

    def __init__(self, stage: StageConfig, variant: TrainingVariant):
        self.network, self.variant = stage.network, variant

    def read(self, outputs: dict[str, Tensor], batch: Batch) -> MapsAndDepth:
        """The maps in float32; the depth maps are read once, for both losses that need them."""
        heatmap, depth = outputs["heatmap"].float(), outputs["depth"].float()
        joints = batch.heatmap_px(heatmap.shape[-1])
        return MapsAndDepth(heatmap, depth_at_joints(depth, joints, batch.labelled))

    def heatmap(self, prediction: MapsAndDepth, batch: Batch) -> Tensor:
        """Squared error between the heat maps and Gaussians at the joints."""
        network = self.network
        targets = batch.targets(prediction.heatmap.shape[-1], network.sigma)
        counted = self.variant.heatmap_joints(batch.labelled)  # (B, J) bool
        maps, scale = prediction.heatmap, network.heatmap_scale
        return heatmap_loss(maps, targets, counted, scale=scale, sigma=network.sigma)

    def depth(self, prediction: MapsAndDepth, batch: Batch) -> Tensor:
        """Smooth L1 between root-relative depths (B, J) in head units, over the joints that have a depth."""
        return depth_loss_of_values(prediction.depth, batch.depth / self.network.depth_unit, batch.has_depth)

    def geometry(self, prediction: MapsAndDepth, batch: Batch) -> Tensor:
        """Geometric loss of the 2D set's samples: labelled x, y and predicted depth."""
        depth = prediction.depth * self.network.depth_unit
        joints, visible = self.variant.geometry_inputs(batch, depth)
        return self.variant.geometry_loss(joints, visible, prediction.heatmap.shape[-1])


class VolumetricPrediction(NamedTuple):
    """Mean position (B, J, 3) as fractions of the volume, and the picture's probabilities (B, J, H, W)."""

    position: Tensor
    probability: Tensor


class VolumetricTerms:
    """The losses of a network with volumes (Sun et al. 2018), on 2D and 3D sets alike.

    Lengths are in cells of the heat map, so that place and depth weigh the same.
    """

    def __init__(self, stage: StageConfig, variant: TrainingVariant):
        self.sigma, self.variant = stage.network.sigma, variant

    def read(self, outputs: dict[str, Tensor], batch: Batch) -> VolumetricPrediction:
        """The means and the marginals of the volumes, computed once for all losses."""
        return VolumetricPrediction(*soft_argmax(outputs["volume"]))

    def joints(self, prediction: VolumetricPrediction, batch: Batch) -> Tensor:
        """L1 between joints in the picture, summed over x and y, in cells."""
        cells = prediction.probability.shape[-1]
        target = torch.where(batch.labelled[..., None], batch.joints, 0.5)
        distance = (prediction.position[..., :2] - target).abs().sum(-1) * cells
        return masked_mean(distance, batch.labelled)

    def heatmap(self, prediction: VolumetricPrediction, batch: Batch) -> Tensor:
        """Cross-entropy between a Gaussian at the joint and the picture's probabilities (Nibali et al. 2018).

        It tells every cell at once where the joint is; the L1 of a mean alone learns slowly.
        """
        target = batch.targets(prediction.probability.shape[-1], self.sigma)
        target = target / target.sum((-2, -1), keepdim=True).clamp(min=TINY)
        entropy = -(target * prediction.probability.clamp(min=TINY).log()).sum((-2, -1))
        return masked_mean(entropy, batch.labelled)

    def depth(self, prediction: VolumetricPrediction, batch: Batch) -> Tensor:
        """L1 between root-relative depths, in cells, over the joints that have a depth."""
        cells = prediction.probability.shape[-1]
        target = torch.where(batch.has_depth, batch.depth, 0.0)
        return masked_mean((prediction.position[..., 2] - 0.5 - target).abs() * cells, batch.has_depth)

    def geometry(self, prediction: VolumetricPrediction, batch: Batch) -> Tensor:
        """Geometric loss of the 2D set's samples: labelled x, y and predicted depth."""
        joints, visible = self.variant.geometry_inputs(batch, prediction.position[..., 2] - 0.5)
        return self.variant.geometry_loss(joints, visible, prediction.probability.shape[-1])


def not_used(prediction: Any, batch: Batch) -> Tensor:
    """0, for a term that does not apply to this stage."""
    return batch.images.new_zeros(())


def heatmap_objective(model: HeatmapHead, stage: StageConfig, variant: TrainingVariant) -> Objective:
    """The paper's objective, of networks with heat maps and depth maps."""
    training, losses = stage.training, HeatmapTerms(stage, variant)
    terms = {
        "heatmap": Term(losses.heatmap),
        "depth": Term(losses.depth, training.depth_weight),
        "geometry": _geometry_term(losses, stage),
    }
    return Objective(terms, losses.read)


def volumetric_objective(model: VolumetricHead, stage: StageConfig, variant: TrainingVariant) -> Objective:
    """The objective of networks with volumes: λ_reg weighs place and depth alike against the heat map."""
    losses, weight = VolumetricTerms(stage, variant), stage.training.depth_weight
    terms = {
        "heatmap": Term(losses.heatmap),
        "joints": Term(losses.joints, weight),
        "depth": Term(losses.depth, weight),
        "geometry": _geometry_term(losses, stage),
    }
    return Objective(terms, losses.read)


def _geometry_term(losses, stage):
    weight = stage.training.geometry_weight
    return Term(losses.geometry if weight and stage.two_d is not None else not_used, weight)


# class of the head → its objective; a subclass's own entry comes before that of its base
OBJECTIVES = {HeatmapHead: heatmap_objective, VolumetricHead: volumetric_objective}


def objective_for(model: PoseNetwork, stage: StageConfig, variant: TrainingVariant) -> Objective:
    """The objective of a network's head in a stage; `StudyError` where `OBJECTIVES` has none for it."""
    for kind in type(model).__mro__:  # the most derived class first: a subclass may bring its own
        if kind in OBJECTIVES:
            return OBJECTIVES[kind](model, stage, variant)
    raise StudyError(
        f"{type(model).__name__}: no objective for this network. Add its class, or a base class of it, to"
        " OBJECTIVES in hpe_study/training/objective.py"
    )
