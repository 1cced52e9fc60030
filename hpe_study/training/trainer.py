"""One training: update, validate, checkpoint, resume.

After every epoch the whole state is on disk (`resume.pt`, atomic). Killing the process loses at most the
epoch in hand, and the resumed run's numbers equal an unbroken run's, because every random number is keyed by
(seed, epoch, sample).
"""

import time
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import torch
from timm.utils import ModelEmaV3
from torch import Tensor, nn

from hpe_study.config import TrainingConfig
from hpe_study.data.augmentation import (
    Augmentation,
    augment_batch,
    sample_augmentation,
    to_device,
    undo_augmentation,
)
from hpe_study.data.loading import batch_source, repeats, shard_batches
from hpe_study.errors import StudyError
from hpe_study.evaluation.metric_accumulator import MetricAccumulator
from hpe_study.evaluation.predictor import Predictor
from hpe_study.evaluation.run_record import read_run_record
from hpe_study.models import build_model, load_weights
from hpe_study.training import resume
from hpe_study.training.compilation import CompiledStep
from hpe_study.training.job import TrainingJob
from hpe_study.training.objective import objective_for
from hpe_study.training.schedule import learning_rate
from hpe_study.training.variants import BEST, LAST, variant_for
from hpe_study.utils import devices, distributed
from hpe_study.utils.files import atomic, digest_of, read_json, write_json
from hpe_study.utils.progress import progress_bar
from hpe_study.utils.tensors import digest_of_tensors

VALIDATION_SHARE = 10  # one in ten of the test split, for the curves only
VALIDATION_COLUMNS = ("validation_pckh", "validation_pck_crop", "validation_mpjpe")
PROGRESS_SECONDS = 1.0


class Trainer:
    """The state of one training and the steps that change it."""

    def __init__(self, job: TrainingJob):
        self.job, self.stage, self.data, self.out = job, job.stage, job.data, job.out
        self.device = devices.pick_device(job.runtime.device, job.runtime.cores)
        self.precision = devices.pick_precision(self.stage.network.precision, self.device)
        # collected now, because it can fail and training takes hours
        self.provenance = devices.provenance(self.device, self.precision)
        self.trained_on = self._trained_on()
        torch.manual_seed(self.stage.seed)
        self.model, self.weights_source = self._first_model()
        distributed.broadcast_weights(self.model)
        self.compiled = CompiledStep(self._forward, job.runtime.compile, self.out.name)
        decay = self.stage.training.ema
        self.ema = ModelEmaV3(self.model, decay=decay, use_warmup=True) if decay else None
        self.optimizer = _optimizer(self.model, self.stage.training, self.device)
        self.variant = variant_for(self.stage, self.data.train)
        self.objective = objective_for(self.model, self.stage, self.variant)
        self.batches = batch_source(self.data.train, self.device, job.runtime.workers)
        self.history, self.epoch, self.step, self.repeats = [], 0, 0, None

    def _first_model(self):
        """The model before its first step, on the device, and where its weights are from."""
        network, init = self.stage.network, self.job.init
        pretrained = network.pretrained and init is None
        model = build_model(network.model, pretrained, width=network.width)
        if init:
            load_weights(model, init)
        source = init.parent.name if init else model.weights_source
        model = model.to(self.device, memory_format=torch.channels_last)
        return distributed.with_global_batch_norm(model, self.job.runtime.exact_batch_norm), source

    def run(self) -> dict[str, Any] | None:
        """Train the epochs that are left and write the record; returns it (None but in the first process)."""
        self._resume()
        epochs = self.stage.training.epochs
        bar = progress_bar(
            total=epochs,
            initial=self.epoch,
            desc=self.out.name,
            unit="epoch",
            disable=not (self.job.runtime.progress and distributed.is_first()),
            mininterval=PROGRESS_SECONDS,
        )
        with bar:
            while self.epoch < epochs and not self._is_out_of_time():
                row = distributed.broadcast({key: float(value) for key, value in self._epoch().items()})
                self.history.append(row)
                self.epoch += 1
                self._keep_best()
                self._save_state()
                shown = [key for key in ("loss", "pckh", "mpjpe") if np.isfinite(row[key])]
                bar.set_postfix_str(" ".join(f"{key} {row[key]:.4g}" for key in shown), refresh=False)
                bar.update()
        return self._finish() if distributed.is_first() else None

    def _is_out_of_time(self):
        limit = self.stage.training.seconds
        return limit is not None and sum(row["seconds"] for row in self.history) >= limit

    @property
    def scored_model(self) -> nn.Module:
        """The weights that are scored and saved: the averaged ones where the stage averages."""
        return self.ema.module if self.ema else self.model

    def _epoch(self):
        """Train one epoch; returns its row of the history."""
        self.model.train()
        start = time.perf_counter()
        pairs = self.variant.pairing.in_training(self.variant.sampler.draw(self.epoch), self.epoch)
        pairs_here, batch_size = shard_batches(pairs, self.stage.training.batch_size)
        self.repeats, _ = shard_batches(repeats(pairs), self.stage.training.batch_size)
        scores, images = MetricAccumulator(self.data.train, len(pairs_here)), 0
        columns = self.objective.columns
        # made once, as the scores' arrays are
        losses = torch.empty(-(-len(pairs_here) // batch_size), len(columns), device=self.device)
        for number, raw in enumerate(self.batches(pairs_here, batch_size)):
            losses[number], *decoded = self._step(raw, number)
            scores.add(*decoded, raw["sample"])
            images += len(raw["sample"])
        # the epoch's one transfer from the device
        losses = distributed.total(losses[: number + 1].double()).cpu().numpy()
        images = sum(distributed.gather([images]))
        seconds = time.perf_counter() - start
        self._check_finite(losses, pairs)
        row = {
            "epoch": self.epoch + 1,
            "learning_rate": self._learning_rate(),
            "seconds": seconds,
            "images": images,
            "images_per_second": images / seconds,
        }
        row |= dict(zip(columns, losses.mean(0), strict=True))
        row |= scores.summary(self.job.bones)
        return row | self._validate()

    def _step(self, raw, number):
        """One update, on batch `number` of the epoch, all on the device.

        Returns the losses (as `Objective.columns`), and what the network predicted before the update, in the
        person's box: joints (B, 16, 2) and depth (B, 16).
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate()
        inputs = self._to_device(raw, number)
        losses, joints, depth = self.compiled.run(lambda forward: self._gradients(forward, inputs))
        distributed.sum_gradients(self.model)
        self.optimizer.step()
        self.step += 1
        if self.ema:
            self.ema.update(self.model, step=self.step)
        return losses, joints, depth

    def _gradients(self, forward, inputs):
        """Forward and backward pass, the plain one or the compiled one."""
        losses, joints, depth = forward(*inputs)
        self.optimizer.zero_grad(set_to_none=True)
        losses[0].backward()
        return losses.detach(), joints, depth

    def _to_device(self, raw, number):
        """A batch's crops and labels, and its augmentation, both on the device."""
        pairs = raw["sample"].numpy()
        repeat = 0 if self.repeats is None else self.repeats[number * len(pairs) : (number + 1) * len(pairs)]
        names, epoch = self.variant.augmentation_keys(pairs, number, self.epoch, repeat)
        of_2d_set = (pairs[:, 0] == 0) & (self.data.train_2d is not None)
        rotated = np.full(len(pairs), True) if self.stage.augmentation.rotate_3d else of_2d_set
        augmentation = sample_augmentation(self.stage.augmentation, names, rotated, self.stage.seed, epoch)
        return to_device(raw, self.device), augmentation.to(self.device)

    def _forward(self, source: dict[str, Tensor], augmentation: Augmentation):
        """Losses (as `Objective.columns`), joints and depth in the box; the host waits for nothing."""
        network = self.stage.network
        batch = augment_batch(source, augmentation, network.input_size)
        images = self.model.preprocessing(batch.images).contiguous(memory_format=torch.channels_last)
        with devices.autocast(self.device, self.precision):
            outputs = self.model(images)
        with torch.no_grad():
            joints, depth, _ = self.model.decode(outputs, network.decode, network.depth_unit)
        loss, values = self.objective(outputs, batch)
        return torch.stack([loss, *values.values()]), *undo_augmentation(joints, depth, augmentation)

    def _learning_rate(self):
        return learning_rate(self.stage.training, self.epoch, self.step)

    def _check_finite(self, losses, pairs):
        """Raise `StudyError` for the epoch's first step whose loss is not finite."""
        bad = np.flatnonzero(~np.isfinite(losses).all(1))
        if len(bad):
            size = self.stage.training.batch_size
            samples = pairs[bad[0] * size : (bad[0] + 1) * size]
            names = ", ".join(f"{self.data.train[store].path.stem}[{index}]" for store, *_, index in samples)
            step = self.epoch * len(losses) + int(bad[0])
            raise StudyError(
                f"{self.out}: the loss is not finite at step {step} (epoch {self.epoch + 1}); its samples:"
                f" {names}"
            )

    def _validate(self):
        """The validation columns of the epoch's row; NaN in epochs that are not validated."""
        number, training = self.epoch + 1, self.stage.training
        if number != training.epochs and number % self.stage.validate_every:
            return dict.fromkeys(VALIDATION_COLUMNS, np.nan)
        store = self.data.validation
        indices = np.arange(0, len(store), VALIDATION_SHARE if len(store) >= 20 * VALIDATION_SHARE else 1)
        pairs = distributed.own_shard(self.variant.pairing.in_validation(indices))
        scores = MetricAccumulator([store], len(pairs))
        network = self.stage.network
        predictor = Predictor(self.scored_model, network, self.device, self.precision, flip=False)
        for joints, depth, _, sample in predictor(store, pairs):
            scores.add(joints, depth, sample)
        return {f"validation_{key}": value for key, value in scores.summary(self.job.bones).items()}

    def _keep_best(self):
        """Save the best checkpoint if this epoch improved it, where the variant keeps one."""
        scores = [row["validation_pck_crop"] for row in self.history]
        if self.variant.keeps_best and scores[-1] == np.nanmax([*scores, -np.inf]):
            self._save_weights(BEST)

    def _save_weights(self, name):
        if not distributed.is_first():
            return
        weights = {key: value.cpu() for key, value in self.scored_model.state_dict().items()}
        checkpoint = {
            "model": weights,
            "network": self.stage.network.model_dump(mode="json"),
            "preprocessing": asdict(self.scored_model.preprocessing),
            "identity": digest_of([self.job.inputs, digest_of_tensors(weights)])[:16],
        }
        with atomic(self.out / name) as part:
            torch.save(checkpoint, part)

    def _save_state(self):
        if not distributed.is_first():
            return
        state = {
            "inputs": digest_of(self.job.inputs), "precision": self.precision,
            "weights_from": self.weights_source, "epoch": self.epoch, "step": self.step,
            "model": self.model.state_dict(), "ema": self.ema.module.state_dict() if self.ema else None,
            "optimizer": self.optimizer.state_dict(), "history": self.history,
        }  # fmt: skip
        with atomic(self.out / resume.FILE) as part:
            torch.save(state, part)

    def _resume(self):
        """Resume from the saved state if it has the same inputs; otherwise it will be overwritten."""
        state = resume.read(self.out, self.device)
        if state is None or (state["inputs"], state["precision"]) != (
            digest_of(self.job.inputs),
            self.precision,
        ):
            return
        try:
            self.model.load_state_dict(state["model"])
            if self.ema:
                self.ema.module.load_state_dict(state["ema"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
            path = self.out / resume.FILE
            raise StudyError(f"{path}: not the state of this network; remove it to train anew") from error
        self.history, self.epoch, self.step = state["history"], state["epoch"], state["step"]
        self.weights_source = state.get("weights_from", self.weights_source)

    def _trained_on(self):
        """Whether this run and those that it began with learnt from simulated, and from real people."""
        kinds = {store.simulated for store in self.data.train}
        if self.job.init and (self.job.init.parent / "run.json").exists():
            before = read_run_record(self.job.init.parent)
            real = not before.simulated if before.real is None else before.real
            kinds |= ({True} if before.simulated else set()) | ({False} if real else set())
        return {"simulated": True in kinds, "real": False in kinds}

    def _finish(self):
        """Write history, weights and record."""
        history = pd.DataFrame(self.history)
        record = {
            **self.job.inputs, "name": self.out.name, "hash": self.stage.hash, "scheme": self.stage.scheme,
            "seed": self.stage.seed, **self.trained_on, "weights_from": self.weights_source,
            "images_seen": int(history["images"].sum()),
            "images_2d": len(self.variant.sampler.pool(0)) if self.data.train_2d is not None else 0,
            "updates": self.step, "seconds": float(history["seconds"].sum()),
            "seconds_per_epoch": float(history["seconds"].median()),
            "images_per_second": float(history["images_per_second"].median()),
            "peak_memory_mb": devices.peak_memory_mb(self.device),
            "bones_mm": None if self.job.bones is None else self.job.bones.tolist(),
            "compiled": self.compiled.mode, **self.provenance,
        }  # fmt: skip
        with atomic(self.out / "history.csv") as part:
            history.to_csv(part, index=False)
        self._save_weights(LAST)
        write_json(self.out / "run.json", record)
        (self.out / resume.FILE).unlink(missing_ok=True)
        return read_json(self.out / "run.json")


def _optimizer(model: nn.Module, training: TrainingConfig, device: torch.device):
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[training.optimizer]
    return kind(
        model.parameters(),
        lr=training.learning_rate,
        weight_decay=training.weight_decay,
        fused=device.type in ("cpu", "cuda"),
    )
