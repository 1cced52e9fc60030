"""The rows of `results.csv`: the study's own code beside its literal twin, on the same samples."""

import itertools

import torch

from benchmarks.material import EPOCH, change_of, name_of, pairs_of
from benchmarks.peak import flop_of_prediction, flop_of_training
from benchmarks.timing import Row, measured, result
from benchmarks.twins import (
    ImageSamples,
    depth_and_geometry_losses,
    fusion_twin,
    geometric_twin,
    image_batches,
    training_step_twin,
    validation_twin,
)
from hpe_study.data.augmentation import augment_batch, identity_augmentation
from hpe_study.data.loading import ResidentBatches, loader
from hpe_study.evaluation.predictor import Predictor
from hpe_study.heatmaps import read_depth
from hpe_study.losses import depth_loss_of_values, geometric_loss, heatmap_loss
from hpe_study.models import build_model

SIGMA = 2.0  # heat-map px, as published
WEIGHTS = (0.1, 0.01)  # λ_reg, λ_geo
STAGE2_EPOCHS = 60  # as published
# a timing of a loss: one or few calls of a third of a millisecond time how its code comes back into the
# caches after the
LOSS_CALLS = 20
# twin's turn (measured: the first call takes twice as long as the later ones)
FP32, BF16 = "fp32", "bf16"


# ---------------------------------------------------------------- losses


def loss_inputs(batch, cells, seed=0):
    """(outputs, sample) of a fusion batch, half of it the 2D set's, at random: maps (B, 16, cells, cells)
    with gradients."""
    random = torch.Generator().manual_seed(seed)
    maps = {
        name: torch.randn(batch, 16, cells, cells, generator=random).requires_grad_()
        for name in ("heatmap", "depth")
    }
    flat = torch.arange(batch) % 2 == 0
    labelled = torch.rand(batch, 16, generator=random) < 0.9
    return maps, {
        "target": torch.rand(batch, 16, cells, cells, generator=random),
        "joints": torch.rand(batch, 16, 2, generator=random) * (cells - 1),
        "labelled": labelled,
        "depth": torch.randn(batch, 16, generator=random) / 4,
        "has_depth": labelled & ~flat[:, None],
        "flat": flat,
    }


def fusion_ours(maps, sample):
    """The study's three losses of what `loss_inputs` gives, as a training step adds them."""
    flat = heatmap_loss(maps["heatmap"], sample["target"], sample["labelled"])
    return flat + depth_and_geometry(maps, sample)


def depth_and_geometry(maps, sample):
    """The two of them that are not whole-map arithmetic."""
    read = read_depth(maps["depth"], sample["joints"])
    pose = torch.cat([(sample["joints"] + 0.5) / maps["depth"].shape[-1], read[..., None]], -1)
    depth_term = depth_loss_of_values(read, sample["depth"], sample["has_depth"])
    return WEIGHTS[0] * depth_term + WEIGHTS[1] * geometric_loss(
        pose, sample["labelled"] & sample["flat"][:, None]
    )


def depth_and_geometry_twin(maps, sample):
    """As `depth_and_geometry`."""
    return depth_and_geometry_losses(maps["depth"], sample, *WEIGHTS)[0]


def fusion_loss(material, folder):
    """The published FusionLoss (depth and geometry together), forward and backward; and with the heat maps'
    squared error, which stands beside it there. That error is whole-map arithmetic in the twin too: both wait
    for memory."""
    maps, sample = loss_inputs(material.sizes.batch, material.sizes.deep_size // 4)
    rows = []
    for name, ours, twin, target in (
        ("FusionLoss: depth and geometry", depth_and_geometry, depth_and_geometry_twin, 8),
        ("FusionLoss and heat-map loss", fusion_ours, lambda *given: fusion_twin(*given, *WEIGHTS)[0], None),
    ):
        back = lambda loss: lambda: _and_back(loss(maps, sample), maps.values())  # noqa: E731
        rows += measured(
            Row(
                name,
                back(twin),
                {FP32: back(ours)},
                {FP32: target},
                material.sizes.pairs_quick,
                "ms/batch",
                repeats=LOSS_CALLS,
            )
        )
    return rows


def geometric(material, folder):
    """The geometric loss alone, forward and backward, on a batch of poses."""
    random = torch.Generator().manual_seed(0)
    pose = torch.rand(material.sizes.batch, 16, 3, generator=random).requires_grad_()
    visible = (torch.rand(material.sizes.batch, 16, generator=random) < 0.9) & (
        torch.arange(len(pose)) % 2 == 0
    )[:, None]
    twin = lambda: _and_back(geometric_twin(pose, visible), [pose])  # noqa: E731
    ours = lambda: _and_back(geometric_loss(pose, visible), [pose])  # noqa: E731
    return measured(
        Row(
            "geometric loss",
            twin,
            {FP32: ours},
            {FP32: 20},
            material.sizes.pairs_quick,
            "ms/batch",
            repeats=LOSS_CALLS,
        )
    )


def _and_back(loss, leaves):
    loss.backward()
    for leaf in leaves:
        leaf.grad = None


# ---------------------------------------------------------------- data


def twin_batches(material, size, pairs):
    """Batches of the twin's loader for samples `pairs` of the two training sets, without end."""
    stores = material.data(size).train
    samples = ImageSamples(stores, material.raw, pairs, change_of, size, SIGMA)
    return itertools.chain.from_iterable(
        image_batches(samples, material.sizes.batch) for _ in itertools.count()
    )


def read_and_assemble(stores, pairs, batch_size, size):
    """Our batches with their pictures and targets: everything that the twin's loader gives."""
    for raw in loader(stores, pairs, batch_size, drop_last=True):
        batch = augment_batch(raw, change_of(raw["sample"]), size)
        yield batch, batch.targets(size // 4, SIGMA)


def loaders(material, folder):
    """Pictures, augmentation and targets of a batch, from full pictures (the twin), from stored JPEG crops
    and from raw ones."""
    sizes, size = material.sizes, material.sizes.deep_size
    pairs = pairs_of(sizes.batch, sizes.people[0])
    twin = twin_batches(material, size, pairs)
    rows = []
    for encoding, target, host_target in (("jpeg", None, 8), ("raw", None, 14)):
        stores = material.data(size, encoding).train
        # what a loader process does: on a GPU the rest, augmentation and targets, is the device's
        host = lambda stores=stores: next(iter(loader(stores, pairs, sizes.batch)))  # noqa: E731
        whole = lambda stores=stores: next(read_and_assemble(stores, pairs, sizes.batch, size))  # noqa: E731
        for name, ours, wanted in (("loader", host, host_target), ("loader and augmentation", whole, target)):
            row = Row(
                f"{name}, {encoding} crops",
                lambda: next(twin),
                {"": ours},
                {"": wanted},
                sizes.pairs_quick // 2,
                "ms/image",
                sizes.batch,
            )
            rows += measured(row)
    return rows


def bytes_to_device(material, folder):
    """What is sent to the device for an image, no time: streamed in every epoch; and with the crops staying
    there, sent once, and then indices and changes alone, over the published 60 epochs of stage 2."""
    sizes, size = material.sizes, material.sizes.deep_size
    pairs = pairs_of(sizes.batch, sizes.people[0])
    stores = material.data(size).train
    changes = _bytes(vars(change_of(pairs)))
    streamed = _bytes(next(iter(loader(stores, pairs, sizes.batch)))) + changes
    resident = ResidentBatches(stores, "cpu")
    once = (resident.crops.nbytes + _bytes(resident.labels)) / sum(map(len, stores)) * sizes.batch
    indices = 2 * torch.from_numpy(pairs)[:, 0].nbytes  # of the picture and of its label
    twin = _bytes(next(twin_batches(material, size, pairs)))
    rows = []
    for kind, ours, target in (
        ("streamed", streamed, None),
        ("resident", once / STAGE2_EPOCHS + indices + changes, 5),
    ):
        rows.append(
            result(
                Row(f"bytes to the device, {kind}", None, {}, {"": target}, 1, "kB/image", sizes.batch),
                "",
                [ours],
                [twin],
            )
        )
    return rows


def _bytes(tensors):
    return sum(value.nbytes for value in tensors.values() if torch.is_tensor(value))


# ---------------------------------------------------------------- training and validation


def training_step(material, folder):
    """One update from a loaded batch; ours with its augmentation and targets, which the twin's loader has
    made."""
    sizes = material.sizes
    pairs = pairs_of(sizes.batch, sizes.people[0])
    sample = next(twin_batches(material, sizes.deep_size, pairs))
    model, optimizer = twin_model(sizes.deep)
    ours = {}
    for precision in (BF16, FP32):
        trainer = material.trainer(sizes.deep, sizes.deep_size, precision, folder)
        trainer.model.train()
        raw = next(iter(loader(trainer.data.train, pairs, sizes.batch)))
        ours[precision] = lambda trainer=trainer, raw=raw: trainer._step(raw, 0)
    twin = lambda: training_step_twin(model, optimizer, sample, *WEIGHTS)  # noqa: E731
    name = f"{name_of(material.network(sizes.deep, sizes.deep_size, FP32))} training step"
    work = sizes.batch * flop_of_training(sizes.deep, sizes.deep_size)
    return measured(
        Row(
            name,
            twin,
            ours,
            {BF16: 2.5, FP32: 1.1},
            sizes.pairs_slow,
            "s/batch",
            flop=work,
            matrix=sizes.matrix,
        )
    )


def whole_epoch(material, folder):
    """An epoch from the files on disk to updated weights and the curves' numbers, everything included."""
    sizes = material.sizes
    model, optimizer = twin_model(sizes.shallow)
    count = EPOCH * sizes.batch
    stores = material.data(sizes.shallow_size).train
    samples = ImageSamples(
        stores, material.raw, pairs_of(count, sizes.people[0]), change_of, sizes.shallow_size, SIGMA
    )

    def twin():
        model.train()
        for sample in image_batches(samples, sizes.batch):
            training_step_twin(model, optimizer, sample, *WEIGHTS)

    trainers = {
        precision: material.trainer(sizes.shallow, sizes.shallow_size, precision, folder)
        for precision in (BF16, FP32)
    }
    ours = {precision: trainer._epoch for precision, trainer in trainers.items()}
    name = f"{name_of(material.network(sizes.shallow, sizes.shallow_size, FP32))} epoch"
    work = count * flop_of_training(sizes.shallow, sizes.shallow_size)
    return measured(
        Row(
            name,
            twin,
            ours,
            {BF16: 3.0, FP32: 1.2},
            sizes.pairs_slow,
            "ms/image",
            count,
            flop=work,
            matrix=sizes.matrix,
        )
    )


def validation(material, folder):
    """Pictures read, both passes, joints and depth read, of a test set's people."""
    sizes, size = material.sizes, material.sizes.deep_size
    store = material.store("h36m", "test", size, "jpeg")
    model, _ = twin_model(sizes.deep)
    samples = ImageSamples(
        [store], material.raw, pairs_of(len(store), len(store), 1), _unchanged, size, SIGMA
    )
    twin = lambda: validation_twin(model, (batch["image"][0] for batch in image_batches(samples, 1)))  # noqa: E731
    ours = {}
    for precision in (BF16, FP32):
        trainer = material.trainer(sizes.deep, size, precision, folder)
        ours[precision] = lambda trainer=trainer, precision=precision: predict(
            trainer.model, store, trainer.stage.network, precision
        )
    work = 2 * len(store) * flop_of_prediction(sizes.deep, size)
    return measured(
        Row(
            "validation",
            twin,
            ours,
            {BF16: 2.7, FP32: 1.3},
            sizes.pairs_slow,
            "ms/image",
            len(store),
            flop=work,
            matrix=sizes.matrix,
        )
    )


def predict(model, store, network, precision):
    """Our predictions of a whole store with the mirrored pass, as `evaluate` makes them."""
    return Predictor(model, network, "cpu", precision, flip=True).arrays(store)


def _unchanged(pairs):
    return identity_augmentation(len(pairs))


def twin_model(name):
    """(network, optimiser) of the twin: channels first, single precision, Adam as torch makes it."""
    torch.manual_seed(0)
    model = build_model(name)
    return model, torch.optim.Adam(model.parameters(), lr=1e-4)


BENCHMARKS = {
    "fusion": fusion_loss,
    "geometric": geometric,
    "loader": loaders,
    "bytes": bytes_to_device,
    "step": training_step,
    "epoch": whole_epoch,
    "validation": validation,
}
