"""What a training minimises: a weighted sum of named terms.

L = L_2D + λ_reg · L_dep (samples with depth) + λ_geo · L_geo (samples of the 2D set), as in the paper's three
stages. The names of the terms are those of the history's columns.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

from hpe_study.config import StageConfig
from hpe_study.data.augmentation import Batch
from hpe_study.errors import StudyError
from hpe_study.losses import depth_at_joints, depth_loss_of_values, geometric_loss, heatmap_loss
from hpe_study.models.heads import HeatmapHead, PoseNetwork
from hpe_study.training.variants import TrainingVariant


class Term(NamedTuple):
    """One loss.

    Attributes:
        function: (prediction, batch) → a scalar tensor.
        weight: its factor in the sum.
    """

    function: Callable[[Any, Batch], Tensor]
    weight: float = 1.0


@dataclass(frozen=True)
class Objective:
    """A weighted sum of named terms.

    A network with several stacks is supervised at each (Newell et al. 2016): sums go over the stacks.

    Attributes:
        terms: by name, in the order of the history's columns.
        read: (outputs, batch) → what every term's function is given; called once per stack, so that terms
            share what is costly.
    """

    terms: dict[str, Term]
    read: Callable[[dict[str, Tensor], Batch], Any]

    @property
    def columns(self) -> list[str]:
        """Names in the history: the total's, then one per term."""
        return ["loss", *(f"loss_{name}" for name in self.terms)]

    def __call__(self, outputs: dict[str, Any], batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The total and the unweighted value of each term, all scalars."""
        stacks = [self._of_stack(stack, batch) for stack in outputs.get("stacks", [outputs])]
        totals = [self._total(values) for values in stacks]
        return sum(totals), {name: sum(values[name] for values in stacks) for name in self.terms}

    def _of_stack(self, outputs, batch):
        prediction = self.read(outputs, batch)
        return {name: term.function(prediction, batch) for name, term in self.terms.items()}

    def _total(self, values):
        return sum(term.weight * values[name] for name, term in self.terms.items())


# ---------------------------------------------------------------- the terms of each head


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
        return heatmap_loss(
            prediction.heatmap, targets, counted, scale=network.heatmap_scale, sigma=network.sigma
        )

    def depth(self, prediction: MapsAndDepth, batch: Batch) -> Tensor:
        """Smooth L1 between root-relative depths (B, J) in head units, over the joints that have a depth."""
        return depth_loss_of_values(prediction.depth, batch.depth / self.network.depth_unit, batch.has_depth)

    def geometry(self, prediction: MapsAndDepth, batch: Batch) -> Tensor:
        """Geometric loss of the 2D set's samples: labelled x, y and predicted depth, in crop units."""
        depth = prediction.depth * self.network.depth_unit
        return geometric_loss(*self.variant.geometry_inputs(batch, depth))


def not_used(prediction: Any, batch: Batch) -> Tensor:
    """0, for a term that does not apply to this stage."""
    return batch.images.new_zeros(())


def heatmap_objective(model: HeatmapHead, stage: StageConfig, variant: TrainingVariant) -> Objective:
    """The paper's objective, of networks with heat maps and depth maps."""
    training, losses = stage.training, HeatmapTerms(stage, variant)
    on_2d_set = training.geometry_weight and stage.two_d is not None
    terms = {
        "heatmap": Term(losses.heatmap),
        "depth": Term(losses.depth, training.depth_weight),
        "geometry": Term(losses.geometry if on_2d_set else not_used, training.geometry_weight),
    }
    return Objective(terms, losses.read)


# class of the head → its objective; a subclass's own entry comes before that of its base
OBJECTIVES = {HeatmapHead: heatmap_objective}


def objective_for(model: PoseNetwork, stage: StageConfig, variant: TrainingVariant) -> Objective:
    """The objective of a network's head in a stage.

    Raises:
        StudyError: no class of the network has an entry in `OBJECTIVES`.
    """
    for kind in type(model).__mro__:  # the most derived class first: a subclass may bring its own
        if kind in OBJECTIVES:
            return OBJECTIVES[kind](model, stage, variant)
    raise StudyError(
        f"{type(model).__name__}: no objective for this network. Add its class, or a base class of it, to"
        " OBJECTIVES in hpe_study/training/objective.py"
    )
