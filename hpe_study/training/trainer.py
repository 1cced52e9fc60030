"""One stage: fit, validate, checkpoint, resume.

L = L_2D + λ_reg · L_dep (samples with depth) + λ_geo · L_geo (samples of the 2D set), as in the paper's three
stages. After every epoch the whole state is on disk (`resume.pt`, atomic): killing the process loses at most
the epoch in hand, and the resumed run's numbers equal an unbroken run's, because every random number is keyed
by (seed, epoch, sample).
"""

import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from timm.utils import ModelEmaV3
from torch._dynamo.exc import TorchDynamoException

from hpe_study.config import StageConfig
from hpe_study.data.augmentation import assemble, sample_augmentation, sent, undo_augmentation
from hpe_study.data.loading import out_of_memory, source_of
from hpe_study.data.sampling import repeats, shard_batches
from hpe_study.data.store import Store
from hpe_study.errors import StudyError, killed
from hpe_study.evaluation.evaluate import Scores, predictions
from hpe_study.heatmaps import read_depth
from hpe_study.losses import depth_loss_of_values, geometric_loss, heatmap_loss
from hpe_study.models import build_model, load_weights
from hpe_study.training.launcher import train_on_several
from hpe_study.training.variants import BEST, LAST, recipe_of
from hpe_study.utils import devices, distributed, rng
from hpe_study.utils.files import atomic, digest_of, lock, read_json, write_json
from hpe_study.utils.progress import progress_bar

VALIDATION_SHARE = 10  # one in ten of the test split, for the curves only
PROGRESS_SECONDS = 1.0
READER_DIED = re.compile(r"DataLoader worker .*(killed|exited unexpectedly)", re.S)


@dataclass(frozen=True)
class Data:
    """The stores of a run: what it learns from and what its curves are drawn on; None where the scheme has
    none."""

    train_2d: Store | None
    train_3d: Store | None
    test_2d: Store | None
    test_3d: Store | None

    @property
    def train(self):
        """The training stores at hand, 2D first."""
        return [store for store in (self.train_2d, self.train_3d) if store is not None]

    @property
    def validation(self):
        """The store that the curves are drawn on: the 3D set's where there is one."""
        return self.test_3d if self.test_3d is not None else self.test_2d


def fit(
    stage: StageConfig,
    data,
    out,
    init=None,
    device="auto",
    workers=0,
    bones=None,
    progress=True,
    processes=1,
    compiling="none",
    exact=False,
):
    """Train one stage and write its record into the folder `out`; returns the run record (a dict, also
    `run.json`).

    data: `Data`. init: path of the weights to start from, or None. bones: (15,) mm, the canonical lengths
    that size the predicted skeletons in the curves; None in stage 1. processes: how many train it together, a
    GPU (on the CPU: a core) each, to the same numbers but for rounding.
    compiling: torch.compile's mode for the network in a step ("none": not compiled), to the same numbers but
    for rounding.
    exact: one process, too, sums batch statistics as several do (`distributed.GlobalBatchNorm2d`), so that
    their curves can be compared. Resumes from `out/resume.pt`; returns at once when `out` holds this very run
    already. Raises `StudyError` when the loss is not finite (step and sample ids) or when the weights do not
    fit. Waits while another process works in `out`.
    """
    out = Path(out)
    inputs = {
        "parameters": stage.model_dump(mode="json"),
        "data": {store.path.name: store.attrs["key"] for store in (*data.train, data.validation)},
        "init": torch.load(init, weights_only=True, map_location="cpu")["identity"] if init else None,
    }
    with lock(out, wait=True):
        if finished(out, inputs):
            return read_json(out / "run.json")
        for part in out.glob(".*.part*"):  # what a killed process was writing
            part.unlink()
        (out / "run.json").unlink(
            missing_ok=True
        )  # of other inputs: it must not be taken for the record of the weights to come
        if processes > 1:
            devices.check_count(processes, device)
            kind = devices.pick_device(device).type
            return train_on_several(
                processes, stage, data, out, init, inputs, kind, workers, bones, progress, compiling
            )
        return train_here(stage, data, out, init, inputs, device, workers, bones, progress, compiling, exact)


def train_here(
    stage, data, out, init, inputs, device, workers, bones, progress, compiling="none", exact=False
):
    """`fit` without its look at what stands already: in this process, as one of those that train together
    (`distributed`) or alone."""
    try:
        return Trainer(
            stage, data, out, init, inputs, device, workers, bones, progress, compiling, exact
        ).run()
    except torch.OutOfMemoryError as error:
        advice = (
            f"lower batch_size (it is {stage.training.batch_size}) or input_size (it is"
            f" {stage.network.input_size})"
        )
        raise out_of_memory(error, devices.pick_device(device), advice) from error
    except RuntimeError as error:
        if READER_DIED.search(str(error)):
            raise StudyError(
                f"{out}: a process that reads crops ended: {killed('it')}, or it crashed. Fewer of them"
                f" (workers: {workers}) need less memory; the same command goes on from the last whole epoch"
            ) from error
        raise


def finished(out, inputs):
    """Whether the folder holds the finished run of these inputs."""
    if not (out / "run.json").exists() or not (out / "checkpoint.pt").exists():
        return False
    record = read_json(out / "run.json")
    return {key: record.get(key) for key in inputs} == inputs


class Trainer:
    """The state of one training run and the steps that change it."""

    def __init__(
        self, stage, data, out, init, inputs, device, workers, bones, progress, compiling="none", exact=False
    ):
        self.stage, self.data, self.out, self.inputs = stage, data, out, inputs
        self.workers, self.bones, self.progress = workers, bones, progress
        self.device = devices.pick_device(device)
        self.precision = devices.pick_precision(stage.network.precision, self.device)
        torch.manual_seed(stage.seed)
        network = stage.network
        options = {"width": network.width} if network.width else {}
        self.model = build_model(network.model, pretrained=network.pretrained and init is None, **options)
        if init:
            load_weights(self.model, init)
        self.weights_source = Path(init).parent.name if init else self.model.weights_source
        self.model = distributed.with_global_batch_norm(
            self.model.to(self.device, memory_format=torch.channels_last), exact
        )
        distributed.start_alike(self.model)
        self.compiling = compiling
        self.learn = None  # see `_learnt`
        self.ema = (
            ModelEmaV3(self.model, decay=stage.training.ema, use_warmup=True) if stage.training.ema else None
        )
        self.optimizer = _optimizer(self.model, stage.training, self.device)
        self.recipe = self._recipe()
        self.batches = source_of(data.train, self.device, workers)
        self.history, self.epoch, self.step, self.repeats = [], 0, 0, None

    def _recipe(self):
        training, stores = self.stage.training, self.data.train
        lengths = [len(store) for store in stores]
        chosen = None
        if self.stage.share_2d < 1:  # a fixed draw of the 2D set's images; counts stay, so updates are equal
            keep = max(1, round(lengths[0] * self.stage.share_2d))
            chosen = np.sort(rng.generator("share", self.stage.seed).permutation(lengths[0])[:keep])
        count = training.samples_per_epoch or lengths[0]
        return recipe_of(self.stage, stores, [count for _ in stores], chosen)

    # ---------------------------------------------------------------- the run

    def run(self):
        """All epochs that are left; then the final record."""
        self._resume()
        epochs = self.stage.training.epochs
        bar = progress_bar(
            total=epochs,
            initial=self.epoch,
            desc=self.out.name,
            unit="epoch",
            disable=not (self.progress and distributed.is_first()),
            mininterval=PROGRESS_SECONDS,
        )
        with bar:
            while self.epoch < epochs and not self._out_of_time():
                row = distributed.agreed({key: float(value) for key, value in self._epoch().items()})
                self.history.append(row)
                self.epoch += 1
                self._keep_best()
                self._save_state()
                bar.set_postfix_str(
                    " ".join(
                        f"{key} {row[key]:.4g}" for key in ("loss", "pckh", "mpjpe") if np.isfinite(row[key])
                    ),
                    refresh=False,
                )
                bar.update()
        return self._finish() if distributed.is_first() else None

    def _out_of_time(self):
        limit = self.stage.training.seconds
        return limit is not None and sum(row["seconds"] for row in self.history) >= limit

    @property
    def scored_model(self):
        """The weights that are scored and handed on: the averaged ones where the stage averages."""
        return self.ema.module if self.ema else self.model

    def _epoch(self):
        self.model.train()
        start = time.perf_counter()
        pairs = self.recipe.pairing.in_training(self.recipe.mix.draw(self.epoch), self.epoch)
        pairs_here, batch_size = shard_batches(pairs, self.stage.training.batch_size)
        self.repeats, _ = shard_batches(repeats(pairs), self.stage.training.batch_size)
        scores, seen = Scores(self.data.train, len(pairs_here)), 0
        losses = torch.empty(
            -(-len(pairs_here) // batch_size), 4, device=self.device
        )  # made once, as the scores' arrays are
        for number, raw in enumerate(self.batches(pairs_here, batch_size)):
            losses[number], *read = self._step(raw, number)
            scores.add(*read, raw["sample"])
            seen += len(raw["sample"])
        losses = (
            distributed.total(losses[: number + 1].double()).cpu().numpy()
        )  # the epoch's one transfer from the device
        seen = sum(distributed.gathered([seen]))
        seconds = time.perf_counter() - start
        self._check_finite(losses, pairs)
        row = {
            "epoch": self.epoch + 1,
            "learning_rate": self._rate(),
            "seconds": seconds,
            "images": seen,
            "images_per_second": seen / seconds,
        }
        row |= dict(zip(("loss", "loss_heatmap", "loss_depth", "loss_geometry"), losses.mean(0), strict=True))
        row |= scores.summary(self.bones)
        last = self.epoch + 1 == self.stage.training.epochs
        row |= (
            self._validate()
            if last or (self.epoch + 1) % self.stage.validate_every == 0
            else dict.fromkeys(("validation_pckh", "validation_pck_crop", "validation_mpjpe"), np.nan)
        )
        return row

    def _step(self, raw, number):
        """One update, on batch `number` of the epoch; all on the device: the losses (4,) (total, heat map,
        depth, geometry) and, in the person's box, what the network read before it: joints (B, 16, 2), depth
        (B, 16)."""
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        losses, joints, depth = self._learnt(*self._sent(raw, number))
        self.optimizer.zero_grad(set_to_none=True)
        losses[0].backward()
        distributed.add_gradients(self.model)
        self.optimizer.step()
        self.step += 1
        if self.ema:
            self.ema.update(self.model, step=self.step)
        return losses.detach(), joints, depth

    def _learnt(self, source, change):
        """`_learn`, compiled where that was asked for and can be done; else a line says why not, and the run
        goes on without.

        From the second step on: the first uploads the tables that a compiled one reads. Batches are whole, so
        it is compiled once."""
        if self.compiling == "none" or self.learn is None:
            self.learn = self._learn
        elif self.learn == self._learn:
            self.learn = torch.compile(self._learn, mode=self.compiling)
        try:
            return self.learn(source, change)
        except TorchDynamoException as error:
            reason = str(error).strip().split("\n")[0][:160]
            print(
                f"{self.out.name}: compile: {self.compiling} cannot be done here ({reason}); training goes on"
                " without"
            )
            self.compiling = "none"
            return self._learn(source, change)

    def _sent(self, raw, number):
        """What a batch's crops and labels are and how they are to be changed, both on the device."""
        pairs = raw["sample"].numpy()
        repeat = 0 if self.repeats is None else self.repeats[number * len(pairs) : (number + 1) * len(pairs)]
        names, epoch = self.recipe.augmentation.keys(pairs, number, self.epoch, repeat)
        flat = self.data.train_2d is not None
        turns = np.full(len(pairs), True) if self.stage.augmentation.rotate_3d else (pairs[:, 0] == 0) & flat
        change = sample_augmentation(self.stage.augmentation, names, turns, self.stage.seed, epoch)
        return sent(raw, self.device), change.to(self.device)

    def _learn(self, source, change):
        """Losses (4,), joints and depth in the person's box (both without gradients) of what `_sent` gives;
        nothing is read by the host."""
        batch = assemble(source, change, self.stage.network.input_size)
        with devices.autocast(self.device, self.precision):
            outputs = self.model(
                self.model.preprocessing(batch.images).contiguous(memory_format=torch.channels_last)
            )
        with torch.no_grad():
            network = self.stage.network
            joints, depth, _ = self.model.decode(outputs, network.decode, network.depth_unit)
        return torch.stack(self._losses(outputs, batch)), *undo_augmentation(joints, depth, change)

    def _losses(self, outputs, batch):
        """[total, heat map, depth, geometry]; of a stacked network each stack's losses, summed (intermediate
        supervision)."""
        stacks = outputs.get("stacks", [outputs])
        return [
            sum(parts) for parts in zip(*(self._losses_of(stack, batch) for stack in stacks), strict=True)
        ]

    def _losses_of(self, outputs, batch):
        network, training = self.stage.network, self.stage.training
        maps, depths = outputs["heatmap"].float(), outputs["depth"].float()
        cells = maps.shape[-1]
        taught = self.recipe.targets(batch.labelled)
        flat = heatmap_loss(
            maps,
            batch.targets(cells, network.sigma),
            taught,
            scale=network.heatmap_scale,
            sigma=network.sigma,
        )
        places = torch.where(batch.labelled[..., None], batch.heatmap_px(cells), 0.0)
        read = read_depth(depths, places)  # once, for both losses
        deep = depth_loss_of_values(read, batch.depth / network.depth_unit, batch.has_depth)
        total = flat + training.depth_weight * deep
        geometry = torch.zeros_like(total)
        if training.geometry_weight and self.data.train_2d is not None:
            # on the 2D set's samples: labelled x, y with the predicted depth, in crop units
            geometry = geometric_loss(*self.recipe.geometry(batch, read * network.depth_unit))
            total = total + training.geometry_weight * geometry
        return [total, flat, deep, geometry]

    def _rate(self):
        """Learning rate of the step in hand: linear warm-up, then constant with drops after whole epochs."""
        training = self.stage.training
        drops = sum(self.epoch >= drop for drop in training.drop_after)
        warm = min(1.0, (self.step + 1) / training.warmup_steps) if training.warmup_steps else 1.0
        return training.learning_rate * training.drop_factor**drops * warm

    def _check_finite(self, losses, pairs):
        bad = np.flatnonzero(~np.isfinite(losses).all(1))
        if len(bad):
            size = self.stage.training.batch_size
            ids = pairs[bad[0] * size : (bad[0] + 1) * size]
            named = ", ".join(f"{self.data.train[store].path.stem}[{index}]" for store, *_, index in ids)
            step = self.epoch * len(losses) + int(bad[0])
            raise StudyError(
                f"{self.out}: the loss is not finite at step {step} (epoch {self.epoch + 1}); its samples:"
                f" {named}"
            )

    def _validate(self):
        store = self.data.validation
        indices = np.arange(0, len(store), VALIDATION_SHARE if len(store) >= 20 * VALIDATION_SHARE else 1)
        pairs = distributed.own_shard(self.recipe.pairing.in_validation(indices))
        scores = Scores([store], len(pairs))
        found = predictions(
            self.scored_model, store, pairs, self.stage.network, self.device, self.precision, flip=False
        )
        for joints, depth, _, sample in found:
            scores.add(joints, depth, sample)
        return {f"validation_{key}": value for key, value in scores.summary(self.bones).items()}

    # ---------------------------------------------------------------- on disk

    def _keep_best(self):
        """Where the recipe hands on the best weights: keep these if no epoch before had a better validation
        2D score."""
        scores = [row["validation_pck_crop"] for row in self.history]
        if self.recipe.keeps_best and scores[-1] == np.nanmax([*scores, -np.inf]):
            self._save_weights(BEST)

    def _save_weights(self, name):
        if not distributed.is_first():
            return
        with atomic(self.out / name) as part:
            weights = {key: value.cpu() for key, value in self.scored_model.state_dict().items()}
            network = self.stage.network.model_dump(mode="json")
            pixels = asdict(self.scored_model.preprocessing)
            identity = digest_of(self.inputs)[:16]
            torch.save(
                {"model": weights, "network": network, "preprocessing": pixels, "identity": identity}, part
            )

    def _save_state(self):
        if not distributed.is_first():
            return
        state = {
            "inputs": digest_of(self.inputs),
            "precision": self.precision,
            "weights_from": self.weights_source,
            "epoch": self.epoch,
            "step": self.step,
            "model": self.model.state_dict(),
            "ema": self.ema.module.state_dict() if self.ema else None,
            "optimizer": self.optimizer.state_dict(),
            "history": self.history,
        }
        with atomic(self.out / "resume.pt") as part:
            torch.save(state, part)

    def _resume(self):
        path = self.out / "resume.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["inputs"] != digest_of(self.inputs) or state["precision"] != self.precision:
            # another run's, its parameters or data have changed since; it is written over after the first
            # epoch
            return
        self.model.load_state_dict(state["model"])
        if self.ema:
            self.ema.module.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history, self.epoch, self.step = state["history"], state["epoch"], state["step"]
        self.weights_source = state.get("weights_from", self.weights_source)

    def _finish(self):
        history = pd.DataFrame(self.history)
        record = {
            **self.inputs,
            "name": self.out.name,
            "hash": self.stage.hash,
            "scheme": self.stage.scheme,
            "seed": self.stage.seed,
            "simulated": any(store.simulated for store in self.data.train),
            "weights_from": self.weights_source,
            "images_seen": int(history["images"].sum()),
            "images_2d": self.recipe.mix.first_set if self.data.train_2d is not None else 0,
            "updates": self.step,
            "seconds": float(history["seconds"].sum()),
            "seconds_per_epoch": float(history["seconds"].median()),
            "images_per_second": float(history["images_per_second"].median()),
            "peak_memory_mb": devices.peak_memory_mb(self.device),
            "bones_mm": None if self.bones is None else self.bones.tolist(),
            "compiled": self.compiling,
            **devices.provenance(self.device, self.precision),
        }
        with atomic(self.out / "history.csv") as part:
            history.to_csv(part, index=False)
        self._save_weights(LAST)
        write_json(self.out / "run.json", record)
        (self.out / "resume.pt").unlink(missing_ok=True)
        return read_json(self.out / "run.json")


def _optimizer(model, training, device):
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[training.optimizer]
    return kind(
        model.parameters(),
        lr=training.learning_rate,
        weight_decay=training.weight_decay,
        fused=device.type in ("cpu", "cuda"),
    )
